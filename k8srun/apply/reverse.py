"""How one step is taken back, exactly: with what the server had before and has now."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from k8srun.apply.reducing import is_secret, mark, reduced
from k8srun.apply.target import ApiObject
from k8srun.jsonpatch import Operation, difference, equal, find
from k8srun.marks import authored, made_again
from k8srun.plan import Action, ObjectRef, Step


def reversed_step(step: Step, ref: ObjectRef | None, before: ApiObject | None, after: ApiObject | None) -> Step | None:
    """The step that takes `step` back; None if it cannot be taken back, or not without writing a secret down.

    Args:
        ref: the object with its uid, None for a local file.
        before, after: the object as it was and as the step left it; None where there was or is none, or where it is
            not known any more.
    """
    undo = step.undo
    if undo is None:
        return None
    again = replace(step, undo=None)
    if ref is None:
        return replace(undo, undo=again)
    if step.action is Action.CREATE and after is not None:
        made = replace(ref, uid=after["metadata"]["uid"])
        return replace(undo, target=made, mark=mark(after), undo=again)
    if step.action is Action.DELETE:
        return replace(undo, body=_body_again(undo, before), undo=again)
    if after is None:
        return None
    patch = _exact_tests(undo, after) if undo.patch else _back(before, after)
    return replace(undo, action=Action.PATCH, target=ref, body=None, patch=patch, undo=again) if patch else None


def _body_again(undo: Step, before: ApiObject | None) -> Any:
    """The deleted object as it was, where it held no secret; else as the snapshot had it."""
    if before is None:
        return undo.body
    whole = made_again(before)
    return whole if equal(whole, dict(made_again(reduced(before)))) else undo.body


def _exact_tests(undo: Step, after: ApiObject) -> tuple[Operation, ...]:
    """The undo's patch, its tests expecting what the server made of the values: it fills in defaults."""
    return tuple(
        {**operation, "value": deepcopy(find(after, operation["path"]))} if operation["op"] == "test" else operation
        for operation in undo.patch
        if operation["op"] != "test" or not is_secret(after, operation["path"])
    )


def _back(before: ApiObject | None, after: ApiObject) -> tuple[Operation, ...]:
    """What makes the object as it was of what a server-side apply has left; nothing if that needs a secret."""
    if before is None:
        return ()
    changes = difference(authored(after), authored(before))
    if any(is_secret(side, operation["path"]) for operation in changes for side in (before, after)):
        return ()
    tests = tuple(
        {"op": "test", "path": operation["path"], "value": deepcopy(find(after, operation["path"]))}
        for operation in changes
    )
    return (*tests, *changes)
