"""Everything of a snapshot that decides who reaches whom, read once: `read_network`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from k8srun.kinds import (
    ADMIN_NETWORK_POLICY,
    BASELINE_ADMIN_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    SERVICE,
)
from k8srun.network.addresses import Address, Family, parse_address
from k8srun.network.cluster_reading import parse_cluster_policy
from k8srun.network.labels import NAMESPACE_NAME, Labels
from k8srun.network.layers import other_layers
from k8srun.network.pods import Pod, labels_of, mapping, mappings, read_pods, text
from k8srun.network.policy import Addresses, Policy
from k8srun.network.reading import parse_network_policy
from k8srun.snapshot import Gap, GapReason, JsonObject, Need, Snapshot, object_key

CLUSTER_POLICIES = (ADMIN_NETWORK_POLICY, BASELINE_ADMIN_NETWORK_POLICY, CLUSTER_NETWORK_POLICY)


class IpBlocks(StrEnum):
    """Whether an ipBlock of a NetworkPolicy matches the addresses of pods.

    The upstream tests require it; the documentation and some network plugins say that blocks are for outside alone.
    """

    PODS = "pods"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Node:
    """A node: its labels and the addresses of `status.addresses`."""

    name: str
    labels: Labels
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """What decides who reaches whom.

    Attributes:
        pods: those of the snapshot, and the workloads that stand for theirs.
        namespaces: labels by name, of every namespace that is mentioned.
        policies: of every evaluated kind, in the order in which they were read.
        nodes: those of the snapshot; `nodes_read` is False where some may be missing.
        families: of the addresses that pods have.
        ip_blocks: what an ipBlock matches.
        doubts: why no answer is sure: policies that could not be read. A sentence each.
        layers: why an "allowed" is not sure: other layers decide too. A sentence each.
        gaps: what was not read and may be missing from the map.
    """

    pods: tuple[Pod, ...]
    namespaces: Mapping[str, Labels]
    policies: tuple[Policy, ...]
    nodes: tuple[Node, ...] = ()
    nodes_read: bool = True
    families: tuple[Family, ...] = (4,)
    ip_blocks: IpBlocks = IpBlocks.PODS
    doubts: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


def read_network(snapshot: Snapshot, *, ip_blocks: IpBlocks = IpBlocks.PODS) -> Network:
    """Read a snapshot. Never raises: what cannot be read makes answers unknown, and says why."""
    pods = read_pods(snapshot)
    policies = tuple(_policies(snapshot))
    nodes = tuple(map(_node, snapshot.of(NODE)))
    return Network(
        pods,
        _namespaces(snapshot, pods, policies),
        policies,
        nodes,
        not snapshot.unmet(Need.objects(NODE)),
        _families(snapshot, pods, policies),
        ip_blocks,
        tuple(dict.fromkeys(_doubts(snapshot, pods))),
        other_layers(snapshot),
        tuple(gap for kind in (POD, NAMESPACE) for gap in snapshot.unmet(Need.objects(kind))),
    )


def own_nodes(network: Network) -> Callable[[Pod], frozenset[Address]]:
    """Tells the addresses of a pod's own node, with which it may always talk; none on the host's network."""
    addresses = {node.name: node.addresses for node in network.nodes}

    def own_node(pod: Pod) -> frozenset[Address]:
        return frozenset() if pod.host_network else frozenset((*pod.node_addresses, *addresses.get(pod.node, ())))

    return own_node


def taken_as_complete(snapshot: Snapshot) -> Snapshot:
    """The snapshot of manifests, taken for all there is: kinds that do not occur in it have no objects.

    A file says nothing of what is not in it. Whoever asks about manifests means them to be everything that counts;
    what could not be read of them is a gap still.
    """
    kinds = (NETWORK_POLICY, SERVICE)
    return replace(snapshot, observed=snapshot.observed | {Need.objects(kind) for kind in kinds})


def _policies(snapshot: Snapshot) -> Iterator[Policy]:
    yield from map(parse_network_policy, snapshot.of(NETWORK_POLICY))
    for kind in CLUSTER_POLICIES:
        for item in snapshot.of(kind):
            yield parse_cluster_policy(item, kind)


def _namespaces(snapshot: Snapshot, pods: tuple[Pod, ...], policies: tuple[Policy, ...]) -> dict[str, Labels]:
    read = {object_key(item)[1]: labels_of(item) for item in snapshot.of(NAMESPACE)}
    named = {*read, *(pod.namespace for pod in pods), *(policy.namespace for policy in policies)} - {""}
    return {name: Labels({**read.get(name, {}), NAMESPACE_NAME: name}, name in read) for name in sorted(named)}


def _node(item: JsonObject) -> Node:
    listed = (text(entry.get("address")) for entry in mappings(mapping(item.get("status")).get("addresses")))
    addresses = tuple(address for address in map(parse_address, listed) if address)
    return Node(object_key(item)[1], Labels(labels_of(item)), addresses)


def _families(snapshot: Snapshot, pods: tuple[Pod, ...], policies: tuple[Policy, ...]) -> tuple[Family, ...]:
    """The families that pods have; where none is known IPv4, and IPv6 if a policy names it."""
    counted: Counter[Family] = Counter(address.family for pod in pods for address in pod.addresses)
    if not counted:
        for service in snapshot.of(SERVICE):
            address = parse_address(text(mapping(service.get("spec")).get("clusterIP")))
            counted.update([address.family] if address else [])
    if not counted:
        counted.update([4, *(peer.block.family for peer in _blocks(policies))])
    return tuple(sorted(counted))


def _blocks(policies: tuple[Policy, ...]) -> Iterator[Addresses]:
    for policy in policies:
        for rules in policy.rules.values():
            for rule in rules:
                yield from (peer for peer in rule.peers or () if isinstance(peer, Addresses))


def _doubts(snapshot: Snapshot, pods: tuple[Pod, ...]) -> Iterator[str]:
    """A policy that was not read may forbid what is allowed, and allow what is forbidden."""
    gaps = snapshot.unmet(Need.objects(NETWORK_POLICY))
    # Policies of namespaces in which none of these pods is cannot be about them.
    yield from (str(gap) for gap in gaps if not gap.read_in or any(pod.namespace not in gap.read_in for pod in pods))
    for kind in CLUSTER_POLICIES:
        # Few clusters serve these kinds: that nobody gave them is no doubt, that they were refused is.
        yield from (str(gap) for gap in snapshot.unmet(Need.objects(kind)) if gap.reason is not GapReason.NOT_SUPPLIED)
