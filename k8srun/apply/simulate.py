"""What a step makes of an object as far as that can be told without a server: no defaults, no admission."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from k8srun.apply.target import ApiObject, Request
from k8srun.jsonpatch import patched
from k8srun.plan import Action


def afterwards(request: Request, item: ApiObject | None) -> ApiObject | None:
    """The object once a request is carried out; None once it is deleted.

    Raises:
        PatchError: the operations do not fit the object.
    """
    if request.action is Action.DELETE:
        return None
    if request.action is Action.CREATE or item is None:
        return deepcopy(dict(request.body or {}))
    if request.action is Action.APPLY:
        return merged(item, request.body or {})
    changed: ApiObject = patched(item, request.operations)
    return changed


def merged(item: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` merged into `item` as server-side apply does for most kinds: lists of named entries by name."""
    whole = dict(item)
    for key, value in fields.items():
        old: Any = whole.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            whole[key] = merged(old, value)
        elif _is_named(value) and _is_named(old):
            entries = {entry["name"]: entry for entry in old}
            for entry in value:
                entries[entry["name"]] = merged(entries.get(entry["name"], {}), entry)
            whole[key] = list(entries.values())
        else:
            whole[key] = deepcopy(value)
    return whole


def _is_named(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(entry, Mapping) and isinstance(entry.get("name"), str) for entry in value)
    )
