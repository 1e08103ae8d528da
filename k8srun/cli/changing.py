"""A plan from the command line: previewed, and applied with the confirmation that the preview printed."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from k8srun.apply import Journal, Options, ServerTarget, apply, default_path
from k8srun.atomic import write_atomically
from k8srun.change import AnswerState, ChangeStatus, Outcome
from k8srun.cli.options import console
from k8srun.cli.plan_output import print_outcome, print_preview
from k8srun.codec import document, pretty
from k8srun.errors import ExitCode, InputError, RefusedError
from k8srun.plan import PLAN_SCHEMA, Plan
from k8srun.planfile import plan_text

F = TypeVar("F", bound=Callable[..., Any])

_PATIENCE_SECONDS = 15.0  # a signer takes seconds on a busy cluster


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done with a plan: previewed, applied with `confirm`, or only written to `plan_file`."""

    confirm: str = ""
    ticket: str = ""
    plan_file: Path | None = None


def change_options(function: F) -> F:
    """Add `--confirm`, `--ticket` and `--plan`; the command receives them as one `Change` named `change`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = ("confirm", "ticket", "plan_file")
        return function(*args, change=Change(**{name: kwargs.pop(name) for name in names}), **kwargs)

    for option in (
        click.option(
            "--plan",
            "plan_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Change nothing: write the plan, for somebody else to preview and apply (k8srun plan).",
        ),
        click.option("--ticket", default="", metavar="REF", help="A reference that the journal keeps."),
        click.option("--confirm", default="", metavar="DIGEST", help="Apply what was previewed: what it printed last."),
    ):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def carry_out(plan: Plan, target: ServerTarget, change: Change, output: str, *, schema: str, again: str) -> ExitCode:
    """Preview the plan, apply it with the confirmation, or write it to a file; and print what came of it.

    Args:
        schema: of the answer for scripts.
        again: as for `print_change`.

    Raises:
        RefusedError: the confirmation does not fit, or the file exists.
    """
    if change.plan_file:
        write_plan(plan, change.plan_file)
        click.echo(pretty(document(PLAN_SCHEMA, plan)) if output == "json" else _next(change.plan_file))
        return ExitCode.CLEAN
    journal = Journal(default_path(os.environ))
    options = Options(ticket=change.ticket, patience=_PATIENCE_SECONDS)
    outcome = apply(plan, target, change.confirm, journal=journal, options=options)
    return print_change(outcome, output, schema, again)


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan to a file that did not exist.

    Raises:
        RefusedError: there is one.
        InputError: it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise RefusedError("it exists already: nothing was overwritten", where=str(path), do="Name another file.")
    try:
        write_atomically(path, plan_text(plan).encode(), mode=0o644)
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror}", where=str(path)) from None


def _next(path: Path) -> str:
    return (
        f"{path}: the plan. Nothing was changed.\nNext: k8srun plan preview {shlex.quote(str(path))} --context [NAME]"
    )


def print_change(outcome: Outcome, output: str, schema: str, again: str) -> ExitCode:
    """Print what would be, or was, done.

    Args:
        again: the command line that made the preview, to which `--confirm` is to be added.

    Returns:
        CLEAN for a preview that can be confirmed and for a change that was made and has had its effect, else
        INCOMPLETE.
    """
    if output == "json":
        click.echo(pretty(document(schema, outcome)))
    elif outcome.status is ChangeStatus.PREVIEWED:
        print_preview(console(), outcome.preview, again)
    else:
        print_outcome(console(), outcome)
    if outcome.status is ChangeStatus.PREVIEWED:
        return ExitCode.INCOMPLETE if outcome.preview.blockers else ExitCode.CLEAN
    failed = outcome.status is not ChangeStatus.APPLIED or outcome.fixed is AnswerState.NOT_FIXED
    return ExitCode.INCOMPLETE if failed else ExitCode.CLEAN
