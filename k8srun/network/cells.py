"""Sets of sides that are alike, with what can have become of each of their ports: the arithmetic of relations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from k8srun.network.policy import Action

A = TypeVar("A")
B = TypeVar("B")


class Ports(NamedTuple):
    """Sets of ports: those surely allowed (or matched), and those possibly."""

    sure: int
    maybe: int


class State(NamedTuple):
    """What can have become of each port: still undecided, allowed, denied, passed to the next tier."""

    undecided: int
    allowed: int = 0
    denied: int = 0
    passed: int = 0


Cells = dict[State, int]


def _allow(state: State, ports: Ports) -> State:
    return state._replace(
        undecided=state.undecided & ~ports.sure, allowed=state.allowed | (state.undecided & ports.maybe)
    )


def _deny(state: State, ports: Ports) -> State:
    return state._replace(
        undecided=state.undecided & ~ports.sure, denied=state.denied | (state.undecided & ports.maybe)
    )


def _pass(state: State, ports: Ports) -> State:
    return state._replace(
        undecided=state.undecided & ~ports.sure, passed=state.passed | (state.undecided & ports.maybe)
    )


OUTCOMES = {Action.ALLOW: _allow, Action.DENY: _deny, Action.PASS: _pass}


def applied(
    cells: Cells,
    matched: Iterable[tuple[int, Ports]],
    outcome: Callable[[State, Ports], State],
    *,
    sure: bool,
) -> Cells:
    result: Cells = {}
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


def mapped(cells: Cells, change: Callable[[State], State]) -> Cells:
    result: Cells = {}
    for state, sides in cells.items():
        after = change(state)
        result[after] = result.get(after, 0) | sides
    return result


def either(one: Cells, other: Cells) -> Cells:
    """Cells that have every outcome of both, and are undecided only where both are."""
    result: Cells = {}
    for (state, sides), (second, members) in pairs(one, other):
        if sides & members:
            both = State(
                state.undecided & second.undecided, *(a | b for a, b in zip(state[1:], second[1:], strict=True))
            )
            result[both] = result.get(both, 0) | (sides & members)
    return result


def pairs(one: dict[A, int], other: dict[B, int]) -> Iterator[tuple[tuple[A, int], tuple[B, int]]]:
    return (((a, b), (c, d)) for a, b in one.items() for c, d in other.items())


def joined(union: dict[Ports, int], sides: int, ports: Ports) -> dict[Ports, int]:
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
