"""What else decides about traffic beside the policies that are evaluated here, as far as the snapshot shows it."""

from __future__ import annotations

from collections.abc import Iterator

from k8srun.kinds import (
    CALICO_API_GLOBAL_NETWORK_POLICY,
    CALICO_API_NETWORK_POLICY,
    CALICO_GLOBAL_NETWORK_POLICY,
    CALICO_NETWORK_POLICY,
    CILIUM_CLUSTERWIDE_NETWORK_POLICY,
    CILIUM_NETWORK_POLICY,
    DAEMON_SET,
    ISTIO_AUTHORIZATION_POLICY,
    SECURITY_GROUP_POLICY,
    Kind,
)
from k8srun.network.pods import mapping, mappings, text
from k8srun.snapshot import JsonObject, Snapshot, object_key
from k8srun.text import plural

LAYERS: tuple[tuple[Kind, str], ...] = (
    (CILIUM_NETWORK_POLICY, "Cilium"),
    (CILIUM_CLUSTERWIDE_NETWORK_POLICY, "Cilium"),
    (CALICO_NETWORK_POLICY, "Calico"),
    (CALICO_GLOBAL_NETWORK_POLICY, "Calico"),
    (CALICO_API_NETWORK_POLICY, "Calico"),
    (CALICO_API_GLOBAL_NETWORK_POLICY, "Calico"),
    (ISTIO_AUTHORIZATION_POLICY, "Istio"),
    (SECURITY_GROUP_POLICY, "security groups for pods"),
)
"""Kinds that decide too, and whose they are. Calico serves one policy under two groups."""

_CALICO_COPY = "knp.default."  # how Calico's datastore names its copy of a NetworkPolicy


def other_layers(snapshot: Snapshot) -> tuple[str, ...]:
    """A sentence for each layer that may block what the evaluated policies allow; empty when there is none."""
    return tuple(dict.fromkeys((*_policies(snapshot), *_strict_mode(snapshot))))


def _policies(snapshot: Snapshot) -> Iterator[str]:
    for kind, owner in LAYERS:
        found = [item for item in snapshot.of(kind) if not object_key(item)[1].startswith(_CALICO_COPY)]
        if found:
            yield f"{owner}: {plural(len(found), kind.kind)} may block it too, and is not evaluated"
        for gap in snapshot.gaps:
            if gap.what == str(kind):
                yield f"{owner}: {kind.kind} objects could not be read ({gap.reason})"


def _strict_mode(snapshot: Snapshot) -> Iterator[str]:
    for item in snapshot.of(DAEMON_SET):
        if object_key(item)[1] == "aws-node" and _environment(item, "NETWORK_POLICY_ENFORCING_MODE") == "strict":
            yield "VPC CNI: the strict enforcing mode denies everything to a new pod until its policies are in place"


def _environment(daemon_set: JsonObject, name: str) -> str:
    pod = mapping(mapping(mapping(daemon_set.get("spec")).get("template")).get("spec"))
    for container in mappings(pod.get("containers")):
        for entry in mappings(container.get("env")):
            if entry.get("name") == name:
                return text(entry.get("value"))
    return ""
