"""Printing plans, their previews and outcomes, for people at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import yaml

from k8srun.change import (
    Answer,
    AnswerState,
    ChangeStatus,
    Outcome,
    Preview,
    StepOutcome,
    StepPreview,
    StepState,
    Validation,
)
from k8srun.permission import roles_for
from k8srun.plan import Action, Plan, Step
from k8srun.text import visible
from k8srun.yamltext import yaml_text

if TYPE_CHECKING:
    from rich.console import Console

_DIFF = {"+": "green", "-": "red", "@": "cyan"}
_LONGEST_LINE = 300
_VALIDATED = {
    Validation.SERVER: "green",
    Validation.DONE: "green",
    Validation.CLIENT: "yellow",
    Validation.BY_HAND: "yellow",
}
_STATES = {
    StepState.DONE: "green",
    StepState.FAILED: "bold red",
    StepState.IN_DOUBT: "bold red",
    StepState.BY_HAND: "yellow",
}
_ANSWERS = {AnswerState.FIXED: "bold green", AnswerState.NOT_FIXED: "bold red", AnswerState.COULD_NOT_CHECK: "yellow"}


def print_plan(out: Console, plan: Plan) -> None:
    """What a plan would do, as far as it says so itself."""
    out.print(visible(plan.title, limit=_LONGEST_LINE), style="bold")
    out.print(f"For the cluster whose kube-system has the uid {visible(plan.cluster, limit=80) or '(unknown)'}")
    out.print(f"Planned by {visible(plan.planned_by, limit=80)}\n" if plan.planned_by else "")
    for number, step in enumerate(plan.steps, 1):
        _heading(out, number, step)
        _contents(out, step)
        _way_back(out, step)
        out.print()
    _list(out, "What else it brings about:", plan.impact)
    asked = [f"{question.kind} {_flow(dict(question.about))}" for question in plan.verify]
    _list(out, "Asked afterwards, to see whether it has helped:", asked)
    out.print("Hold it against the cluster: k8srun plan preview FILE --context")


def print_preview(out: Console, shown: Preview, again: str) -> None:
    """What applying a plan would do now.

    Args:
        again: the command line to which `--confirm` is to be added.
    """
    _where(out, shown)
    for step in shown.steps:
        _print_step(out, step)
    _list(out, "What else it brings about:", shown.impact)
    _permissions(out, shown)
    if shown.applied:
        out.print(f"This plan was applied already: {visible(shown.applied, limit=_LONGEST_LINE)}\n", style="yellow")
    if shown.resumes:
        out.print(f"Goes on with the interrupted run {shown.resumes}.\n", style="yellow")
    for blocker in shown.blockers:
        out.print(f"Cannot be applied: {visible(blocker)}", style="bold red")
    if shown.confirm and shown.expires:
        out.print(f"Nothing was changed. To apply exactly this, until {shown.expires:%H:%M:%S} UTC:", style="bold")
        # Not through the console: a line that is to be copied must not be wrapped.
        out.file.write(f"  {again} --confirm {shown.confirm}\n")


def print_outcome(out: Console, outcome: Outcome) -> None:
    """What applying a plan has done."""
    status = "green" if outcome.status is ChangeStatus.APPLIED else "red"
    out.print(f"{visible(outcome.preview.plan.title, limit=_LONGEST_LINE)}: {outcome.status}", style=f"bold {status}")
    simulated = " (a lab: simulated)" if outcome.preview.cluster.simulated else ""
    out.print(f"Run {outcome.run} on {visible(outcome.preview.cluster.server)}{simulated}\n")
    for step in outcome.steps:
        _print_result(out, step)
    for answer in outcome.answers:
        print_answer(out, answer)
    if outcome.next:
        out.print()
        for way in outcome.next:
            out.print(way, soft_wrap=True)


def print_answer(out: Console, answer: Answer) -> None:
    """One question and what asking it has shown."""
    out.print(f"{answer.state}: {visible(answer.detail, limit=_LONGEST_LINE)}", style=_ANSWERS[answer.state])


def _where(out: Console, shown: Preview) -> None:
    out.print(visible(shown.plan.title, limit=_LONGEST_LINE), style="bold")
    who = f", as {visible(shown.cluster.username, limit=120)}" if shown.cluster.username else ""
    out.print(f"Cluster {visible(shown.cluster.server, limit=120)}{who}")
    if shown.cluster.simulated:
        out.print("LAB: simulated. No server admits or refuses anything here.", style="bold black on yellow")
    out.print()


def _print_step(out: Console, shown: StepPreview) -> None:
    _heading(out, shown.number, shown.step)
    note = f" ({visible(shown.note, limit=_LONGEST_LINE)})" if shown.note else ""
    out.print(f"   {shown.validation}{note}", style=_VALIDATED.get(shown.validation, ""))
    if shown.owner:
        out.print(f"   kept by {shown.owner} ({shown.owner.evidence}): a direct change may be put back", style="yellow")
    for line in shown.diff:
        out.print(f"   {visible(line, limit=_LONGEST_LINE)}", style=_DIFF.get(line[:1], ""), no_wrap=True, crop=False)
    if shown.step.action in {Action.HOST, Action.TOKEN, Action.CERTIFICATE}:
        _contents(out, shown.step)
    for warning in shown.warnings:
        out.print(f"   the server warns: {visible(warning, limit=_LONGEST_LINE)}", style="yellow")
    if shown.failure:
        out.print(f"   {visible(str(shown.failure))}", style="bold red")
        out.print(f"   {shown.failure.do}" if shown.failure.do else "")
    _way_back(out, shown.step)
    out.print()


def _print_result(out: Console, outcome: StepOutcome) -> None:
    said = str(outcome.failure) if outcome.failure else outcome.detail
    detail = f": {visible(said)}" if said else ""
    text = f"{outcome.number}. {visible(str(outcome.step), limit=_LONGEST_LINE)}: {outcome.state}{detail}"
    out.print(text, style=_STATES.get(outcome.state, ""))
    if outcome.failure and outcome.failure.do:
        out.print(f"   {outcome.failure.do}")
    if outcome.state is StepState.BY_HAND:
        _contents(out, outcome.step)


def _heading(out: Console, number: int, step: Step) -> None:
    out.print(f"{number}. {visible(str(step), limit=_LONGEST_LINE)}", style="bold")
    answers = f" [{visible(step.answers, limit=80)}]" if step.answers else ""
    out.print(f"   {visible(step.reason, limit=_LONGEST_LINE)}{answers}")


def _contents(out: Console, step: Step) -> None:
    """What a step holds: its commands, its operations or its object."""
    for command in step.commands:
        out.file.write(f"   $ {visible(command, limit=4000)}\n")
    for operation in step.patch:
        out.print(f"   {visible(_flow(dict(operation)), limit=_LONGEST_LINE)}", soft_wrap=True)
    if step.body:
        for line in yaml_text(dict(step.body)).splitlines():
            out.print(f"   {visible(line, limit=_LONGEST_LINE)}")
    for path, file in sorted(step.from_files.items()):
        out.print(f"   {visible(path)}: the content of {visible(file)}")
    if step.path:
        out.print(f"   file: {visible(step.path)}")


def _way_back(out: Console, step: Step) -> None:
    if step.irreversible:
        out.print(f"   cannot be taken back: {visible(step.irreversible, limit=_LONGEST_LINE)}", style="yellow")
    elif step.undo:
        out.print(f"   taken back by: {visible(str(step.undo), limit=_LONGEST_LINE)}", style="dim")


def _permissions(out: Console, shown: Preview) -> None:
    missing = [check for check in shown.permissions if check.allowed is False]
    unknown = [check for check in shown.permissions if check.allowed is None]
    _list(
        out,
        "Permissions that are missing:",
        (f"{check.permission}{f' (or {check.alternative})' if check.alternative else ''}" for check in missing),
    )
    if missing:
        out.print("As roles, to be granted as they stand:")
        for role in roles_for(shown.missing, "k8srun-plan"):
            out.file.write(f"---\n{yaml_text(role)}")
        out.print()
    if unknown:
        out.print(f"Whether the caller may do this could not be asked: {visible(unknown[0].reason)}\n", style="yellow")


def _list(out: Console, title: str, lines: Iterable[str]) -> None:
    shown = [visible(line, limit=_LONGEST_LINE) for line in lines]
    if shown:
        out.print(title)
        for line in shown:
            out.print(f"  {line}")
        out.print()


def _flow(value: object) -> str:
    """A value on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000)
    return text.strip()
