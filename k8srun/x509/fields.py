"""The parts of a certificate as plain data: names, extensions, addresses. `Certificate` puts them together.

What Go's parser refuses although `cryptography` reads it raises `Refused` with Go's words, so that whoever judges
a certificate as Kubernetes does gives the same answer. Source: RFC 5280 and `crypto/x509/parser.go` of Go 1.26.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from k8srun.x509.gonames import Doubtful, is_domain, parse_mailbox, uri_host
from k8srun.x509.gotext import parse_ip, quote

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


class Refused(Exception):  # noqa: N818 - not a failure here: what Go would say
    """Go's parser refuses the certificate; the message is Go's."""


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


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A subject or issuer: its text, its DER (names are compared by bytes), and the parts Kubernetes reads."""

    text: str
    der: bytes
    common_name: str
    organizations: tuple[str, ...]
    refused: str = ""


def ip_text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address as text, the same on every version of Python: `::ffff:10.0.0.1` for an IPv4-mapped one."""
    mapped = getattr(address, "ipv4_mapped", None)
    return f"::ffff:{mapped}" if mapped else str(address)


def read_name(name: x509.Name) -> DistinguishedName:
    """A name of `cryptography`. Raises ValueError if an attribute cannot be decoded."""
    known: dict[str, list[str]] = {}
    other: list[str] = []
    refused = ""
    for attribute in name:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        label = _NAME_ORDER.get(attribute.oid)
        if label is None:
            other.append(f"{attribute.rfc4514_attribute_name}={_escape(value)}")
        else:
            known.setdefault(label, []).append(value)
        if not value.isascii() and _is_ia5_string(attribute, value):
            refused = "x509: invalid RDNSequence: invalid attribute value: invalid IA5String"
    parts = [
        "+".join(f"{label}={_escape(value)}" for value in known[label])
        for label in _NAME_ORDER.values()
        if label in known
    ]
    return DistinguishedName(
        text=",".join(parts + other[::-1]),
        der=name.public_bytes(),
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
    escaped = re.sub(r'([,+"\\<>;])', r"\\\1", value)
    escaped = re.sub(r"^([ #])", r"\\\1", escaped)
    return re.sub(r"(?<=[^\\]) $", r"\\ ", escaped)


def _read_san(extension: x509.Extension[x509.SubjectAlternativeName]) -> dict[str, Any]:
    names: dict[str, list[str]] = {"dns_names": [], "ip_addresses": [], "uris": [], "emails": [], "other_names": []}
    for name in extension.value:
        match name:
            case x509.DNSName():
                names["dns_names"].append(_ia5(name.value, "dNSName"))
            case x509.IPAddress():
                names["ip_addresses"].append(_address(name.value))
            case x509.UniformResourceIdentifier():
                names["uris"].append(_uri(_ia5(name.value, "uniformResourceIdentifier")))
            case x509.RFC822Name():
                names["emails"].append(_ia5(name.value, "rfc822Name"))
            case _:
                names["other_names"].append(type(name).__name__)
    fields: dict[str, Any] = {key: tuple(values) for key, values in names.items()}
    # Go takes a SAN extension for unread when it holds none of the kinds that Go knows.
    unhandled = not any(names[key] for key in ("dns_names", "ip_addresses", "uris", "emails"))
    return {**fields, "has_san": True, "unhandled": unhandled}


def _ia5(value: str, kind: str) -> str:
    if not value.isascii():
        raise Refused(f"x509: SAN {kind} is malformed")
    return value


def _uri(value: str) -> str:
    if not is_domain(uri_host(value)):
        raise Refused(f"x509: cannot parse URI {quote(value)}: invalid domain")
    return value


def _address(value: Any) -> str:
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return ip_text(value)
    raise Refused(f"x509: cannot parse IP address of length {len(value.network_address.packed) * 2}")


def _read_key_usage(extension: x509.Extension[x509.KeyUsage]) -> dict[str, Any]:
    usage = extension.value
    bits = {
        "digitalSignature": usage.digital_signature,
        "contentCommitment": usage.content_commitment,
        "keyEncipherment": usage.key_encipherment,
        "dataEncipherment": usage.data_encipherment,
        "keyAgreement": usage.key_agreement,
        "keyCertSign": usage.key_cert_sign,
        "cRLSign": usage.crl_sign,
        "encipherOnly": usage.key_agreement and usage.encipher_only,
        "decipherOnly": usage.key_agreement and usage.decipher_only,
    }
    return {"key_usages": tuple(name for name, is_set in bits.items() if is_set)}


def _read_basic_constraints(extension: x509.Extension[x509.BasicConstraints]) -> dict[str, Any]:
    value = extension.value
    return {"has_basic_constraints": True, "is_ca": value.ca, "path_length": value.path_length}


def _read_extended_key_usage(extension: x509.Extension[x509.ExtendedKeyUsage]) -> dict[str, Any]:
    numbers = [oid.dotted_string for oid in extension.value]
    return {"extended_key_usages": tuple(EXTENDED_KEY_USAGES.get(number, number) for number in numbers)}


def _read_ski(extension: x509.Extension[x509.SubjectKeyIdentifier]) -> dict[str, Any]:
    if extension.critical:
        raise Refused("x509: subject key identifier incorrectly marked critical")
    return {"ski": extension.value.digest.hex()}


def _read_aki(extension: x509.Extension[x509.AuthorityKeyIdentifier]) -> dict[str, Any]:
    if extension.critical:
        raise Refused("x509: authority key identifier incorrectly marked critical")
    return {"aki": (extension.value.key_identifier or b"").hex()}


def _read_aia(extension: x509.Extension[x509.AuthorityInformationAccess]) -> dict[str, Any]:
    if extension.critical:
        raise Refused("x509: authority info access incorrectly marked critical")
    return {}


def _read_policies(extension: x509.Extension[x509.CertificatePolicies]) -> dict[str, Any]:
    numbers = tuple(policy.policy_identifier.dotted_string for policy in extension.value)
    if len(set(numbers)) != len(numbers):
        raise Refused("x509: invalid certificate policies")
    return {"policies": numbers}


def _read_policy_constraints(extension: x509.Extension[x509.PolicyConstraints]) -> dict[str, Any]:
    return {"require_explicit_policy": extension.value.require_explicit_policy}


def _read_inhibit_any_policy(extension: x509.Extension[x509.InhibitAnyPolicy]) -> dict[str, Any]:
    return {"inhibit_any_policy": extension.value.skip_certs}


def _read_name_constraints(extension: x509.Extension[x509.NameConstraints]) -> dict[str, Any]:
    names: dict[str, list[str]] = {}
    for prefix, subtrees in (
        ("permitted", extension.value.permitted_subtrees),
        ("excluded", extension.value.excluded_subtrees),
    ):
        for name in subtrees or ():
            key, text = _constraint(name)
            names.setdefault(key if key == "unsupported" else f"{prefix}_{key}", []).append(text)
    constraints = NameConstraints(**{key: tuple(values) for key, values in names.items()})
    return {"name_constraints": constraints, "unhandled": bool(constraints.unsupported)}


def _constraint(name: x509.GeneralName) -> tuple[str, str]:
    match name:
        case x509.DNSName():
            return "dns", _constraint_text(name.value, "dnsName")
        case x509.RFC822Name():
            return "emails", _constraint_text(name.value, "rfc822Name")
        case x509.UniformResourceIdentifier():
            return "uris", _constraint_text(name.value, "URI")
        case x509.IPAddress():
            return "ips", f"{ip_text(name.value.network_address)}/{name.value.prefixlen}"  # type: ignore[union-attr]
    return "unsupported", type(name).__name__


def _constraint_text(value: str, kind: str) -> str:
    if not value.isascii():
        raise Refused(f"x509: invalid constraint value: x509: {quote(value)} cannot be encoded as an IA5String")
    if kind == "URI" and parse_ip(value) is not None:
        raise Refused(f"x509: failed to parse URI constraint {quote(value)}: cannot be IP address")
    is_mailbox = kind == "rfc822Name" and "@" in value
    if not (parse_mailbox(value) if is_mailbox else is_domain(value, constraint=True)):
        raise Refused(f"x509: failed to parse {kind} constraint {quote(value)}")
    return value


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "2.5.29.14": _read_ski,
    "2.5.29.15": _read_key_usage,
    "2.5.29.17": _read_san,
    "2.5.29.19": _read_basic_constraints,
    "2.5.29.30": _read_name_constraints,
    "2.5.29.31": lambda _: {},  # CRL distribution points: Go reads them and never fetches one
    "2.5.29.32": _read_policies,
    "2.5.29.33": lambda _: {"has_policy_mappings": True},
    "2.5.29.35": _read_aki,
    "2.5.29.36": _read_policy_constraints,
    "2.5.29.37": _read_extended_key_usage,
    "2.5.29.54": _read_inhibit_any_policy,
    "1.3.6.1.5.5.7.1.1": _read_aia,
}


def read_extensions(extensions: x509.Extensions) -> tuple[dict[str, Any], str, str]:
    """The extensions as fields of a `Certificate`; why Go refuses them; why it cannot be told what Go reads in them."""
    fields: dict[str, Any] = {}
    unhandled: list[str] = []
    seen = tuple((extension.oid.dotted_string, extension.critical) for extension in extensions)
    refused = doubtful = ""
    for extension, (number, critical) in zip(extensions, seen, strict=True):
        reader = _READERS.get(number)
        try:
            read = reader(extension) if reader else {"unhandled": True}
        except Refused as reason:
            refused = str(reason)
            break
        except Doubtful as reason:
            doubtful = str(reason)
            break
        if read.pop("unhandled", False) and critical:
            unhandled.append(number)
        fields.update(read)
    return {**fields, "unhandled_critical": tuple(unhandled), "extensions": seen}, refused, doubtful
