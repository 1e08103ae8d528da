"""The map as rows: pairs of pods or workloads and ranges of outside addresses, with the ports on which they connect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from k8srun.network.addresses import Address, Block, merged, subtracted
from k8srun.network.cells import Ports
from k8srun.network.classes import Space, bits_of
from k8srun.network.cluster import own_nodes
from k8srun.network.pods import Pod, many
from k8srun.network.policy import Direction
from k8srun.network.ports import Connections
from k8srun.network.reach import Reach, Rectangle

T = TypeVar("T")

Why = Callable[[Pod | Block, Pod | Block, Connections], str]
"""The reason why ports from one side to another are unknown."""


class By(StrEnum):
    """What a row is about."""

    POD = "pod"
    WORKLOAD = "workload"


@dataclass(frozen=True, slots=True)
class Row:
    """One pair that connects, or may.

    Attributes:
        source: `namespace/name[Kind]`, or a range of addresses `first-last`.
        destination: likewise.
        connections: the ports that are surely allowed: between some pods of both, where workloads are asked about.
        unknown: further ports of which it cannot be told.
        reason: why it cannot.
    """

    source: str
    destination: str
    connections: Connections
    unknown: Connections = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A pod or a workload: its pods by class, and its sides."""

    name: str
    pods: Mapping[int, tuple[Pod, ...]]
    sides: int

    @property
    def one(self) -> Pod:
        """Any of its pods."""
        return next(iter(self.pods.values()))[0]


def units(space: Space, by: By) -> tuple[Unit, ...]:
    """The pods or workloads of a network, by name."""
    name_of: Callable[[Pod], str] = (lambda pod: pod.id) if by is By.POD else (lambda pod: pod.workload)
    found: dict[str, dict[int, list[Pod]]] = {}
    for number, pods in enumerate(space.classes):
        for pod in pods.pods:
            found.setdefault(name_of(pod), {}).setdefault(number, []).append(pod)
    return tuple(
        Unit(
            name,
            {number: tuple(pods) for number, pods in classes.items()},
            sum(1 << bit for number in classes for bit in space.classes[number].bits),
        )
        for name, classes in sorted(found.items())
    )


def rows(reach: Reach, by: By, why: Why, *, own_nodes: bool = True) -> Iterator[Row]:
    """Every pair that connects or may, sorted by name; from and to outside as the fewest ranges of addresses.

    Args:
        why: the reason why ports between two sides are unknown.
        own_nodes: whether with what a pod may always exchange with its own node, whatever NetworkPolicies say.
    """
    mapper = Mapper(reach, by)

    def ranges(unit: Unit, outside: dict[Block, Ports], direction: Direction) -> list[tuple[Block, Ports]]:
        return merged_ranges(mapper.with_own_nodes(unit, outside, direction) if own_nodes else outside)

    for unit in mapper.units:
        inside, outside = mapper.from_unit(unit)
        for name, found in sorted(inside.items()):
            yield mapper.row(unit.name, name, found, why)
        for block, ports in ranges(unit, outside, Direction.EGRESS):
            yield mapper.row(unit.name, str(block), Found(ports, unit.one, block), why)
    found_outside = mapper.from_outside()
    coming = [
        (block, unit, ports)
        for unit in mapper.units
        for block, ports in ranges(unit, found_outside[unit.name], Direction.INGRESS)
    ]
    for block, unit, ports in sorted(coming, key=lambda one: (one[0], one[1].name)):
        yield mapper.row(str(block), unit.name, Found(ports, block, unit.one), why)


def merged_ranges(sides: Mapping[Block, T]) -> list[tuple[Block, T]]:
    """Adjacent ranges of addresses of which the same holds as one, sorted."""
    groups: list[tuple[T, list[Block]]] = []
    for block, value in sides.items():
        same = next((blocks for known, blocks in groups if known == value), None)
        if same is None:
            groups.append((value, [block]))
        else:
            same.append(block)
    found = [(block, value) for value, blocks in groups for block in merged(blocks)]
    return sorted(found, key=lambda pair: pair[0])


@dataclass(frozen=True, slots=True)
class Found:
    """What connects two ends, and two of their pods: where something is unknown, two between which it is."""

    ports: Ports
    source: Pod | Block
    destination: Pod | Block


