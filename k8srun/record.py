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
from k8srun.diagnosis import Diagnosis
from k8srun.findings import Finding, Severity, Verdict
from k8srun.snapshot import Gap, ServerInfo

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

    @property
    def seconds(self) -> float | None:
        """Wall time; None while it runs."""
        return (self.finished - self.started).total_seconds() if self.finished else None
