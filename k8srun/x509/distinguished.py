"""Distinguished names: subjects and issuers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import NameOID

from k8srun.x509.frame import elements, is_too_long

_PLAIN = re.compile(r"[\w:.@*-]*")
# The string types that Go reads and what each may hold; the library reads more.
_UTF8_STRING, _T61_STRING, _BMP_STRING = 0x0C, 0x14, 0x1E
_CHARACTERS = {
    0x12: ("NumericString", re.compile(rb"[0-9 ]*")),
    0x13: ("PrintableString", re.compile(rb"[A-Za-z0-9 '()+,\-./:=?*&]*")),
    0x16: ("IA5String", re.compile(rb"[\0-\x7f]*")),
}
_NO_CHARACTERS = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_REFUSED = "x509: invalid RDNSequence: invalid attribute value"

# The attributes that Go's pkix.Name prints, in the order in which it prints them.
_NAME_ORDER = {
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.POSTAL_CODE: "POSTALCODE",
    NameOID.STREET_ADDRESS: "STREET",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.COUNTRY_NAME: "C",
}
_LABELS = tuple(_NAME_ORDER.values())


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A subject or issuer: its text and the parts that Kubernetes reads.

    `refused` is Go's message when its parser refuses the name, `unreadable` why the library does; then all is empty.
    """

    text: str = ""
    common_name: str = ""
    organizations: tuple[str, ...] = ()
    refused: str = ""
    unreadable: str = ""


def read_name(der: bytes, load: Callable[[], x509.Name]) -> DistinguishedName:
    """The parts of the name that stands in a certificate as `der` and that `load` gives."""
    refused = _refused(der)
    try:
        attributes = tuple(load())
    except (ValueError, TypeError) as error:
        return DistinguishedName(refused=refused, unreadable=f"a name: {error}")
    known: dict[str, list[str]] = {}
    other: list[str] = []
    for attribute in attributes:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        label = _NAME_ORDER.get(attribute.oid)
        if label is None:
            if is_too_long(attribute.oid.dotted_string):
                refused = "x509: invalid RDNSequence: invalid attribute type"
            other.append(f"{attribute.rfc4514_attribute_name}={_escape(value)}")
        else:
            known.setdefault(label, []).append(value)
    labels = sorted(known, key=_LABELS.index)
    parts = ["+".join(f"{label}={_escape(value)}" for value in known[label]) for label in labels]
    return DistinguishedName(
        text=",".join(parts + other[::-1]),
        common_name=known["CN"][-1] if "CN" in known else "",
        organizations=tuple(known.get("O", ())),
        refused=refused,
    )


def _refused(name: bytes) -> str:
    """Why Go refuses a name; empty when it does not."""
    try:
        for tag, value in _strings(name):
            if wrong := _wrong(tag, value):
                return f"{_REFUSED}: {wrong}"
    except ValueError:  # the library has found its frame whole; what is left is a tag of more than one byte
        return _REFUSED
    return ""


def _strings(name: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value, in their order."""
    for _, *sequence in elements(name):
        for _, *relative in elements(name, *sequence):
            for _, *attribute in elements(name, *relative):
                _, (tag, begin, end) = elements(name, *attribute)
                yield tag, name[begin:end]


def _wrong(tag: int, value: bytes) -> str:
    """What Go has against a string, in its words."""
    if tag in _CHARACTERS:
        kind, allowed = _CHARACTERS[tag]
        return "" if allowed.fullmatch(value) else f"invalid {kind}"
    try:
        if tag == _UTF8_STRING:
            value.decode()
        elif tag == _BMP_STRING:
            return "invalid BMPString" if _NO_CHARACTERS.search(value.decode("utf-16-be", "surrogatepass")) else ""
        elif tag != _T61_STRING:
            return f"unsupported string type: {tag}"
    except UnicodeDecodeError:
        return "invalid UTF-8 string" if tag == _UTF8_STRING else "invalid BMPString"
    return ""


def _escape(value: str) -> str:
    """A value with the characters escaped that have a meaning in the text of a name (RFC 2253, as Go prints it)."""
    if _PLAIN.fullmatch(value):
        return value
    last = len(value) - 1
    return "".join(
        f"\\{char}"
        if char in ',+"\\<>;' or (char == " " and index in {0, last}) or (char == "#" and index == 0)
        else char
        for index, char in enumerate(value)
    )