class Mapper:
    """The map from the point of view of pods or workloads."""

    def __init__(self, reach: Reach, by: By) -> None:
        self._space = reach.space
        self._relations = reach.relations
        self._own_node = own_nodes(reach.space.network)
        self.units = units(reach.space, by)
        self._unit_of_class: dict[int, list[Unit]] = {}
        for unit in self.units:
            for number in unit.pods:
                self._unit_of_class.setdefault(number, []).append(unit)
        self._by_source: dict[int, list[int]] = {}
        self._rectangles = reach.rectangles
        self._targets: dict[int, tuple[Unit, ...]] = {}
        for index, rectangle in enumerate(self._rectangles):
            for bit in bits_of(rectangle.sources & reach.space.pods):
                self._by_source.setdefault(bit, []).append(index)

    def from_unit(self, unit: Unit, targets: int | None = None) -> tuple[dict[str, Found], dict[Block, Ports]]:
        """What a unit reaches: other units by name, and ranges of outside addresses.

        Args:
            targets: the sides of pods that are asked about; None for all of them and the outside.
        """
        inner = self._space.pods if targets is None else targets
        outer = self._space.outside if targets is None else 0
        inside: dict[str, Found] = {}
        outside: dict[Block, Ports] = {}
        chosen = {index for bit in bits_of(unit.sides) for index in self._by_source.get(bit, ())}
        for index in sorted(chosen):
            rectangle = self._rectangles[index]
            callers = self._members(unit, rectangle.sources)
            for target in self._within(rectangle.destinations & inner):
                receivers = self._members(target, rectangle.destinations) if target is unit else ()
                # A pod reaches itself whatever the policies say: that is no pair.
                if target is unit and callers == receivers and not many(callers):
                    continue
                inside[target.name] = self._merged(inside.get(target.name), rectangle, callers[0], target)
            for bit in bits_of(rectangle.destinations & outer):
                block = self._block(bit)
                outside[block] = _both(outside.get(block), rectangle.ports)
        return inside, outside

    def from_outside(self) -> dict[str, dict[Block, Ports]]:
        """By unit, the ranges of outside addresses that reach it."""
        found: dict[str, dict[Block, Ports]] = {unit.name: {} for unit in self.units}
        for rectangle in self._rectangles:
            callers = [self._block(bit) for bit in bits_of(rectangle.sources & self._space.outside)]
            for unit in self._within(rectangle.destinations & self._space.pods) if callers else ():
                sides = found[unit.name]
                for block in callers:
                    sides[block] = _both(sides.get(block), rectangle.ports)
        return found

    def with_own_nodes(self, unit: Unit, outside: dict[Block, Ports], direction: Direction) -> dict[Block, Ports]:
        """The ranges with the nodes on which a unit's pods run: a pod and its own node may always talk.

        No policy changes that, and every node cuts a range: a comparison of two maps does without it.
        """
        own: dict[Address, Ports] = {}
        for number, pods in unit.pods.items():
            ports = self._relations.with_own_node(number, direction)
            for pod in pods:
                families = {one.family for one in pod.addresses} or set(self._space.network.families)
                for address in self._own_node(pod):
                    if address.family in families:
                        own[address] = _both(own.get(address), ports)
        return _carved(outside, own) if own else outside

    def row(self, source: str, destination: str, found: Found, why: Why) -> Row:
        """The row of two ends."""
        connections, ports = self._space.ports.connections, found.ports
        unknown = connections(ports.maybe & ~ports.sure)
        reason = why(found.source, found.destination, unknown) if unknown else ""
        return Row(source, destination, connections(ports.sure), unknown, reason)

    def _block(self, bit: int) -> Block:
        return self._space.addresses.blocks[bit - self._space.first_range]

    def _merged(self, known: Found | None, rectangle: Rectangle, source: Pod, target: Unit) -> Found:
        ports = rectangle.ports
        if known is None:
            return Found(ports, source, self._members(target, rectangle.destinations)[0])
        both = _both(known.ports, ports)
        if ports.maybe == ports.sure:
            return Found(both, known.source, known.destination)
        return Found(both, source, self._members(target, rectangle.destinations)[0])

    def _members(self, unit: Unit, sides: int) -> list[Pod]:
        classes = self._space.classes
        return [
            pod
            for number, pods in unit.pods.items()
            if any(sides >> bit & 1 for bit in classes[number].bits)
            for pod in pods
        ]

    def _within(self, sides: int) -> tuple[Unit, ...]:
        """The units that have one of these sides."""
        found = self._targets.get(sides)
        if found is None:
            numbers = dict.fromkeys(self._space.class_of_bit[bit] for bit in bits_of(sides))
            chosen = {unit.name: unit for number in numbers for unit in self._unit_of_class[number]}
            found = self._targets[sides] = tuple(chosen.values())
        return found


def _carved(ranges: dict[Block, Ports], own: Mapping[Address, Ports]) -> dict[Block, Ports]:
    """The ranges, with some ports more for single addresses."""
    cut: dict[Block, list[Block]] = {}
    result = dict(ranges)
    for address, ports in own.items():
        single = Block(address.family, address.number, address.number)
        around = next((block for block in ranges if address in block), single)
        both = _both(ranges.get(around), ports)
        if both != ranges.get(around):
            result[single] = both
            cut.setdefault(around, []).append(single)
    for block, holes in cut.items():
        for left in subtracted(block, holes):
            result[left] = ranges[block]
        if block not in holes:
            result.pop(block, None)
    return result


def _both(known: Ports | None, more: Ports) -> Ports:
    return Ports(known.sure | more.sure, known.maybe | more.maybe) if known else more
