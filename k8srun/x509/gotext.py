"""Text as Go writes it: times, quoted strings, addresses."""

from __future__ import annotations

import ipaddress
import string
from datetime import datetime

_LOWER_ASCII = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPES["\v"] = "\\v"
_IPV4_MAPPED = bytes(10) + b"\xff\xff"


def lower_ascii(text: str) -> str:
    """`text` with A to Z in lower case and nothing else changed."""
    return text.translate(_LOWER_ASCII)


def rfc3339(time: datetime) -> str:
    """A time as `time.RFC3339` formats it: whole seconds, `Z` for UTC."""
    text = time.isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def quote(text: str) -> str:
    """`text` as `%q` prints it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted(char) for char in text) + '"'


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def parse_ip(text: str) -> bytes | None:
    """The 4 or 16 bytes of an address, IPv4-mapped ones as 4, as `net.ParseIP` understands it; None if it is none."""
    if "%" in text:
        return None
    try:
        return shortest(ipaddress.ip_address(text).packed)
    except ValueError:
        return None


def shortest(address: bytes) -> bytes:
    """An address with IPv4-mapped IPv6 reduced to IPv4 (`net.IP.To4`)."""
    return address[12:] if len(address) == 16 and address.startswith(_IPV4_MAPPED) else address


def ip_string(address: bytes) -> str:
    """An address as `net.IP.String` prints it."""
    return str(ipaddress.ip_address(shortest(address)))
