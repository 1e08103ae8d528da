"""The vocabulary as JSON and back. One place, so that every file and every `-o json` spells things alike.

Dataclasses become objects, tuples arrays, times RFC 3339 in UTC, bytes base64; enumerations their values.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from k8srun.errors import InputError
from k8srun.kinds import Kind

T = TypeVar("T")


def encode(value: object) -> bytes:
    """`value` as compact JSON."""
    return msgspec.json.encode(value)


def canonical(value: object) -> bytes:
    """As `encode`, with the keys of every object in order: equal values give equal bytes, to hash or to sign."""
    return msgspec.json.encode(value, order="deterministic")


def pretty(value: object) -> str:
    """`value` as indented JSON for files that people read."""
    return msgspec.json.format(encode(value), indent=2).decode()


def document(schema: str, value: object) -> dict[str, Any]:
    """The fields of a dataclass with its `schema` in front: what `-o json` prints.

    Args:
        schema: `k8srun.dev/<command>/v1`.
    """
    return {"schema": schema, **msgspec.to_builtins(value)}


def decode(data: bytes | str, kind: type[T], *, where: str = "") -> T:
    """JSON read as a value of type `kind`; unknown fields are passed over.

    Raises:
        InputError: it is not JSON or not of that type; the message names the path within the document.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"cannot be read as {kind.__name__}: {error}", where=where) from None


def parse_json(data: bytes | str, *, where: str = "") -> Any:
    """JSON as plain values.

    Raises:
        InputError: it is not JSON.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"is not valid JSON: {error}", where=where) from None


def kind_from_text(text: str) -> Kind:
    """`Deployment.apps` → the kind; the reverse of `str(kind)`."""
    kind, _, group = text.partition(".")
    return Kind(group, kind)
