"""Sets of name constraints, and which of them a name falls under.

Which constraint is named in a message depends on how Go searches: the set is sorted, what a predecessor covers is
dropped, and only the nearest at or below the name is looked at. So it is done here.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from k8srun.x509.gonames import Mailbox, parse_mailbox
from k8srun.x509.gotext import ip_string, lower_ascii, shortest

T = TypeVar("T")
Name_contra = TypeVar("Name_contra", contravariant=True)


class Subtrees(Protocol[Name_contra]):
    """A set of constraints of one kind."""

    def covering(self, name: Name_contra) -> str | None:
        """The constraint that `name` falls under, as text; None if there is none."""


class DnsSubtrees:
    """DNS names (and hosts of URIs, domains of mailboxes); `.example.com` means subdomains only."""

    def __init__(self, constraints: Iterable[str], *, permitted: bool) -> None:
        given = tuple(constraints)
        self._everything = "" in given
        self._sorted = _pruned(sorted(given, key=_dns_key), _is_dns_suffix)
        self._keys = [_dns_key(constraint) for constraint in self._sorted]
        # A wildcard falls under an exclusion of any name that it could stand for.
        self._parents: dict[str, str] = {}
        if not permitted:
            lowered = (constraint.lower() for constraint in self._sorted)
            self._parents = {_without_first_label(name): name for name in lowered if "." in name}

    def covering(self, name: str) -> str | None:
        if self._everything:
            return ""
        found = _nearest(self._sorted, self._keys, _dns_key(name), lambda constraint: _is_dns_suffix(constraint, name))
        if found is None and name.startswith("*"):
            return self._parents.get(_without_first_label(name.lower()))
        return found


class MailboxSubtrees:
    """Email addresses: whole ones, else by their domain."""

    def __init__(self, constraints: Iterable[str], *, permitted: bool) -> None:
        given = tuple(constraints)
        whole = (parse_mailbox(text) for text in given if "@" in text)
        self._whole = {Mailbox(box.local, box.domain.lower()) for box in whole if box}
        domains = [text for text in given if "@" not in text]
        self._domains = DnsSubtrees(domains, permitted=permitted) if domains else None

    def covering(self, name: Mailbox) -> str | None:
        if name in self._whole:
            return str(name)
        return self._domains.covering(name.domain) if self._domains else None


class AddressSubtrees:
    """IP networks, `ADDRESS/LENGTH`; IPv4 and IPv6 apart."""

    def __init__(self, constraints: Iterable[str]) -> None:
        networks = [_Network(text) for text in constraints]
        self._sorted: dict[int, list[_Network]] = {}
        for size in {len(network.address) for network in networks}:
            group = sorted((network for network in networks if len(network.address) == size), key=_Network.key)
            self._sorted[size] = _pruned(group, _Network.covers)

    def covering(self, name: bytes) -> str | None:
        networks = self._sorted.get(len(name), [])
        keys = [network.address for network in networks]
        found = _nearest(networks, keys, name, lambda network: network.contains(name))
        return None if found is None else str(found)


class _Network:
    def __init__(self, text: str) -> None:
        network = ipaddress.ip_network(text)
        self.address = network.network_address.packed
        self._mask = network.netmask.packed
        self._last = network.broadcast_address.packed

    def key(self) -> tuple[bytes, bytes]:
        return self.address, self._mask

    def contains(self, address: bytes) -> bool:
        # Go compares in the short form: an IPv4-mapped network is an IPv4 network.
        mine, other = shortest(self.address), shortest(address)
        mask = self._mask[-len(mine) :]
        return len(mine) == len(other) and all(
            ours & bits == theirs & bits for ours, theirs, bits in zip(mine, other, mask, strict=True)
        )

    def covers(self, other: _Network) -> bool:
        return self.contains(other.address) and self.contains(other._last)

    def __str__(self) -> str:
        address = shortest(self.address)
        ones = sum(bin(byte).count("1") for byte in self._mask[-len(address) :])
        return f"{ip_string(address)}/{ones}"


def _pruned(ordered: list[T], covers: Callable[[T, T], bool]) -> list[T]:
    kept: list[T] = []
    for item in ordered:
        if not kept or not covers(kept[-1], item):
            kept.append(item)
    return kept


def _nearest(ordered: list[T], keys: list[bytes], wanted: bytes, matches: Callable[[T], bool]) -> T | None:
    if not ordered:
        return None
    index = bisect_left(keys, wanted)
    if index < len(keys) and keys[index] == wanted:
        return ordered[index]
    candidate = ordered[max(index - 1, 0)]
    return candidate if matches(candidate) else None


def _dns_key(name: str) -> bytes:
    """Names sort from their end, a dot before everything else, so that a domain stands right before its subdomains."""
    return lower_ascii(name).encode()[::-1].replace(b".", b"\0")


def _is_dns_suffix(domain: str, name: str) -> bool:
    if not lower_ascii(name).endswith(lower_ascii(domain)):
        return False
    return domain.startswith(".") or len(name) == len(domain) or name[-len(domain) - 1] == "."


def _without_first_label(name: str) -> str:
    return name[name.index(".") :] if "." in name else ""
