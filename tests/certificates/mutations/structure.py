"""Mutations of the encoding itself: elements of a certificate altered, moved, doubled and left out, and signed anew."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.certificates import der

TAGS = (
    1,
    2,
    3,
    4,
    5,
    6,
    10,
    12,
    18,
    19,
    20,
    22,
    23,
    24,
    26,
    27,
    28,
    30,
    48,
    49,
    *range(0x80, 0x89),
    *range(0xA0, 0xA5),
)
VALUES = (
    b"",
    b"\0",
    b"\x01",
    b"\xff",
    b"\0\x80",
    b"\0\0",
    b"\x01" * 9,
    b"\0a\0\0",
    b"\xd8\0\0a",
    b"12 a",
    b"a_b",
    b"\xe9",
)
NUMBERS = (0, 1, 0x2A, 0x2E, 0x40, 0x5F, 0x7F, 0x80, 0xFF)


@dataclass
class Element:
    """One element: its content is what stands before the elements within it, and these."""

    tag: int
    content: bytes = b""
    within: list[Element] = field(default_factory=list)
    long_form: bool = False

    def der(self) -> bytes:
        content = self.content + b"".join(element.der() for element in self.within)
        if not self.long_form:
            return der.tlv(self.tag, content)
        return bytes((self.tag, 0x83)) + len(content).to_bytes(3, "big") + content

    def all(self) -> list[Element]:
        """This one and those within, from the outside in."""
        return [self, *(inner for element in self.within for inner in element.all())]


def elements(content: bytes) -> list[Element]:
    """The elements that `content` consists of; ValueError if it does not."""
    found = []
    while content:
        if len(content) < 2 or content[1] in {0x80, 0xFF}:
            raise ValueError("no length")
        start = 2 + (content[1] & 0x7F if content[1] & 0x80 else 0)
        size = int.from_bytes(content[2:start], "big") if start > 2 else content[1]
        if start + size > len(content):
            raise ValueError("too short")
        found.append(_element(content[0], content[start : start + size]))
        content = content[start + size :]
    return found


def _element(tag: int, content: bytes) -> Element:
    before = b"\0" if tag == der.BIT_STRING and content[:2] == b"\0\x30" else b""
    if not (tag & 0x20 or tag == der.OCTET_STRING or before):
        return Element(tag, content)
    try:
        return Element(tag, before, elements(content[len(before) :]))
    except ValueError:
        return Element(tag, content)


def altered(rng: random.Random, signed: bytes) -> bytes:
    """The signed part of a certificate with one or two of its elements changed."""
    (root,) = elements(signed)
    for _ in range(rng.choice((1, 1, 2))):
        extensions = root.within[-1].all() if root.within and rng.random() < 0.5 else []
        parents = [element for element in extensions or root.all() if element.within]
        if parents:
            _alter(rng, rng.choice(parents))
    return root.der()


def _alter(rng: random.Random, parent: Element) -> None:
    position = rng.randrange(len(parent.within))
    chosen = parent.within[position]
    match rng.choice(("tag", "value", "byte", "byte", "out", "twice", "order", "more", "long", "tail")):
        case "tag":
            chosen.tag = rng.choice(TAGS)
        case "value":
            parent.within[position] = Element(rng.choice((chosen.tag, *TAGS)), rng.choice(VALUES))
        case "byte":
            content = bytearray(chosen.content or b"\0")
            content[rng.randrange(len(content))] = rng.choice((*NUMBERS, rng.randrange(256)))
            chosen.content = bytes(content)
        case "out":
            del parent.within[position]
        case "twice":
            parent.within.insert(position, chosen)
        case "order":
            rng.shuffle(parent.within)
        case "more":
            parent.within.insert(position, Element(rng.choice(TAGS), rng.choice(VALUES)))
        case "long":
            chosen.long_form = True
        case "tail":
            chosen.within.append(Element(5))
