"""For one class of pods and one direction: with whom, on which ports, is traffic surely or possibly allowed.

A relation divides all sides (see `Space`) into cells that are alike. Rules are applied to cells, in the order in which
the tiers decide: Admin, NetworkPolicy, Baseline. What is not known is carried along as both of its outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from k8srun.network.cells import OUTCOMES, Cells, Ports, State, applied, either, joined, mapped, pairs
from k8srun.network.classes import Members, PodClass, Space, bits_of
from k8srun.network.pods import ContainerPort
from k8srun.network.policy import Addresses, Direction, Pods, Policy, Rule, Tier
from k8srun.network.ports import BrokenPort, NamedPort, PortRange

Relation = tuple[tuple[int, Ports], ...]
"""Disjoint sets of sides with the ports they share; what is in none is denied."""


@dataclass(frozen=True, slots=True)
class _Selected:
    """A policy that is about a class of pods, surely or possibly."""

    policy: Policy
    sure: bool


class Relations:
    """The relations of all classes of a network, each computed once for all classes that share it."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._rules: dict[tuple[int, tuple[ContainerPort, ...]], Relation] = {}
        self._known: dict[tuple[object, ...], Relation] = {}
        self._equal: dict[Relation, Relation] = {}
        self._main = sum(1 << pods.bits[0] for pods in space.classes)
        self._selected = {direction: self._select(direction) for direction in Direction}
        # Equal priorities next to each other, the least first: that is the order in which tiers ask.
        self._order = {id(policy): number for number, policy in enumerate(_ordered(space.network.policies))}

    def of(self, number: int, direction: Direction) -> Relation:
        """The relation of the class of that number; equal ones are one object."""
        pods = self._space.classes[number]
        chosen = self._chosen(number, direction)
        named = pods.ports if direction is Direction.INGRESS else ()
        key = (direction, tuple((id(one.policy), one.sure) for one in chosen), named, pods.first.host_network)
        found = self._known.get(key)
        if found is None:
            computed = self._relation(pods, direction, chosen)
            found = self._known[key] = self._equal.setdefault(computed, computed)
        return found

    def with_own_node(self, number: int, direction: Direction) -> Ports:
        """The ports on which a class may talk with the nodes of its pods whatever its relation says.

        NetworkPolicies never come between them; whether other kinds and layers do is not defined.
        """
        network, everything = self._space.network, self._space.ports.all
        about = self._selected[direction].get(number, ())
        unsure = network.doubts or network.layers or any(one.policy.tier is not Tier.NETWORK for one in about)
        return Ports(0 if unsure else everything, everything)

    def selected_by(self, policy: Policy) -> Iterator[int]:
        """The numbers of the classes that a policy is about, surely or possibly."""
        bits = bits_of(self._space.subjects(policy).maybe & self._main)
        return (self._space.class_of_bit[bit] for bit in bits)

    def same_without(self, policy: Policy, number: int, direction: Direction) -> bool:
        """Whether one of the policies could be taken away from a class and nothing would change.

        A policy of an ordered tier is judged within its tier: that another one denies the same later is what it is for.
        """
        pods = self._space.classes[number]
        chosen = self._chosen(number, direction)
        others = tuple(one for one in chosen if one.policy is not policy)
        if policy.tier is Tier.NETWORK:
            return self._relation(pods, direction, others) == self.of(number, direction)
        start: Cells = {State(self._space.ports.all): self._space.everyone}
        decided, left = (
            self._ranked(start, [one for one in some if one.policy.tier is policy.tier], direction, pods)
            for some in (chosen, others)
        )
        return decided == left

    def _chosen(self, number: int, direction: Direction) -> tuple[_Selected, ...]:
        return tuple(sorted(self._selected[direction].get(number, ()), key=lambda one: self._order[id(one.policy)]))

    def _select(self, direction: Direction) -> dict[int, list[_Selected]]:
        space = self._space
        selected: dict[int, list[_Selected]] = {}
        for policy in space.network.policies:
            if direction in policy.rules:
                subjects = space.subjects(policy)
                for bit in bits_of(subjects.maybe & self._main):
                    one = _Selected(policy, bool(subjects.sure >> bit & 1))
                    selected.setdefault(space.class_of_bit[bit], []).append(one)
        return selected

    def _relation(self, pods: PodClass, direction: Direction, chosen: Sequence[_Selected]) -> Relation:
        space = self._space
        if space.network.doubts:
            return ((space.everyone, Ports(0, space.ports.all)),)
        cells: Cells = {State(space.ports.all): space.everyone}
        by_tier = {tier: [one for one in chosen if one.policy.tier is tier] for tier in Tier}
        cells = self._ranked(cells, by_tier[Tier.ADMIN], direction, pods)
        cells = self._network_policies(cells, by_tier[Tier.NETWORK], direction, pods)
        cells = self._ranked(cells, by_tier[Tier.BASELINE], direction, pods)
        result: dict[Ports, int] = {}
        for state, sides in cells.items():
            allowed = state.allowed | state.undecided
            ports = Ports(allowed & ~state.denied, allowed)
            if space.network.layers:
                ports = Ports(0, allowed)
            if allowed:
                result[ports] = result.get(ports, 0) | sides
        return tuple((sides, ports) for ports, sides in sorted(result.items()))

    def _ranked(self, cells: Cells, chosen: Iterable[_Selected], direction: Direction, pods: PodClass) -> Cells:
        """The cells after a tier whose first matching rule decides. What it passes is undecided again."""
        for _, group in groupby(chosen, key=lambda one: one.policy.priority):
            # Of several policies at one priority any may come first: every outcome of each is possible.
            outcomes = [self._first_match(cells, one, direction, pods) for one in group]
            cells = outcomes[0]
            for other in outcomes[1:]:
                cells = either(cells, other)
        return mapped(cells, lambda state: State(state.undecided | state.passed, state.allowed, state.denied))

    def _first_match(self, cells: Cells, one: _Selected, direction: Direction, pods: PodClass) -> Cells:
        for rule in one.policy.rules[direction]:
            matched = self._matches(rule, one.policy, direction, pods)
            cells = applied(cells, matched, OUTCOMES[rule.action], sure=one.sure)
        return cells

    def _network_policies(
        self, cells: Cells, chosen: Sequence[_Selected], direction: Direction, pods: PodClass
    ) -> Cells:
        """The cells after the NetworkPolicies: their union decides for good about the pods that one of them selects."""
        if not chosen:
            return cells
        everything = self._space.ports.all
        union: dict[Ports, int] = {Ports(0, 0): self._space.everyone}
        for one in chosen:
            for rule in one.policy.rules[direction]:
                for sides, ports in self._matches(rule, one.policy, direction, pods):
                    union = joined(union, sides, ports if one.sure else Ports(0, ports.maybe))
        # What policies mean for the host's network is not defined, and a node always reaches its own pods.
        undefined = self._space.everyone if pods.first.host_network else self._space.hosts
        union = joined(union, undefined, Ports(0, everything))
        isolated = any(one.sure for one in chosen) and not pods.first.host_network
        result: Cells = {}
        for (state, sides), (ports, members) in pairs(cells, union):
            common = sides & members
            if common:
                decided = State(
                    0 if isolated else state.undecided,
                    state.allowed | (state.undecided & ports.maybe),
                    state.denied | (state.undecided & ~ports.sure),
                )
                result[decided] = result.get(decided, 0) | common
        return result

    def _matches(self, rule: Rule, policy: Policy, direction: Direction, pods: PodClass) -> Relation:
        """The sides that a rule matches, with the ports on which it does."""
        named = pods.ports if direction is Direction.INGRESS else ()
        key = (id(rule), named)
        found = self._rules.get(key)
        if found is None:
            union: dict[Ports, int] = {Ports(0, 0): self._space.everyone}
            for members, resolves in self._peers(rule, policy):
                for sides, ports in self._ports(rule, named if direction is Direction.INGRESS else None, resolves):
                    union = joined(union, members.sure & sides, ports)
                    union = joined(union, members.maybe & sides, Ports(0, ports.maybe))
            found = tuple((sides, ports) for ports, sides in union.items() if ports.maybe)
            self._rules[key] = found
        return found

    def _peers(self, rule: Rule, policy: Policy) -> Iterator[tuple[Members, bool]]:
        """Whom a rule names, and whether the name of a port means something to them when they are the destination."""
        space = self._space
        if rule.peers is None:
            yield Members(space.everyone, space.everyone), True
            return
        for peer in rule.peers:
            members = space.members(peer)
            if isinstance(peer, Pods):
                # Policies of namespaces leave it undefined, which `_network_policies` adds; the others say no.
                others = ~space.hosts
                members = Members(members.sure & others, members.maybe & others)
            elif isinstance(peer, Addresses) and policy.tier is Tier.NETWORK:
                members = Members(members.sure & ~space.hosts, members.maybe & ~space.hosts)
            yield members, isinstance(peer, Pods)

    def _ports(self, rule: Rule, own: tuple[ContainerPort, ...] | None, resolves: bool) -> Iterator[tuple[int, Ports]]:
        """Ports of a rule for the sides to which they apply.

        Args:
            own: where the pods are the destination, the ports that they declare; None where they are the source.
            resolves: whether the other side, as the destination, can declare ports.
        """
        space = self._space
        if rule.ports is None:
            yield space.everyone, Ports(space.ports.all, space.ports.all)
            return
        for port in rule.ports:
            match port:
                case PortRange():
                    mask = space.ports.mask(port.protocol, port.first, port.last)
                    yield space.everyone, Ports(mask, mask)
                case BrokenPort():
                    yield space.everyone, Ports(0, space.ports.all)
                case NamedPort() if own is not None:
                    mask = space.ports.named(port, own)
                    yield space.everyone, Ports(mask, mask)
                case NamedPort() if resolves:
                    for mask, sides in space.named(port).items():
                        yield sides, Ports(mask, mask)


def _ordered(policies: Iterable[Policy]) -> list[Policy]:
    return sorted(policies, key=lambda policy: (list(Tier).index(policy.tier), policy.priority))
