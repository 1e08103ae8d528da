"""For one class of pods and one direction: with whom, on which ports, is traffic surely or possibly allowed.

A relation divides all sides (see `Space`) into cells that are alike. Rules are applied to cells, in the order in which
the tiers decide: Admin, NetworkPolicy, Baseline. What is not known is carried along as both of its outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeVar

from k8srun.network.classes import Members, PodClass, Space, bits_of
from k8srun.network.pods import ContainerPort
from k8srun.network.policy import Action, Addresses, Direction, Pods, Policy, Rule, Tier
from k8srun.network.ports import BrokenPort, NamedPort, PortRange

A = TypeVar("A")
B = TypeVar("B")


class Ports(NamedTuple):
    """Sets of ports: those surely allowed (or matched), and those possibly."""

    sure: int
    maybe: int


Relation = tuple[tuple[int, Ports], ...]
"""Disjoint sets of sides with the ports they share; what is in none is denied."""


class _State(NamedTuple):
    """What can have become of each port: still undecided, allowed, denied, passed to the next tier."""

    undecided: int
    allowed: int = 0
    denied: int = 0
    passed: int = 0


_Cells = dict[_State, int]


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
        self._selected = {direction: self._select(direction) for direction in Direction}
        # Equal priorities next to each other, the least first: that is the order in which tiers ask.
        self._order = {id(policy): number for number, policy in enumerate(_ordered(space.network.policies))}

    def of(self, number: int, direction: Direction) -> Relation:
        """The relation of the class of that number; equal ones are one object."""
        pods = self._space.classes[number]
        chosen = tuple(sorted(self._selected[direction].get(number, ()), key=lambda one: self._order[id(one.policy)]))
        named = pods.ports if direction is Direction.INGRESS else ()
        key = (direction, tuple((id(one.policy), one.sure) for one in chosen), named, pods.first.host_network)
        found = self._known.get(key)
        if found is None:
            computed = self._relation(pods, direction, chosen)
            found = self._known[key] = self._equal.setdefault(computed, computed)
        return found

    def _select(self, direction: Direction) -> dict[int, list[_Selected]]:
        space = self._space
        main = sum(1 << pods.bits[0] for pods in space.classes)
        selected: dict[int, list[_Selected]] = {}
        for policy in space.network.policies:
            if direction in policy.rules:
                subjects = space.subjects(policy)
                for bit in bits_of(subjects.maybe & main):
                    one = _Selected(policy, bool(subjects.sure >> bit & 1))
                    selected.setdefault(space.class_of_bit[bit], []).append(one)
        return selected

    def _relation(self, pods: PodClass, direction: Direction, chosen: Sequence[_Selected]) -> Relation:
        space = self._space
        if space.network.doubts:
            return ((space.everyone, Ports(0, space.ports.all)),)
        cells: _Cells = {_State(space.ports.all): space.everyone}
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

    def _ranked(self, cells: _Cells, chosen: Iterable[_Selected], direction: Direction, pods: PodClass) -> _Cells:
        """The cells after a tier whose first matching rule decides. What it passes is undecided again."""
        for _, group in groupby(chosen, key=lambda one: one.policy.priority):
            # Of several policies at one priority any may come first: every outcome of each is possible.
            outcomes = [self._first_match(cells, one, direction, pods) for one in group]
            cells = outcomes[0]
            for other in outcomes[1:]:
                cells = _either(cells, other)
        return _mapped(cells, lambda state: _State(state.undecided | state.passed, state.allowed, state.denied))

    def _first_match(self, cells: _Cells, one: _Selected, direction: Direction, pods: PodClass) -> _Cells:
        for rule in one.policy.rules[direction]:
            matched = self._matches(rule, one.policy, direction, pods)
            cells = _applied(cells, matched, _OUTCOMES[rule.action], sure=one.sure)
        return cells

    def _network_policies(
        self, cells: _Cells, chosen: Sequence[_Selected], direction: Direction, pods: PodClass
    ) -> _Cells:
        """The cells after the NetworkPolicies: their union decides for good about the pods that one of them selects."""
        if not chosen:
            return cells
        everything = self._space.ports.all
        union: dict[Ports, int] = {Ports(0, 0): self._space.everyone}
        for one in chosen:
            for rule in one.policy.rules[direction]:
                for sides, ports in self._matches(rule, one.policy, direction, pods):
                    union = _joined(union, sides, ports if one.sure else Ports(0, ports.maybe))
        # What policies mean for the host's network is not defined, and a node always reaches its own pods.
        undefined = self._space.everyone if pods.first.host_network else self._space.hosts
        union = _joined(union, undefined, Ports(0, everything))
        isolated = any(one.sure for one in chosen) and not pods.first.host_network
        result: _Cells = {}
        for (state, sides), (ports, members) in _pairs(cells, union):
            common = sides & members
            if common:
                decided = _State(
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
                    union = _joined(union, members.sure & sides, ports)
                    union = _joined(union, members.maybe & sides, Ports(0, ports.maybe))
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


def _allow(state: _State, ports: Ports) -> _State:
    return state._replace(
        undecided=state.undecided & ~ports.sure, allowed=state.allowed | (state.undecided & ports.maybe)
    )


def _deny(state: _State, ports: Ports) -> _State:
    return state._replace(
        undecided=state.undecided & ~ports.sure, denied=state.denied | (state.undecided & ports.maybe)
    )


def _pass(state: _State, ports: Ports) -> _State:
    return state._replace(
        undecided=state.undecided & ~ports.sure, passed=state.passed | (state.undecided & ports.maybe)
    )


_OUTCOMES = {Action.ALLOW: _allow, Action.DENY: _deny, Action.PASS: _pass}


def _applied(
    cells: _Cells,
    matched: Iterable[tuple[int, Ports]],
    outcome: Callable[[_State, Ports], _State],
    *,
    sure: bool,
) -> _Cells:
    result: _Cells = {}
    matched = tuple(matched)
    for state, sides in cells.items():
        left = sides
        for members, ports in matched:
            common = left & members
            if common:
                after = outcome(state, ports if sure else Ports(0, ports.maybe))
                result[after] = result.get(after, 0) | common
                left &= ~members
        if left:
            result[state] = result.get(state, 0) | left
    return result


def _mapped(cells: _Cells, change: Callable[[_State], _State]) -> _Cells:
    result: _Cells = {}
    for state, sides in cells.items():
        after = change(state)
        result[after] = result.get(after, 0) | sides
    return result


def _either(one: _Cells, other: _Cells) -> _Cells:
    """Cells that have every outcome of both, and are undecided only where both are."""
    result: _Cells = {}
    for (state, sides), (second, members) in _pairs(one, other):
        if sides & members:
            both = _State(
                state.undecided & second.undecided, *(a | b for a, b in zip(state[1:], second[1:], strict=True))
            )
            result[both] = result.get(both, 0) | (sides & members)
    return result


def _pairs(one: dict[A, int], other: dict[B, int]) -> Iterator[tuple[tuple[A, int], tuple[B, int]]]:
    return (((a, b), (c, d)) for a, b in one.items() for c, d in other.items())


def _joined(union: dict[Ports, int], sides: int, ports: Ports) -> dict[Ports, int]:
    """The union with some more ports for some of the sides."""
    if not sides or not ports.maybe:
        return union
    result: dict[Ports, int] = {}
    for known, members in union.items():
        common = members & sides
        if common:
            both = Ports(known.sure | ports.sure, known.maybe | ports.maybe)
            result[both] = result.get(both, 0) | common
        if members & ~sides:
            result[known] = result.get(known, 0) | (members & ~sides)
    return result
