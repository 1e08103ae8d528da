"""Addresses and blocks of them, as numbers: exact ranges of IPv4 and IPv6."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from k8srun.network.problem import PolicyProblem, shown

Family = Literal[4, 6]
LAST: dict[Family, int] = {4: 2**32 - 1, 6: 2**128 - 1}
METADATA_ADDRESSES = ("169.254.169.254", "fd00:ec2::254")
"""Where clouds serve instance metadata, and with it the node's credentials."""
_OCTETS = {str(number): number for number in range(256)}


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One IP address."""

    family: Family
    number: int

    def __str__(self) -> str:
        return _text(self.family, self.number)


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """A closed range of addresses of one family."""

    family: Family
    first: int
    last: int

    def __contains__(self, address: Address) -> bool:
        return address.family == self.family and self.first <= address.number <= self.last

    def __str__(self) -> str:
        """`first-last`, as the machine output names it."""
        return f"{_text(self.family, self.first)}-{_text(self.family, self.last)}"


def whole(family: Family) -> Block:
    """Every address of a family."""
    return Block(family, 0, LAST[family])


def parse_address(text: str) -> Address | None:
    """The address that a text is; None if it is none. An IPv4-mapped IPv6 address is the IPv4 one."""
    octets = [_OCTETS.get(part) for part in text.split(".")]
    match octets:
        case [int(a), int(b), int(c), int(d)]:  # nearly every address, and a tenth of the time
            return Address(4, a << 24 | b << 16 | c << 8 | d)
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if parsed.version == 6 and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return Address(parsed.version, int(parsed))


def parse_block(value: object, path: str) -> Block:
    """A CIDR as the API has it; host bits are masked.

    Raises:
        PolicyProblem: it is no CIDR.
    """
    if not isinstance(value, str) or "/" not in value:
        raise PolicyProblem(path, f"is not a CIDR (such as 10.0.0.0/8): {shown(value)}")
    length = value.rpartition("/")[2]
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise PolicyProblem(path, f"is not a CIDR (such as 10.0.0.0/8): {shown(value)}") from None
    if not length.isdecimal() or (network.version == 6 and network.network_address.ipv4_mapped):
        raise PolicyProblem(path, f"is not a CIDR that every network plugin reads alike: {shown(value)}")
    return Block(network.version, int(network.network_address), int(network.broadcast_address))


def merged(blocks: Iterable[Block]) -> list[Block]:
    """The same addresses as the fewest ranges, sorted: adjacent and overlapping ones become one."""
    result: list[Block] = []
    for block in sorted(blocks):
        last = result[-1] if result else None
        if last and last.family == block.family and block.first <= last.last + 1:
            result[-1] = Block(last.family, last.first, max(last.last, block.last))
        else:
            result.append(block)
    return result


def subtracted(block: Block, holes: Iterable[Block]) -> list[Block]:
    """What is left of a block without the holes."""
    left, start = [], block.first
    for hole in merged(hole for hole in holes if hole.family == block.family):
        if hole.last < start or hole.first > block.last:
            continue
        if hole.first > start:
            left.append(Block(block.family, start, hole.first - 1))
        start = hole.last + 1
    if start <= block.last:
        left.append(Block(block.family, start, block.last))
    return left


def _text(family: Family, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number))
