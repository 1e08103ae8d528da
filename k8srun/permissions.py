"""The least that the tool must be allowed to do, as a ClusterRole: exactly what it asks a live cluster for.

Three depths of looking, each with what the one before it sees. What a depth does not see is UNKNOWN, never passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from k8srun.codec import kind_from_text
from k8srun.errors import InputError
from k8srun.kinds import NAMESPACE, RESOURCES, SECRET
from k8srun.permission import Permission, roles_for
from k8srun.snapshot import Area, Need

IDENTITY_NAMESPACE = "kube-system"
"""The namespace whose uid identifies a cluster."""

# The server's version, and which kinds it serves. By default every authenticated user may read them.
_URLS = ("/api", "/apis", "/version")


class Tier(StrEnum):
    """How deep to look."""

    BASE = "base"
    SECRETS = "secrets"
    NODES = "nodes"


# What a person must know before granting it, a line each.
WARNINGS = {
    Tier.BASE: (),
    Tier.SECRETS: (
        "`list secrets` shows the content of every Secret to whoever holds this role: k8srun reduces it on reading,",
        "another program with the same credentials would not.",
    ),
    Tier.NODES: (
        "k8srun itself asks no kubelet: `get nodes/proxy` is for the commands that its runbooks print for you, such as",
        "kubectl get --raw /api/v1/nodes/NODE/proxy/configz. Without them the tier secrets is enough.",
        "`list secrets` shows the content of every Secret, and `get nodes/proxy` is as good as root on every node: who",
        "holds it can have the kubelet run commands in any container, and what is asked of a kubelet directly is in no",
        "audit log of the API server. Bind this role for one investigation and take it away afterwards.",
    ),
}


def needs_of(tier: Tier) -> frozenset[Need]:
    """What a tier may read of the API: every kind that the tool knows, Secrets only from the second tier on."""
    return frozenset(Need.objects(kind) for kind in RESOURCES if tier is not Tier.BASE or kind != SECRET)


def role_of(tier: Tier) -> dict[str, Any]:
    """The ClusterRole of a tier."""
    return role_for(needs_of(tier), name=f"k8srun-{tier}", kubelets=tier is Tier.NODES)


def role_for(needs: Iterable[Need], *, name: str, kubelets: bool = False) -> dict[str, Any]:
    """The ClusterRole that lets `read_live` read `needs` without a gap, and nothing else.

    Args:
        kubelets: also what lets a person read the kubelets' configuration and logs through the API server.

    Raises:
        InputError: a need names a kind whose resource is not known.
    """
    permissions = [*_permissions(needs)]
    if kubelets:
        permissions.append(Permission("get", "", "nodes", subresource="proxy"))
    (role,) = roles_for(permissions, name)
    return {**role, "rules": [*_joined(role["rules"]), {"nonResourceURLs": list(_URLS), "verbs": ["get"]}]}


def _permissions(needs: Iterable[Need]) -> Iterator[Permission]:
    yield Permission("create", "authentication.k8s.io", "selfsubjectreviews")
    kinds = {kind_from_text(need.what) for need in needs if need.area is Area.OBJECTS}
    for kind in kinds:
        if kind not in RESOURCES:
            raise InputError(f"it is not known which resource the kind {kind} is", do="Grant `list` on it by hand.")
        yield Permission("list", kind.group, RESOURCES[kind].plural)
    # One by one where only some namespaces are read; it shows no more than the list does.
    yield Permission("get", "", "namespaces", name="" if NAMESPACE in kinds else IDENTITY_NAMESPACE)


def _joined(rules: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rules that differ in their resources alone as one: a person has to read them."""
    together: dict[tuple[str, str, str], dict[str, Any]] = {}
    for rule in rules:
        key = (str(rule["apiGroups"]), str(rule["verbs"]), str(rule.get("resourceNames")))
        known = together.setdefault(key, {**rule, "resources": []})
        known["resources"] = [*known["resources"], *rule["resources"]]
    return iter(together.values())
