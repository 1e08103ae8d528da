"""The state of one object as it was seen, without its content: enough to tell later whether somebody changed it.

Controllers write an object's status all the time, and that is no change in this sense.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from k8srun.codec import canonical

# Written by the server with every request, or repeated elsewhere in the object.
_BOOKKEEPING = frozenset(
    {
        *("uid", "resourceVersion", "generation", "managedFields", "selfLink"),
        *("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"),
    }
)
# Of the pods of a Job.
_JOBS_LABELS = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)
# Written by the Deployment controller together with the status.
_CONTROLLERS_ANNOTATIONS = frozenset({"deployment.kubernetes.io/revision"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What identifies one state of one object.

    Attributes:
        uid, resource_version, generation: as the server counts; generation only for kinds that have one.
        content: SHA-256 of what people write into the reduced object. It holds no secret, since the object holds none.
    """

    uid: str
    resource_version: str = ""
    generation: int | None = None
    content: str = ""


def mark_of(item: Mapping[str, Any]) -> Mark:
    """The mark of a reduced object."""
    metadata = item.get("metadata") or {}
    return Mark(
        uid=metadata.get("uid") or "",
        resource_version=metadata.get("resourceVersion") or "",
        generation=metadata.get("generation"),
        content=hashlib.sha256(canonical(written(item))).hexdigest(),
    )


def state_of(item: Mapping[str, Any]) -> Mark:
    """The mark of a reduced object as it stays while nobody but controllers write to it."""
    mark = mark_of(item)
    return replace(mark, resource_version="") if "status" in item else mark


def authored(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object without its status and the server's bookkeeping."""
    kept = {name: value for name, value in item.items() if name != "status"}
    if item.get("metadata"):
        kept["metadata"] = {name: value for name, value in item["metadata"].items() if name not in _BOOKKEEPING}
    return kept


def written(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object as `authored`, also without what controllers annotate: what its authors wrote, and defaults."""
    kept = authored(item)
    metadata = kept.get("metadata") or {}
    annotations = metadata.pop("annotations", None) or {}
    by_authors = {name: value for name, value in annotations.items() if name not in _CONTROLLERS_ANNOTATIONS}
    if by_authors:
        metadata["annotations"] = by_authors
    return kept


def made_again(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object as `written`, to be created once more: a server refuses a Job with what it made up for the old one."""
    kept = written(item)
    if item.get("kind") == "Job" and not (item.get("spec") or {}).get("manualSelector"):
        spec: dict[str, Any] = deepcopy(kept.get("spec") or {})
        spec.pop("selector", None)
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        for name in _JOBS_LABELS & labels.keys():
            del labels[name]
        kept["spec"] = spec
    return kept


def change_since(mark: Mark, item: Mapping[str, Any] | None) -> str:
    """What happened to an object since it was marked, in a clause (`it was deleted`); empty if nothing did.

    Args:
        item: the reduced object as it is now; None if there is none.
    """
    if item is None:
        return "it was deleted"
    now = mark_of(item)
    if now.uid != mark.uid:
        return f"it was deleted and made again (its uid is {now.uid}, not {mark.uid})"
    if now.resource_version == mark.resource_version:
        return ""
    # A kind without a status is written by nobody but people: any new version of it is a change.
    if "status" in item and (now.generation, now.content) == (mark.generation, mark.content):
        return ""
    return f"it was changed{last_writer(item)}"


def last_writer(item: Mapping[str, Any]) -> str:
    """` by NAME at TIME` of the latest change that was not one of the status; empty if the object does not say."""
    entries = [
        entry
        for entry in (item.get("metadata") or {}).get("managedFields") or ()
        if entry.get("subresource") != "status" and entry.get("time")
    ]
    if not entries:
        return ""
    latest = max(entries, key=lambda entry: str(entry["time"]))
    return f" by {latest.get('manager') or 'somebody'} at {latest['time']}"
