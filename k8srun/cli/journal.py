"""`k8srun journal`: what was changed, by whom, and whether the journal still says so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from k8srun.apply import default_path
from k8srun.apply.audit import Audit, audit
from k8srun.apply.journal import Entry, read_entries
from k8srun.apply.runs import Run, find, runs_of
from k8srun.apply.signing import Verifier
from k8srun.cli.options import console, output_option
from k8srun.cli.plan_output import print_answer
from k8srun.codec import document, pretty
from k8srun.errors import ExitCode
from k8srun.text import plural, visible

_PATH = click.Path(path_type=Path)
_JOURNAL = click.option("--journal", type=_PATH, metavar="FILE", help="The journal. Also: K8SRUN_JOURNAL.")


@click.group()
def journal() -> None:
    """What was changed: every run with its steps, and whether the journal is as it was written.

    \b
    Examples:
      k8srun journal list
      k8srun journal show 3f2a9c
      k8srun journal verify
    """


@journal.command("list")
@_JOURNAL
@output_option("table", "json")
def list_command(*, journal: Path | None, output: str) -> None:
    """List the runs, the latest last."""
    runs = runs_of(read_entries(_path(journal)))
    if output == "json":
        click.echo(pretty({"schema": "k8srun.dev/journal-list/v1", "runs": [_summary(run) for run in runs]}))
        return
    table = Table("Run", "Begun (UTC)", "By", "Cluster", "Plan", "Steps", "State", box=None, pad_edge=False)
    for run in runs:
        done = sum(record.is_done for record in run.steps.values())
        table.add_row(
            visible(run.id, limit=60),
            f"{run.begun.time:%Y-%m-%d %H:%M:%S}",
            visible(", ".join(run.by), limit=60),
            visible(run.begin.cluster.server, limit=60),
            visible(run.plan.title, limit=60),
            f"{done}/{len(run.plan.steps)}",
            visible(f"{run.state}{f' by {run.undone_by}' if run.undone_by else ''}", limit=60),
        )
    console().print(table if runs else "No run is in the journal yet.")


@journal.command("show")
@click.argument("run")
@_JOURNAL
@output_option("table", "json")
def show_command(*, run: str, journal: Path | None, output: str) -> None:
    """Show one run, line by line. RUN is the beginning of its id."""
    entries = read_entries(_path(journal))
    found = find(entries, run)
    lines = [entry for entry in entries if entry.run == found.id]
    if output == "json":
        click.echo(pretty({"schema": "k8srun.dev/journal-show/v1", **_summary(found), "entries": lines}))
        return
    out = console()
    out.print(visible(found.plan.title, limit=300), style="bold")
    cluster = found.begin.cluster
    simulated = " (a lab: simulated)" if cluster.simulated else ""
    out.print(visible(f"Run {found.id}, {found.state}: {cluster.server}{simulated}, kube-system {cluster.uid}"))
    for said, value in (("Ticket", found.begin.ticket), ("Takes back run", found.begin.undoes)):
        if value:
            out.print(f"{said} {visible(value, limit=120)}")
    if found.begin.direct:
        out.print("Also what somebody else keeps was to be changed directly.", style="yellow")
    for entry in lines:
        out.print(_line(entry, found))
    for answer in found.answers:
        print_answer(out, answer)


@journal.command("verify")
@_JOURNAL
@click.option("--public-key", type=_PATH, metavar="FILE", help="Of the key that it was signed with.")
@click.option("--head", default="", metavar="NUMBER:HASH", help="A head that was printed before and kept elsewhere.")
@output_option("table", "json")
@click.pass_context
def verify_command(
    context: click.Context, *, journal: Path | None, public_key: Path | None, head: str, output: str
) -> None:
    """Verify that no line was changed or taken out. Prints the head, to be kept elsewhere. Exit code 1: it was.

    Without a key or a head, a journal that was cut off at its end or written anew whole cannot be told from a true one.

    \b
    Examples:
      k8srun journal verify
      k8srun journal verify --public-key journal.pub
      k8srun journal verify --head 57:5f70bf18a086007016e948b04aed3b82103a36be…
    """
    verifier = Verifier.from_file(public_key) if public_key else None
    found = audit(_path(journal), verifier=verifier, anchor=head)
    if output == "json":
        click.echo(pretty(document("k8srun.dev/journal-verify/v1", found)))
    else:
        _print_audit(found)
    context.exit(ExitCode.FINDINGS if found.problems else ExitCode.CLEAN)


def _print_audit(found: Audit) -> None:
    out = console()
    for problem in found.problems:
        out.print(visible(problem, limit=300), style="bold red")
    for note in found.notes:
        out.print(visible(note, limit=300), style="yellow")
    if not found.problems:
        signed = f", {found.signed} of them signed" + (" by this key" if found.signatures_checked else "")
        out.print(
            f"{visible(found.path)}: {plural(found.lines, 'line')} as they were written{signed if found.signed else ''}"
        )
    if found.head:
        click.echo(f"head {found.head}")


def _path(given: Path | None) -> Path:
    return given or default_path(os.environ)


def _line(entry: Entry, run: Run) -> str:
    text = f"{entry.time:%Y-%m-%d %H:%M:%S}  {entry.event}"
    if entry.step:
        known = 0 < entry.step <= len(run.plan.steps)
        text += f" {entry.step}. {run.plan.steps[entry.step - 1] if known else 'which the plan does not have'}"
    if entry.begin:
        text += f" by {entry.begin.cluster.username or 'somebody'} with {entry.begin.confirm}"
    if entry.failure:
        text += f": {entry.failure.kind}"
    return visible(f"{text}: {entry.detail}" if entry.detail else text, limit=600)


def _summary(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "state": run.state,
        "begun": run.begun.time,
        "by": run.by,
        "cluster": run.begin.cluster,
        "title": run.plan.title,
        "plan_digest": run.plan.digest,
        "ticket": run.begin.ticket,
        "direct": run.begin.direct,
        "undoes": run.begin.undoes,
        "undone_by": run.undone_by,
        "steps": [
            {
                "number": number,
                "step": str(step),
                "event": run.steps[number].last.event if number in run.steps else "",
                "detail": run.steps[number].last.detail if number in run.steps else "",
            }
            for number, step in enumerate(run.plan.steps, 1)
        ],
        "answers": run.answers,
    }
