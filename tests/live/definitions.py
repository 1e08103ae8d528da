"""CustomResourceDefinitions for the tests: kinds whose objects may hold anything."""

from __future__ import annotations

from typing import Any

from tests.controlplane.cluster import ControlPlane

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(group: str, kind: str) -> dict[str, Any]:
    """A namespaced kind, `v1`."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    name = kind.lower()
    return {
        "metadata": {"name": f"{name}s.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": f"{name}s", "singular": name, "kind": kind, "listKind": f"{kind}List"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}],
        },
    }


def serve(control_plane: ControlPlane, group: str, kind: str) -> str:
    """Have a server serve a kind; the name of its definition."""
    made = definition(group, kind)
    control_plane.create(DEFINITIONS, made)
    path = f"/apis/{group}/v1/{made['spec']['names']['plural']}"
    control_plane.wait_until(f"{kind} to be served", lambda: control_plane.request("GET", path)[0] == 200)
    return made["metadata"]["name"]
