"""What is wrong with how policies cover a cluster: one function a check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from k8srun.checks import Check, NotApplicable, Undecided
from k8srun.findings import Confidence, Evidence, Finding
from k8srun.kinds import NODE
from k8srun.network.cluster import CLUSTER_POLICIES, read_network
from k8srun.network.cni import Enforcement, detect
from k8srun.network.exposure import coverage, exposure
from k8srun.network.lint import network_with_policies
from k8srun.network.pods import mapping, mappings, text
from k8srun.network.policy import Direction
from k8srun.network.ports import described
from k8srun.network.reach import reach
from k8srun.network.way import dns_obstacles, resolvers
from k8srun.network.world import World
from k8srun.snapshot import Snapshot, resource_name

# What clouds call themselves in a node's provider id: only these serve metadata at that address.
_CLOUDS = ("aws://", "gce://", "azure://", "openstack://", "digitalocean://", "oci", "alicloud://", "hcloud://")
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")


def inert(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Policies on a network plugin that does not enforce them."""
    network = network_with_policies(snapshot)
    cni = detect(snapshot)
    if cni.enforcement is Enforcement.UNKNOWN:
        raise Undecided("whether the network plugin enforces policies could not be told: no mark of one was found")
    if cni.enforcement is Enforcement.INERT:
        yield check.finding(
            f"network plugin {cni.name}",
            f"does not enforce network policies: all {len(network.policies)} of them have no effect",
            *cni.evidence,
        )


def not_implemented(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Cluster-wide policies that nothing reports to have taken up."""
    items = [(kind, item) for kind in CLUSTER_POLICIES for item in snapshot.of(kind)]
    if not items:
        raise NotApplicable("there are no cluster-wide policies")
    # The server gives every object a uid: what has none was never on one, and cannot have a status.
    served = [(kind, item) for kind, item in items if mapping(item.get("metadata")).get("uid")]
    if not served:
        raise Undecided("manifests do not tell what implements them: ask the cluster on which they are applied")
    for kind, item in served:
        if not list(mappings(mapping(item.get("status")).get("conditions"))):
            place = resource_name(kind, item)
            yield check.finding(
                place,
                "has no status: nothing in the cluster seems to implement this kind",
                Evidence("status.conditions is empty", place),
                confidence=Confidence.FIRM,
            )


def without_dns(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Workloads whose egress is restricted and cannot ask DNS."""
    network_with_policies(snapshot)
    world = World(snapshot)
    if not list(resolvers(world)):
        raise Undecided("no DNS Service with pods was found")
    seen = set()
    for pod in world.network.pods:
        if pod.workload in seen:
            continue
        for obstacle in dns_obstacles(world, pod):
            seen.add(pod.workload)
            yield check.finding(pod.workload, obstacle.message, Evidence("53/UDP to DNS is denied", obstacle.where))


def without_default_deny(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Namespaces in which a new pod would accept traffic from everybody."""
    found = coverage(read_network(snapshot))
    if not found:
        raise NotApplicable("there are no pods")
    for one in found:
        if one.pods and one.namespace not in _SYSTEM and not one.default_deny[Direction.INGRESS]:
            isolated = one.isolated[Direction.INGRESS]
            yield check.finding(
                f"Namespace {one.namespace}",
                f"has no NetworkPolicy that isolates every pod: {one.pods - isolated} of {one.pods} pods, and every new"
                " one, accept whatever no cluster-wide policy denies",
                Evidence(f"{isolated} of {one.pods} pods isolated for ingress", f"Namespace {one.namespace}"),
            )


def metadata(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Workloads that reach the metadata service of the cloud, and with it the node's credentials."""
    identities = [text(mapping(node.get("spec")).get("providerID")) for node in snapshot.of(NODE)]
    if not any(identity.startswith(_CLOUDS) for identity in identities):
        raise NotApplicable("the nodes are of no cloud that serves metadata to them")
    network = read_network(snapshot)
    if network.doubts:
        raise Undecided(network.doubts[0])
    for one in exposure(reach(network)):
        if one.metadata and not one.workload.startswith(tuple(f"{name}/" for name in _SYSTEM)):
            if network.layers:
                raise Undecided(f"whether {one.workload} reaches it: {network.layers[0]}")
            yield check.finding(
                one.workload,
                f"reaches the metadata service of the cloud ({described(one.metadata)}), which gives out credentials",
                Evidence("egress to 169.254.169.254 is allowed", one.workload),
            )
