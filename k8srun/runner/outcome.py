"""What a run amounts to: its status, from everything that is known of its end, and its exit code. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from k8srun.diagnosis import CauseStatus
from k8srun.errors import ExitCode, InputError, RefusedError
from k8srun.findings import Severity, Verdict
from k8srun.record import RunResult, RunStatus
from k8srun.runner.job import Cut, Ended, WorkerReport
from k8srun.scrub import scrub
from k8srun.text import visible

# A confirmed cause is something wrong that someone has noticed already.
_CAUSE_SEVERITY = Severity.HIGH
_BAD_INPUT = {error.__name__ for error in (InputError, RefusedError)}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What an exit code is judged by.

    Attributes:
        fail_on: findings of this severity or a higher one fail a run.
        min_coverage: the part of the checks, 0 to 1, that must have another verdict than UNKNOWN.
    """

    fail_on: Severity = Severity.HIGH
    min_coverage: float = 0.5


@dataclass(frozen=True, slots=True)
class Traces:
    """What a run left behind.

    Attributes:
        ended: how the worker ended.
        report: what the worker said; None if it did not come to it.
        cell: number of the last cell that was begun, counted from 1; None if none was.
        result: what the notebook found; None if it did not say.
        log: the last lines that worker and kernel wrote to their standard error.
    """

    ended: Ended
    report: WorkerReport | None
    cell: int | None
    result: RunResult | None
    log: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Status, why (reduced, one line), the cell it happened in, and whether it was what the caller gave."""

    status: RunStatus
    error: str = ""
    failed_cell: int | None = None
    bad_input: bool = False


def judge(traces: Traces, timeout: float) -> Outcome:
    """How the run ended. It succeeded only if the notebook reached its end without an error and left a result."""
    status, error = _status(traces, timeout)
    report = traces.report
    return Outcome(
        status,
        visible(scrub(" — ".join(line.strip() for line in error.splitlines() if line.strip()))),
        None if status in {RunStatus.SUCCEEDED, RunStatus.UNFINISHED} else traces.cell,
        bad_input=status is RunStatus.FAILED and report is not None and report.error_name in _BAD_INPUT,
    )


def _status(traces: Traces, timeout: float) -> tuple[RunStatus, str]:
    place = f" in cell {traces.cell}" if traces.cell else " before the first cell"
    if traces.ended.cut is Cut.INTERRUPT:
        return RunStatus.INTERRUPTED, f"interrupted{place}"
    if traces.ended.cut is Cut.DEADLINE:
        return RunStatus.TIMED_OUT, f"still running{place} after {timeout:g} s"
    if traces.report is None:
        status = RunStatus.KILLED if traces.ended.code < 0 else RunStatus.FAILED
        return status, f"the worker {_exit(traces.ended.code)}{place}{_said(traces.log)}"
    if traces.report.error_name:
        return _error(traces.report, place, "" if traces.cell else traces.log)
    if traces.result is None:
        return RunStatus.UNFINISHED, "the notebook ended without run.finish()"
    return RunStatus.SUCCEEDED, ""


def _error(report: WorkerReport, place: str, log: str) -> tuple[RunStatus, str]:
    if report.kernel_exit is not None:
        return RunStatus.KILLED, f"the kernel {_exit(report.kernel_exit)}{place}{_said(log)}"
    if report.error_name == "SystemExit":
        return RunStatus.FAILED, f"SystemExit: the notebook ended itself with sys.exit({report.error_message})"
    return RunStatus.FAILED, f"{report.error_name}: {report.error_message}{_said(log)}"


def _said(log: str) -> str:
    return f"; its last words: {log}" if log else ""


def _exit(code: int) -> str:
    if code >= 0:
        return f"ended itself with exit code {code}"
    hint = " (out of memory?)" if code == -signal.SIGKILL else ""
    return f"was ended by {signal.Signals(-code).name}{hint}"


def exit_code(outcome: Outcome, result: RunResult | None, thresholds: Thresholds) -> ExitCode:
    """What the command returns for a run.

    Something found counts for more than something unknown: whoever reads 1 has something to mend, whatever else
    could not be seen.
    """
    if outcome.bad_input:
        return ExitCode.BAD_INPUT
    if outcome.status is not RunStatus.SUCCEEDED or result is None:
        return ExitCode.INCOMPLETE
    confirmed = any(diagnosis.confirmed for diagnosis in result.diagnoses)
    found = [finding.severity.rank for finding in result.findings] + [_CAUSE_SEVERITY.rank] * confirmed
    if max(found, default=-1) >= thresholds.fail_on.rank:
        return ExitCode.FINDINGS
    if _unanswered(result) or coverage(result) < thresholds.min_coverage:
        return ExitCode.INCOMPLETE
    return ExitCode.CLEAN


def coverage(result: RunResult) -> float:
    """The part of the checks, 0 to 1, whose verdict is not UNKNOWN; 1 when there are none."""
    known = [check.verdict is not Verdict.UNKNOWN for check in result.checks]
    return sum(known) / len(known) if known else 1.0


def _unanswered(result: RunResult) -> bool:
    """Whether a symptom has no confirmed cause while some cause is open, or is not one that the tool knows."""
    return any(
        not diagnosis.confirmed
        and (not diagnosis.recognised or any(cause.status is CauseStatus.OPEN for cause in diagnosis.causes))
        for diagnosis in result.diagnoses
    )
