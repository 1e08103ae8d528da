"""One certificate, shown in full: what `openssl x509 -text` prints, as data for programs and as a card for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from k8srun.text import plural, visible
from k8srun.x509 import Certificate, NameConstraints

# Names of the extensions that have fields of their own here, and of a few that certificates often carry besides.
_EXTENSIONS = {
    "2.5.29.14": "subjectKeyIdentifier",
    "2.5.29.15": "keyUsage",
    "2.5.29.17": "subjectAltName",
    "2.5.29.18": "issuerAltName",
    "2.5.29.19": "basicConstraints",
    "2.5.29.30": "nameConstraints",
    "2.5.29.31": "cRLDistributionPoints",
    "2.5.29.32": "certificatePolicies",
    "2.5.29.33": "policyMappings",
    "2.5.29.35": "authorityKeyIdentifier",
    "2.5.29.36": "policyConstraints",
    "2.5.29.37": "extKeyUsage",
    "2.5.29.54": "inhibitAnyPolicy",
    "1.3.6.1.5.5.7.1.1": "authorityInfoAccess",
    "1.3.6.1.5.5.7.1.24": "tlsFeature",
    "1.3.6.1.4.1.11129.2.4.2": "signedCertificateTimestamps",
    "2.16.840.1.113730.1.1": "netscapeCertType",
    "2.16.840.1.113730.1.13": "netscapeComment",
}
_LONGEST = 4000

Row = tuple[str, str]


def validity(certificate: Certificate, now: datetime) -> str:
    """`valid`, `expired` or `not yet valid` by this clock; both ends belong to the validity."""
    if now < certificate.not_before:
        return "not yet valid"
    return "valid" if now <= certificate.not_after else "expired"


def days_left(certificate: Certificate, now: datetime) -> int:
    """Whole days until it ends; below zero once it has ended."""
    return (certificate.not_after - now).days


def details(certificate: Certificate, now: datetime) -> dict[str, Any]:
    """Everything as JSON values. The serial number is text: programs read large numbers inexactly."""
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "common_name": certificate.common_name,
        "organizations": certificate.organizations,
        "serial": certificate.serial_hex,
        "serial_decimal": str(certificate.serial),
        "version": certificate.version,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "validity": validity(certificate, now),
        "days_left": days_left(certificate, now),
        "self_signed": certificate.self_signed,
        "key_type": certificate.key_type,
        "signature_algorithm": certificate.signature_algorithm,
        "dns_names": certificate.dns_names,
        "ip_addresses": certificate.ip_addresses,
        "uris": certificate.uris,
        "emails": certificate.emails,
        "other_names": certificate.other_names,
        "is_ca": certificate.is_ca,
        "path_length": certificate.path_length,
        "key_usages": certificate.key_usages,
        "extended_key_usages": certificate.extended_key_usages,
        "ski": certificate.ski,
        "aki": certificate.aki,
        "name_constraints": certificate.name_constraints,
        "policies": certificate.policies,
        "ocsp_urls": certificate.ocsp_urls,
        "issuer_urls": certificate.issuer_urls,
        "crl_urls": certificate.crl_urls,
        "extensions": [
            {"number": number, "name": _EXTENSIONS.get(number, ""), "critical": critical}
            for number, critical in certificate.extensions
        ],
        "sha256": certificate.sha256,
        "sha1": _sha1(certificate),
        "public_key_sha256": certificate.public_key_sha256,
        "refused": certificate.refused,
        "unreadable": certificate.unreadable,
    }


def card(certificate: Certificate, now: datetime) -> tuple[Row, ...]:
    """Label and value, line by line, as a person reads it; inert, and without what is absent."""
    rows = (*_identity(certificate, now), *_permissions(certificate), *_numbers(certificate), *_doubts(certificate))
    return tuple((label, visible(value, limit=_LONGEST)) for label, value in rows if value)


def _identity(certificate: Certificate, now: datetime) -> Iterator[Row]:
    yield "Subject", certificate.subject or "(empty)"
    signed = " (self-signed)" if certificate.self_signed else ""
    yield "Issuer", (certificate.issuer or "(empty)") + signed
    yield "Valid", f"{certificate.not_before:%Y-%m-%d %H:%M:%S} to {certificate.not_after:%Y-%m-%d %H:%M:%S} UTC"
    yield "", _standing(certificate, now)
    yield "Serial", f"{certificate.serial_hex} ({certificate.serial})"
    yield "Key", certificate.key_type
    yield "Signature", certificate.signature_algorithm
    names = (
        *(f"DNS:{name}" for name in certificate.dns_names),
        *(f"IP:{name}" for name in certificate.ip_addresses),
        *(f"URI:{name}" for name in certificate.uris),
        *(f"email:{name}" for name in certificate.emails),
        *certificate.other_names,
    )
    yield "Names", ", ".join(names) or ("(an extension without any)" if certificate.has_san else "none")


def _standing(certificate: Certificate, now: datetime) -> str:
    days = days_left(certificate, now)
    match validity(certificate, now):
        case "expired":
            return f"EXPIRED {plural(-days - 1, 'day')} ago" if days < -1 else "EXPIRED less than a day ago"
        case "not yet valid":
            return "NOT YET VALID"
    return f"{plural(days, 'day')} left"


def _permissions(certificate: Certificate) -> Iterator[Row]:
    critical = {_EXTENSIONS.get(number) for number, is_critical in certificate.extensions if is_critical}

    def marked(text: str, extension: str) -> str:
        return f"{text} (critical)" if text and extension in critical else text

    if certificate.has_basic_constraints:
        limit = "" if certificate.path_length is None else f", path length {certificate.path_length}"
        yield "CA", marked(f"{'yes' if certificate.is_ca else 'no'}{limit}", "basicConstraints")
    yield "Key usage", marked(", ".join(certificate.key_usages), "keyUsage")
    yield "Extended", marked(", ".join(certificate.extended_key_usages), "extKeyUsage")
    if certificate.name_constraints:
        yield "Constraints", marked(_constraints(certificate.name_constraints), "nameConstraints")
    yield "Policies", marked(", ".join(certificate.policies), "certificatePolicies")


def _constraints(found: NameConstraints) -> str:
    parts = ((field.name.replace("_", " "), getattr(found, field.name)) for field in fields(found))
    return "; ".join(f"{what}: {', '.join(values)}" for what, values in parts if values) or "(empty)"


def _numbers(certificate: Certificate) -> Iterator[Row]:
    yield "SKI", _colons(certificate.ski)
    yield "AKI", _colons(certificate.aki)
    yield "OCSP", ", ".join(certificate.ocsp_urls)
    yield "Issuer at", ", ".join(certificate.issuer_urls)
    yield "CRL", ", ".join(certificate.crl_urls)
    unnamed = (f"{number}{' (critical)' * critical}" for number, critical in certificate.extensions
               if number not in _EXTENSIONS)  # fmt: skip
    yield "Others", ", ".join(unnamed)
    yield "SHA-256", _colons(certificate.sha256)
    yield "SHA-1", _colons(_sha1(certificate))
    yield "Public key", f"SHA-256 {certificate.public_key_sha256}"


def _doubts(certificate: Certificate) -> Iterator[Row]:
    yield "Refused", f"by Go, so by Kubernetes: {certificate.refused}" if certificate.refused else ""
    yield "Not read", "; ".join(certificate.unreadable)


def _sha1(certificate: Certificate) -> str:
    return hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest()


def _colons(digits: str) -> str:
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2)).upper()
