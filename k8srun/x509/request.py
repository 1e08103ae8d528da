"""Certificate requests (PKCS #10) as plain data: what somebody asks to be signed. Parsing is `cryptography`'s."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from k8srun.errors import InputError
from k8srun.x509.distinguished import read_name
from k8srun.x509.extensions import read_extensions
from k8srun.x509.frame import elements
from k8srun.x509.keys import key_type, public_key_sha256
from k8srun.x509.notes import Notes

_ASKED = ("dns_names", "ip_addresses", "uris", "emails", "is_ca", "key_usages", "extended_key_usages")


class MalformedRequest(InputError):  # noqa: N818 - the noun says it
    """The bytes are no certificate request that can be read."""


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """One request.

    Attributes:
        der: the request as it stands in the file.
        subject: as Go prints names.
        common_name, organizations: of the subject; a Kubernetes client's user and groups.
        key_type: `RSA 2048`, `EC secp256r1`, `Ed25519`.
        key_bits: of an RSA key; 0 for any other.
        public_key_sha256: SHA-256 of the SubjectPublicKeyInfo, hex: the same for a key and its certificate.
        is_signed: whether it bears a signature of its own key, which shows that who made it has the key.
        dns_names, ip_addresses, uris, emails: the subject alternative names that it asks for.
        is_ca: whether it asks to be a CA.
        key_usages, extended_key_usages: the usages that it asks for, as Go names them.
        unreadable: what could not be read, each with the reason.
    """

    der: bytes = field(repr=False)
    subject: str
    common_name: str
    organizations: tuple[str, ...]
    key_type: str
    key_bits: int
    public_key_sha256: str
    is_signed: bool
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    is_ca: bool = False
    key_usages: tuple[str, ...] = ()
    extended_key_usages: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every subject alternative name."""
        return (*self.dns_names, *self.ip_addresses, *self.uris, *self.emails)

    @staticmethod
    def from_der(der: bytes) -> CertificateRequest:
        """The request of these bytes.

        Raises:
            MalformedRequest: they are none, or its key is of a kind that cannot be read.
        """
        try:
            loaded = x509.load_der_x509_csr(der)
            public = loaded.public_key()
            is_signed = loaded.is_signature_valid
        except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise MalformedRequest(f"not a certificate request that can be read: {error}") from None
        name = read_name(_subject(loaded), lambda: loaded.subject)
        unreadable = [reason for reason in (name.unreadable, name.refused) if reason]
        asked, doubts = _extensions(loaded)
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kind = key_type(public)
        return CertificateRequest(
            der=der,
            subject=name.text,
            common_name=name.common_name,
            organizations=name.organizations,
            key_type=kind,
            key_bits=int(kind.removeprefix("RSA ")) if kind.startswith("RSA ") else 0,
            public_key_sha256=public_key_sha256(spki),
            is_signed=is_signed,
            unreadable=(*unreadable, *doubts),
            **asked,
        )


def _subject(request: x509.CertificateSigningRequest) -> bytes:
    """The name as it stands in the request: behind the version."""
    signed = request.tbs_certrequest_bytes
    (_, *fields), *_ = elements(signed)
    (*_, start), (*_, end), *_ = elements(signed, *fields)
    return signed[start:end]


def _extensions(request: x509.CertificateSigningRequest) -> tuple[dict[str, Any], tuple[str, ...]]:
    notes = Notes()
    try:
        found = read_extensions(request.extensions, notes)
    except (ValueError, KeyError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return {}, (f"its extensions: {error}",)
    reasons = tuple(reason for reason in (notes.refused, notes.doubtful) if reason)
    return {name: found[name] for name in _ASKED if name in found}, reasons
