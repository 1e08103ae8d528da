"""Pods that no rule can tell apart, as one: the classes, and every set of them and of outside addresses as one number.

Work on sets of classes is work on integers, so it grows with the classes and the rules, not with pairs of pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from k8srun.network.addresses import Family, whole
from k8srun.network.atoms import AddressAtoms, PortAtoms, peers_of
from k8srun.network.cluster import IpBlocks, Network
from k8srun.network.labels import NAMESPACE_NAME, Operator, Requirement, Selector
from k8srun.network.pods import ContainerPort, Pod
from k8srun.network.policy import Addresses, BrokenPeer, Domains, Nodes, Peer, Pods, Policy
from k8srun.network.ports import NamedPort


class Members(NamedTuple):
    """A set as far as it is known: what is surely in it, and what may be (with what surely is). One bit a side."""

    sure: int
    maybe: int


@dataclass(frozen=True, slots=True)
class PodClass:
    """Pods that every policy treats alike. `bits` are its sides: one for each family of its addresses."""

    pods: tuple[Pod, ...]
    ports: tuple[ContainerPort, ...]
    bits: tuple[int, ...]

    @property
    def first(self) -> Pod:
        return self.pods[0]


def bits_of(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class _Index:
    """Sides by label: `values[key][value]`, and `keys[key]` for those that have it at all."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, int]] = {}
        self.keys: dict[str, int] = {}

    def add(self, labels: Iterable[tuple[str, str]], side: int) -> None:
        for key, value in labels:
            values = self.values.setdefault(key, {})
            values[value] = values.get(value, 0) | side
            self.keys[key] = self.keys.get(key, 0) | side

    def matching(self, requirement: Requirement, everyone: int) -> int:
        having = self.keys.get(requirement.key, 0)
        values = self.values.get(requirement.key, {})
        chosen = 0
        for value in requirement.values:
            chosen |= values.get(value, 0)
        match requirement.operator:
            case Operator.IN:
                return chosen
            case Operator.NOT_IN:
                return everyone & ~chosen
            case Operator.EXISTS:
                return having
            case Operator.DOES_NOT_EXIST:
                return everyone & ~having


