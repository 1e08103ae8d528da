"""Writes DER, the malformed and the merely odd included: what a library's builder rightly refuses to make."""

from __future__ import annotations

from datetime import UTC, datetime

SEQUENCE, SET, INTEGER, BIT_STRING, OCTET_STRING, OID, BOOLEAN = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06, 0x01
UTF8, PRINTABLE, IA5, T61, BMP = 0x0C, 0x13, 0x16, 0x14, 0x1E

COMMON_NAME, ORGANIZATION, UNIT = "2.5.4.3", "2.5.4.10", "2.5.4.11"


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    return tlv(SEQUENCE, *parts)


def integer(value: int, tag: int = INTEGER) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool) -> bytes:
    return tlv(BOOLEAN, b"\xff" if value else b"\0")


def octets(content: bytes) -> bytes:
    return tlv(OCTET_STRING, content)


def bits(content: bytes, unused: int = 0) -> bytes:
    return tlv(BIT_STRING, bytes((unused,)), content)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    return tlv(OID, b"".join(_base128(number) for number in (first * 40 + second, *rest)))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


def time(moment: datetime) -> bytes:
    """UTCTime up to 2049, GeneralizedTime from then on, as RFC 5280 wants it."""
    utc = moment.astimezone(UTC)
    if 1950 <= utc.year < 2050:
        return tlv(0x17, utc.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(0x18, f"{utc.year:04}{utc:%m%d%H%M%S}Z".encode())


def text(value: str, tag: int) -> bytes:
    encoding = {BMP: "utf-16-be", T61: "latin-1"}.get(tag, "utf-8")
    return tlv(tag, value.encode(encoding))


def name(*attributes: tuple[str, str], tag: int = UTF8) -> bytes:
    """A Name of (type, value) pairs, each an RDN of its own."""
    return sequence(*(tlv(SET, sequence(oid(kind), text(value, tag))) for kind, value in attributes))


def extension(number: str, value: bytes, critical: bool | None = None) -> bytes:
    """`critical` None leaves it out, which means False."""
    return sequence(oid(number), boolean(critical) if critical is not None else b"", octets(value))


# Extensions, each its value alone.


def basic_constraints(ca: bool | None, path_length: int | None = None) -> bytes:
    return sequence(boolean(ca) if ca is not None else b"", integer(path_length) if path_length is not None else b"")


KEY_USAGES = (
    "digitalSignature",
    "contentCommitment",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


def key_usage(*usages: str) -> bytes:
    flags = [usage in usages for usage in KEY_USAGES]
    used = max((index + 1 for index, flag in enumerate(flags) if flag), default=0)
    if not used:
        return bits(b"")
    size = (used + 7) // 8
    number = sum(1 << (size * 8 - 1 - index) for index, flag in enumerate(flags) if flag)
    return bits(number.to_bytes(size, "big"), size * 8 - used)


def extended_key_usage(*numbers: str) -> bytes:
    return sequence(*(oid(number) for number in numbers))


def dns(value: str) -> bytes:
    return tlv(0x82, value.encode())


def email(value: str) -> bytes:
    return tlv(0x81, value.encode())


def uri(value: str) -> bytes:
    return tlv(0x86, value.encode())


def ip(packed: bytes) -> bytes:
    return tlv(0x87, packed)


def other_name() -> bytes:
    return tlv(0xA0, oid("1.2.3.4"), tlv(0xA0, text("x", UTF8)))


def directory_name(value: bytes) -> bytes:
    return tlv(0xA4, value)


def general_names(*names: bytes) -> bytes:
    return sequence(*names)


def name_constraints(permitted: tuple[bytes, ...] = (), excluded: tuple[bytes, ...] = ()) -> bytes:
    subtrees = [
        tlv(tag, *(sequence(base) for base in bases)) for tag, bases in ((0xA0, permitted), (0xA1, excluded)) if bases
    ]
    return sequence(*subtrees)


def authority_key_identifier(key_id: bytes | None) -> bytes:
    return sequence(tlv(0x80, key_id) if key_id is not None else b"")


def policies(*numbers: str) -> bytes:
    return sequence(*(sequence(oid(number)) for number in numbers))


def policy_constraints(require_explicit: int | None, inhibit_mapping: int | None = None) -> bytes:
    return sequence(
        integer(require_explicit, 0x80) if require_explicit is not None else b"",
        integer(inhibit_mapping, 0x81) if inhibit_mapping is not None else b"",
    )


def policy_mappings(*pairs: tuple[str, str]) -> bytes:
    return sequence(*(sequence(oid(issuer), oid(subject)) for issuer, subject in pairs))
