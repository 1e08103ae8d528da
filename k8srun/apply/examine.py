"""What applying a plan would do now: every step held against the cluster, and judged by the server where that is
possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from k8srun.apply import edit
from k8srun.apply.effects import effects
from k8srun.apply.ownership import owner_of
from k8srun.apply.prepare import Prepared, expected, prepare
from k8srun.apply.reducing import reduced
from k8srun.apply.runs import Run
from k8srun.apply.simulate import afterwards
from k8srun.apply.target import ApiObject, InDoubt, NotDone, Request, Target
from k8srun.change import Failure, FailureKind, StepPreview, Validation, diff_lines
from k8srun.jsonpatch import PatchError, patched
from k8srun.marks import state_of
from k8srun.permission import Permission
from k8srun.plan import Action, ObjectRef, Plan, Step

_UNHEARD = frozenset({FailureKind.UNREACHABLE, FailureKind.LOST, FailureKind.BUSY})
"""Failures of a dry run that say nothing about the step itself."""
_MAY_NEED_EARLIER = frozenset({FailureKind.GONE, FailureKind.FORBIDDEN})
"""Failures of a dry run that an object may mend which an earlier step creates: a namespace, a role."""


@dataclass(frozen=True, slots=True)
class Examined:
    """One step as it stands.

    Attributes:
        item: the object as it is, secrets included.
        state: what a confirmation of this step is bound to.
        effects: what the step brings about besides, a sentence each.
    """

    preview: StepPreview
    item: ApiObject | None = None
    state: object = None
    effects: tuple[str, ...] = ()


@dataclass(slots=True)
class Examination:
    """Examines the steps of one plan in their order.

    Attributes:
        run: the unfinished run that would be gone on with, if there is one.
        missing: permissions that the caller is known not to hold, by step.
    """

    plan: Plan
    target: Target
    run: Run | None
    simulated: bool
    by_hand: frozenset[int]
    missing: Mapping[int, Sequence[Permission]] = field(default_factory=dict)

    def step(self, number: int) -> Examined:
        """One step. Raises nothing: why it cannot be done stands in its preview."""
        step = self.plan.steps[number - 1]
        if self._is_done(number, step):
            return self._already_done(number, step)
        if step.action is Action.HOST:
            return Examined(StepPreview(number, step, Validation.BY_HAND), state="by hand")
        try:
            if step.action is Action.KUBECONFIG:
                return _kubeconfig(number, step)
            run_id = self.run.id if self.run else "preview"
            prepared = prepare(self.plan, number, self.target, self.run, run_id)
        except NotDone as error:
            return Examined(StepPreview(number, step, Validation.NONE, failure=error.failure))
        return self._of_cluster(number, step, prepared)

    def _is_done(self, number: int, step: Step) -> bool:
        said = step.action is Action.HOST and number in self.by_hand
        return said or (self.run is not None and self.run.is_done(number))

    def _already_done(self, number: int, step: Step) -> Examined:
        note = "done by hand"
        if self.run and self.run.is_done(number):
            record = self.run.steps[number]
            note = f"in run {self.run.id}, {record.last.time:%Y-%m-%d %H:%M:%S} UTC"
        return Examined(StepPreview(number, step, Validation.DONE, note), state="done")

    def _of_cluster(self, number: int, step: Step, prepared: Prepared) -> Examined:
        item, request = prepared.item, prepared.request
        owner = owner_of(item) if item else None
        preview = StepPreview(number, step, Validation.NONE, owner=owner, failure=prepared.failure)
        state: dict[str, object] = {"mark": state_of(reduced(item)) if item else None, "ref": prepared.ref}
        if prepared.waits_for:
            note = f"waits for what step {prepared.waits_for} does"
            return Examined(replace(preview, note=note, diff=self._expected(step, prepared)), item, state)
        if request is None:
            return Examined(preview, item, state)
        if step.from_files:  # their content is part of what is confirmed, and nothing of it is shown
            state["request"] = (request.body, request.operations)
        if step.action is Action.TOKEN:
            return Examined(replace(preview, note="a dry run would issue a token that is valid"), item, state)
        if step.action is Action.CERTIFICATE:
            return Examined(replace(preview, note="waits for the certificate and writes it"), item, state)
        judged, after = self._judge(preview, prepared, request)
        if judged.failure:
            return Examined(judged, item, state)
        return self._shown(judged, prepared.ref, item, after, state)

    def _expected(self, step: Step, prepared: Prepared) -> tuple[str, ...]:
        """The diff of a step whose turn comes once an earlier one is done, by what the plan says of that one."""
        if step.action is Action.TOKEN:
            return ()
        ref = prepared.ref
        before = None if step.action is Action.CREATE else dict(self.plan.steps[prepared.waits_for - 1].body or {})
        try:
            after = afterwards(Request(step.action, ref, "", body=step.body, operations=step.patch), before)
        except PatchError:
            return ()
        sides = [reduced(side) if side else None for side in (before, after)]
        return (*diff_lines(*sides, status=bool(ref.subresource)), *_file_lines(step))

    def _judge(
        self, preview: StepPreview, prepared: Prepared, request: Request
    ) -> tuple[StepPreview, ApiObject | None]:
        """The dry run where the caller may write, else what can be told without the server."""
        note = "the caller may not do this" if self.missing.get(preview.number) else ""
        if not note:
            try:
                # Of any version: what matters is that the step fits, and the gate knows of changes.
                written = self.target.write(replace(request, resource_version=""), dry_run=True)
            except (NotDone, InDoubt) as error:
                note = self._unheard(preview.number, error.failure)
                if not note:
                    return replace(preview, failure=error.failure), None
            else:
                validation = Validation.SIMULATED if self.simulated else Validation.SERVER
                return replace(preview, validation=validation, warnings=written.warnings), written.item
        try:
            after = afterwards(request, prepared.item)
        except PatchError as error:
            return replace(preview, failure=Failure(FailureKind.CHANGED, str(error))), None
        return replace(preview, validation=Validation.CLIENT, note=note), after

    def _unheard(self, number: int, found: Failure) -> str:
        """Why a failed dry run says nothing about the step; empty if it does."""
        if found.kind in _UNHEARD:
            return found.detail
        creates = [
            earlier
            for earlier, step in enumerate(self.plan.steps[: number - 1], 1)
            if step.action is Action.CREATE and not self._is_done(earlier, step)
        ]
        if found.kind in _MAY_NEED_EARLIER and creates:
            return f"it may need what step {', '.join(map(str, creates))} creates: {found.detail}"
        return ""

    def _shown(
        self, preview: StepPreview, ref: ObjectRef, item: ApiObject | None, after: ApiObject | None, state: object
    ) -> Examined:
        old, new = reduced(item) if item else None, reduced(after) if after else None
        lines = [*diff_lines(old, new, status=bool(ref.subresource)), *_file_lines(preview.step)]
        shown = replace(preview, diff=tuple(lines))
        try:
            return Examined(shown, item, state, tuple(effects(ref, old, new)))
        except (AttributeError, KeyError, TypeError):  # no server has judged it
            misshapen = Failure(FailureKind.INVALID, f"{ref} would not have the shape of its kind")
            return Examined(replace(shown, failure=misshapen), item, state)


def _file_lines(step: Step) -> list[str]:
    return [f"+{path}: the content of {file}" for path, file in sorted(step.from_files.items())]


def _kubeconfig(number: int, step: Step) -> Examined:
    view = edit.read_view(Path(step.path))
    found = expected(step.patch, view, step.path)
    preview = StepPreview(number, step, Validation.LOCAL, failure=found)
    if found:
        return Examined(preview, state=view)
    try:
        after: dict[str, Any] = patched(view, step.patch)
    except PatchError as error:
        return Examined(replace(preview, failure=Failure(FailureKind.CHANGED, f"{step.path}: {error}")))
    return Examined(replace(preview, diff=diff_lines(reduced(view), reduced(after))), state=view)
