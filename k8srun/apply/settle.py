"""Steps of which the journal does not say what became of them: the process ended, or the server stopped answering."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from k8srun.apply.journal import FIRST, JOURNAL_SCHEMA, Entry, Event, Log
from k8srun.apply.lookup import Found, look, manager_of
from k8srun.apply.reducing import mark
from k8srun.apply.refusals import failure
from k8srun.apply.reverse import reversed_step
from k8srun.apply.runs import Run
from k8srun.apply.target import ApiObject, Target
from k8srun.change import FailureKind
from k8srun.plan import Action, ObjectRef, Step

_UNWRITTEN = 0
"""The number of an entry that is in no journal yet."""


def settle(run: Run, target: Target, *, patience: float) -> None:
    """Look at what every open step of a run is about, and complete what is known of the run. Writes nothing."""
    for number, record in sorted(run.steps.items()):
        if record.intent is None or not (record.is_open or record.may_come_late):
            continue
        step = run.plan.steps[number - 1]
        ref = resolved(step, run)
        manager = manager_of(run.id, number)
        found, item, why = look(step, ref, manager, record.intent, target, patience=patience)
        event = {Found.DONE: Event.DONE, Found.NOT_DONE: Event.NOT_DONE, Found.UNKNOWN: Event.IN_DOUBT}[found]
        if not record.is_open and event is not Event.DONE:
            continue
        detail = f"found later: {why}"
        known: dict[str, Any] = {"failure": failure(FailureKind.LOST, detail)}
        if event is Event.DONE:
            known = as_left(step, ref, record.intent, item)
        entry = Entry(
            JOURNAL_SCHEMA, _UNWRITTEN, FIRST, datetime.now(UTC), event, run=run.id, step=number, detail=detail, **known
        )
        record.last = entry
        if event is Event.DONE:
            record.done = entry


def write_settled(run: Run, log: Log) -> None:
    """Write into the journal what `settle` has found."""
    for number, record in sorted(run.steps.items()):
        found = record.last
        if found.seq != _UNWRITTEN:
            continue
        written = log.append(
            found.event,
            run=run.id,
            step=number,
            detail=found.detail,
            failure=found.failure,
            after=found.after,
            undo=found.undo,
        )
        record.last = written
        if written.event is Event.DONE:
            record.done = written


def as_left(step: Step, ref: ObjectRef | None, intent: Entry, item: ApiObject | None) -> dict[str, Any]:
    """The state in which a step left its object, and its undo. Somebody may have changed the object since: so both go
    by what the server had predicted, not by what is there now."""
    undo = intent.undo
    if step.action is Action.CREATE:
        undo = reversed_step(step, ref, None, item)
    if item is None or step.action is Action.DELETE:
        return {"undo": undo}
    now, predicted = mark(item), intent.after
    if predicted is not None and predicted.content != now.content:
        now = replace(now, resource_version="", generation=predicted.generation, content=predicted.content)
    return {"undo": undo, "after": now}


def resolved(step: Step, run: Run | None) -> ObjectRef | None:
    """The object of a step, with its uid also where the run has created it."""
    if step.target is None or step.target.uid:
        return step.target
    made = run.created(step.target) if run else None
    return replace(step.target, uid=made.uid) if made else step.target
