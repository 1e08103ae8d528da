"""Objects without their secrets, to be compared, shown and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.jsonpatch import equal, find, tokens
from k8srun.marks import Mark, last_writer, mark_of
from k8srun.plan import Plan, Step
from k8srun.snapshot import JsonObject
from k8srun.sources.reduce import reduce_object
from k8srun.text import visible

_LONGEST_VALUE = 200
_SECRET = "a secret value"  # noqa: S105 - stands for one


def reduced(item: Mapping[str, Any]) -> JsonObject:
    """A copy of an object as a snapshot would hold it."""
    return reduce_object(deepcopy(dict(item)))


def mark(item: Mapping[str, Any]) -> Mark:
    """The mark of an object as the server wrote it."""
    return mark_of(reduced(item))


def is_changed_after(item: Mapping[str, Any], moment: datetime) -> str:
    """` was changed by NAME at TIME` if the object says that it was changed since, its status apart; else empty."""
    by = last_writer(item)
    if not by:
        return ""
    when = datetime.fromisoformat(by.rpartition(" ")[2])
    return f" was changed{by}" if when >= moment else ""


def require_no_secret(plan: Plan) -> None:
    """Raises InputError when a plan would write what looks secret: it is kept in files and in the journal."""
    for number, step in enumerate(plan.steps, 1):
        if any(not equal(item, dict(reduced(item))) for item in _what_is_written(step)):
            raise InputError(
                f"step {number} ({visible(str(step), limit=200)}) holds a value that looks secret; a plan holds none",
                do="Name a file in its place: from_files for a Secret, tokenFile or client-key in a kubeconfig.",
            )


def _what_is_written(step: Step) -> Iterator[dict[str, Any]]:
    body = dict(step.body or {})
    if body.get("kind") == "Secret":
        body.pop("kind")  # reducing one gives it `data`; that a plan's has none is a rule of its form
    yield body
    for operation in step.patch:
        if operation["op"] in {"add", "replace"}:
            # The keys on the way say what it is, as they do in the object.
            value = operation["value"]
            for key in reversed(tokens(operation["path"])):
                value = {key: value}
            yield value


def is_secret(item: Mapping[str, Any], path: str) -> bool:
    """Whether what is at a path of an object holds a secret."""
    return not equal(find(item, path), find(dict(reduced(item)), path))


def shown(item: Mapping[str, Any], path: str) -> str:
    """What is at a path of an object, in words that may be shown."""
    value = find(item, path)
    if value is None:
        return "nothing"
    return _SECRET if is_secret(item, path) else visible(encode(value).decode(), limit=_LONGEST_VALUE)
