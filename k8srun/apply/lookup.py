"""Was a request carried out whose answer never came? Look.

Every request has a field manager of its own, which the server writes into the object: found there, it was carried out.
One that only removes fields leaves no such trace: there the fields themselves tell.
"""

from __future__ import annotations

import time
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path

from k8srun.apply import edit
from k8srun.apply.journal import Entry
from k8srun.apply.target import ApiObject, NotDone, Target
from k8srun.jsonpatch import failed_tests
from k8srun.marks import last_writer
from k8srun.plan import Action, ObjectRef, Step

_POLL_SECONDS = 0.25


class Found(Enum):
    """What a look has shown."""

    DONE = auto()
    NOT_DONE = auto()
    UNKNOWN = auto()


Look = tuple[Found, ApiObject | None, str]
"""What was found, the object as it is, and how that is known."""


def manager_of(run: str, number: int) -> str:
    """The field manager of one step of one run."""
    return f"k8srun:{run}:{number}"


def whole(target: ObjectRef) -> ObjectRef:
    """The object itself where a reference is to a subresource of it."""
    return replace(target, subresource="")


def wrote(item: ApiObject | None, manager: str) -> bool:
    """Whether an object carries the trace of a request."""
    managed = ((item or {}).get("metadata") or {}).get("managedFields") or ()
    return any(entry.get("manager") == manager for entry in managed)


def look(
    step: Step,
    ref: ObjectRef | None,
    manager: str,
    intent: Entry,
    target: Target,
    *,
    patience: float,
) -> Look:
    """Whether a step was done.

    A request may still be on its way: only what is not there after `patience` seconds was not done. While the server
    does not answer nothing is known.

    Args:
        ref: the object, with its uid as far as it has one; None for a kubeconfig.
        intent: what the journal says of the object before the request was sent.
    """
    if step.action in {Action.TOKEN, Action.CERTIFICATE}:
        return _file(step)
    if ref is None:
        return _kubeconfig(step)
    end = time.monotonic() + patience
    while True:
        try:
            item = target.read(whole(ref))
        except NotDone as error:
            found: Look = (Found.UNKNOWN, None, str(error.failure))
        else:
            found = _judge(step, ref, manager, intent, item)
        if found[0] is Found.DONE or time.monotonic() >= end:
            return found
        time.sleep(_POLL_SECONDS)


def _judge(step: Step, ref: ObjectRef, manager: str, intent: Entry, item: ApiObject | None) -> Look:
    if step.action is Action.DELETE:
        return _judge_delete(ref, item)
    if item is None:
        return Found.NOT_DONE, None, "there is no such object"
    if wrote(item, manager):
        return Found.DONE, item, "the object carries the trace of this step"
    if step.action is Action.CREATE and item["metadata"].get("managedFields"):
        return Found.NOT_DONE, item, "there is one that carries no trace of this step"
    found, why = _judge_fields(step, ref, intent, item)
    return found, item, why


def _judge_fields(step: Step, ref: ObjectRef, intent: Entry, item: ApiObject) -> tuple[Found, str]:
    metadata = item["metadata"]
    if ref.uid and metadata.get("uid") != ref.uid:
        return Found.NOT_DONE, "the object was deleted and made again"
    if intent.before is not None and metadata.get("resourceVersion") == intent.before.resource_version:
        return Found.NOT_DONE, "the object is as it was"
    if _tests(intent.undo) and not failed_tests(item, intent.undo.patch if intent.undo else ()):
        return Found.DONE, "the fields are as this step leaves them"
    if _tests(step) and not failed_tests(item, step.patch):
        return Found.NOT_DONE, "the fields are as they were"
    return (
        Found.UNKNOWN,
        f"the object was changed{last_writer(item)}, and its fields are neither as before nor as wanted",
    )


def _tests(step: Step | None) -> bool:
    return step is not None and any(operation["op"] == "test" for operation in step.patch)


def _judge_delete(ref: ObjectRef, item: ApiObject | None) -> Look:
    if item is None or item["metadata"].get("uid") != ref.uid:
        return Found.DONE, item, "the object is gone"
    if item["metadata"].get("deletionTimestamp"):
        return Found.DONE, item, "the object is being deleted"
    return Found.NOT_DONE, item, "the object is still there"


def _file(step: Step) -> Look:
    """Whether the file of a token or certificate is there: it is written whole, and was not there before."""
    if Path(step.path).exists():
        return Found.DONE, None, f"{step.path} was written"
    lost = f"; a token may have been issued and lost. {step.irreversible}" if step.action is Action.TOKEN else ""
    return Found.NOT_DONE, None, f"{step.path} was not written{lost}"


def _kubeconfig(step: Step) -> Look:
    """Which of its two patches, forth or back, finds what it expects."""
    try:
        view = edit.read_view(Path(step.path))
    except NotDone as error:
        return Found.UNKNOWN, None, str(error.failure)
    if step.undo and not failed_tests(view, step.undo.patch):
        return Found.DONE, None, f"{step.path} holds what this step writes"
    if not failed_tests(view, step.patch):
        return Found.NOT_DONE, None, f"{step.path} is as it was"
    return Found.UNKNOWN, None, f"{step.path} is neither as it was nor as this step writes it"
