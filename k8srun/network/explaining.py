"""Why an answer is what it is: which rules nearly matched and which of their fields failed, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from k8srun.network.addresses import Family
from k8srun.network.cluster import Network
from k8srun.network.labels import Labels, Selector
from k8srun.network.matching import Connection, Name, Side, address_of, described, on_port, peer_matches
from k8srun.network.pods import Pod
from k8srun.network.policy import Addresses, BrokenPeer, Direction, Peer, Pods, Policy, Rule
from k8srun.network.ports import BrokenPort, NamedPort

_NEAREST = 5


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


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that would have allowed it but for these fields.

    Attributes:
        policy: `NetworkPolicy shop/web`.
        rule: where it stands: `spec.ingress[0]`.
        failed: each field that failed; one alone is what to look at first.
        hint: what is often meant instead; empty if nothing can be said.
    """

    policy: str
    rule: str
    failed: tuple[Failure, ...]
    hint: str = ""


def near_misses(
    network: Network, policies: Iterable[Policy], direction: Direction, asked: Connection
) -> tuple[NearMiss, ...]:
    """The rules of some policies that come nearest to allowing a connection."""
    found = []
    for policy in policies:
        for rule in policy.rules[direction]:
            failed = _failures(network, policy, rule, direction, asked)
            found.append(NearMiss(policy.resource, rule.path, failed, _hint(rule, failed)))
    return tuple(sorted(found, key=lambda miss: len(miss.failed))[:_NEAREST])


def unsure_match(network: Network, policy: Policy, rule: Rule, direction: Direction, asked: Connection) -> str:
    """Why it cannot be told whether a rule matches: the first of its parts of which that is so."""
    other: Side = asked.source if direction is Direction.INGRESS else asked.destination
    place = f"{policy.resource} {rule.path}"
    for peer in rule.peers or ():
        if peer_matches(network, policy, peer, other, asked.family) is None:
            return f"{place}: {_unread(peer, other)}"
    broken = next((port.problem for port in rule.ports or () if isinstance(port, BrokenPort)), "")
    return f"{place}: the server would refuse it: {broken}"


def unsure_subject(policy: Policy) -> str:
    """Why it cannot be told whether a policy is about a pod."""
    said = f"{policy.resource} may or may not be about this pod"
    if policy.subject is None:
        return f"{said}: the server would refuse it: {policy.problems[0]}"
    return f"{said}: the labels of its namespace are not in the snapshot"


def _unread(peer: Peer, other: Side) -> str:
    """Why it cannot be told whether a peer names one side."""
    if isinstance(peer, BrokenPeer):
        return f"the server would refuse it: {peer.problem}"
    if isinstance(peer, Pods) and isinstance(other, Pod):
        return f"the labels of the namespace {other.namespace} are not in the snapshot"
    if isinstance(other, Pod):
        return f"the address of {described(other)} is not in the snapshot"
    return f"whether it means {described(other)} cannot be told from a snapshot"


def _hint(rule: Rule, failed: Sequence[Failure]) -> str:
    """What an author often means who writes a rule that fails in one field."""
    if len(failed) != 1:
        return ""
    if failed[0].cause is Cause.NAMESPACE_SELECTOR:
        return "add a namespaceSelector to the same element"
    both = any(isinstance(peer, Pods) and peer.pods.requirements and not peer.namespace for peer in rule.peers or ())
    if both and failed[0].cause in {Cause.LABEL, Cause.NAMESPACE_LABEL}:
        return "podSelector and namespaceSelector of one element must both match (AND); two elements would be OR"
    return ""


def _failures(
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
    # Each part matches by itself, and they do not together: the port is a name, and the block has pods' addresses.
    return (*nearest, *_port_failures(rule, asked)) or tuple(_nameless(rule))


def _nameless(rule: Rule) -> Iterator[Failure]:
    for index, port in enumerate(rule.ports or ()):
        if isinstance(port, NamedPort):
            said = f"names the port {port}, and a name means nothing for an ipBlock: give its number"
            yield Failure(Cause.PORT_NAME, f"{rule.path}.ports[{index}]", said)


def _port_failures(rule: Rule, asked: Connection) -> Iterator[Failure]:
    if rule.ports is None or on_port(rule.ports, asked, resolves=True) is not False:
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
