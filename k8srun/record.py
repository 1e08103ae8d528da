"""The run record: what one run of a runbook found, and how it ended.

The notebook writes a `RunResult` when it finishes; the runner adds how the run went and writes `run.json`. Status
comes from here, never from the notebook: after a killed kernel the notebook may claim success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from k8srun.change import Outcome
from k8srun.checks import CheckResult
from k8srun.codec import decode
from k8srun.diagnosis import Diagnosis
from k8srun.errors import InputError
from k8srun.findings import Finding, Severity, Verdict
from k8srun.snapshot import Gap, ServerInfo
from k8srun.text import visible

RECORD_SCHEMA = "k8srun.dev/run/v1"
RESULT_VARIABLE = "K8SRUN_RESULT"
"""Environment variable: where the notebook is to write its result; unset for a person in JupyterLab."""


class RunStatus(StrEnum):
    """How a run ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    KILLED = "killed"
    INTERRUPTED = "interrupted"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a notebook knows at its end.

    Attributes:
        cluster: how people call it: context, server or folder.
        lab: whether it was the embedded lab.
        taken_at: when the snapshot was taken.
        now: the clock that dates were judged by.
        origin: the sources of the snapshot.
        server: the apiserver, if one answered.
        objects: how many objects of each kind the snapshot holds.
        diagnoses, checks, gaps: the answers.
        changes: what applying plans has done, and whether each had its effect.
    """

    cluster: str
    lab: bool
    taken_at: datetime
    now: datetime
    origin: tuple[str, ...] = ()
    server: ServerInfo | None = None
    objects: Mapping[str, int] = field(default_factory=dict)
    diagnoses: tuple[Diagnosis, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    gaps: tuple[Gap, ...] = ()
    changes: tuple[Outcome, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all checks, the most severe first."""
        found = [finding for result in self.checks for finding in result.findings]
        return tuple(sorted(found, key=lambda finding: (-finding.severity.rank, finding.check, finding.resource)))

    def severities(self) -> dict[Severity, int]:
        """How many findings there are of each severity, worst first, those without any left out."""
        counts = Counter(finding.severity for finding in self.findings)
        return {severity: counts[severity] for severity in reversed(Severity) if counts[severity]}

    def verdicts(self) -> dict[Verdict, int]:
        counts = Counter(result.verdict for result in self.checks)
        return {verdict: counts[verdict] for verdict in Verdict if counts[verdict]}


@dataclass(frozen=True, slots=True)
class Since:
    """The findings of a run against those of the run before it: of the same runbook, parameters and cluster.

    Attributes:
        run, started: id and time of the earlier run.
        new: fingerprints of the findings that the earlier run had not.
        gone: findings of the earlier run that are no more.
        unseen: findings of the earlier run whose check could not see everything this time: gone, or still there.
        still: how many findings were there already.
    """

    run: str
    started: datetime
    new: tuple[str, ...] = ()
    gone: tuple[Finding, ...] = ()
    unseen: tuple[Finding, ...] = ()
    still: int = 0

    def __str__(self) -> str:
        unseen = f", {len(self.unseen)} could not be looked for" if self.unseen else ""
        return f"{len(self.new)} new, {len(self.gone)} gone, {self.still} still there{unseen}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run, as `run.json` holds it.

    Attributes:
        schema: `RECORD_SCHEMA`.
        id: unique among runs; also the name of its folder.
        runbook, title, kind: which runbook ran.
        status: how it ended.
        error: why it did not succeed, reduced; empty if it did.
        failed_cell: number of the cell that failed, counted from 1, if one did.
        parameters: as validated; they hold references, never secrets.
        started, finished: times of the runner; `finished` is None while it runs.
        exit_code: what the command returned for it.
        tool: version of k8srun.
        result: what the notebook found; None when it did not get to its end.
        since: its findings against those of the run before it; None without findings or without such a run.
    """

    schema: str
    id: str
    runbook: str
    title: str
    kind: str
    status: RunStatus
    started: datetime
    finished: datetime | None = None
    error: str = ""
    failed_cell: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    tool: str = ""
    result: RunResult | None = None
    since: Since | None = None

    @property
    def seconds(self) -> float | None:
        """Wall time; None while it runs."""
        return (self.finished - self.started).total_seconds() if self.finished else None


def parse_record(data: bytes, *, where: str) -> RunRecord:
    """The record that a `run.json` holds.

    Raises:
        InputError: it is not one, or one of another version.
    """
    record = decode(data, RunRecord, where=where)
    if record.schema != RECORD_SCHEMA:
        told = visible(record.schema, limit=80)
        raise InputError(f"its schema is {told}; this k8srun reads {RECORD_SCHEMA}", where=where)
    return record
