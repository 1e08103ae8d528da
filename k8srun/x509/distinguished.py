"""Distinguished names: subjects and issuers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

_PLAIN = re.compile(r"[\w:.@*-]*")
_IA5_STRING_TAG = 0x16

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


def read_name(load: Callable[[], x509.Name]) -> DistinguishedName:
    """The parts of the name that `load` gives."""
    try:
        attributes = tuple(load())
    except ValueError as error:
        return DistinguishedName(unreadable=f"a name: {error}")
    known: dict[str, list[str]] = {}
    other: list[str] = []
    refused = ""
    for attribute in attributes:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        label = _NAME_ORDER.get(attribute.oid)
        if label is None:
            other.append(f"{attribute.rfc4514_attribute_name}={_escape(value)}")
        else:
            known.setdefault(label, []).append(value)
        if not value.isascii() and _is_ia5_string(attribute, value):
            refused = "x509: invalid RDNSequence: invalid attribute value: invalid IA5String"
    labels = sorted(known, key=_LABELS.index)
    parts = ["+".join(f"{label}={_escape(value)}" for value in known[label]) for label in labels]
    return DistinguishedName(
        text=",".join(parts + other[::-1]),
        common_name=known["CN"][-1] if "CN" in known else "",
        organizations=tuple(known.get("O", ())),
        refused=refused,
    )


def _is_ia5_string(attribute: x509.NameAttribute[Any], value: str) -> bool:
    # The library keeps the string type and shows it only in the encoding: tag and length stand before the value.
    content = value.encode()
    size = bytes((len(content),)) if len(content) < 0x80 else bytes((0x81, len(content) & 0xFF))
    return x509.Name([attribute]).public_bytes().endswith(bytes((_IA5_STRING_TAG,)) + size + content)


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
