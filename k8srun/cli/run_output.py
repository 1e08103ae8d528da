"""How runbooks and runs are printed for people."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from k8srun.cli.options import console
from k8srun.findings import Verdict
from k8srun.record import RunRecord, RunStatus
from k8srun.runner.prepare import SOURCE_NAMES, option_of
from k8srun.text import plural, visible

if TYPE_CHECKING:
    from rich.console import Console

    from k8srun.runbook import Runbook
    from k8srun.runner.execute import Request, Run

_SHOWN_FINDINGS = 5


class Progress(Protocol):
    """What a batch tells while it goes on."""

    def started(self, request: Request) -> None: ...

    def ended(self, run: Run) -> None: ...


def print_runbooks(out: Console, runbooks: Sequence[Runbook]) -> None:
    """A table of runbooks, by kind."""
    table = _table("Runbook", "Kind", "What it answers")
    for runbook in runbooks:
        table.add_row(runbook.id, runbook.kind, runbook.summary)
    out.print(table)
    out.print("\nMore about one: k8srun show RUNBOOK")


def print_runbook(out: Console, runbook: Runbook, needs: Sequence[str]) -> None:
    """What a runbook answers, when it is the right one, its parameters, what it reads, and how it is run."""
    out.print(runbook.title, style="bold")
    out.print(f"{runbook.summary}\n")
    if runbook.changes_cluster:
        out.print("It can change a cluster: without its confirmation it shows what it would do.\n", style="bold")
    _print_list(out, "Symptoms", runbook.symptoms)
    parameters = _table("Parameter", "Type", "Default", "Meaning")
    for parameter in runbook.parameters:
        if parameter.name not in SOURCE_NAMES:
            parameters.add_row(parameter.name, parameter.type, repr(parameter.default), parameter.help)
    if parameters.row_count:
        out.print(parameters)
    sources = [option_of(parameter.name) for parameter in runbook.parameters if parameter.name in SOURCE_NAMES]
    if sources:
        out.print(f"\nWhat to look at, and how: {', '.join(sources)}")
    _print_list(out, "\nIt must be able to read (what it cannot is UNKNOWN)", needs)
    _print_list(out, "References", runbook.references)
    lab = " --lab" if "--lab" in sources else ""
    kind = f"{runbook.kind}/" if runbook.kind == "walkthrough" else ""
    out.print(f"Run it: k8srun run {kind}{runbook.id}{lab}")


def print_run(out: Console, run: Run, report: Path | None) -> None:
    """How a run ended, what it found in a few lines, and where the rest is."""
    from k8srun.report.html import headline  # noqa: PLC0415 - loaded by now, for the report

    record, result = run.record, run.record.result
    out.print(f"{record.title}: {record.status}{_took(record.seconds)}", style=_STYLES.get(record.status, "bold red"))
    if result:
        lab = " (LAB: the embedded broken cluster, not a real one)" if result.lab else ""
        out.print(f"Cluster: {visible(result.cluster)}{lab}")
    out.print(visible(headline(record)), style="bold")
    if result:
        for cause in (cause for diagnosis in result.diagnoses for cause in diagnosis.confirmed):
            if cause.fix:
                out.print(f"  Fix: {visible(cause.fix.summary)}")
        for finding in result.findings[:_SHOWN_FINDINGS]:
            out.print(f"  {finding.severity}: {visible(finding.resource)}: {visible(finding.message, limit=300)}")
        if len(result.findings) > _SHOWN_FINDINGS:
            out.print(f"  … and {len(result.findings) - _SHOWN_FINDINGS} more in the report")
        if unknown := result.verdicts().get(Verdict.UNKNOWN):
            out.print(f"Unknown: {unknown} of {plural(len(result.checks), 'check')}; the report says why")
    if report:
        out.print(f"Report: {report}", soft_wrap=True)
    if (kept := run.folder / "run.json").exists():
        out.print(f"Record: {kept}", soft_wrap=True)


def print_batch(out: Console, runs: Sequence[Run], index: Path | None) -> None:
    """A table of the runs of a batch, in the order in which they were begun."""
    from k8srun.report.html import headline  # noqa: PLC0415 - loaded by now, for the reports

    table = _table("Runbook", "Cluster", "Status", "Seconds", "Outcome")
    for run in sorted(runs, key=lambda run: run.record.started):
        record = run.record
        cluster = visible(record.result.cluster, limit=60) if record.result else ""
        seconds = f"{record.seconds:.1f}" if record.seconds is not None else ""
        table.add_row(record.runbook, cluster, record.status, seconds, visible(headline(record), limit=300))
    out.print(table)
    if index:
        out.print(f"\nAll runs: {index}", soft_wrap=True)


def waiting(name: str) -> AbstractContextManager[Any]:
    """Something that moves while a run goes on, where a person looks at it."""
    if not sys.stderr.isatty():
        return nullcontext()
    return console(stderr=True).status(f"{name} is running; Ctrl-C ends it")


@contextmanager
def progress(total: int) -> Iterator[Progress]:
    """A bar for a terminal, a line each for anything else; both on standard error."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as RichProgress  # noqa: PLC0415

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with RichProgress(*columns, console=console(stderr=True), transient=True) as bar:
        yield _Bar(bar, total)


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0

    def started(self, request: Request) -> None:
        click.echo(f"started {request.runbook.id}", err=True)

    def ended(self, run: Run) -> None:
        self._ended += 1
        click.echo(f"[{self._ended}/{self._total}] {_line(run.record)}", err=True)


class _Bar:
    def __init__(self, bar: Any, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=total)
        self._running: list[str] = []

    def started(self, request: Request) -> None:
        self._running.append(request.runbook.id)
        self._describe()

    def ended(self, run: Run) -> None:
        self._running.remove(run.record.runbook)
        self._bar.advance(self._task)
        self._describe()

    def _describe(self) -> None:
        self._bar.update(self._task, description=f"running: {', '.join(self._running)}" if self._running else "")


_STYLES = {RunStatus.SUCCEEDED: "bold green"}


def _line(record: RunRecord) -> str:
    from k8srun.report.html import headline  # noqa: PLC0415 - loaded by now, for the report

    return f"{record.runbook}: {record.status}{_took(record.seconds)}: {visible(headline(record), limit=300)}"


def _took(seconds: float | None) -> str:
    return "" if seconds is None else f" in {seconds:.1f} s"


def _table(*headings: str) -> Any:
    from rich.table import Table  # noqa: PLC0415 - not needed for -o json

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _print_list(out: Console, heading: str, items: Sequence[str]) -> None:
    if items:
        out.print(f"{heading}:")
        for item in items:
            out.print(f"  {item}", soft_wrap=True)
        out.print()
