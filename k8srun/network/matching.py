"""Whether one rule matches one connection, and if it does not, which field of it fails: for a single question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from k8srun.network.addresses import Address, Family, whole
from k8srun.network.cluster import IpBlocks, Network
from k8srun.network.labels import Labels, Selector
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


class Cause(StrEnum):
    """What is wrong with a field that fails."""

    LABEL = "label-differs"
    NAMESPACE_LABEL = "namespace-label-differs"
    NAMESPACE_SELECTOR = "namespace-selector-missing"
    PORT = "port-differs"
    PORT_NAME = "port-name-not-found"
    BLOCK = "ip-block-differs"
    EXCEPTED = "ip-block-excepted"
    OTHER = "peer-differs"


@dataclass(frozen=True, slots=True)
class Failure:
    """One field of a rule that keeps it from matching.

    Attributes:
        cause: what is wrong with it.
        field: where it stands: `spec.ingress[0].from[1].podSelector.matchLabels[app]`.
        detail: what it wants and what there is, a sentence without a final stop.
    """

    cause: Cause
    field: str
    detail: str


def matches(network: Network, policy: Policy, rule: Rule, direction: Direction, asked: Connection) -> Tri:
    """Whether a rule of a policy about one end matches the connection by its other end and its port."""
    other = asked.source if direction is Direction.INGRESS else asked.destination
    if rule.peers is None:
        return _on_port(rule.ports, asked, resolves=True)
    return any_of(
        all_of(
            (
                peer_matches(network, policy, peer, other, asked.family),
                _on_port(rule.ports, asked, resolves=direction is Direction.INGRESS or isinstance(peer, Pods)),
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


def _on_port(ports: tuple[PortMatch, ...] | None, asked: Connection, *, resolves: bool) -> Tri:
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


def failures(
    network: Network, policy: Policy, rule: Rule, direction: Direction, asked: Connection
) -> tuple[Failure, ...]:
    """Why a rule does not match: the fields of its nearest element, and those of its ports."""
    other = asked.source if direction is Direction.INGRESS else asked.destination
    side = "from" if direction is Direction.INGRESS else "to"
    ways = [
        tuple(_peer_failures(network, policy, peer, other, family=asked.family, field=f"{rule.path}.{side}[{index}]"))
        for index, peer in enumerate(rule.peers or ())
    ]
    nearest = min(ways, key=len, default=())
    return (*nearest, *_port_failures(rule, asked))


def _port_failures(rule: Rule, asked: Connection) -> Iterator[Failure]:
    if rule.ports is None or _on_port(rule.ports, asked, resolves=True) is not False:
        return
    declared = [port for port in (asked.destination.ports if isinstance(asked.destination, Pod) else ()) if port.name]
    for index, port in enumerate(rule.ports):
        field = f"{rule.path}.ports[{index}]"
        if not isinstance(port, NamedPort):
            yield Failure(Cause.PORT, field, f"allows {port}, and {asked.port}/{asked.protocol} is asked")
        elif all(one.name != port.name for one in declared):
            names = ", ".join(f"{one.name}={one.number}/{one.protocol}" for one in declared) or "none by name"
            yield Failure(
                Cause.PORT_NAME, field, f"names the port {port}, which no container declares: they declare {names}"
            )
        else:
            meant = ", ".join(f"{one.number}/{one.protocol}" for one in declared if one.name == port.name)
            yield Failure(
                Cause.PORT, field, f"names the port {port}, which is {meant}; {asked.port}/{asked.protocol} is asked"
            )


def _peer_failures(
    network: Network, policy: Policy, peer: Peer, other: Side, *, family: Family, field: str
) -> Iterator[Failure]:
    if peer_matches(network, policy, peer, other, family) is not False:
        return
    if isinstance(peer, Addresses):
        yield _block_failure(peer, other, family, field)
    elif not isinstance(peer, Pods) or not isinstance(other, Pod):
        yield Failure(Cause.OTHER, field, f"means {peer}, and the other side is {described(other)}")
    elif other.host_network:
        yield Failure(Cause.OTHER, field, "means pods by label, and the other side is on its node's network")
    else:
        yield from _label_failures(network, peer, other, field)


def _label_failures(network: Network, peer: Pods, pod: Pod, field: str) -> Iterator[Failure]:
    if peer.namespace and peer.namespace != pod.namespace:
        yield Failure(
            Cause.NAMESPACE_SELECTOR,
            field,
            f"has no namespaceSelector, so it means pods of {peer.namespace}; the other side is in {pod.namespace}",
        )
    yield from _selector_failures(peer.pods, pod.labels, Cause.LABEL, f"{field}.podSelector", "the pod")
    labels = network.namespaces[pod.namespace]
    yield from _selector_failures(
        peer.namespaces, labels, Cause.NAMESPACE_LABEL, f"{field}.namespaceSelector", f"the namespace {pod.namespace}"
    )


def _selector_failures(selector: Selector, labels: Labels, cause: Cause, field: str, whose: str) -> Iterator[Failure]:
    for requirement in selector.failing(labels):
        value = labels.values.get(requirement.key)
        there = f"no label {requirement.key}" if value is None else f"{requirement.key}={value}"
        yield Failure(cause, f"{field}.{requirement.path}", f"wants {requirement}; {whose} has {there}")


def _block_failure(peer: Addresses, other: Side, family: Family, field: str) -> Failure:
    address = None if isinstance(other, Name) else address_of(other, family)
    if address is None:
        return Failure(Cause.OTHER, f"{field}.ipBlock", f"means {peer}, and the other side is {described(other)}")
    hole = next((hole for hole in peer.excepted if address in hole), None)
    if hole:
        return Failure(Cause.EXCEPTED, f"{field}.ipBlock.except", f"takes {address} out: it is within {hole}")
    if address in peer.block:
        return Failure(Cause.BLOCK, f"{field}.ipBlock", f"holds {address}, but blocks are taken for outside alone")
    return Failure(Cause.BLOCK, f"{field}.ipBlock.cidr", f"{peer.block} does not hold {address}")


def described(side: Side) -> str:
    """A side for people."""
    match side:
        case Pod():
            return f"{side.kind} {side.namespace}/{side.name}"
        case Address():
            return str(side)
        case Name():
            return side.name
