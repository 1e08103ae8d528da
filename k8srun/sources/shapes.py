"""What every analyzer relies on in an API object: checked where one enters, whatever it was read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from k8srun.kinds import RESOURCES, Kind


def wrong_shape(value: Mapping[str, Any], kind: Kind) -> str:
    """What keeps the server from accepting an object, as far as analyzers rely on it; empty if nothing does."""
    return next(_wrong_shapes(value, kind), "")


def _wrong_shapes(value: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    metadata = value.get("metadata")
    known = kind in RESOURCES
    if metadata is None and not known:
        return  # a configuration document, such as a KubeletConfiguration
    if not isinstance(metadata, dict):
        yield "metadata is missing or not a mapping"
        return
    if known and not metadata.get("name"):
        yield "metadata.name is missing"
    for name in ("name", "namespace"):
        if not isinstance(metadata.get(name), str | None):
            yield f"metadata.{name} is not a string"
    for name in ("labels", "annotations"):
        mapping = metadata.get(name) or {}
        if not isinstance(mapping, dict) or not all(isinstance(item, str | None) for item in mapping.values()):
            yield f"metadata.{name} is not a mapping of strings (put numbers and booleans in quotes)"
    for name in ("spec", "status"):
        if known and not isinstance(value.get(name), dict | None):
            yield f"{name} is not a mapping"
