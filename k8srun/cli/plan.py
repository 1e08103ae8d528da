"""`k8srun plan`: show, preview, apply, export and take back a plan."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from k8srun.apply import apply, undo
from k8srun.apply.export import as_manifests, as_patches
from k8srun.apply.kustomize import write_component
from k8srun.apply.runs import find, latest_of
from k8srun.cli.changing import print_change
from k8srun.cli.options import console, output_option
from k8srun.cli.plan_options import Choices, Place, choice_options, place_options
from k8srun.cli.plan_output import print_plan
from k8srun.codec import document, pretty
from k8srun.errors import InputError
from k8srun.plan import PLAN_SCHEMA, Plan
from k8srun.planfile import MOST_BYTES, read_plan

_PATH = click.Path(path_type=Path, allow_dash=True)
_CONFIRM = click.option(
    "--confirm", default="", metavar="DIGEST", help="Apply what was previewed: what it printed last."
)


@click.group()
def plan() -> None:
    """Change a cluster: a plan is previewed, confirmed, applied, verified, and can be taken back.

    \b
    Examples:
      k8srun plan show fix.json
      k8srun plan preview fix.json --context prod
      k8srun plan apply fix.json --context prod --confirm DIGEST
      k8srun plan export fix.json --patch
      k8srun plan undo fix.json --context prod
    """


@plan.command("show")
@click.argument("file", type=_PATH)
@output_option("table", "json")
def show_command(*, file: Path, output: str) -> None:
    """Show what the plan in FILE says, without asking a cluster.

    \b
    Example:
      k8srun plan show fix.json
    """
    found = _read(file)
    if output == "json":
        click.echo(pretty({**document(PLAN_SCHEMA, found), "digest": found.digest}))
    else:
        print_plan(console(), found)


@plan.command("preview")
@click.argument("file", type=_PATH)
@place_options
@choice_options
@output_option("table", "json")
@click.pass_context
def preview_command(context: click.Context, *, file: Path, place: Place, choices: Choices, output: str) -> None:
    """Show what applying the plan in FILE would do now, and print the confirmation for exactly that.

    Changes nothing: where you may write the server judges each step in a dry run. Exit code 3: it cannot be applied as
    it stands.

    \b
    Example:
      k8srun plan preview fix.json --context prod
    """
    found = _read(file)
    outcome = apply(found, place.target(found), "", journal=choices.journal, options=choices.at(place))
    again = _again(["apply", str(file)], place, choices)
    context.exit(print_change(outcome, output, "k8srun.dev/plan-preview/v1", again))


@plan.command("apply")
@click.argument("file", type=_PATH)
@_CONFIRM
@place_options
@choice_options
@output_option("table", "json")
@click.pass_context
def apply_command(
    context: click.Context, *, file: Path, confirm: str, place: Place, choices: Choices, output: str
) -> None:
    """Apply the plan in FILE, or go on with it where it was interrupted; without --confirm, preview it.

    Exit code 0: applied, and not seen to have failed its purpose. 2: refused, nothing was changed. 3: stopped midway.

    \b
    Example:
      k8srun plan apply fix.json --context prod --confirm DIGEST
    """
    found = _read(file)
    with _interruptible():
        outcome = apply(found, place.target(found), confirm, journal=choices.journal, options=choices.at(place))
    again = _again(["apply", str(file)], place, choices)
    context.exit(print_change(outcome, output, "k8srun.dev/plan-apply/v1", again))


@plan.command("undo")
@click.argument("file", type=_PATH, required=False)
@click.option("--run", "run_id", default="", metavar="ID", help="Take back this run, by its id in the journal.")
@_CONFIRM
@place_options
@choice_options
@output_option("table", "json")
@click.pass_context
def undo_command(
    context: click.Context,
    *,
    file: Path | None,
    run_id: str,
    confirm: str,
    place: Place,
    choices: Choices,
    output: str,
) -> None:
    """Take back what the last run of the plan in FILE has done, or the run named with --run; preview it first.

    What somebody has changed since is left alone, and the command says so.

    \b
    Examples:
      k8srun plan undo fix.json --context prod
      k8srun plan undo --run 3f2a9c --context prod --confirm DIGEST
    """
    if bool(file) == bool(run_id):
        raise InputError("name the plan's FILE, or a run with --run", do="List the runs: k8srun journal list.")
    wanted = run_id or latest_of(choices.journal.entries(), _read(file)).id if file else run_id
    target = place.target(find(choices.journal.entries(), wanted).plan)
    with _interruptible():
        outcome = undo(wanted, target, confirm, journal=choices.journal, options=choices.at(place))
    again = _again(["undo", "--run", wanted], place, choices)
    context.exit(print_change(outcome, output, "k8srun.dev/plan-undo/v1", again))


@plan.command("export")
@click.argument("file", type=_PATH)
@click.option("--patch", "form", flag_value="patch", help="JSON patches and objects, as YAML documents.")
@click.option("--kustomize", "form", flag_value="kustomize", help="A Kustomize component, in the folder --out.")
@click.option("--yaml", "form", flag_value="yaml", help="Whole manifests as they would be; asks the cluster.")
@click.option("--out", type=_PATH, metavar="DIR", help="With --kustomize: a new folder.")
@place_options
def export_command(*, file: Path, form: str | None, out: Path | None, place: Place) -> None:
    """Print the changes of the plan in FILE for the repository of who owns the objects. Changes nothing.

    \b
    Examples:
      k8srun plan export fix.json --patch
      k8srun plan export fix.json --kustomize --out components/fix
      k8srun plan export fix.json --yaml --context prod
    """
    found = _read(file)
    if form is None or (form == "kustomize") != bool(out):
        raise InputError("say how: --patch, --yaml, or --kustomize with --out DIR")
    if out:
        for path in write_component(found, out):
            click.echo(str(path))
    else:
        click.echo(as_patches(found) if form == "patch" else as_manifests(found, place.target(found)), nl=False)


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo("What was done stands in the journal (k8srun journal list); preview it again to go on.", err=True)
        raise


def _read(file: Path) -> Plan:
    try:
        with click.open_file(file, "rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"the plan cannot be read: {error.strerror}", where=str(file)) from None
    return read_plan(data, where=str(file))


def _again(words: list[str], place: Place, choices: Choices) -> str:
    """The command line that a confirmation is to be added to."""
    return shlex.join(["k8srun", "plan", *words, *place.words(), *choices.words])
