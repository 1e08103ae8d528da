"""Reading objects that may have any shape: a manifest is written by people, and nothing has validated it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def at(value: object, *path: str) -> Any:
    """What stands at the end of a path of keys; None where one of them is missing."""
    for key in path:
        value = mapping(value).get(key)
    return value


def entries(value: object) -> tuple[Mapping[str, Any], ...]:
    """The mappings in a list; empty when it is no list."""
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list | tuple) else ()


def text(value: object) -> str:
    """The value if it is a string, `true` and `false` for a boolean, else empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""
