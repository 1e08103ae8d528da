"""The extensions of a certificate as fields of `Certificate`.

Where Go's parser refuses what `cryptography` reads, Go's words are noted, so that whoever judges a certificate as
Kubernetes does gives the same answer. Source: RFC 5280 and `crypto/x509/parser.go` of Go 1.26.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from k8srun.x509.frame import is_too_long
from k8srun.x509.gonames import Doubtful, is_domain, parse_mailbox, uri_host
from k8srun.x509.gotext import parse_ip, quote
from k8srun.x509.notes import Notes
from k8srun.x509.policies import (
    read_inhibit_any_policy,
    read_policies,
    read_policy_constraints,
    read_policy_mappings,
)

_SAN = "2.5.29.17"
_NAME_CONSTRAINTS = "2.5.29.30"

# Names as Go's KeyUsage prints them, in the order of the bits, and the library's.
_KEY_USAGES = (
    ("digitalSignature", "digital_signature"),
    ("contentCommitment", "content_commitment"),
    ("keyEncipherment", "key_encipherment"),
    ("dataEncipherment", "data_encipherment"),
    ("keyAgreement", "key_agreement"),
    ("keyCertSign", "key_cert_sign"),
    ("cRLSign", "crl_sign"),
)

# Names as Go's ExtKeyUsage prints them; what is not here is shown as its number.
EXTENDED_KEY_USAGES = {
    "2.5.29.37.0": "anyExtendedKeyUsage",
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.5": "ipsecEndSystem",
    "1.3.6.1.5.5.7.3.6": "ipsecTunnel",
    "1.3.6.1.5.5.7.3.7": "ipsecUser",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "1.3.6.1.4.1.311.10.3.3": "msSGC",
    "2.16.840.1.113730.4.1": "nsSGC",
    "1.3.6.1.4.1.311.2.1.22": "msCodeCom",
    "1.3.6.1.4.1.311.61.1.1": "msKernelCode",
}


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """The names that a CA may and may not sign for (RFC 5280, 4.2.1.10), each as written; empty = not constrained.

    Addresses are `ADDRESS/LENGTH`. `unsupported` holds the kinds of names that Go does not judge (`DirectoryName`).
    """

    permitted_dns: tuple[str, ...] = ()
    excluded_dns: tuple[str, ...] = ()
    permitted_ips: tuple[str, ...] = ()
    excluded_ips: tuple[str, ...] = ()
    permitted_emails: tuple[str, ...] = ()
    excluded_emails: tuple[str, ...] = ()
    permitted_uris: tuple[str, ...] = ()
    excluded_uris: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()


def read_extensions(extensions: x509.Extensions, notes: Notes) -> dict[str, Any]:
    """The fields of a `Certificate` that its extensions give."""
    fields: dict[str, Any] = {}
    seen: list[tuple[str, bool]] = []
    unhandled: list[str] = []
    for extension in extensions:
        number, critical = extension.oid.dotted_string, extension.critical
        seen.append((number, critical))
        reader = _READERS.get(number)
        if reader:
            fields.update(reader(extension, notes))
        elif is_too_long(number):
            notes.refused = notes.refused or "x509: malformed extension OID field"
        if critical and (reader is None or _is_left_unread(number, fields)):
            unhandled.append(number)
    fields["unhandled_critical"], fields["extensions"] = tuple(unhandled), tuple(seen)
    return fields


def _is_left_unread(number: str, fields: dict[str, Any]) -> bool:
    """Whether Go takes an extension for unread although it knows its kind, because of what is in it."""
    if number == _SAN:
        return not any(fields[kind] for kind in ("dns_names", "ip_addresses", "uris", "emails"))
    return number == _NAME_CONSTRAINTS and bool(fields["name_constraints"].unsupported)


def ip_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address as text, the same on every version of Python: `::ffff:10.0.0.1` for an IPv4-mapped one."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return f"::ffff:{mapped}" if mapped else str(address)


def _read_san(extension: x509.Extension[x509.SubjectAlternativeName], notes: Notes) -> dict[str, Any]:
    names: dict[str, list[str]] = {"dns_names": [], "ip_addresses": [], "uris": [], "emails": [], "other_names": []}
    for name in extension.value:
        kind = type(name)  # told by their types, not by isinstance: a certificate may have hundreds
        if kind is x509.DNSName:
            names["dns_names"].append(_ia5(name.value, "dNSName", notes))
        elif kind is x509.IPAddress:
            names["ip_addresses"].append(_address(name.value, notes))
        elif kind is x509.UniformResourceIdentifier:
            names["uris"].append(_uri(name.value, notes))
        elif kind is x509.RFC822Name:
            names["emails"].append(_ia5(name.value, "rfc822Name", notes))
        else:
            names["other_names"].append(kind.__name__)
    return {"has_san": True, **{kind: tuple(values) for kind, values in names.items()}}


def _ia5(value: str, kind: str, notes: Notes) -> str:
    if not value.isascii():
        notes.refuse(f"x509: SAN {kind} is malformed")
    return value


def _address(value: Any, notes: Notes) -> str:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        # The library takes an address of twice the length for one with its mask.
        notes.refuse(f"x509: cannot parse IP address of length {value.max_prefixlen // 4}")
        return str(value)
    return ip_text(value)


def _uri(value: str, notes: Notes) -> str:
    if not value.isascii():
        notes.refuse("x509: SAN uniformResourceIdentifier is malformed")
        return value
    try:
        if not is_domain(uri_host(value)):
            notes.refuse(f"x509: cannot parse URI {quote(value)}: invalid domain")
    except Doubtful as reason:
        notes.doubt(str(reason))
    return value


def _read_key_usage(extension: x509.Extension[x509.KeyUsage], _: Notes) -> dict[str, Any]:
    usage = extension.value
    named = [name for name, attribute in _KEY_USAGES if getattr(usage, attribute)]
    if usage.key_agreement:  # without it the library does not tell the two
        named += ["encipherOnly"] * usage.encipher_only + ["decipherOnly"] * usage.decipher_only
    return {"key_usages": tuple(named)}


def _read_basic_constraints(extension: x509.Extension[x509.BasicConstraints], _: Notes) -> dict[str, Any]:
    value = extension.value
    return {"has_basic_constraints": True, "is_ca": value.ca, "path_length": value.path_length}


def _read_extended_key_usage(extension: x509.Extension[x509.ExtendedKeyUsage], notes: Notes) -> dict[str, Any]:
    numbers = [oid.dotted_string for oid in extension.value]
    if any(number not in EXTENDED_KEY_USAGES and is_too_long(number) for number in numbers):
        notes.refuse("x509: invalid extended key usages")
    return {"extended_key_usages": tuple(EXTENDED_KEY_USAGES.get(number, number) for number in numbers)}


def _read_ski(extension: x509.Extension[x509.SubjectKeyIdentifier], notes: Notes) -> dict[str, Any]:
    if extension.critical:
        notes.refuse("x509: subject key identifier incorrectly marked critical")
    return {"ski": extension.value.digest.hex()}


def _read_aki(extension: x509.Extension[x509.AuthorityKeyIdentifier], notes: Notes) -> dict[str, Any]:
    if extension.critical:
        notes.refuse("x509: authority key identifier incorrectly marked critical")
    return {"aki": (extension.value.key_identifier or b"").hex()}


def _read_aia(extension: x509.Extension[x509.AuthorityInformationAccess], notes: Notes) -> dict[str, Any]:
    if extension.critical:
        notes.refuse("x509: authority info access incorrectly marked critical")
    urls: dict[x509.ObjectIdentifier, list[str]] = {}
    for access in extension.value:
        if is_too_long(access.access_method.dotted_string):
            notes.refuse("x509: invalid authority info access")
        if isinstance(access.access_location, x509.UniformResourceIdentifier):
            urls.setdefault(access.access_method, []).append(access.access_location.value)
    return {
        "ocsp_urls": tuple(urls.get(AuthorityInformationAccessOID.OCSP, ())),
        "issuer_urls": tuple(urls.get(AuthorityInformationAccessOID.CA_ISSUERS, ())),
    }


def _read_crl_urls(extension: x509.Extension[x509.CRLDistributionPoints], _: Notes) -> dict[str, Any]:
    names = (name for point in extension.value for name in point.full_name or ())
    return {"crl_urls": tuple(name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))}


def _read_name_constraints(extension: x509.Extension[x509.NameConstraints], notes: Notes) -> dict[str, Any]:
    names: dict[str, list[str]] = {}
    for prefix, subtrees in (
        ("permitted", extension.value.permitted_subtrees),
        ("excluded", extension.value.excluded_subtrees),
    ):
        for name in subtrees or ():
            key, text = _constraint(name, notes)
            names.setdefault(key if key == "unsupported" else f"{prefix}_{key}", []).append(text)
    return {"name_constraints": NameConstraints(**{key: tuple(values) for key, values in names.items()})}


def _constraint(name: x509.GeneralName, notes: Notes) -> tuple[str, str]:
    match name:
        case x509.DNSName():
            return "dns", _constraint_text(name.value, "dnsName", notes)
        case x509.RFC822Name():
            return "emails", _constraint_text(name.value, "rfc822Name", notes)
        case x509.UniformResourceIdentifier():
            return "uris", _constraint_text(name.value, "URI", notes)
        case x509.IPAddress():
            return "ips", f"{ip_text(name.value.network_address)}/{name.value.prefixlen}"  # type: ignore[union-attr]
    return "unsupported", type(name).__name__


def _constraint_text(value: str, kind: str, notes: Notes) -> str:
    is_mailbox = kind == "rfc822Name" and "@" in value
    if not value.isascii():
        notes.refuse(f"x509: invalid constraint value: x509: {quote(value)} cannot be encoded as an IA5String")
    elif kind == "URI" and parse_ip(value) is not None:
        notes.refuse(f"x509: failed to parse URI constraint {quote(value)}: cannot be IP address")
    elif not (parse_mailbox(value) if is_mailbox else is_domain(value, constraint=True)):
        notes.refuse(f"x509: failed to parse {kind} constraint {quote(value)}")
    return value


_READERS: dict[str, Callable[[Any, Notes], dict[str, Any]]] = {
    "2.5.29.14": _read_ski,
    "2.5.29.15": _read_key_usage,
    _SAN: _read_san,
    "2.5.29.19": _read_basic_constraints,
    _NAME_CONSTRAINTS: _read_name_constraints,
    "2.5.29.31": _read_crl_urls,
    "2.5.29.32": read_policies,
    "2.5.29.33": read_policy_mappings,
    "2.5.29.35": _read_aki,
    "2.5.29.36": read_policy_constraints,
    "2.5.29.37": _read_extended_key_usage,
    "2.5.29.54": read_inhibit_any_policy,
    "1.3.6.1.5.5.7.1.1": _read_aia,
}
