"""Ports of the protocols that policies know, as closed ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PROTOCOLS = ("TCP", "UDP", "SCTP")
LAST_PORT = 65535

Ranges = tuple[tuple[int, int], ...]
"""Closed, sorted, merged: `((80, 80), (8000, 8999))`."""

Connections = Mapping[str, Ranges]
"""Protocol → its ports; a protocol without any is left out."""

EVERY_PORT: Connections = dict.fromkeys(PROTOCOLS, ((1, LAST_PORT),))


@dataclass(frozen=True, slots=True)
class PortRange:
    """Numbered ports of a protocol; by default all of them."""

    protocol: str
    first: int = 1
    last: int = LAST_PORT

    def __str__(self) -> str:
        if (self.first, self.last) == (1, LAST_PORT):
            return f"all of {self.protocol}"
        return (
            f"{self.first}/{self.protocol}" if self.first == self.last else f"{self.first}-{self.last}/{self.protocol}"
        )


@dataclass(frozen=True, slots=True)
class NamedPort:
    """A port by the name that the destination's containers give it; an empty protocol is any."""

    name: str
    protocol: str = ""

    def __str__(self) -> str:
        return f"{self.name}/{self.protocol}" if self.protocol else self.name


@dataclass(frozen=True, slots=True)
class BrokenPort:
    """An entry that the server would refuse: what it would match is unknown."""

    problem: str

    def __str__(self) -> str:
        return self.problem


PortMatch = PortRange | NamedPort | BrokenPort


def merged_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The same ports as the fewest ranges."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return tuple(result)


def minus(given: Connections, taken: Connections) -> Connections:
    """The ports of `given` that `taken` does not have."""
    left: dict[str, Ranges] = {}
    for protocol, ranges in given.items():
        holes, kept = taken.get(protocol, ()), []
        for first, last in ranges:
            start = first
            for hole_first, hole_last in holes:
                if hole_last < start or hole_first > last:
                    continue
                if hole_first > start:
                    kept.append((start, hole_first - 1))
                start = hole_last + 1
            if start <= last:
                kept.append((start, last))
        if kept:
            left[protocol] = tuple(kept)
    return left


def contains(given: Connections, protocol: str, port: int) -> bool:
    """Whether a port is among them."""
    return any(first <= port <= last for first, last in given.get(protocol, ()))


def described(given: Connections) -> str:
    """`TCP 80, 8000-8999; UDP all`."""
    if dict(given) == EVERY_PORT:
        return "all ports"
    return "; ".join(f"{protocol} {', '.join(map(_range, ranges))}" for protocol, ranges in given.items())


def _range(ports: tuple[int, int]) -> str:
    first, last = ports
    if (first, last) == (1, LAST_PORT):
        return "all"
    return str(first) if first == last else f"{first}-{last}"
