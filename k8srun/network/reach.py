"""The whole map: who reaches whom on what, as rectangles of classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from k8srun.network.cells import Ports
from k8srun.network.classes import Space, bits_of
from k8srun.network.cluster import Network
from k8srun.network.policy import Direction, Policy
from k8srun.network.relation import Relation, Relations


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Every side of `sources` reaches every side of `destinations` on these ports."""

    sources: int
    destinations: int
    ports: Ports


@dataclass(frozen=True, slots=True)
class Reach:
    """Who reaches whom. What is in no rectangle is denied; pairs may be in several.

    Attributes:
        rectangles: of sides of `space`, each within one family of addresses. From outside to outside nothing is said.
    """

    space: Space
    relations: Relations
    rectangles: tuple[Rectangle, ...]


def reach(network: Network, *, beside: Iterable[Policy] = ()) -> Reach:
    """Compute the map. The work grows with classes and rules, not with pairs of pods.

    Args:
        beside: policies of another network with which this one is compared: what they tell apart is apart here too.
    """
    space = Space(network, tuple(beside))
    relations = Relations(space)
    found = (one for one in _rectangles(space, relations) if one.sources and one.destinations)
    return Reach(space, relations, tuple(found))


def _rectangles(space: Space, relations: Relations) -> Iterator[Rectangle]:
    egress, ingress = (_grouped(space, relations, direction) for direction in (Direction.EGRESS, Direction.INGRESS))
    every = Ports(space.ports.all, space.ports.all)
    outside: Relation = ((space.pods, every),)
    sources = [*egress.items(), (outside, space.outside)]
    destinations = [*ingress.items(), (((space.pods, every),), space.outside)]
    finder = _Finder(destinations)
    for relation, members in sources:
        for sides, given in relation:
            for accepted, receivers in finder.within(sides):
                common = receivers & sides
                for callers, taken in accepted:
                    ports = Ports(given.sure & taken.sure, given.maybe & taken.maybe)
                    if ports.maybe and callers & members:
                        yield from _by_family(space, callers & members, common, ports)


def _grouped(space: Space, relations: Relations, direction: Direction) -> dict[Relation, int]:
    grouped: dict[Relation, int] = {}
    for number, pods in enumerate(space.classes):
        relation = relations.of(number, direction)
        sides = sum(1 << bit for bit in pods.bits)
        grouped[relation] = grouped.get(relation, 0) | sides
    return grouped


class _Finder:
    """Relations by the sides that have them: few sides are looked up, for many all relations are gone through."""

    def __init__(self, relations: list[tuple[Relation, int]]) -> None:
        self._relations = relations
        self._of_bit = {bit: index for index, (_, members) in enumerate(relations) for bit in bits_of(members)}

    def within(self, sides: int) -> Iterator[tuple[Relation, int]]:
        if sides.bit_count() * 4 < len(self._relations):
            chosen = dict.fromkeys(self._of_bit[bit] for bit in bits_of(sides))
            return (self._relations[index] for index in chosen)
        return ((relation, members) for relation, members in self._relations if members & sides)


def _by_family(space: Space, sources: int, destinations: int, ports: Ports) -> Iterator[Rectangle]:
    families = [mask for mask in space.of_family.values() if mask]
    if len(families) == 1:
        yield Rectangle(sources, destinations, ports)
        return
    known = space.everyone & ~space.unaddressed
    for members in families:
        yield Rectangle(sources & members & known, destinations & members & known, ports)
    # Which families a pod without addresses has is unknown: it is sure only what holds for all of its counterpart's.
    unsure = Ports(0, ports.maybe)
    for callers, receivers in (
        (sources, destinations & space.unaddressed),
        (sources & space.unaddressed, destinations & known),
    ):
        whole_callers, whole_receivers = space.whole(callers), space.whole(receivers)
        yield Rectangle(whole_callers, whole_receivers, ports)
        yield Rectangle(callers & ~whole_callers, receivers, unsure)
        yield Rectangle(callers, receivers & ~whole_receivers, unsure)
