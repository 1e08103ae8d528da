"""RBAC objects and snapshots for tests, written as short as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from k8srun.authorization.chain import NEEDS, Authorization
from k8srun.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE,
    ROLE_BINDING,
    Kind,
    kind_of,
)
from k8srun.snapshot import Need, Snapshot

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
GROUP = "rbac.authorization.k8s.io"
ADMIN = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}


def rule(verbs: str, resources: str, *, group: str = "", names: str = "") -> dict[str, Any]:
    """`rule("get,list", "pods,pods/log")`."""
    found: dict[str, Any] = {
        "verbs": verbs.split(","),
        "apiGroups": group.split(","),
        "resources": resources.split(","),
    }
    return {**found, "resourceNames": names.split(",")} if names else found


def urls(verbs: str, paths: str) -> dict[str, Any]:
    return {"verbs": verbs.split(","), "nonResourceURLs": paths.split(",")}


def metadata(name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def role(namespace: str, name: str, *rules: Any, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Role",
        "metadata": metadata(name, namespace, **more),
        "rules": list(rules),
    }


def cluster_role(name: str, *rules: Any, select: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    found = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": metadata(name, **more),
        "rules": list(rules),
    }
    return {**found, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": dict(select)}]}} if select else found


def subject(text: str) -> dict[str, Any]:
    """`User jane`, `Group dev`, `ServiceAccount shop/web`, `ServiceAccount web`."""
    kind, _, name = text.partition(" ")
    if kind != "ServiceAccount":
        return {"kind": kind, "name": name, "apiGroup": GROUP}
    namespace, slash, account = name.partition("/")
    return {"kind": kind, "name": account, "namespace": namespace} if slash else {"kind": kind, "name": name}


def binding(namespace: str, name: str, ref: str, *subjects: str, **more: Any) -> dict[str, Any]:
    """A RoleBinding, or a ClusterRoleBinding where `namespace` is empty; `ref` is `Role x` or `ClusterRole x`."""
    kind, _, target = ref.partition(" ")
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata(name, namespace, **more),
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": target},
        "subjects": [subject(text) for text in subjects],
    }


def snapshot(*items: Mapping[str, Any], observed: tuple[Kind, ...] = (), **more: Any) -> Snapshot:
    """A snapshot in which all of RBAC and the kinds of `observed` could be read, with these objects."""
    objects: dict[Kind, tuple[Any, ...]] = {ROLE: (), CLUSTER_ROLE: (), ROLE_BINDING: (), CLUSTER_ROLE_BINDING: ()}
    for item in items:
        kind = kind_of(item["apiVersion"], item["kind"])
        objects[kind] = (*objects.get(kind, ()), item)
    seen = frozenset((*NEEDS, *map(Need.objects, (*observed, *objects))))
    return Snapshot(NOW, objects=objects, observed=seen, **more)


def authorization(*items: Mapping[str, Any], **more: Any) -> Authorization:
    return Authorization.of(snapshot(*items, **more))
