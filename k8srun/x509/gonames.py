"""Domain names, mailboxes and URIs of certificates, as Go reads them for name constraints."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from k8srun.x509.gotext import quote

_DOMAIN = re.compile(r"[!-\-/-~]+(?:\.[!-\-/-~]+)*")  # labels of visible ASCII, none empty
_ATOM = re.compile(r"(?:\\.|[0-9A-Za-z!#$%&'*+\-/=?^_`{|}~.])+", re.DOTALL)
_QUOTED = re.compile(r'"((?:\\[\x01-\x09\x0b\x0c\x0e-\x7f]|[\x01-\x08\x0b\x0c\x0e-!#-\[\]-~\x7f])*)"')

# The URIs about which Go's net/url leaves no doubt: it neither refuses nor rewrites them.
_CHARACTER = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
_AUTHORITY = r"(?P<host>[A-Za-z0-9\-._~!$&'()*+,;=]*|\[(?P<address>[0-9A-Fa-f:.]+)\])(?P<port>:[0-9]*)?"
_HIERARCHY = rf"//(?![?#]|\Z){_AUTHORITY}(?:/(?:{_CHARACTER}|/)*)?"
_OPAQUE = rf"{_CHARACTER}(?:{_CHARACTER}|/)*"
_URI = re.compile(
    rf"[a-z][a-z0-9+.-]*:(?:{_HIERARCHY}|{_OPAQUE})(?:\?(?:{_CHARACTER}|[/?])*)?(?:\#(?:{_CHARACTER}|[/?])+)?"
)


class Doubtful(ValueError):  # noqa: N818 - an answer
    """It cannot be told here what Go makes of a name."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An email address in its two parts, the local one without quotes and escapes."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def is_domain(name: str, *, constraint: bool = False) -> bool:
    """Whether Go takes `name` for a domain name; a constraint may begin with a dot, and an empty name passes."""
    body = name[1:] if constraint and name.startswith(".") else name
    return not name or bool(_DOMAIN.fullmatch(body))


def parse_mailbox(text: str) -> Mailbox | None:
    """An email address by RFC 2821 with Go's leniency; None if it is none."""
    if quoted := _QUOTED.match(text):
        local = re.sub(r"\\(.)", r"\1", quoted.group(1), flags=re.DOTALL)
        rest = text[quoted.end() :]
    elif atom := _ATOM.match(text):
        local = re.sub(r"\\(.)", r"\1", atom.group(), flags=re.DOTALL)
        rest = text[atom.end() :]
        if local.startswith(".") or local.endswith(".") or ".." in local:
            return None
    else:
        return None
    if not rest.startswith("@") or (rest != "@" and not _DOMAIN.fullmatch(rest[1:])):
        return None
    return Mailbox(local, rest[1:])


def uri_host(uri: str) -> str:
    """Host and port of a URI as Go's `url.Parse` finds them (an IPv6 address in brackets); empty when it has none.

    Raises:
        Doubtful: it is none of the plain URIs about which there is no doubt.
    """
    match = _URI.fullmatch(uri)
    if match is None or (match["address"] and not _is_ipv6(match["address"])):
        raise Doubtful(f"the URI {quote(uri)} may be read differently by Go")
    return (match["host"] or "") + (match["port"] or "")


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
