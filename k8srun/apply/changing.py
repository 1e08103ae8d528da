"""Previewing, applying and taking back a plan: what the command line and the notebooks call."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from k8srun import __version__
from k8srun.apply import gate, preflight
from k8srun.apply.blockers import blockers
from k8srun.apply.examine import Examination, Examined
from k8srun.apply.execute import Execution, Key
from k8srun.apply.journal import Begin, Entry, Event, Journal, Log
from k8srun.apply.options import Options
from k8srun.apply.reducing import is_changed_after, mark, require_no_secret
from k8srun.apply.runs import Run, RunState, find, latest
from k8srun.apply.settle import settle, write_settled
from k8srun.apply.target import Target
from k8srun.apply.undo import can_be_taken_back, undo_plan
from k8srun.apply.verify import ask_all
from k8srun.change import ChangeStatus, ClusterIdentity, Outcome, Preview, StepOutcome, StepState
from k8srun.errors import RefusedError
from k8srun.marks import Mark
from k8srun.plan import Plan
from k8srun.planfile import require_valid


def preview(
    plan: Plan, target: Target, *, journal: Journal, options: Options | None = None, now: datetime | None = None
) -> Preview:
    """What applying a plan would do, and the confirmation for exactly that. Changes nothing.

    Args:
        journal: where an interrupted run of this plan is looked for, to go on with.
        now: the time of the confirmation; the clock by default.

    Raises:
        InputError: the plan breaks a rule of its form.
    """
    return _view(plan, target, journal.entries(), options or Options(), now or datetime.now(UTC)).preview


def apply(
    plan: Plan,
    target: Target,
    confirm: str,
    *,
    journal: Journal,
    options: Options | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Apply a plan that was confirmed, or go on with an interrupted run of it; without a confirmation, preview it.

    The steps are done in order and each is journaled before and after; the first that fails ends the run. Afterwards
    the plan's questions are asked.

    Args:
        confirm: what the preview printed; empty = preview only.

    Raises:
        RefusedError: the confirmation is not the one for what would be done now, or something forbids it. Nothing was
            changed.
        InputError: the plan breaks a rule of its form.
    """
    chosen, moment = options or Options(), now or datetime.now(UTC)
    if not confirm:
        shown = preview(plan, target, journal=journal, options=chosen, now=moment)
        return Outcome(ChangeStatus.PREVIEWED, shown)
    issued = gate.issued_at(confirm)
    with journal.writing() as log:
        view = _view(plan, target, journal.entries(), chosen, moment)
        if not view.preview.cluster.uid:
            raise RefusedError(f"{view.preview.blockers[0]}; nothing was changed")
        gate.require(confirm, view.basis, moment, valid_for=chosen.valid_for, changes=view.changes(issued))
        if view.preview.blockers:
            raise RefusedError(
                f"the plan cannot be applied: {'; '.join(view.preview.blockers)}; nothing was changed",
                do="Preview it for what stands in the way.",
            )
        return _carry_out(view, target, confirm, log, chosen)


def undo(
    run_id: str,
    target: Target,
    confirm: str,
    *,
    journal: Journal,
    options: Options | None = None,
    now: datetime | None = None,
) -> Outcome:
    """Take a run back, behind the same gate: `apply` of the plan that the journal gives for it.

    Args:
        run_id: the beginning of its id, or the whole.

    Raises:
        InputError: there is no such run.
        RefusedError: as `apply`; also when there is nothing to take back, or it is not known what was done.
    """
    chosen = options or Options()
    run = find(journal.entries(), run_id)
    plan = undo_plan(run, target, patience=chosen.patience)
    if confirm:
        with journal.writing() as log:
            write_settled(run, log)
    return apply(plan, target, confirm, journal=journal, options=replace(chosen, undoes=run.id), now=now)


class _View:
    """A preview with what it rests on."""

    def __init__(self, shown: Preview, basis: gate.Basis, examined: Sequence[Examined], run: Run | None) -> None:
        self.preview = shown
        self.basis = basis
        self.run = run
        self._examined = examined

    def changes(self, since: datetime) -> tuple[str, ...]:
        """What is known to have been changed since a time, a clause each."""
        found = (
            f"{step.preview.step.target}{by}"
            for step in self._examined
            if step.item is not None and (by := is_changed_after(step.item, since))
        )
        failures = (str(step.preview.failure) for step in self._examined if step.preview.failure)
        return tuple(dict.fromkeys([*found, *failures]))

    def marks(self) -> dict[Key, Mark]:
        """The objects as they were looked at, by what names them."""
        return {
            step.preview.step.target.key: mark(step.item)
            for step in self._examined
            if step.item is not None and step.preview.step.target is not None
        }


