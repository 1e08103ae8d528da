"""Whether one rule matches one connection, and if it does not, which field of it fails: for a single question."""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.network.addresses import Address, Family, whole
from k8srun.network.cluster import IpBlocks, Network
from k8srun.network.labels import Selector
from k8srun.network.pods import Pod
from k8srun.network.policy import Addresses, BrokenPeer, Direction, Domains, Nodes, Peer, Pods, Policy, Rule, Tier
from k8srun.network.ports import BrokenPort, NamedPort, PortMatch, PortRange
from k8srun.network.tri import Tri, all_of, any_of


@dataclass(frozen=True, slots=True)
class Name:
    """A host outside of which only the name is known."""

    name: str


Side = Pod | Address | Name
"""One end of a connection: a pod of the cluster, an address, or a name."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection, within one family of addresses."""

    source: Side
    destination: Side
    protocol: str
    port: int
    family: Family


def matches(network: Network, policy: Policy, rule: Rule, direction: Direction, asked: Connection) -> Tri:
    """Whether a rule of a policy about one end matches the connection by its other end and its port."""
    other = asked.source if direction is Direction.INGRESS else asked.destination
    if rule.peers is None:
        return on_port(rule.ports, asked, resolves=True)
    return any_of(
        all_of(
            (
                peer_matches(network, policy, peer, other, asked.family),
                on_port(rule.ports, asked, resolves=direction is Direction.INGRESS or isinstance(peer, Pods)),
            )
        )
        for peer in rule.peers
    )


def peer_matches(network: Network, policy: Policy, peer: Peer, other: Side, family: Family) -> Tri:
    """Whether a peer names one side."""
    if isinstance(other, Pod) and other.host_network and (policy.tier is Tier.NETWORK or isinstance(peer, Pods)):
        return False  # what NetworkPolicies mean for the host's network is undefined, and told apart by the caller
    match peer:
        case Pods():
            return isinstance(other, Pod) and selects(network, peer, other)
        case Addresses():
            return _in_block(network, peer, other, family)
        case Nodes():
            return _is_node(network, peer.nodes, other, family)
        case Domains():
            return None if isinstance(other, Address | Name) else False
        case BrokenPeer():
            return None


def selects(network: Network, chosen: Pods, pod: Pod) -> Tri:
    """Whether pods are chosen by namespace and labels."""
    if chosen.namespace:
        return pod.namespace == chosen.namespace and chosen.pods.matches(pod.labels)
    return all_of((chosen.pods.matches(pod.labels), chosen.namespaces.matches(network.namespaces[pod.namespace])))


def _in_block(network: Network, peer: Addresses, other: Side, family: Family) -> Tri:
    if peer.block.family != family:
        return False
    if isinstance(other, Name):
        return True if not peer.excepted and peer.block == whole(family) else None
    if isinstance(other, Pod) and network.ip_blocks is IpBlocks.EXTERNAL and not peer.api:
        return False
    address = address_of(other, family)
    if address is None:
        everything = not peer.excepted and peer.block == whole(family) and len(network.families) == 1
        return True if everything else None
    return address in peer.block and not any(address in hole for hole in peer.excepted)


def _is_node(network: Network, selector: Selector, other: Side, family: Family) -> Tri:
    address = address_of(other, family) if not isinstance(other, Name) else None
    if address is None:
        return None if isinstance(other, Name) or other.host_network else False  # type: ignore[union-attr]
    known = any_of(selector.matches(node.labels) for node in network.nodes if address in node.addresses)
    if known is False and not network.nodes_read and (isinstance(other, Address) or other.host_network):  # type: ignore[union-attr]
        return None
    return known


def address_of(side: Pod | Address, family: Family) -> Address | None:
    """The side's address of a family; None where it is not known."""
    if isinstance(side, Address):
        return side
    return next((address for address in side.addresses if address.family == family), None)


def on_port(ports: tuple[PortMatch, ...] | None, asked: Connection, *, resolves: bool) -> Tri:
    """Whether one of a rule's ports is the one that is asked for; `resolves`: whether names mean something."""
    return True if ports is None else any_of(_port_matches(port, asked, resolves=resolves) for port in ports)


def _port_matches(port: PortMatch, asked: Connection, *, resolves: bool) -> Tri:
    match port:
        case PortRange():
            return port.protocol == asked.protocol and port.first <= asked.port <= port.last
        case BrokenPort():
            return None
        case NamedPort():
            return resolves and any(
                declared.name == port.name
                and declared.protocol == asked.protocol
                and declared.number == asked.port
                and port.protocol in {"", declared.protocol}
                for declared in (asked.destination.ports if isinstance(asked.destination, Pod) else ())
            )


def described(side: Side) -> str:
    """A side for people."""
    match side:
        case Pod():
            return f"{side.kind} {side.namespace}/{side.name}"
        case Address():
            return str(side)
        case Name():
            return side.name
