"""The steps of one run, one after the other, each journaled before and after; the first that fails ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from k8srun.apply import edit, issue
from k8srun.apply.journal import Entry, Event, Log
from k8srun.apply.lookup import Found, look, manager_of, wrote
from k8srun.apply.options import Options
from k8srun.apply.prepare import Prepared, prepare
from k8srun.apply.reducing import mark, reduced
from k8srun.apply.refusals import failure
from k8srun.apply.reverse import reversed_step
from k8srun.apply.runs import Run, StepRecord
from k8srun.apply.settle import as_left
from k8srun.apply.target import ApiObject, InDoubt, NotDone, Request, Target, Written
from k8srun.change import Failure, FailureKind, StepOutcome, StepState
from k8srun.kinds import Kind
from k8srun.marks import Mark, change_since
from k8srun.plan import Action, Plan, Step

_TRIES = 5

Key = tuple[Kind, str, str]
"""What names an object: kind, namespace, name."""


@dataclass(slots=True)
class Execution:
    """A run that is being carried out.

    Attributes:
        run: what is known of it so far; completed step by step.
        log: the journal, held.
        confirmed: the objects as they were when the confirmation was checked, by what names them; kept up to date with
            what the run itself makes of them.
    """

    plan: Plan
    target: Target
    run: Run
    log: Log
    options: Options
    confirmed: dict[Key, Mark]

    def steps(self) -> tuple[StepOutcome, ...]:
        """Do every step that is not done yet, up to the first that cannot be done."""
        outcomes = []
        stopped = False
        for number, step in enumerate(self.plan.steps, 1):
            if self.run.is_done(number):
                outcomes.append(StepOutcome(number, step, StepState.DONE, self.run.steps[number].last.detail))
            elif stopped:
                outcomes.append(StepOutcome(number, step, StepState.NOT_DONE))
            else:
                outcomes.append(self._do(number, step))
                stopped = outcomes[-1].state is not StepState.DONE
        return tuple(outcomes)

    def _do(self, number: int, step: Step) -> StepOutcome:
        if step.action is Action.HOST:
            return self._by_hand(number, step)
        if step.action is Action.KUBECONFIG:
            return self._locally(number, step, lambda: self._edit(step))
        try:
            prepared = prepare(self.plan, number, self.target, self.run, self.run.id)
        except NotDone as error:
            return self._not_done(number, step, error.failure)
        if wrote(prepared.item, manager_of(self.run.id, number)) and step.action is not Action.DELETE:
            return self._late(number, step, prepared)
        # A run may take minutes: what was confirmed must still be so when its turn comes.
        confirmed = self.confirmed.get(prepared.ref.key)
        changed = change_since(confirmed, reduced(prepared.item)) if confirmed and prepared.item else ""
        if changed and not prepared.failure:
            return self._not_done(number, step, failure(FailureKind.CHANGED, f"{prepared.ref}: {changed}"))
        return self._remote(number, step, prepared)

    def _remote(self, number: int, step: Step, prepared: Prepared) -> StepOutcome:
        if prepared.failure or prepared.request is None:
            missing = failure(FailureKind.GONE, f"step {prepared.waits_for}, which it waits for, is not done")
            return self._not_done(number, step, prepared.failure or missing)
        if step.action is Action.CERTIFICATE:
            return self._locally(number, step, lambda: self._fetch(step, prepared))
        return self._send(number, step, prepared, prepared.request)

    def _late(self, number: int, step: Step, prepared: Prepared) -> StepOutcome:
        """Sent in an earlier attempt, looked for in vain then, and carried out all the same."""
        intent = self.run.steps[number].intent if number in self.run.steps else None
        if intent is None or prepared.item is None:
            raise ValueError(f"{prepared.ref} carries the trace of step {number}, which the journal does not know")
        detail = "found done already"
        self._append(Event.DONE, number, detail=detail, **as_left(step, prepared.ref, intent, prepared.item))
        return StepOutcome(number, step, StepState.DONE, detail)

    def _send(self, number: int, step: Step, prepared: Prepared, request: Request) -> StepOutcome:
        """Let the server judge a request, journal the intent, send it, and journal what became of it."""
        try:
            predicted = None if step.action is Action.TOKEN else self._persist(prepared, request, dry_run=True).item
        except (NotDone, InDoubt) as error:
            return self._not_done(number, step, error.failure)
        intent = self._append(
            Event.INTENT,
            number,
            before=mark(prepared.item) if prepared.item else None,
            after=mark(predicted) if predicted else None,
            undo=reversed_step(step, prepared.ref, prepared.item, predicted),
        )
        try:
            written = self._persist(prepared, request, dry_run=False)
        except NotDone as error:
            return self._not_done(number, step, error.failure)
        except InDoubt as error:
            return self._look(number, step, prepared, intent, error.failure)
        if step.action is Action.TOKEN:
            return self._keep_token(number, step, prepared, written)
        return self._done(number, step, prepared, written.item, "; ".join(written.warnings))

    def _persist(self, prepared: Prepared, request: Request, *, dry_run: bool) -> Written:
        """Send a request. Where only the object's status was written since it was looked at, send it again."""
        for _try in range(_TRIES - 1):
            try:
                return self.target.write(request, dry_run=dry_run)
            except NotDone as error:
                if error.failure.kind is not FailureKind.CHANGED or prepared.item is None:
                    raise
                item = self.target.read(replace(prepared.ref, subresource=""))
                changed = change_since(mark(prepared.item), reduced(item) if item else None)
                if changed:
                    raise NotDone(failure(FailureKind.CHANGED, f"{prepared.ref}: {changed}")) from None
                if item is None or item["metadata"]["resourceVersion"] == request.resource_version:
                    raise
                request = replace(request, resource_version=item["metadata"]["resourceVersion"])
        return self.target.write(request, dry_run=dry_run)

    def _look(self, number: int, step: Step, prepared: Prepared, intent: Entry, lost: Failure) -> StepOutcome:
        """The answer did not come: what became of the request?"""
        manager = manager_of(self.run.id, number)
        found, item, why = look(step, prepared.ref, manager, intent, self.target, patience=self.options.patience)
        detail = f"{lost.detail}; then looked: {why}"
        if found is Found.DONE:
            self._append(Event.DONE, number, detail=detail, **as_left(step, prepared.ref, intent, item))
            return StepOutcome(number, step, StepState.DONE, detail)
        if found is Found.NOT_DONE:
            return self._not_done(number, step, replace(lost, detail=detail))
        self._append(Event.IN_DOUBT, number, detail=detail, failure=lost)
        return StepOutcome(number, step, StepState.IN_DOUBT, detail, lost)

    def _keep_token(self, number: int, step: Step, prepared: Prepared, written: Written) -> StepOutcome:
        token = ((written.item or {}).get("status") or {}).get("token")
        try:
            if not isinstance(token, str):
                raise NotDone(failure(FailureKind.OTHER, "the server's answer holds no token"))
            edit.write_new(Path(step.path), token.encode())
        except NotDone as error:
            detail = f"{error.failure.detail}; a token was issued and is lost. {step.irreversible}"
            return self._not_done(number, step, replace(error.failure, detail=detail))
        return self._done(number, step, prepared, None, f"the token is in {step.path}")

    def _locally(self, number: int, step: Step, act: Callable[[], str]) -> StepOutcome:
        back = reversed_step(step, None, None, None)
        self._append(Event.INTENT, number, undo=back)
        try:
            detail = act()
        except NotDone as error:
            return self._not_done(number, step, error.failure)
        self._append(Event.DONE, number, detail=detail, undo=back)
        return StepOutcome(number, step, StepState.DONE, detail)

    def _edit(self, step: Step) -> str:
        backup = edit.edit_kubeconfig(Path(step.path), step.patch, f"k8srun-{self.run.id}")
        return f"the file as it was is kept in {backup}"

    def _fetch(self, step: Step, prepared: Prepared) -> str:
        certificate = issue.certificate(prepared.ref, self.target, patience=self.options.patience)
        edit.write_new(Path(step.path), certificate)
        return f"the certificate is in {step.path}"

    def _by_hand(self, number: int, step: Step) -> StepOutcome:
        if number not in self.options.by_hand:
            return StepOutcome(
                number, step, StepState.BY_HAND, f"its commands are to be run on {step.host or 'the host'}"
            )
        who = self.run.by[-1] if self.run.by else ""
        detail = f"done by hand, as {who or 'the caller'} says"
        self._append(Event.DONE, number, detail=detail, undo=reversed_step(step, None, None, None))
        return StepOutcome(number, step, StepState.DONE, detail)

    def _done(self, number: int, step: Step, prepared: Prepared, after: ApiObject | None, detail: str) -> StepOutcome:
        self._append(
            Event.DONE,
            number,
            detail=detail,
            after=mark(after) if after and "uid" in after.get("metadata", {}) else None,
            undo=reversed_step(step, prepared.ref, prepared.item, after),
        )
        return StepOutcome(number, step, StepState.DONE, detail)

    def _not_done(self, number: int, step: Step, found: Failure) -> StepOutcome:
        self._append(Event.NOT_DONE, number, detail=found.detail, failure=found)
        return StepOutcome(number, step, StepState.FAILED, found.detail, found)

    def _append(self, event: Event, number: int, **fields: Any) -> Entry:
        entry = self.log.append(event, run=self.run.id, step=number, **fields)
        record = self.run.steps.setdefault(number, StepRecord(entry))
        record.last = entry
        if event is Event.INTENT:
            record.intent = entry
        elif event is Event.DONE:
            record.done = entry
            ref = self.plan.steps[number - 1].target
            if ref is not None and entry.after is not None:
                self.confirmed[ref.key] = entry.after
        return entry