def _view(plan: Plan, target: Target, entries: Iterable[Entry], options: Options, now: datetime) -> _View:
    require_valid(plan)
    require_no_secret(plan)
    identity = target.identity()
    run = latest(tuple(entries), plan, identity.uid)
    applied = ""
    if run and run.state is RunState.COMPLETE:
        applied, run = f"run {run.id}, {run.begun.time:%Y-%m-%d %H:%M} UTC, by {', '.join(run.by)}", None
    if run:
        settle(run, target, patience=options.patience)
    permissions = preflight.check(plan, target)
    missing = {
        number: [check.permission for check in checks if check.allowed is False]
        for number, checks in permissions.items()
    }
    examination = Examination(plan, target, run, identity.simulated, options.by_hand, missing)
    examined = [examination.step(number) for number in range(1, len(plan.steps) + 1)]
    # A cluster that does not answer gets no confirmation: what the plan says is enough to be shown.
    stated = options.impact(plan) if options.impact and identity.uid else plan.impact
    impact = tuple(dict.fromkeys([*stated, *(line for step in examined for line in step.effects)]))
    basis = gate.Basis(
        cluster=identity.uid,
        plan=(plan.digest, options.direct, sorted(options.by_hand), options.undoes, run.id if run else ""),
        objects=[step.state for step in examined],
        impact=impact,
    )
    flat = tuple(dict.fromkeys(check for checks in permissions.values() for check in checks))
    shown = Preview(
        plan=plan,
        cluster=identity,
        taken_at=now,
        steps=tuple(step.preview for step in examined),
        impact=impact,
        permissions=flat,
        resumes=run.id if run else "",
        applied=applied,
    )
    found = tuple(blockers(shown, run, options))
    if found:
        return _View(replace(shown, blockers=found), basis, examined, run)
    issued = replace(shown, confirm=basis.confirmation(now), expires=now + options.valid_for)
    return _View(issued, basis, examined, run)


def _carry_out(view: _View, target: Target, confirm: str, log: Log, options: Options) -> Outcome:
    shown = view.preview
    begin = Begin(
        cluster=shown.cluster,
        confirm=confirm,
        tool=__version__,
        plan_digest=shown.plan.digest,
        direct=options.direct,
        ticket=options.ticket,
        undoes=options.undoes,
    )
    run = _begun(view, begin, log)
    write_settled(run, log)
    outcomes = Execution(shown.plan, target, run, log, options, view.marks()).steps()
    status = _status(outcomes)
    answers = ask_all(shown.plan.verify, target, options) if status is ChangeStatus.APPLIED else ()
    if answers:
        log.append(Event.VERIFIED, run=run.id, answers=answers)
    log.append(Event.ENDED, run=run.id, detail=status.value)
    return Outcome(status, shown, run.id, outcomes, answers, _next(status, run, outcomes, shown.cluster))


def _begun(view: _View, begin: Begin, log: Log) -> Run:
    plan = view.preview.plan
    if view.run is None:
        run_id = secrets.token_hex(6)
        with_plan = msgspec.structs.replace(begin, plan=plan)
        entry = log.append(Event.BEGUN, run=run_id, begin=with_plan)
        return Run(run_id, entry, with_plan, plan, by=(begin.cluster.username,))
    log.append(Event.RESUMED, run=view.run.id, begin=begin)
    view.run.by = tuple(dict.fromkeys((*view.run.by, begin.cluster.username)))
    return view.run


def _status(outcomes: Sequence[StepOutcome]) -> ChangeStatus:
    states = {outcome.state for outcome in outcomes}
    if states == {StepState.DONE}:
        return ChangeStatus.APPLIED
    return ChangeStatus.IN_DOUBT if StepState.IN_DOUBT in states else ChangeStatus.STOPPED


def _next(status: ChangeStatus, run: Run, outcomes: Sequence[StepOutcome], cluster: ClusterIdentity) -> tuple[str, ...]:
    """How to go on and how to take back, where there is anything to."""
    by_hand = [outcome.number for outcome in outcomes if outcome.state is StepState.BY_HAND]
    ways = []
    if by_hand:
        ways.append(f"Run the commands of step {by_hand[0]}, then go on: the same again with --done {by_hand[0]}.")
    elif status is not ChangeStatus.APPLIED:
        ways.append("To go on: preview the same plan again, and confirm what is left of it.")
    if can_be_taken_back(run):
        place = ("--lab-dir", cluster.server.removeprefix("lab ")) if cluster.simulated else ("--context", "NAME")
        ways.append(f"To take back what was done: k8srun plan undo --run {run.id} {shlex.join(place)}")
    return tuple(ways)
