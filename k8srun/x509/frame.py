"""Where the parts of a certificate stand in its DER."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple


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
        signed, outer_algorithm = islice(_elements(der), 2)
        has_version = signed[_content_start(signed)] == 0xA0
        parts = islice(_elements(signed), 2 if has_version else 1, None)
        inner_algorithm, issuer, _, subject, public_key = islice(parts, 5)
        return Frame(outer_algorithm, inner_algorithm, issuer, subject, public_key)


def _elements(sequence: bytes) -> Iterator[bytes]:
    """The elements of a valid DER SEQUENCE, each with its tag and length."""
    position = _content_start(sequence)
    while position < len(sequence):
        start = position
        position = _content_start(sequence, start) + _content_length(sequence, start)
        yield sequence[start:position]


def _content_start(der: bytes, start: int = 0) -> int:
    first = der[start + 1]
    return start + 2 + (first & 0x7F if first & 0x80 else 0)


def _content_length(der: bytes, start: int) -> int:
    first = der[start + 1]
    return int.from_bytes(der[start + 2 : start + 2 + (first & 0x7F)], "big") if first & 0x80 else first
