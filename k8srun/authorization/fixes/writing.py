"""RBAC objects as they are written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from k8srun.authorization.account_inspections import EXPIRES
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.fixes.needed import rules_for
from k8srun.authorization.model import RBAC_GROUP, Rule
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from k8srun.snapshot import Snapshot

API_VERSION = f"{RBAC_GROUP}/v1"


def rule_of(request: Attributes) -> Rule:
    """The least rule that allows a request."""
    if request.path is not None:
        return Rule((request.verb,), urls=(request.path,))
    names = (request.name,) if request.name else ()
    return Rule((request.verb,), (request.group,), (request.combined,), names)


def rules_as_written(requests: Iterable[Attributes]) -> list[dict[str, Any]]:
    """The rules that allow the requests, as a role holds them."""
    return [rule for role in rules_for(requests, "") for rule in role["rules"]]


def binding_body(
    name: str, namespace: str, role: tuple[str, str], identity: Identity, expires: str = ""
) -> dict[str, Any]:
    """A RoleBinding (a ClusterRoleBinding without a namespace) of one user or ServiceAccount.

    Args:
        role: kind and name of the role that is bound.
        expires: RFC 3339: after it a check reports the binding; empty = never.
    """
    metadata: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    if expires:
        metadata["annotations"] = {EXPIRES: expires}
    return {
        "apiVersion": API_VERSION,
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": role[0], "name": role[1]},
        "subjects": [_subject(identity)],
    }


def free_name(snapshot: Snapshot, namespace: str, wanted: str) -> str:
    """A name that neither a role nor a binding has there: `wanted`, or with a number behind it."""
    kinds = (ROLE, ROLE_BINDING) if namespace else (CLUSTER_ROLE, CLUSTER_ROLE_BINDING)
    taken = {
        item["metadata"]["name"]
        for kind in kinds
        for item in snapshot.of(kind)
        if (item["metadata"].get("namespace") or "") == namespace
    }
    numbered = (f"{wanted[:58]}-{number}" for number in range(2, len(taken) + 3))
    return wanted if wanted not in taken else next(name for name in numbered if name not in taken)


def _subject(identity: Identity) -> dict[str, str]:
    account = identity.service_account
    if account:
        return {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
    return {"kind": "User", "apiGroup": RBAC_GROUP, "name": identity.user}
