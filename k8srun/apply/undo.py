"""Taking a run back: the plan that does it, made from the journal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from k8srun.apply.runs import Run
from k8srun.apply.settle import settle
from k8srun.apply.target import Target
from k8srun.errors import RefusedError
from k8srun.plan import Action, Plan, Question, Step

_TO_FILES = frozenset({Action.TOKEN, Action.CERTIFICATE})


def undo_plan(run: Run, target: Target, *, patience: float) -> Plan:
    """The plan that takes a run back: what was done, in reverse order. It passes the same gate as any other.

    Args:
        patience: seconds to look for what became of a step that the journal does not know.

    Raises:
        RefusedError: it is taken back already, or there is nothing to take back, or it is not known what was done.
    """
    if run.is_taken_back:
        raise RefusedError(f"run {run.id} was taken back already, by run {run.undone_by}")
    settle(run, target, patience=patience)
    for number, record in sorted(run.steps.items()):
        if record.is_open:
            raise RefusedError(
                f"step {number} of run {run.id} is in doubt: {record.last.detail}",
                do="Once the server answers, try again; or look at the object and take the step back by hand.",
            )
    done = [number for number in sorted(run.steps, reverse=True) if run.is_done(number)]
    steps = tuple(_reversed(run, done))
    if not steps:
        raise RefusedError(
            f"run {run.id} has done nothing that could be taken back", do=" ".join(_what_stays(run, done)) or ""
        )
    return Plan(
        title=f"Undo: {run.plan.title}",
        cluster=run.begin.cluster.uid,
        steps=steps,
        impact=tuple(_what_stays(run, done)),
        verify=tuple(_questions(steps)),
        planned_by=run.plan.planned_by,
    )


def can_be_taken_back(run: Run) -> bool:
    """Whether anything of a run can: of what was done, or of what may have been."""
    return any(
        _undo_of(run, number) is not None or (record.is_open and run.plan.steps[number - 1].undo is not None)
        for number, record in run.steps.items()
    )


def _reversed(run: Run, done: Iterable[int]) -> Iterator[Step]:
    made_again, gone_for_good = set(), set()
    for number in done:
        step, undo = run.plan.steps[number - 1], _undo_of(run, number)
        if undo is None and step.target is not None and step.action is Action.DELETE:
            gone_for_good.add(step.target.key)
        if undo is None or _goes_anyway(run, number):
            continue
        ref = undo.target
        if ref is not None and ref.key in gone_for_good:
            continue
        if ref is not None and undo.action is Action.CREATE:
            made_again.add(ref.key)
        elif ref is not None and ref.key in made_again:
            # The object that is made again has a uid of its own.
            undo = replace(undo, target=replace(ref, uid=""), mark=None)
        elif ref is not None and undo.action is Action.DELETE:
            # Later steps of the run may have changed what this one created: that is no change by somebody else.
            undo = replace(undo, mark=run.left(ref))
        yield undo


def _undo_of(run: Run, number: int) -> Step | None:
    done = run.steps[number].done
    return done.undo if done else None


def _goes_anyway(run: Run, number: int) -> bool:
    """Whether an earlier step created the object, so that taking that back deletes it."""
    target = run.plan.steps[number - 1].target
    return target is not None and run.plan.creates(target, number - 1)


def _what_stays(run: Run, done: Iterable[int]) -> Iterator[str]:
    """What of a run cannot be taken back, a sentence each."""
    for number in sorted(done):
        step = run.plan.steps[number - 1]
        if step.irreversible:
            yield f"Step {number} ({step}) cannot be taken back. {step.irreversible}"
        elif step.undo and _undo_of(run, number) is None:
            why = "it changed nothing" if _is_as_before(run, number) else "that would need a value that is secret"
            yield f"Step {number} ({step}) cannot be taken back: {why}."
        if step.action in _TO_FILES:
            yield f"The file {step.path} stays; remove it: rm {shlex.quote(step.path)}"


def _is_as_before(run: Run, number: int) -> bool:
    record = run.steps[number]
    before, after = (record.intent and record.intent.before), (record.done and record.done.after)
    return bool(before and after and before.content == after.content)


def _questions(steps: Iterable[Step]) -> Iterator[Question]:
    for step in steps:
        if step.target is not None and step.action in {Action.CREATE, Action.DELETE}:
            ref = step.target
            named = {"apiVersion": ref.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
            yield Question("object-exists", {"object": named, "exists": step.action is Action.CREATE})