class Space:
    """The classes of a network's pods, the ranges of outside addresses, and which of them a peer names.

    Args:
        beside: policies of another network, so that the two can be compared: what they tell apart is apart here too.
    """

    def __init__(self, network: Network, beside: Sequence[Policy] = ()) -> None:
        self.network = network
        self.ports = PortAtoms(network)
        self.addresses = AddressAtoms(network, beside)
        self._policies = (*network.policies, *beside)
        self._used = used_labels(self._policies)
        self.classes: list[PodClass] = []
        self.class_of_bit: dict[int, int] = {}
        self.pods = self.hosts = self.unaddressed = self.unread = self._pairs = 0
        self.of_family: dict[Family, int] = dict.fromkeys(network.families, 0)
        self._in_namespace: dict[str, int] = {}
        self._by_label, self._by_namespace_label = _Index(), _Index()
        self._in_range: dict[int, int] = {}
        self._members: dict[Peer, Members] = {}
        self._named: dict[NamedPort, dict[int, int]] = {}
        count = self._add_classes()
        self.first_range = count
        self.everyone = (1 << (count + len(self.addresses.blocks))) - 1
        self.outside = self.everyone & ~self.pods
        for index, block in enumerate(self.addresses.blocks):
            self.of_family[block.family] |= 1 << (count + index)

    def _add_classes(self) -> int:
        local = {policy.namespace for policy in self._policies}
        grouped: dict[tuple[object, ...], list[Pod]] = {}
        reduced: dict[str, tuple[object, ...]] = {}
        for name, labels in self.network.namespaces.items():
            own = name if name in local else ""
            reduced[name] = (own, labels.complete, self._reduced(labels.values, namespaces=True))
        for pod in self.network.pods:
            key = (
                reduced[pod.namespace],
                self._reduced(pod.labels.values, namespaces=False),
                tuple(port for port in pod.ports if port.name in self.ports.names),
                pod.host_network,
                tuple((address.family, self.addresses.index(address)) for address in pod.addresses),
            )
            grouped.setdefault(key, []).append(pod)
        bit = 0
        for pods in grouped.values():
            bit = self._add_class(tuple(pods), bit)
        return bit

    def _reduced(self, labels: Mapping[str, str], *, namespaces: bool) -> tuple[tuple[str, str], ...]:
        """The labels as far as a selector can tell them apart: a value that none names is as good as any other."""
        used = self._used[namespaces]
        return tuple(
            (key, labels[key] if labels[key] in used[key] else "") for key in sorted(labels.keys() & used.keys())
        )

    def _add_class(self, pods: tuple[Pod, ...], bit: int) -> int:
        pod = pods[0]
        ports = tuple(port for port in pod.ports if port.name in self.ports.names)
        places = {address.family: self.addresses.index(address) for address in pod.addresses}
        bits = tuple(range(bit, bit + max(len(places), 1)))
        for number in bits:
            self.class_of_bit[number] = len(self.classes)
            self._register(pod, ports, 1 << number)
        for number, (family, place) in zip(bits, places.items(), strict=False):
            self.of_family[family] |= 1 << number
            self._in_range[place] = self._in_range.get(place, 0) | 1 << number
        if len(bits) == 2:
            self._pairs |= 1 << bit
        if not places:
            self.unaddressed |= 1 << bit
            for known in self.of_family:
                self.of_family[known] |= 1 << bit
        self.classes.append(PodClass(pods, ports, bits))
        return bit + len(bits)

    def _register(self, pod: Pod, ports: tuple[ContainerPort, ...], side: int) -> None:
        namespace = self.network.namespaces[pod.namespace]
        self.pods |= side
        self.hosts |= side if pod.host_network else 0
        self.unread |= 0 if namespace.complete else side
        # Namespaces without policies of their own may share a class: nothing asks for them by name alone.
        self._in_namespace[pod.namespace] = self._in_namespace.get(pod.namespace, 0) | side
        self._by_label.add(((key, value) for key, value in pod.labels.values.items() if key in self._used[False]), side)
        self._by_namespace_label.add(
            ((key, value) for key, value in namespace.values.items() if key in self._used[True]), side
        )
        for name in {NamedPort(port.name, protocol) for port in ports for protocol in (port.protocol, "")}:
            mask = self.ports.named(name, ports)
            by_mask = self._named.setdefault(name, {})
            by_mask[mask] = by_mask.get(mask, 0) | side

    def whole(self, sides: int) -> int:
        """Those of the sides whose class has no other side than these."""
        both = sides & sides >> 1 & self._pairs
        return sides & ~(self._pairs | self._pairs << 1) | both | both << 1

    def named(self, port: NamedPort) -> Mapping[int, int]:
        """For a port's name: sets of ports → the sides that mean them by it."""
        return self._named.get(port, {})

    def subjects(self, policy: Policy) -> Members:
        """The sides that a policy is about."""
        if policy.subject is None:
            possible = self._in_namespace.get(policy.namespace, 0) if policy.namespace else self.pods & ~self.hosts
            return Members(0, possible)
        found = self.members(policy.subject)
        # Cluster-wide kinds say that pods on the host's network are no subjects.
        return found if policy.namespace else Members(found.sure & ~self.hosts, found.maybe & ~self.hosts)

    def members(self, peer: Peer) -> Members:
        """The sides that a peer names, pods on the host's network among them."""
        found = self._members.get(peer)
        if found is None:
            found = self._members[peer] = self._find(peer)
        return found

    def _find(self, peer: Peer) -> Members:
        match peer:
            case Pods():
                return self._pods(peer)
            case Addresses():
                return self._block(peer)
            case Nodes():
                return self._nodes(peer.nodes)
            case Domains():
                return Members(0, self.outside)
            case BrokenPeer():
                return Members(0, self.everyone)

    def _pods(self, peer: Pods) -> Members:
        sure = maybe = self._in_namespace.get(peer.namespace, 0) if peer.namespace else self.pods
        for requirement in peer.pods.requirements:
            matching = self._by_label.matching(requirement, self.pods)
            sure, maybe = sure & matching, maybe & matching
        if peer.namespace:
            return Members(sure, maybe)
        for requirement in peer.namespaces.requirements:
            matching = self._by_namespace_label.matching(requirement, self.pods)
            unread = 0 if requirement.key == NAMESPACE_NAME else self.unread
            sure, maybe = sure & matching & ~unread, maybe & (matching | unread)
        return Members(sure, maybe)

    def _block(self, peer: Addresses) -> Members:
        spans = set(self.addresses.span(peer.block))
        for hole in peer.excepted:
            spans.difference_update(self.addresses.span(hole))
        outside = pods = 0
        for index in spans:
            outside |= 1 << (self.first_range + index)
            pods |= self._in_range.get(index, 0)
        if self.network.ip_blocks is IpBlocks.EXTERNAL and not peer.api:
            return Members(outside, outside)
        # A pod without an address has one of which nothing is known, unless the block is all there is.
        all_of_it = not peer.excepted and peer.block == whole(peer.block.family) and len(self.network.families) == 1
        sure = outside | pods | (self.unaddressed if all_of_it and spans else 0)
        return Members(sure, sure | (self.unaddressed if spans else 0))

    def _nodes(self, selector: Selector) -> Members:
        sure = maybe = 0
        for node in self.network.nodes:
            answer = selector.matches(node.labels)
            for address in node.addresses if answer is not False else ():
                index = self.addresses.index(address)
                side = 1 << (self.first_range + index) | self._in_range.get(index, 0) if index >= 0 else 0
                maybe |= side
                sure |= side if answer else 0
        unknown = self.hosts & self.unaddressed
        if not self.network.nodes_read:
            unknown = self.hosts | self.outside
        return Members(sure, maybe | unknown)


def used_labels(policies: Iterable[Policy]) -> dict[bool, dict[str, set[str]]]:
    """The keys that selectors name, with the values: of pods (False) and of namespaces (True)."""
    used: dict[bool, dict[str, set[str]]] = {False: {}, True: {}}
    policies = tuple(policies)
    chosen = {peer for peer in peers_of(policies) if isinstance(peer, Pods)}
    chosen.update(policy.subject for policy in policies if policy.subject)
    for peer in chosen:
        for namespaces, selector in ((False, peer.pods), (True, peer.namespaces)):
            for requirement in selector.requirements:
                used[namespaces].setdefault(requirement.key, set()).update(requirement.values)
    return used
