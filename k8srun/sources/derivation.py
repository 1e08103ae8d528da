"""How much work a PKCS #12 file demands before its password is even known to be right.

The iterations of its key derivation are the file's to say, up to billions, and no library call that does the work can
be ended. Source of the form: RFC 7292, RFC 8018: each salt is followed by the number of iterations.
"""

from __future__ import annotations

from collections.abc import Iterator

MOST_ITERATIONS = 5_000_000
"""About three seconds of work; openssl writes 2,048, Java 10,000, the most careful a million."""

_INTEGER, _OCTETS, _CONSTRUCTED_OCTETS, _END = 0x02, 0x04, 0x24, 0x00
_CONSTRUCTED, _SEQUENCE = 0x20, 0x30
_LONGEST_HEAD = 6  # tag and length
_DEEPEST = 16


def most_iterations(data: bytes) -> int:
    """The largest number of iterations that a file names; 0 if it names none. Whatever is no BER is passed over."""
    return max(_iterations(data, 0), default=0)


def _iterations(data: bytes, depth: int) -> Iterator[int]:
    if depth > _DEEPEST:
        return
    before = _END
    for tag, content in _elements(data):
        if tag == _INTEGER and before in {_OCTETS, _CONSTRUCTED_OCTETS}:
            yield int.from_bytes(content, "big")
        within = content
        if tag == _CONSTRUCTED_OCTETS:
            # BER lets a string come in pieces; only together they make what is within.
            within = b"".join(piece for kind, piece in _elements(content) if kind == _OCTETS)
        if tag & _CONSTRUCTED or _is_sequence(within):
            yield from _iterations(within, depth + 1)
        before = tag


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of one level, as far as they can be read.

    Where one without a length ends is told by what is in it alone: what stands after it is given as part of it.
    """
    at = 0
    while at + 2 <= len(data):
        tag, size, begin = data[at], data[at + 1], at + 2
        if tag == _END:
            at = begin
            continue
        if size & 0x7F and size & 0x80:
            begin += size & 0x7F
            size = int.from_bytes(data[at + 2 : begin], "big")
        elif size & 0x80:
            size = len(data) - begin
        yield tag, data[begin : begin + size]
        at = begin + size


def _is_sequence(data: bytes) -> bool:
    """Whether a string holds one sequence and nothing else: what is encrypted must not be taken for something."""
    first = next(_elements(data), (_END, b""))
    return first[0] == _SEQUENCE and data.endswith(first[1]) and len(data) - len(first[1]) <= _LONGEST_HEAD
