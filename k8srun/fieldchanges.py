"""How two JSON objects differ, field by field, as a person would say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from k8srun.jsonpatch import equal, pointer


class Change(StrEnum):
    """What happened to a field, or to what holds it."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field. `path` is a JSON Pointer in which items of a list are called by their name where they have one
    (`/spec/containers/web/image`); `old` is None for an added field, `new` for a removed one.
    """

    path: str
    change: Change
    old: Any = None
    new: Any = None


Path = tuple[str | int, ...]

_HEARTBEATS = frozenset({"lastHeartbeatTime", "lastProbeTime"})
# What tells the items of a list apart, in the order in which it is tried: containers, conditions, tolerations.
_IDENTITIES = ("name", "type", "key", "ip")


def field_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], noise: frozenset[tuple[str, ...]] = frozenset()
) -> Iterator[FieldChange]:
    """The fields that differ, in the order of the old object and then of the new one. Null is as good as absent.

    Args:
        noise: paths that are passed over with all that is in them.
    """
    yield from _mapping(old, new, (), noise)


def _mapping(
    old: Mapping[Any, Any], new: Mapping[Any, Any], path: Path, noise: frozenset[tuple[str, ...]]
) -> Iterator[FieldChange]:
    for key in dict.fromkeys((*old, *new)):
        here = (*path, key)
        if here not in noise and key not in _HEARTBEATS:
            yield from _value(old.get(key), new.get(key), here, noise)


def _value(old: Any, new: Any, path: Path, noise: frozenset[tuple[str, ...]]) -> Iterator[FieldChange]:
    if equal(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(old, new, path, noise)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list(old, new, path, noise)
    else:
        change = Change.ADDED if old is None else Change.REMOVED if new is None else Change.CHANGED
        yield FieldChange(pointer(*path), change, old, new)


def _list(old: list[Any], new: list[Any], path: Path, noise: frozenset[tuple[str, ...]]) -> Iterator[FieldChange]:
    if not any(isinstance(item, dict | list) for item in (*old, *new)):
        yield FieldChange(pointer(*path), Change.CHANGED, old, new)
        return
    for identity in _IDENTITIES:
        named = [_by(identity, items) for items in (old, new)]
        if named[0] is not None and named[1] is not None:
            yield from _mapping(named[0], named[1], path, noise)
            return
    yield from _unnamed(old, new, path, noise)


def _by(identity: str, items: list[Any]) -> dict[str, Any] | None:
    """The items by what identifies them; None when that is missing or not unique."""
    found = [item.get(identity) if isinstance(item, Mapping) else None for item in items]
    names = [name for name in found if isinstance(name, str)]
    if len(names) < len(items) or len(set(names)) < len(names):
        return None
    return dict(zip(names, items, strict=True))


def _unnamed(old: list[Any], new: list[Any], path: Path, noise: frozenset[tuple[str, ...]]) -> Iterator[FieldChange]:
    """Items without a name (the rules of a Role): equal ones are the same wherever they stand, others pair in order."""
    left = _without(old, new)
    right = _without(new, old)
    for (position, item), (_, other) in zip(left, right, strict=False):
        yield from _value(item, other, (*path, position), noise)
    for position, item in left[len(right) :]:
        yield FieldChange(pointer(*path, position), Change.REMOVED, item, None)
    for position, item in right[len(left) :]:
        yield FieldChange(pointer(*path, position), Change.ADDED, None, item)


def _without(items: list[Any], others: list[Any]) -> list[tuple[int, Any]]:
    """The items, with their positions, that have no equal one among the others, each of which counts once."""
    counts: dict[bytes, int] = {}
    for other in others:
        form = msgspec.json.encode(other, order="sorted")
        counts[form] = counts.get(form, 0) + 1
    rest = []
    for position, item in enumerate(items):
        form = msgspec.json.encode(item, order="sorted")
        if counts.get(form, 0):
            counts[form] -= 1
        else:
            rest.append((position, item))
    return rest
