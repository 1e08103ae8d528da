"""The map as rows: pairs of pods or workloads and ranges of outside addresses, with the ports on which they connect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from k8srun.network.addresses import Block, merged
from k8srun.network.classes import Space, bits_of
from k8srun.network.pods import Pod, many
from k8srun.network.ports import Connections
from k8srun.network.reach import Reach
from k8srun.network.relation import Ports

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


def rows(reach: Reach, by: By, why: Why) -> Iterator[Row]:
    """Every pair that connects or may, sorted by name; from and to outside as the fewest ranges of addresses.

    Args:
        why: the reason why ports between two sides are unknown.
    """
    mapper = _Mapper(reach, by)
    for unit in mapper.units:
        yield from mapper.from_unit(unit, why)
    yield from mapper.from_outside(why)


class _Mapper:
    def __init__(self, reach: Reach, by: By) -> None:
        self._space = reach.space
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

    def from_unit(self, unit: Unit, why: Why) -> Iterator[Row]:
        """The rows of which this is the source."""
        inside: dict[str, _Found] = {}
        outside: dict[int, Ports] = {}
        chosen = {index for bit in bits_of(unit.sides) for index in self._by_source.get(bit, ())}
        for index in sorted(chosen):
            rectangle = self._rectangles[index]
            callers = self._members(unit, rectangle.sources)
            for target in self._within(rectangle.destinations & self._space.pods):
                receivers = self._members(target, rectangle.destinations)
                # A pod reaches itself whatever the policies say: that is no pair.
                if target is unit and callers == receivers and not many(callers):
                    continue
                inside[target.name] = _merged(inside.get(target.name), rectangle.ports, callers[0], receivers[0])
            for bit in bits_of(rectangle.destinations & self._space.outside):
                outside[bit] = _both(outside.get(bit), rectangle.ports)
        for name, found in sorted(inside.items()):
            yield self._row((unit.name, name), found, why)
        one = next(iter(unit.pods.values()))[0]
        for block, ports in self._ranges(outside):
            yield self._row((unit.name, str(block)), _Found(ports, one, block), why)

    def from_outside(self, why: Why) -> Iterator[Row]:
        """The rows whose source is outside, by range and then destination."""
        found: dict[str, dict[int, Ports]] = {}
        for rectangle in self._rectangles:
            callers = rectangle.sources & self._space.outside
            for unit in self._within(rectangle.destinations & self._space.pods) if callers else ():
                sides = found.setdefault(unit.name, {})
                for bit in bits_of(callers):
                    sides[bit] = _both(sides.get(bit), rectangle.ports)
        by_name = {unit.name: unit for unit in self.units}
        result = [(block, name, ports) for name, sides in found.items() for block, ports in self._ranges(sides)]
        for block, name, ports in sorted(result):
            one = next(iter(by_name[name].pods.values()))[0]
            yield self._row((str(block), name), _Found(ports, block, one), why)

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

    def _ranges(self, sides: Mapping[int, Ports]) -> Iterator[tuple[Block, Ports]]:
        by_ports: dict[Ports, list[Block]] = {}
        for bit, ports in sides.items():
            by_ports.setdefault(ports, []).append(self._space.addresses.blocks[bit - self._space.first_range])
        found = [(block, ports) for ports, blocks in by_ports.items() for block in merged(blocks)]
        return iter(sorted(found))

    def _row(self, names: tuple[str, str], found: _Found, why: Why) -> Row:
        connections, ports = self._space.ports.connections, found.ports
        unknown = connections(ports.maybe & ~ports.sure)
        reason = why(found.source, found.destination, unknown) if unknown else ""
        return Row(*names, connections(ports.sure), unknown, reason)


@dataclass(frozen=True, slots=True)
class _Found:
    """What connects two units, and two of their pods: where something is unknown, two between which it is."""

    ports: Ports
    source: Pod | Block
    destination: Pod | Block


def _merged(known: _Found | None, ports: Ports, source: Pod, destination: Pod) -> _Found:
    if known is None:
        return _Found(ports, source, destination)
    if ports.maybe == ports.sure:
        return _Found(_both(known.ports, ports), known.source, known.destination)
    return _Found(_both(known.ports, ports), source, destination)


def _both(known: Ports | None, more: Ports) -> Ports:
    return Ports(known.sure | more.sure, known.maybe | more.maybe) if known else more
