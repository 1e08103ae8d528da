"""The types of the fields of pods and workloads, reduced from the OpenAPI documents of a server.

`python -m tests.workloads.apitypes > k8srun/sources/apitypes.json` starts a control plane and writes them anew.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from k8srun.pods import TEMPLATE_PATHS
from tests.controlplane.cluster import ControlPlane


def reduced(plane: ControlPlane) -> dict[str, dict[str, str]]:
    """The structures of every kind with a pod template, each field with its type."""
    schemas: dict[str, Any] = {}
    for group in ("api/v1", "apis/apps/v1", "apis/batch/v1"):
        schemas |= plane.request("GET", f"/openapi/v3/{group}")[1]["components"]["schemas"]
    found: dict[str, dict[str, str]] = {}
    for kind in TEMPLATE_PATHS:
        _add(f"io.k8s.api.{kind.group or 'core'}.v1.{kind.kind}", schemas, found)
    return dict(sorted(found.items()))


def written(structures: Mapping[str, Mapping[str, str]]) -> str:
    """As the file has them: one structure a line."""
    lines = (f"{json.dumps(name)}: {json.dumps(fields, sort_keys=True)}" for name, fields in structures.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _add(name: str, schemas: Mapping[str, Any], found: dict[str, dict[str, str]]) -> str:
    short = name.rsplit(".", 1)[-1]
    fields = schemas[name].get("properties")
    if fields is not None and short not in found:
        found[short] = {}  # before its fields: it may hold itself
        found[short] |= {field: _type(schema, schemas, found) for field, schema in fields.items()}
    elif schemas[name].get("type") == "object" and fields is None and short != "FieldsV1":
        found.setdefault(short, {})  # a structure without fields
    return short


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any], found: dict[str, dict[str, str]]) -> str:
    schema = (schema.get("allOf") or (schema,))[0]
    if reference := schema.get("$ref"):
        return _add(reference.rsplit("/", 1)[-1], schemas, found)
    if schema["type"] == "array":
        return "[]" + _type(schema["items"], schemas, found)
    if schema["type"] == "object":
        return "{}" + _type(schema["additionalProperties"], schemas, found)
    return str(schema.get("format") or schema["type"])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, ControlPlane(Path(folder)) as running:
        sys.stdout.write(written(reduced(running)))
