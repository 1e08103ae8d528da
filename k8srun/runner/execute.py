"""One run of a runbook, from the first `run.json` to the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from k8srun import __version__
from k8srun.codec import decode
from k8srun.errors import InputError
from k8srun.record import RECORD_SCHEMA, RunRecord, RunResult, RunStatus
from k8srun.runbook import Runbook
from k8srun.runner.earlier import with_since
from k8srun.runner.folder import new_id, open_folder, save_notebook, save_record
from k8srun.runner.job import CELL, LOG, OUTPUT, REPORT, RESULT, Job, WorkerReport
from k8srun.runner.outcome import Outcome, Thresholds, Traces, exit_code, judge
from k8srun.runner.process import private_folder, run_worker
from k8srun.scrub import scrub

_LOG_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Request:
    """A runbook and the values for its parameters, already checked; those left out have their defaults."""

    runbook: Runbook
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a run may take, in seconds, and what its exit code is judged by."""

    timeout: float = 900.0
    thresholds: Thresholds = field(default_factory=Thresholds)


@dataclass(frozen=True, slots=True)
class Run:
    """A run that ended, and its folder."""

    record: RunRecord
    folder: Path


def execute(request: Request, out: Path, limits: Limits, stop: Event) -> Run:
    """Run it, and leave `run.json` and the executed notebook in a new folder of `out`.

    Whatever happens to the notebook ends in the record. When the record itself cannot be written, the one on disk goes
    on saying `running` without a lock, which `settle` reads as killed; the one that is returned says why.
    """
    started = datetime.now(UTC)
    defaults = {parameter.name: parameter.default for parameter in request.runbook.parameters}
    record = RunRecord(
        schema=RECORD_SCHEMA,
        id=new_id(request.runbook.id, started),
        runbook=request.runbook.id,
        title=request.runbook.title,
        kind=request.runbook.kind,
        status=RunStatus.RUNNING,
        started=started,
        # A pasted error message may hold what its writer did not look at.
        parameters={name: _scrubbed(value) for name, value in {**defaults, **request.parameters}.items()},
        tool=__version__,
    )
    try:
        with open_folder(out, record) as folder:
            record = with_since(_finished(record, *_run(request, folder, limits, stop), limits), out)
            save_record(folder, record)
    except OSError as error:
        outcome = Outcome(RunStatus.FAILED, f"the run could not be recorded: {_why(error)}")
        record = _finished(record, outcome, None, limits)
    return Run(record, out / record.id)


def _finished(record: RunRecord, outcome: Outcome, result: RunResult | None, limits: Limits) -> RunRecord:
    return replace(
        record,
        status=outcome.status,
        error=outcome.error,
        failed_cell=outcome.failed_cell,
        finished=datetime.now(UTC),
        exit_code=exit_code(outcome, result, limits.thresholds),
        result=result,
    )


def _run(request: Request, folder: Path, limits: Limits, stop: Event) -> tuple[Outcome, RunResult | None]:
    """Execute the notebook in a private folder, and move what is worth keeping into `folder`."""
    job = Job(
        cwd=str(Path.cwd()),
        parameters=request.parameters,
        stdin="-" in (request.parameters.get("from_paths") or ()),
    )
    result = None
    try:
        with private_folder() as work:
            source = Path(request.runbook.path).read_bytes()
            ended = run_worker(work, source, job, timeout=limits.timeout, stop=stop)
            result, complaint = _result(work)
            report = _read(work / REPORT, WorkerReport)
            outcome = judge(Traces(ended, report, _cell(work), result, _log_tail(work)), limits.timeout)
            if complaint and outcome.status is RunStatus.UNFINISHED:
                outcome = replace(outcome, error=complaint)
            return _keep_notebook(work / OUTPUT, folder, outcome), result
    except OSError as error:
        return Outcome(RunStatus.FAILED, _why(error)), result


def _keep_notebook(executed: Path, folder: Path, outcome: Outcome) -> Outcome:
    """Save the executed notebook; a run that leaves none has not succeeded."""
    if outcome.status is not RunStatus.SUCCEEDED and not executed.exists():
        return outcome  # It ended before papermill had begun.
    try:
        save_notebook(folder, executed.read_bytes())
    except (OSError, InputError) as error:
        why = _why(error) if isinstance(error, OSError) else str(error)
        status = RunStatus.FAILED if outcome.status is RunStatus.SUCCEEDED else outcome.status
        told = f"{outcome.error}; " if outcome.error else ""
        return replace(outcome, status=status, error=f"{told}the executed notebook could not be kept: {why}")
    return outcome


def _scrubbed(value: Any) -> Any:
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    return scrub(value) if isinstance(value, str) else value


def _why(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)


def _result(work: Path) -> tuple[RunResult | None, str]:
    """What the notebook left as its result, or why that cannot be read."""
    try:
        return _read(work / RESULT, RunResult), ""
    except InputError as error:
        return None, str(error)


def _read(path: Path, kind: type[Any]) -> Any:
    return decode(path.read_bytes(), kind, where=path.name) if path.exists() else None


def _cell(work: Path) -> int | None:
    path = work / CELL
    text = path.read_text() if path.exists() else ""
    return int(text) if text else None


def _log_tail(work: Path) -> str:
    return (work / LOG).read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
