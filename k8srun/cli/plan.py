"""`k8srun plan`: show, preview, apply, export and take back a plan."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from k8srun.apply import Journal, Options, Target, apply, default_path, undo
from k8srun.apply.export import as_manifests, as_patches, write_component
from k8srun.apply.runs import latest_of
from k8srun.apply.signing import Signer
from k8srun.cli.changing import live_target, print_change
from k8srun.cli.options import console, output_option
from k8srun.cli.plan_output import print_plan
from k8srun.codec import document, pretty
from k8srun.errors import InputError
from k8srun.plan import PLAN_SCHEMA, Plan
from k8srun.planfile import read_plan
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path, allow_dash=True)
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plan is to be applied: a cluster, or the folder of a lab."""

    context: str
    kubeconfig: str
    allow_exec: bool
    lab: Path | None

    def target(self) -> Target:
        """Raises InputError when none was named, or two were."""
        live = bool(self.context or self.kubeconfig)
        if live == bool(self.lab):
            raise InputError(
                "name one cluster" if live else "no cluster was named",
                do="Say where: --context [NAME], --kubeconfig FILE, or --lab-dir DIR for a lab that you have built.",
            )
        if self.lab is None:
            return live_target(
                SourceOptions(context=self.context, kubeconfig=self.kubeconfig, allow_exec=self.allow_exec)
            )
        from k8srun.apply.lab import LabTarget  # noqa: PLC0415 - a lab takes longer to import than a cluster to ask
        from k8srun.lab import load  # noqa: PLC0415

        labs = load(self.lab)
        if len(labs) > 1:
            raise InputError("holds several labs", where=str(self.lab), do=f"Name one: {labs[0].directory}")
        return LabTarget(labs[0])

    def words(self) -> list[str]:
        """The options that name it again."""
        words = [] if not self.context else ["--context"] + [self.context] * (self.context != CURRENT_CONTEXT)
        words += ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        words += ["--allow-exec"] if self.allow_exec else []
        return words + (["--lab-dir", str(self.lab)] if self.lab else [])


@dataclass(frozen=True, slots=True)
class Choices:
    """How it is to be applied, and the journal."""

    options: Options
    journal: Journal
    words: tuple[str, ...]


_PLACE = (
    click.option(
        "--context", is_flag=False, flag_value=CURRENT_CONTEXT, default="", metavar="[NAME]", help="The cluster."
    ),
    click.option("--kubeconfig", default="", metavar="FILE", help="The kubeconfig to use in place of your own."),
    click.option("--allow-exec", is_flag=True, help="Let a file given with --kubeconfig run its exec plugin."),
    click.option(
        "--lab-dir", "lab", type=_PATH, metavar="DIR", help="A lab that was built there, in place of a cluster."
    ),
)
_CHOICES = (
    click.option("--direct", is_flag=True, help="Also change what GitOps, Helm or a controller keeps."),
    click.option("--ticket", default="", metavar="REF", help="A reference that the journal keeps."),
    click.option(
        "--second-person",
        is_flag=True,
        envvar="K8SRUN_SECOND_PERSON",
        help="Refuse if who applies is who planned. Also: K8SRUN_SECOND_PERSON=1.",
    ),
    click.option("--done", multiple=True, type=int, metavar="N", help="Host step N was done by hand. Repeatable."),
    click.option("--journal", type=_PATH, metavar="FILE", help="The journal. Also: K8SRUN_JOURNAL."),
    click.option(
        "--sign-key",
        type=_PATH,
        envvar="K8SRUN_SIGN_KEY",
        metavar="FILE",
        help="Sign the journal with this Ed25519 key. Also: K8SRUN_SIGN_KEY.",
    ),
)
_CONFIRM = click.option(
    "--confirm", default="", metavar="DIGEST", help="Apply what was previewed: what it printed last."
)


def _place_options(function: F) -> F:
    """Add the options that name a cluster; the command receives them as `place`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = ("context", "kubeconfig", "allow_exec", "lab")
        return function(*args, place=Place(**{name: kwargs.pop(name) for name in names}), **kwargs)

    for option in reversed(_PLACE):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def _choice_options(function: F) -> F:
    """Add the options of how to apply; the command receives them as `choices`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = ("direct", "ticket", "second_person", "done", "journal", "sign_key")
        return function(*args, choices=_choices(**{name: kwargs.pop(name) for name in names}), **kwargs)

    for option in reversed(_CHOICES):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def _choices(
    *,
    direct: bool,
    ticket: str,
    second_person: bool,
    done: tuple[int, ...],
    journal: Path | None,
    sign_key: Path | None,
) -> Choices:
    words = ["--direct"] * direct + (["--ticket", ticket] if ticket else []) + ["--second-person"] * second_person
    words += [word for number in done for word in ("--done", str(number))]
    words += ["--journal", str(journal)] if journal else []
    words += ["--sign-key", str(sign_key)] if sign_key else []
    options = Options(
        direct=direct,
        ticket=ticket,
        second_person=second_person,
        by_hand=frozenset(done),
        patience=_PATIENCE_SECONDS,
    )
    signer = Signer.from_file(sign_key) if sign_key else None
    return Choices(options, Journal(journal or default_path(os.environ), signer=signer), tuple(words))


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
@_place_options
@_choice_options
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
    outcome = apply(_read(file), place.target(), "", journal=choices.journal, options=choices.options)
    again = _again(["apply", str(file)], place, choices)
    context.exit(print_change(outcome, output, "k8srun.dev/plan-preview/v1", again))


@plan.command("apply")
@click.argument("file", type=_PATH)
@_CONFIRM
@_place_options
@_choice_options
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
    outcome = apply(_read(file), place.target(), confirm, journal=choices.journal, options=choices.options)
    again = _again(["apply", str(file)], place, choices)
    context.exit(print_change(outcome, output, "k8srun.dev/plan-apply/v1", again))


@plan.command("undo")
@click.argument("file", type=_PATH, required=False)
@click.option("--run", "run_id", default="", metavar="ID", help="Take back this run, by its id in the journal.")
@_CONFIRM
@_place_options
@_choice_options
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
    outcome = undo(wanted, place.target(), confirm, journal=choices.journal, options=choices.options)
    again = _again(["undo", "--run", wanted], place, choices)
    context.exit(print_change(outcome, output, "k8srun.dev/plan-undo/v1", again))


@plan.command("export")
@click.argument("file", type=_PATH)
@click.option("--patch", "form", flag_value="patch", help="JSON patches and objects, as YAML documents.")
@click.option("--kustomize", "form", flag_value="kustomize", help="A Kustomize component, in the folder --out.")
@click.option("--yaml", "form", flag_value="yaml", help="Whole manifests as they would be; asks the cluster.")
@click.option("--out", type=_PATH, metavar="DIR", help="With --kustomize: a new folder.")
@_place_options
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
        click.echo(as_patches(found) if form == "patch" else as_manifests(found, place.target()), nl=False)


def _read(file: Path) -> Plan:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InputError(f"the plan cannot be read: {error.strerror}", where=str(file)) from None
    return read_plan(data, where=str(file))


def _again(words: list[str], place: Place, choices: Choices) -> str:
    """The command line that a confirmation is to be added to."""
    return shlex.join(["k8srun", "plan", *words, *place.words(), *choices.words])
