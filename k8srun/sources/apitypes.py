"""Manifests of pods and workloads held to the API's types: what a server would not decode is named by its path.

Source: the OpenAPI document of Kubernetes 1.37, reduced to `apitypes.json`: the fields of each structure with their
types, `[]T` a list, `{}T` a mapping of names to T.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from k8srun.clock import parse_time
from k8srun.errors import InputError
from k8srun.kinds import Kind
from k8srun.pods import json_type
from k8srun.snapshot import JsonObject, resource_name
from k8srun.text import visible
from k8srun.workloads.quantities import parse_quantity

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def check_fields(kind: Kind, item: JsonObject) -> None:
    """Every field of a pod, or of an object with a pod template, has the type that the API gives it.

    As for the server `null` is the same as absent. A field that the API does not have is refused as well, since it has
    no effect in a cluster; but not in the status: nobody writes it by hand, and a newer server has more there.

    Raises:
        InputError: one has another type, or is unknown; the path is named.
    """
    for path, what in _problems(item, kind.kind, ""):
        if not (what == _UNKNOWN and path.startswith("status.")):
            raise InputError(
                f"{visible(path, limit=300)}: {what}",
                where=resource_name(kind, item),
                do="`kubectl explain` shows what the field takes.",
            )


_UNKNOWN = "unknown field"


def _problems(value: Any, kind: str, path: str) -> Iterator[tuple[str, str]]:
    """The path of each field that is wrong, and what is wrong with it."""
    if value is None:
        return
    if kind.startswith("[]"):
        if not isinstance(value, list):
            yield path, _expected("a list", value)
            return
        for index, entry in enumerate(value):
            yield from _problems(entry, kind[2:], f"{path}[{index}]")
    elif kind.startswith("{}"):
        if not isinstance(value, Mapping):
            yield path, _expected("a mapping", value)
            return
        for key, entry in value.items():
            yield from _problems(entry, kind[2:], f"{path}[{key}]")
    elif kind in _SCALARS:
        expected, fits = _SCALARS[kind]
        if not fits(value):
            yield path, _expected(expected, value)
    else:
        yield from _structure(value, _structures()[kind], path)


def _structure(value: Any, fields: Mapping[str, str], path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, _expected("a mapping", value)
        return
    for key, entry in value.items():
        place = f"{path}.{key}" if path else str(key)
        if key in fields:
            yield from _problems(entry, fields[key], place)
        else:
            yield place, _UNKNOWN


@cache
def _structures() -> dict[str, dict[str, str]]:
    return msgspec.json.decode(
        files(__package__).joinpath("apitypes.json").read_bytes(), type=dict[str, dict[str, str]]
    )


def _integer(bits: int) -> Callable[[Any], bool]:
    limit = 1 << bits - 1
    return lambda value: type(value) is int and -limit <= value < limit


def _is_quantity(value: Any) -> bool:
    try:
        parse_quantity(value)
    except InputError:
        return False
    return isinstance(value, str | int | float)


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        parse_time(value, where="")
    except InputError:
        return False
    return True


_SCALARS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "int32": ("an integer of 32 bits", _integer(32)),
    "int64": ("an integer of 64 bits", _integer(64)),
    "IntOrString": ("an integer of 32 bits or a string", lambda value: isinstance(value, str) or _integer(32)(value)),
    "Quantity": ("a quantity", _is_quantity),
    "Time": ("a time", _is_time),
    "FieldsV1": ("anything", lambda value: True),
}


def _expected(what: str, value: Any) -> str:
    shown = f" ({visible(str(value), limit=80)})" if isinstance(value, int | float) else ""
    return f"expected {what}, got {json_type(value)}{shown}"
