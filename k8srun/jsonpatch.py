"""JSON Patch as the Kubernetes API server applies it, and the patch that takes one back.

Source: RFC 6902, RFC 6901, and evanphx/json-patch v4, which the API server uses. Where they differ the server's answer
stands: a `test` for null passes where the field is absent, `replace` sets a field that is absent, and numbers are equal
when they are written alike (`1` is not `1.0`). No fix needs `move`, `copy`, negative indexes or operations on the whole
document: they are refused.

No library does the second half of this module: saying which expectation failed and with what was found, and the
inverse of a patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

Operation = Mapping[str, Any]

OPERATIONS = frozenset({"add", "remove", "replace", "test"})
_ABSENT: Any = object()


class PatchError(ValueError):
    """An operation cannot be applied to the object; the message names operation and path."""


def escape(key: str) -> str:
    """A key as a token of a JSON Pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def pointer(*keys: str | int) -> str:
    """The JSON Pointer to a place: `pointer("metadata", "labels", "a/b")` is `/metadata/labels/a~1b`."""
    return "".join(f"/{escape(str(key))}" for key in keys)


def tokens(path: str) -> list[str]:
    """The keys of a JSON Pointer.

    Raises:
        PatchError: it is not one, or it is that of the whole document.
    """
    if not path.startswith("/"):
        raise PatchError(f"{path!r} is no JSON Pointer to a part of the object: it must begin with /")
    return [token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/")]


def find(value: Any, path: str, default: Any = None) -> Any:
    """What is at a path, or `default`."""
    for key in tokens(path):
        value = _child(value, key)
        if value is _ABSENT:
            return default
    return value


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: True is not 1, and 1 is not 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def problem(operation: object) -> str:
    """Why this is no operation of a JSON Patch; empty if it is one."""
    if not isinstance(operation, Mapping):
        return "an operation must be an object"
    kind = operation.get("op")
    if not isinstance(kind, str) or kind not in OPERATIONS:
        return f"there is no operation {kind!r}"
    if kind != "remove" and "value" not in operation:
        return f"{kind} has no value"
    if not isinstance(operation.get("path"), str):
        return f"{kind} has no path"
    try:
        tokens(operation["path"])
    except PatchError as error:
        return str(error)
    return ""


def patched(value: Any, operations: Sequence[Operation]) -> Any:
    """A copy of `value` with the operations applied.

    Raises:
        PatchError: one cannot be applied, or a `test` failed.
    """
    result = deepcopy(value)
    for operation in operations:
        _apply(result, operation)
    return result


def failed_tests(value: Any, operations: Sequence[Operation]) -> list[tuple[str, Any, Any]]:
    """The `test` operations that stand before any change and do not hold: path, what was expected, what is there."""
    failed = []
    for operation in operations:
        if operation["op"] != "test":
            break
        if not _holds(value, operation):
            failed.append((operation["path"], operation["value"], find(value, operation["path"])))
    return failed


def inverse(value: Any, operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """The patch that takes `operations` back, once they were applied to `value`.

    It first tests that what they left behind is still there. An index says nothing once somebody else has changed the
    list: so a list whose items change is tested whole, and of an item in which something changes its name, or the whole
    item if it has none.

    Raises:
        PatchError: they cannot be applied to `value`.
    """
    current = deepcopy(value)
    undo: list[Operation] = []
    touched: list[str] = []
    for operation in operations:
        if operation["op"] != "test":
            touched += _tested_paths(current, operation["path"])
            undo.insert(0, _undo_one(current, operation))
        _apply(current, operation)
    # What was below a field that is gone, or was replaced whole, is tested with that field.
    paths = [path for path in dict.fromkeys(touched) if not any(path.startswith(f"{other}/") for other in touched)]
    tests = [{"op": "test", "path": path, "value": deepcopy(find(current, path))} for path in paths]
    return (*tests, *undo)


def difference(old: Any, new: Any, path: str = "") -> list[Operation]:
    """Operations that make `new` of `old`, both objects. Lists are replaced whole."""
    operations: list[Operation] = []
    for key in sorted(old.keys() - new.keys()):
        operations.append({"op": "remove", "path": path + pointer(key)})
    for key in sorted(new):
        place = path + pointer(key)
        if key not in old:
            operations.append({"op": "add", "path": place, "value": new[key]})
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            operations += difference(old[key], new[key], place)
        elif not equal(old[key], new[key]):
            operations.append({"op": "replace", "path": place, "value": new[key]})
    return operations


def _child(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, _ABSENT)
    if isinstance(value, list) and _is_index(key) and int(key) < len(value):
        return value[int(key)]
    return _ABSENT


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and (key == "0" or not key.startswith("0"))


def _parent(value: Any, path: str, kind: str) -> tuple[Any, str]:
    *before, last = tokens(path)
    parent = find(value, pointer(*before), _ABSENT) if before else value
    if not isinstance(parent, dict | list):
        raise PatchError(f"{kind} {path}: there is nothing at {pointer(*before) or 'the root'}")
    return parent, last


def _position(items: list[Any], key: str, path: str, kind: str) -> int:
    """The index that a token names; for add also the one behind the last, as a number or `-`."""
    if key == "-" and kind == "add":
        return len(items)
    if not _is_index(key) or int(key) > len(items) - (kind != "add"):
        raise PatchError(f"{kind} {path}: the list has {len(items)} items")
    return int(key)


def _apply(value: Any, operation: Operation) -> None:
    kind, path = operation["op"], operation["path"]
    if kind == "test":
        if not _holds(value, operation):
            raise PatchError(f"test {path}: it is not what was expected")
    else:
        _put(value, kind, path, deepcopy(operation.get("value")))


def _holds(value: Any, operation: Operation) -> bool:
    """Whether a `test` passes: also one for null where an object could have the field and has not."""
    *before, last = tokens(operation["path"])
    parent = find(value, pointer(*before), _ABSENT) if before else value
    found = _child(parent, last)
    if found is _ABSENT:
        return isinstance(parent, dict) and operation["value"] is None
    return equal(found, operation["value"])


def _put(value: Any, kind: str, path: str, new: Any) -> None:
    parent, key = _parent(value, path, kind)
    if isinstance(parent, list):
        index = _position(parent, key, path, kind)
        if kind == "add":
            parent.insert(index, new)
        elif kind == "remove":
            del parent[index]
        else:
            parent[index] = new
    elif kind == "remove":
        if key not in parent:
            raise PatchError(f"remove {path}: there is nothing there")
        del parent[key]
    else:
        parent[key] = new


def _undo_one(value: Any, operation: Operation) -> Operation:
    """What takes back one operation that is about to be applied to `value`."""
    kind, path = operation["op"], operation["path"]
    parent, key = _parent(value, path, kind)
    old = _child(parent, key)
    if kind == "remove":
        return {"op": "add", "path": path, "value": deepcopy(old)}
    if kind == "add" and isinstance(parent, list):
        return {"op": "remove", "path": _exact(value, path)}
    if old is _ABSENT:
        return {"op": "remove", "path": path}
    return {"op": "replace", "path": path, "value": deepcopy(old)}


def _exact(value: Any, path: str) -> str:
    """`path` with a final `-` replaced by the index that it stands for."""
    parent, key = _parent(value, path, "add")
    return path[:-1] + str(len(parent)) if key == "-" else path


def _tested_paths(value: Any, path: str) -> list[str]:
    """What the inverse tests for an operation at `path`."""
    keys = tokens(path)
    tested: list[str] = []
    for depth in range(1, len(keys)):
        parent = find(value, pointer(*keys[:depth]))
        if not isinstance(parent, list):
            continue
        if depth == len(keys) - 1:
            return [*tested, pointer(*keys[:depth])]
        item = pointer(*keys[: depth + 1])
        if not isinstance(find(value, f"{item}/name"), str) or keys[depth + 1] == "name":
            return [*tested, item]
        tested.append(f"{item}/name")
    return [*tested, path]
