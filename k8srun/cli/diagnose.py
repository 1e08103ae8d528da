"""`k8srun diagnose`: from an error message to its cause."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import ModuleType

import click

from k8srun.assessment.symptoms import DIAGNOSIS_NEEDS, diagnose_each
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import document, encode, pretty
from k8srun.diagnosis import Diagnosis, asking
from k8srun.errors import ExitCode, InputError
from k8srun.pasted import MAX_TEXT
from k8srun.snapshot import Need, Snapshot
from k8srun.sources.collect import opened
from k8srun.sources.options import SourceOptions

SCHEMA = "k8srun.dev/diagnose/v1"


@click.command()
@click.argument("text", required=False, default="")
@click.option("--lines", is_flag=True, help="Take every line for a message of its own, and answer line by line.")
@click.option(
    "--plan",
    "plan_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the plan that mends what is confirmed, for k8srun plan to preview and apply. Changes nothing.",
)
@click.option(
    "--break-glass",
    is_flag=True,
    help="With --plan: not the fix, but what lets requests pass, for a time, without a webhook that cannot be asked.",
)
@source_options
@output_option("table", "json")
@now_option
@click.pass_context
def diagnose(
    context: click.Context,
    *,
    text: str,
    lines: bool,
    plan_file: Path | None,
    break_glass: bool,
    sources: SourceOptions,
    output: str,
    now: datetime,
) -> None:
    """Name the cause of an error message, with the evidence and the fix.

    TEXT is whatever was printed, wrappers and all; - reads it from standard input. Evidence comes from the source
    options, any of them. Without TEXT, say what is wrong as far as the evidence shows. Exit code 3 means that a
    message is not known.

    \b
    Examples:
      k8srun diagnose --lab --incident ca-rebuilt
      k8srun diagnose "x509: certificate signed by unknown authority" --context
      journalctl -u kubelet | k8srun diagnose - --host-root /
      k8srun diagnose - --lines -o json < errors.txt
      k8srun diagnose "failed calling webhook …: x509: …" --context --secrets --plan fix.json
    """
    if lines and not sources.given:
        text = text or "-"  # messages by the line come from somewhere: without a source, from the pipe
    _require_one_use(text, sources)
    planning = _planning(plan_file, sources, lines=lines, break_glass=break_glass)
    if not text and not sources.given:
        raise InputError(
            "nothing to diagnose",
            do="Paste the error message, read it with -, or name a source: --context, --endpoint, --host-root, --lab.",
        )
    incomplete = False
    with ExitStack() as stack:
        needs = planning.NEEDS if planning else DIAGNOSIS_NEEDS
        snapshot, said = _evidence(sources, needs, now, stack)
        messages = _messages(text or said, lines)
        said_of_plan = ""
        if planning and plan_file:
            messages = iter([message := next(messages, "")])
            # Before anything is printed: a pipe that closes early must not cost the plan.
            written, said_of_plan = planning.write_remedy(message, snapshot, now, plan_file, break_glass=break_glass)
            incomplete = not written
        for found in diagnose_each(messages, snapshot, now):
            incomplete = incomplete or not found.recognised
            _print(asking(found, shlex.join(sources.words())), output, lines)
        if said_of_plan:
            click.echo(said_of_plan, err=True)
    context.exit(ExitCode.INCOMPLETE if incomplete else ExitCode.CLEAN)


def _require_one_use(text: str, sources: SourceOptions) -> None:
    if text == "-" and "-" in sources.from_paths:
        raise InputError("standard input can be read only once", do="Give the text or the manifests as a file.")


def _planning(plan_file: Path | None, sources: SourceOptions, *, lines: bool, break_glass: bool) -> ModuleType | None:
    """What makes the plan that is asked for; None if none is."""
    if plan_file is None:
        if break_glass:
            raise InputError("it is a plan that is to be written", where="--break-glass", do="Say where: --plan FILE.")
        return None
    if lines or not sources.given:
        raise InputError(
            "a plan is made of one message" if lines else "a plan needs evidence of what it is to change",
            where="--plan",
            do="Leave out --lines." if lines else "Name a source: --context, --host-root, --from, --snapshot.",
        )
    from k8srun.cli import diagnose_plan  # noqa: PLC0415 - most diagnoses make no plan

    return diagnose_plan


def _evidence(sources: SourceOptions, needs: tuple[Need, ...], now: datetime, stack: ExitStack) -> tuple[Snapshot, str]:
    """The snapshot of the sources, empty without any, and what the lab's incident makes people paste."""
    if not sources.given:
        return Snapshot(taken_at=now), ""
    snapshot, lab = stack.enter_context(opened(sources, needs=needs, now=now))
    return snapshot, lab.symptom if lab else ""


def _messages(text: str, lines: bool) -> Iterator[str]:
    """The texts to diagnose: one, or each line that is not blank."""
    if not lines:
        yield _stdin() if text == "-" else text
        return
    given: Iterable[str] = map(_decoded, sys.stdin.buffer) if text == "-" else text.split("\n")
    yield from (line for line in given if line.strip())


def _stdin() -> str:
    """All of standard input, as far as it is read at all: a log may be endless."""
    data = sys.stdin.buffer.read(MAX_TEXT)
    text = _decoded(data)
    if not text.strip():
        raise InputError("standard input is empty", do="Pipe the error message into it.")
    return text


def _decoded(data: bytes) -> str:
    return data.decode(errors="replace")


def _print(found: Diagnosis, output: str, lines: bool) -> None:
    if output == "json":
        answer = document(SCHEMA, found)
        click.echo(encode(answer) if lines else pretty(answer))
        return
    from k8srun.cli.diagnose_output import print_diagnosis  # noqa: PLC0415 - rich is not needed for -o json

    print_diagnosis(console(), found)
