"""CustomResourceDefinitions for the tests: kinds whose objects may hold anything."""

from __future__ import annotations

from typing import Any

from k8srun.kinds import Resource
from tests.controlplane.cluster import ControlPlane

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def definition(resource: Resource) -> dict[str, Any]:
    """The definition of a kind, in the version that its users prefer."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    group, kind = resource.kind.group, resource.kind.kind
    version = {"name": resource.versions[0], "served": True, "storage": True}
    return {
        "metadata": {
            "name": f"{resource.plural}.{group}",
            # Without it the server takes no definition of a group below k8s.io.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": {
                "plural": resource.plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
            },
            "versions": [{**version, "schema": {"openAPIV3Schema": anything}}],
        },
    }


def serve(control_plane: ControlPlane, *resources: Resource) -> list[str]:
    """Have a server serve kinds; the names of their definitions."""
    made = [definition(resource) for resource in resources]
    for one in made:
        control_plane.create(DEFINITIONS, one)
    for resource in resources:
        path = resource.path(resource.versions[0])
        control_plane.wait_until(
            f"{resource.kind} to be served", lambda path=path: control_plane.request("GET", path)[0] == 200
        )
    return [one["metadata"]["name"] for one in made]
