"""`k8srun diagnose`: from an error message to its cause."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime

import click

from k8srun.assessment.symptoms import DIAGNOSIS_NEEDS, diagnose_each
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import document, encode, pretty
from k8srun.diagnosis import Diagnosis
from k8srun.errors import ExitCode, InputError
from k8srun.pasted import MAX_TEXT
from k8srun.snapshot import Snapshot
from k8srun.sources.collect import opened
from k8srun.sources.options import SourceOptions

SCHEMA = "k8srun.dev/diagnose/v1"


@click.command()
@click.argument("text", required=False, default="")
@click.option("--lines", is_flag=True, help="Take every line for a message of its own, and answer line by line.")
@source_options
@output_option("table", "json")
@now_option
@click.pass_context
def diagnose(
    context: click.Context, *, text: str, lines: bool, sources: SourceOptions, output: str, now: datetime
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
    """
    if text == "-" and "-" in sources.from_paths:
        raise InputError("standard input can be read only once", do="Give the text or the manifests as a file.")
    if not text and not sources.given:
        raise InputError(
            "nothing to diagnose",
            do="Paste the error message, read it with -, or name a source: --context, --endpoint, --host-root, --lab.",
        )
    unknown = False
    with ExitStack() as stack:
        snapshot, said = _evidence(sources, now, stack)
        for found in diagnose_each(_messages(text or said, lines), snapshot, now):
            unknown = unknown or not found.recognised
            _print(found, output, lines)
    context.exit(ExitCode.INCOMPLETE if unknown else ExitCode.CLEAN)


def _evidence(sources: SourceOptions, now: datetime, stack: ExitStack) -> tuple[Snapshot, str]:
    """The snapshot of the sources, empty without any, and what the lab's incident makes people paste."""
    if not sources.given:
        return Snapshot(taken_at=now), ""
    snapshot, lab = stack.enter_context(opened(sources, needs=DIAGNOSIS_NEEDS, now=now))
    return snapshot, lab.symptom if lab else ""


def _messages(text: str, lines: bool) -> Iterator[str]:
    """The texts to diagnose: one, or each line that is not blank."""
    if not lines:
        yield _stdin() if text == "-" else text
        return
    given: Iterable[str] = map(_decoded, sys.stdin.buffer) if text == "-" else text.splitlines()
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
