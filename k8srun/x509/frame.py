"""Where the parts of a certificate stand in its DER."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_INDEFINITE = 0x80  # a length that BER allows and DER does not

_LARGEST_PART, _SHORT = 2**31 - 1, 9


class Frame(NamedTuple):
    """Parts of a certificate, each with its tag and length.

    The library does not hand them out as they stand, and the encoding counts: Go compares names and keys by bytes.
    """

    outer_algorithm: bytes
    inner_algorithm: bytes
    issuer: bytes
    subject: bytes
    public_key: bytes

    @staticmethod
    def of(der: bytes) -> Frame:
        """The parts of a certificate that the library has parsed."""
        signed = _content(der, 0)[0]
        position, signed_end = _content(der, signed)
        if der[position] == 0xA0:  # the version, which version 1 leaves out
            position = _content(der, position)[1]
        inner_algorithm = _content(der, position)[1]  # after the serial number
        issuer = _content(der, inner_algorithm)[1]
        validity = _content(der, issuer)[1]
        subject = _content(der, validity)[1]
        public_key = _content(der, subject)[1]
        return Frame(
            outer_algorithm=der[signed_end : _content(der, signed_end)[1]],
            inner_algorithm=der[inner_algorithm:issuer],
            issuer=der[issuer:validity],
            subject=der[subject:public_key],
            public_key=der[public_key : _content(der, public_key)[1]],
        )


def elements(der: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """The elements from `start` to `end`, one after the other: tag, where the content begins, where it ends.

    Raises:
        ValueError: they do not end at `end`, or a length is not written as DER wants it.
    """
    end = len(der) if end is None else end
    while start < end:
        if start + 1 == end or der[start + 1] == _INDEFINITE:
            raise ValueError("an element without a length")
        begin, after = _content(der, start)
        size = after - begin
        shortest = 2 if size < 0x80 else 2 + (size.bit_length() + 7) // 8
        if after > end or begin - start != shortest:
            raise ValueError("an element of the wrong length")
        yield der[start], begin, after
        start = after


def _content(der: bytes, start: int) -> tuple[int, int]:
    """Where the content of the element at `start` begins and where it ends."""
    size = der[start + 1]
    begin = start + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(der[start + 2 : begin], "big")
    return begin, begin + size


def is_too_long(number: str) -> bool:
    """Whether Go reads no such object identifier (dotted), except where it stands for a policy."""
    return any(len(part) > _SHORT and int(part) > _LARGEST_PART for part in number.split("."))
