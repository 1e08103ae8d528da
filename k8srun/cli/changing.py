"""A plan from the command line: previewed, and applied with the confirmation that the preview printed."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from k8srun.apply import Journal, Options, ServerTarget, apply, default_path
from k8srun.change import AnswerState, ChangeStatus, Outcome
from k8srun.cli.options import console
from k8srun.cli.plan_output import print_outcome, print_preview
from k8srun.codec import document, pretty
from k8srun.errors import ExitCode, InputError
from k8srun.plan import Plan
from k8srun.sources.connection import connect, server_of
from k8srun.sources.contexts import ChosenContext, choose_context
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions

F = TypeVar("F", bound=Callable[..., Any])

_TIMEOUT_SECONDS = 30.0
_PATIENCE_SECONDS = 15.0  # a signer takes seconds on a busy cluster


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
        print_preview(console(), outcome.preview, again)
    else:
        print_outcome(console(), outcome)
    if outcome.status is ChangeStatus.PREVIEWED:
        return ExitCode.INCOMPLETE if outcome.preview.blockers else ExitCode.CLEAN
    failed = outcome.status is not ChangeStatus.APPLIED or outcome.fixed is AnswerState.NOT_FIXED
    return ExitCode.INCOMPLETE if failed else ExitCode.CLEAN
