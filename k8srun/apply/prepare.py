"""A step against the object as it is now: the request that does it, or why it cannot be done."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from k8srun.apply import edit
from k8srun.apply.lookup import manager_of, whole
from k8srun.apply.reducing import is_secret, reduced, shown
from k8srun.apply.refusals import failure
from k8srun.apply.runs import Run
from k8srun.apply.target import ApiObject, NotDone, Request, Target
from k8srun.change import Failure, FailureKind
from k8srun.codec import encode
from k8srun.jsonpatch import Operation, failed_tests, tokens
from k8srun.marks import change_since, last_writer
from k8srun.plan import Action, ObjectRef, Plan, Step
from k8srun.text import visible


@dataclass(frozen=True, slots=True)
class Prepared:
    """One step that changes the cluster, against what is there.

    Attributes:
        item: the object as it is, secrets included; None if there is none.
        request: what does the step; None if it cannot be made up, for `failure` or `waits_for`.
        failure: why the step cannot be done.
        waits_for: number of the earlier step, not done yet, that creates the object, or deletes the one of its name;
            0 if none has to.
    """

    ref: ObjectRef
    item: ApiObject | None = None
    request: Request | None = None
    failure: Failure | None = None
    waits_for: int = 0


def prepare(plan: Plan, number: int, target: Target, run: Run | None, run_id: str) -> Prepared:
    """Read the object of a step and hold it against what the step expects.

    Args:
        run: what is known of the run so far; None for a new one.
        run_id: its id; of a new one, what it will be.

    Raises:
        NotDone: the object cannot be read.
    """
    step = plan.steps[number - 1]
    if step.target is None:
        raise ValueError(f"step {number} is about no object of the cluster")
    ref = step.target
    if not ref.uid and step.action is not Action.CREATE:
        made = run.created(ref) if run else None
        if made is None:
            return Prepared(ref, waits_for=_creator(plan, ref))
        ref = replace(ref, uid=made.uid)
    item = _read(step, ref, target)
    if item and step.action is Action.CREATE and (deletes := _deleted_before(plan, number, ref, run)):
        return Prepared(ref, item, waits_for=deletes)
    # What this run has itself made of the object since is no change by somebody else.
    mark = (run.left(ref) if run else None) or step.mark if step.mark else None
    found = _expectations(replace(step, mark=mark), ref, item)
    if found:
        return Prepared(ref, item, failure=found)
    version = (item or {}).get("metadata", {}).get("resourceVersion") or ""
    request = Request(step.action, ref, manager_of(run_id, number), version, step.body, step.patch)
    try:
        return Prepared(ref, item, _completed(plan, step, request, run))
    except NotDone as error:
        return Prepared(ref, item, failure=error.failure)
    except _Waits as error:
        return Prepared(ref, item, waits_for=error.number)


def _read(step: Step, ref: ObjectRef, target: Target) -> ApiObject | None:
    try:
        return target.read(whole(ref))
    except NotDone as error:
        if step.action is Action.CREATE and error.failure.kind is FailureKind.FORBIDDEN:
            return None  # to be shown, the object to create is enough; the missing permission is reported
        raise


class _Waits(Exception):  # noqa: N818 - says what for
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _creator(plan: Plan, ref: ObjectRef) -> int:
    return next(
        number
        for number, step in enumerate(plan.steps, 1)
        if step.action is Action.CREATE and step.target is not None and step.target.key == ref.key
    )


def _deleted_before(plan: Plan, number: int, ref: ObjectRef, run: Run | None) -> int:
    """The earlier step, not done yet, that deletes the object of that name; 0 if none does."""
    for earlier, step in enumerate(plan.steps[: number - 1], 1):
        done = run is not None and run.is_done(earlier)
        if step.action is Action.DELETE and step.target is not None and step.target.key == ref.key and not done:
            return earlier
    return 0


def _expectations(step: Step, ref: ObjectRef, item: ApiObject | None) -> Failure | None:
    """What of a step's expectations does not hold; None if all do."""
    if step.action is Action.CREATE:
        by = last_writer(item) if item else ""
        return failure(FailureKind.EXISTS, f"{ref} exists{f', written{by}' if by else ''}") if item else None
    if item is None:
        return failure(FailureKind.GONE, f"{ref} does not exist")
    if item["metadata"].get("uid") != ref.uid:
        return failure(FailureKind.CHANGED, f"{ref} was deleted and made again: it is another object")
    if step.mark is not None:
        changed = change_since(step.mark, reduced(item))
        if changed:
            return failure(FailureKind.CHANGED, f"{ref}: {changed}")
    return expected(step.patch, item, str(ref))


def expected(operations: tuple[Operation, ...], item: Mapping[str, Any], subject: str) -> Failure | None:
    """The failure that names every `test` that does not hold; None if all do."""
    failed = failed_tests(item, operations)
    if not failed:
        return None
    parts = [
        f"{path} is {shown(item, path)}, not {'what it was' if is_secret(item, path) else _value(wanted)}"
        for path, wanted, _found in failed
    ]
    return failure(FailureKind.CHANGED, f"{subject} was changed{last_writer(item)}: {'; '.join(parts)}")


def _value(value: object) -> str:
    return "nothing" if value is None else visible(encode(value).decode(), limit=200)


def _completed(plan: Plan, step: Step, request: Request, run: Run | None) -> Request:
    """A request with what a plan cannot hold: the content of local files, and the uid of what the plan creates."""
    if step.action in {Action.TOKEN, Action.CERTIFICATE}:
        edit.require_new(Path(step.path))
    if step.action is Action.TOKEN:
        return replace(request, body=_bound(plan, step, run))
    if not step.from_files:
        return request
    contents = {path: base64.b64encode(edit.read_value(Path(file))).decode() for path, file in step.from_files.items()}
    if step.action is Action.CREATE:
        return replace(request, body=_filled(step.body or {}, contents))
    added = tuple({"op": "add", "path": path, "value": value} for path, value in contents.items())
    return replace(request, operations=(*request.operations, *added))


def _filled(body: Mapping[str, Any], contents: Mapping[str, str]) -> dict[str, Any]:
    filled = deepcopy(dict(body))
    for path, value in contents.items():
        *parents, last = tokens(path)
        place = filled
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return filled


def _bound(plan: Plan, step: Step, run: Run | None) -> dict[str, Any]:
    """The TokenRequest bound to the very Secret that the plan has created."""
    body = deepcopy(dict(step.body or {}))
    bound = body["spec"]["boundObjectRef"]
    namespace = step.target.namespace if step.target else ""
    secret = ObjectRef("v1", bound["kind"], bound["name"], namespace)
    made = run.created(secret) if run else None
    if made is None:
        raise _Waits(_creator(plan, secret))
    bound["uid"] = made.uid
    return body
