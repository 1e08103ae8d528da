"""Objects without their secrets, to be compared, shown and kept."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from k8srun.codec import encode
from k8srun.jsonpatch import equal, find
from k8srun.marks import Mark, last_writer, mark_of
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


def is_secret(item: Mapping[str, Any], path: str) -> bool:
    """Whether what is at a path of an object holds a secret."""
    return not equal(find(item, path), find(dict(reduced(item)), path))


def shown(item: Mapping[str, Any], path: str) -> str:
    """What is at a path of an object, in words that may be shown."""
    value = find(item, path)
    if value is None:
        return "nothing"
    return _SECRET if is_secret(item, path) else visible(encode(value).decode(), limit=_LONGEST_VALUE)
