"""The runs that a journal tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from k8srun.apply.journal import Begin, Entry, Event
from k8srun.change import Answer, ChangeStatus, FailureKind
from k8srun.errors import InputError
from k8srun.marks import Mark
from k8srun.plan import Action, ObjectRef, Plan

_OF_A_STEP = frozenset({Event.INTENT, Event.DONE, Event.NOT_DONE, Event.IN_DOUBT})


class RunState(StrEnum):
    """How far a run has come."""

    COMPLETE = "complete"
    UNFINISHED = "unfinished"
    UNDONE = "undone"


@dataclass(slots=True)
class StepRecord:
    """What the journal says of one step: its last line of any kind, and its last intent and done."""

    last: Entry
    intent: Entry | None = None
    done: Entry | None = None

    @property
    def is_done(self) -> bool:
        return self.last.event is Event.DONE

    @property
    def is_open(self) -> bool:
        """Whether it was begun and what became of it is not known."""
        return self.last.event in {Event.INTENT, Event.IN_DOUBT}

    @property
    def may_come_late(self) -> bool:
        """Whether it was sent, got no answer and was looked for in vain: it may have been carried out after that."""
        return self.last.failure is not None and self.last.failure.kind is FailureKind.LOST


@dataclass(slots=True)
class Run:
    """One application of a plan, with its resumptions.

    Attributes:
        begun: its first line.
        steps: what is known of each step, by number.
        by: the users who began and resumed it.
        last: the time of its last line.
        came_to_its_end: every step was done and the questions were asked.
        undone_by: id of the run that takes it back, if there is one.
        is_taken_back: whether that run has come to its end.
    """

    id: str
    begun: Entry
    begin: Begin
    plan: Plan
    steps: dict[int, StepRecord] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    last: datetime | None = None
    answers: tuple[Answer, ...] = ()
    came_to_its_end: bool = False
    undone_by: str = ""
    is_taken_back: bool = False

    @property
    def state(self) -> RunState:
        if self.undone_by:
            return RunState.UNDONE
        return RunState.COMPLETE if self.came_to_its_end else RunState.UNFINISHED

    def is_done(self, number: int) -> bool:
        """Whether a step is known to be done."""
        return number in self.steps and self.steps[number].is_done

    def left(self, target: ObjectRef) -> Mark | None:
        """The last state in which a step of this run left an object; None if it touched none of that name."""
        marks = [
            record.done.after
            for number, record in sorted(self.steps.items())
            if record.is_done and record.done and record.done.after
            if (ref := self.plan.steps[number - 1].target) is not None and ref.key == target.key
        ]
        return marks[-1] if marks else None

    def created(self, target: ObjectRef) -> Mark | None:
        """The object that a step of this run created under that name; None if none did."""
        for number, record in self.steps.items():
            step = self.plan.steps[number - 1]
            if step.action is Action.CREATE and step.target is not None and step.target.key == target.key:
                return record.done.after if record.is_done and record.done else None
        return None


def runs_of(entries: Iterable[Entry]) -> tuple[Run, ...]:
    """Every run, in the order in which they began."""
    runs: dict[str, Run] = {}
    for entry in entries:
        if entry.event is Event.BEGUN and entry.begin and entry.begin.plan:
            runs[entry.run] = Run(entry.run, entry, entry.begin, entry.begin.plan)
        run = runs.get(entry.run)
        if run is None:
            continue
        run.last = entry.time
        if entry.begin:
            run.by = tuple(dict.fromkeys((*run.by, entry.begin.cluster.username)))
        if entry.event is Event.VERIFIED:
            run.answers = entry.answers
        if entry.event is Event.ENDED:
            run.came_to_its_end = entry.detail == ChangeStatus.APPLIED
        if entry.event in _OF_A_STEP and 1 <= entry.step <= len(run.plan.steps):
            _record(run, entry)
    for run in runs.values():
        undone = runs.get(run.begin.undoes)
        if undone is not None:
            undone.undone_by, undone.is_taken_back = run.id, run.came_to_its_end
    return tuple(runs.values())


def _record(run: Run, entry: Entry) -> None:
    record = run.steps.setdefault(entry.step, StepRecord(entry))
    record.last = entry
    if entry.event is Event.INTENT:
        record.intent = entry
    elif entry.event is Event.DONE:
        record.done = entry


def latest(entries: Iterable[Entry], plan: Plan, cluster: str) -> Run | None:
    """The last run of a plan against a cluster that was not taken back; None if there is none."""
    for run in reversed(runs_of(entries)):
        if run.plan.digest == plan.digest and run.begin.cluster.uid == cluster:
            return None if run.state is RunState.UNDONE else run
    return None


def latest_of(entries: Iterable[Entry], plan: Plan) -> Run:
    """The last run of a plan that was not taken back wholly, against whichever cluster.

    Raises:
        InputError: there is none.
    """
    for run in reversed(runs_of(entries)):
        if run.plan.digest == plan.digest and not run.is_taken_back:
            return run
    raise InputError(
        "the journal knows no run of this plan that was not taken back", do="List them: k8srun journal list."
    )


def find(entries: Iterable[Entry], wanted: str) -> Run:
    """The run whose id begins with `wanted`.

    Raises:
        InputError: there is none, or there are several.
    """
    found = [run for run in runs_of(entries) if wanted and run.id.startswith(wanted)]
    if len(found) != 1:
        what = f"{len(found)} runs begin" if found else "no run begins"
        raise InputError(f"{what} with {wanted!r}", do="List them: k8srun journal list.")
    return found[0]
