"""A plan from the command line: previewed, and applied with the confirmation that the preview printed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import yaml

from k8srun.apply import Journal, Options, ServerTarget, apply, default_path
from k8srun.change import AnswerState, ChangeStatus, Outcome, Preview, StepPreview
from k8srun.cli.options import console
from k8srun.codec import document, pretty
from k8srun.errors import ExitCode, InputError
from k8srun.permission import roles_for
from k8srun.plan import Plan
from k8srun.sources.connection import connect, server_of
from k8srun.sources.contexts import ChosenContext, choose_context
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions
from k8srun.text import visible

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

_TIMEOUT_SECONDS = 30.0
_PATIENCE_SECONDS = 15.0  # a signer takes seconds on a busy cluster
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def change_options(function: F) -> F:
    """Add `--confirm` and `--ticket`."""
    for option in (
        click.option("--ticket", default="", metavar="REF", help="A reference that the journal keeps."),
        click.option("--confirm", default="", metavar="DIGEST", help="Apply what was previewed: what it printed last."),
    ):
        function = option(function)
    return function


def chosen_context(sources: SourceOptions) -> ChosenContext:
    """The context of the live cluster that the source options name.

    Raises:
        InputError: they name none, or the kubeconfig cannot be used.
    """
    if not sources.live:
        raise InputError(
            "this needs a live cluster",
            do="Name it: --context [NAME], or --kubeconfig FILE. The embedded lab cannot be changed from here.",
        )
    context = "" if sources.context == CURRENT_CONTEXT else sources.context
    return choose_context(sources.kubeconfig, context, environ=os.environ)


def live_target(sources: SourceOptions) -> ServerTarget:
    """The server that the source options name, to be changed.

    Raises:
        InputError: as `chosen_context`.
        SourceError: its CA or the credentials cannot be had.
    """
    chosen = chosen_context(sources)
    server = server_of(chosen, os.environ)
    connection = connect(chosen, server, allow_exec=sources.allow_exec, timeout=_TIMEOUT_SECONDS)
    return ServerTarget(connection, timeout=_TIMEOUT_SECONDS)


def carry_out(plan: Plan, target: ServerTarget, confirm: str, ticket: str) -> Outcome:
    """Preview the plan, or with the confirmation apply it. Raises RefusedError when that does not fit."""
    journal = Journal(default_path(os.environ))
    return apply(plan, target, confirm, journal=journal, options=Options(ticket=ticket, patience=_PATIENCE_SECONDS))


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
        _print_preview(console(), outcome.preview, again)
    else:
        _print_outcome(outcome)
    if outcome.status is ChangeStatus.PREVIEWED:
        return ExitCode.INCOMPLETE if outcome.preview.blockers else ExitCode.CLEAN
    failed = outcome.status is not ChangeStatus.APPLIED or outcome.fixed is AnswerState.NOT_FIXED
    return ExitCode.INCOMPLETE if failed else ExitCode.CLEAN


def _print_preview(out: Console, shown: Preview, again: str) -> None:
    who = f", as {visible(shown.cluster.username)}" if shown.cluster.username else ""
    out.print(f"{shown.plan.title}", style="bold")
    out.print(f"Cluster {shown.cluster.server}{who}\n")
    for step in shown.steps:
        _print_step(out, step)
    if shown.impact:
        out.print("What else this brings about:")
        for line in shown.impact:
            out.print(f"  {visible(line)}")
    if shown.missing:
        out.print("\nPermissions that are missing; as roles to ask for:")
        out.print(yaml.safe_dump_all(roles_for(shown.missing, "k8srun-plan"), sort_keys=False))
    for blocker in shown.blockers:
        out.print(f"Cannot be applied: {visible(blocker)}", style="bold red")
    if shown.confirm:
        out.print("\nNothing was changed. To apply exactly this within 30 minutes:")
        click.echo(f"  {again} --confirm {shown.confirm}")


def _print_step(out: Console, step: StepPreview) -> None:
    note = f": {visible(step.note)}" if step.note else ""
    out.print(f"Step {step.number}: {visible(str(step.step))}  [{step.validation}{note}]")
    out.print(f"  {visible(step.step.reason)}")
    for line in step.diff:
        out.print(f"  {visible(line, limit=300)}", style=_STYLES.get(line[:1], ""))
    for warning in step.warnings:
        out.print(f"  The server warns: {visible(warning)}", style="yellow")
    if step.failure:
        out.print(f"  {visible(str(step.failure))}\n  {step.failure.do}", style="red")
    out.print()


def _print_outcome(outcome: Outcome) -> None:
    out = console()
    out.print(f"{outcome.preview.plan.title}: {outcome.status}", style="bold")
    for step in outcome.steps:
        said = str(step.failure) if step.failure else step.detail
        detail = f": {visible(said)}" if said else ""
        out.print(f"Step {step.number}: {visible(str(step.step))}: {step.state}{detail}")
    for answer in outcome.answers:
        out.print(f"{answer.state}: {visible(answer.detail)}")
    for command in outcome.next:
        click.echo(f"  {command}")
