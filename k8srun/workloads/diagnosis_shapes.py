"""Reading fields of objects that may be of any shape: what is not what the API has counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """The mapping at a path within a value; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> tuple[Mapping[str, Any], ...]:
    """The mappings of a list; empty where it is none."""
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, list | tuple) else ()


def text(entry: Mapping[str, Any], name: str) -> str:
    """A field that is a string; empty where it is none."""
    value = entry.get(name)
    return value if isinstance(value, str) else ""
