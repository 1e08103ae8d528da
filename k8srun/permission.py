"""Permissions that a request needs, and the rules that grant them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """What the API server asks of its authorizer for one request.

    Attributes:
        verb: `get`, `create`, `patch`, `delete`, `approve`, …
        group, resource, subresource: as RBAC names them; the core group is empty.
        namespace: empty for what is cluster-scoped.
        name: of the object; empty where the request carries none (a create).
    """

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        where = f" in namespace {self.namespace}" if self.namespace else " at the cluster scope"
        name = f" {self.name}" if self.name else ""
        return f"{self.verb} {resource}{f'.{self.group}' if self.group else ''}{name}{where}"


@dataclass(frozen=True, slots=True)
class PermissionCheck:
    """Whether the caller holds a permission.

    Attributes:
        allowed: None where it could not be asked.
        reason: in the words of the authorizer, or why it could not be asked.
        alternative: what would serve in its place (`every permission of the role`); empty if nothing.
    """

    permission: Permission
    allowed: bool | None
    reason: str = ""
    alternative: str = ""


def roles_for(permissions: Iterable[Permission], name: str) -> tuple[dict[str, Any], ...]:
    """A ClusterRole and Roles, one a namespace, that grant exactly these permissions, each to the objects it names."""
    by_namespace: dict[str, list[Permission]] = {}
    for permission in sorted(set(permissions)):
        by_namespace.setdefault(permission.namespace, []).append(permission)
    return tuple(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role" if namespace else "ClusterRole",
            "metadata": {"name": name, "namespace": namespace} if namespace else {"name": name},
            "rules": _rules(held),
        }
        for namespace, held in sorted(by_namespace.items())
    )


def _rules(permissions: Iterable[Permission]) -> list[dict[str, Any]]:
    """One rule for each resource and name, with all of its verbs."""
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for permission in permissions:
        resource = f"{permission.resource}/{permission.subresource}" if permission.subresource else permission.resource
        verbs.setdefault((permission.group, resource, permission.name), []).append(permission.verb)
    rules = []
    for (group, resource, name), held in sorted(verbs.items()):
        rule: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": sorted(held)}
        if name:
            rule["resourceNames"] = [name]
        rules.append(rule)
    return rules
