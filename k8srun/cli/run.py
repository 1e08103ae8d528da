"""`k8srun list`, `show`, `run` and `batch`: find runbooks, and run them headless."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

import click

from k8srun.cli import run_output
from k8srun.cli.options import console, output_option, source_options
from k8srun.cli.reporting import index_of, load_report_meanwhile, report_of
from k8srun.clock import parse_time
from k8srun.codec import document, encode, parse_json, pretty
from k8srun.errors import ExitCode, InputError
from k8srun.findings import Severity
from k8srun.runbook import RunbookKind
from k8srun.runner.batch import execute_all, stopped_by_signals
from k8srun.runner.execute import Limits, Request, Run, execute
from k8srun.runner.folder import settle
from k8srun.runner.outcome import Thresholds
from k8srun.runner.prepare import admit, prepare, requests_from_lines
from k8srun.sources.library import find_runbook, find_runbooks
from k8srun.sources.options import SourceOptions

F = TypeVar("F", bound=Callable[..., Any])


@click.command("list")
@click.option("--kind", type=click.Choice([kind.value for kind in RunbookKind]), help="Only runbooks of this kind.")
@output_option("table", "json")
def list_runbooks(kind: str | None, output: str) -> None:
    """List the runbooks.

    \b
    Example:
      k8srun list --kind investigate
    """
    runbooks = [runbook for runbook in find_runbooks() if kind in {None, runbook.kind}]
    if output == "json":
        for runbook in runbooks:
            click.echo(encode(document("k8srun.dev/list/v1", runbook)))
    else:
        run_output.print_runbooks(console(), runbooks)


@click.command()
@click.argument("runbook")
@output_option("table", "json")
def show(runbook: str, output: str) -> None:
    """Show what a runbook answers, its parameters, and what it must be able to read.

    \b
    Example:
      k8srun show x509-error
    """
    found = find_runbook(runbook)
    from k8srun.assessment.needs import needs_of  # noqa: PLC0415 - loads every check, which `run` has no use for

    needs = sorted(map(str, needs_of(found.calls)))
    if output == "json":
        click.echo(pretty({**document("k8srun.dev/show/v1", found), "needs": needs}))
    else:
        run_output.print_runbook(console(), found, needs)


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only; it knows of the limits of a container
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def run_options(function: F) -> F:
    """Add the options that `run` and `batch` share; the command receives `out`, `limits` and `now`."""

    @functools.wraps(function)
    def wrapper(*args: Any, fail_on: str, min_coverage: float, timeout: float, now: str, **kwargs: Any) -> Any:
        # click takes nan and inf for numbers; with either nothing would ever end a run that hangs, or judge one.
        if not isfinite(timeout) or not isfinite(min_coverage):
            raise InputError("--timeout and --min-coverage are finite numbers")
        limits = Limits(timeout=timeout, thresholds=Thresholds(Severity(fail_on), min_coverage))
        if now:
            parse_time(now, where="--now")
        return function(*args, limits=limits, now=now, **kwargs)

    for option in (
        click.option("--now", default="", metavar="TIME", help="Judge dates by this time (RFC 3339), not the clock."),
        click.option(
            "--min-coverage",
            type=click.FloatRange(0, 1),
            default=0.5,
            show_default=True,
            help="Part of the checks that must not be UNKNOWN; with less the exit code is 3.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=900.0,
            show_default=True,
            metavar="SECONDS",
            help="End a run that takes longer.",
        ),
        click.option(
            "--fail-on",
            type=click.Choice([severity.value for severity in Severity]),
            default=Severity.HIGH.value,
            show_default=True,
            help="Exit with 1 on findings of this severity or higher; a confirmed cause counts as high.",
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            default="reports",
            show_default=True,
            help="Folder for the results; each run gets one of its own in it.",
        ),
    ):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


@click.command()
@click.argument("runbook")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter. Repeatable.")
@click.option(
    "--params-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Parameters as a JSON object; -p wins over it.",
)
@source_options
@run_options
@output_option("table", "json")
def run(
    *,
    runbook: str,
    pairs: tuple[str, ...],
    params_file: Path | None,
    sources: SourceOptions,
    out: Path,
    limits: Limits,
    now: str,
    output: str,
) -> int:
    """Run one runbook and write its record and its report.

    RUNBOOK is a name from `k8srun list`, or the path of a notebook of your own.

    \b
    Examples:
      k8srun run x509-error --lab
      k8srun run x509-error --endpoint 127.0.0.1:6443 -p error="$(kubectl get nodes 2>&1)"
    """
    request = prepare(find_runbook(runbook), texts=_texts(pairs), values=_values(params_file), sources=sources, now=now)
    _prepare_folder(out)
    load_report_meanwhile()
    with stopped_by_signals() as stop, run_output.waiting(request.runbook.id):
        ended = execute(request, out, limits, stop)
    report, code = report_of(ended)
    _, indexed = index_of(out)  # The page leads there.
    if output == "json":
        click.echo(pretty(ended.record))
    else:
        run_output.print_run(console(), ended, report)
    return max(code, indexed)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUNS…")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=processors,
    show_default="number of processors",
    metavar="N",
    help="How many run at a time.",
)
@source_options
@run_options
@output_option("table", "json")
def batch(
    *, runs: tuple[str, ...], jobs: int, sources: SourceOptions, out: Path, limits: Limits, now: str, output: str
) -> int:
    """Run several runbooks at once, and write an index of all runs in the folder.

    RUNS are names of runbooks, files of JSON lines (NAME.jsonl), or - for JSON lines on standard input.
    A line is {"runbook": NAME, "parameters": {…}}.

    \b
    Examples:
      k8srun batch x509-error cluster-overview --lab
      k8srun lab runs | k8srun batch - --lab
    """
    requests = _requests(runs, sources, now)
    if not requests:
        raise InputError("there is nothing to run: no line names a runbook", where=", ".join(runs))
    admit(requests)
    _prepare_folder(out)
    ended: list[Run] = []
    worst = ExitCode.CLEAN
    load_report_meanwhile()
    with stopped_by_signals() as stop, run_output.progress(len(requests)) as progress:
        for one in execute_all(requests, out, limits, stop, jobs=jobs, on_start=progress.started):
            _, code = report_of(one)
            worst = max(worst, code)
            ended.append(one)
            progress.ended(one)
            if output == "json":
                click.echo(encode(one.record))
    if len(ended) < len(requests):
        click.echo(f"interrupted: {len(requests) - len(ended)} of {len(requests)} runs did not begin", err=True)
        worst = ExitCode.INCOMPLETE
    index, indexed = index_of(out)
    if output == "table":
        run_output.print_batch(console(), ended, index)
    return max(worst, indexed)


def _texts(pairs: Sequence[str]) -> dict[str, str]:
    """The `NAME=VALUE` words by name."""
    texts: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"-p takes NAME=VALUE, not {pair!r}")
        if name in texts:
            raise InputError(f"-p {name} is given twice")
        texts[name] = value
    return texts


def _values(path: Path | None) -> dict[str, Any]:
    """The JSON object of a parameters file."""
    if path is None:
        return {}
    values = parse_json(_read(path), where=str(path))
    if not isinstance(values, dict):
        raise InputError("is not a JSON object of parameters", where=str(path))
    return values


def _requests(runs: Sequence[str], sources: SourceOptions, now: str) -> list[Request]:
    requests: list[Request] = []
    for name in runs:
        if name == "-":
            text = _text(sys.stdin.buffer.read(), "standard input")
            requests.extend(requests_from_lines(text, sources, now=now, where="standard input"))
        elif name.endswith(".jsonl"):
            text = _text(_read(Path(name)), name)
            requests.extend(requests_from_lines(text, sources, now=now, where=name))
        else:
            requests.append(prepare(find_runbook(name), sources=sources, now=now))
    if "-" in runs and "-" in sources.from_paths:
        raise InputError("standard input holds the runs already", where="--from -", do="Give the manifests as a file.")
    return requests


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text: {error.reason}", where=where) from None


def _prepare_folder(out: Path) -> None:
    """Make the folder of the results, and mark the runs in it whose runner was killed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made: {error.strerror}", where=str(out), do="Choose another with --out.") from None
    settle(out)
