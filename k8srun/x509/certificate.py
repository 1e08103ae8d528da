"""X.509 certificates as plain data: what `openssl x509 -text` shows, named as Go and Kubernetes name it.

Parsing is `cryptography`'s. What it refuses is told in `Certificate.unreadable`, and the rest is read all the same.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from k8srun.errors import InputError
from k8srun.x509.distinguished import DistinguishedName, read_name
from k8srun.x509.extensions import NameConstraints, read_extensions
from k8srun.x509.frame import Frame
from k8srun.x509.keys import key_type, public_key_sha256
from k8srun.x509.notes import Notes

# The library warns of what is odd (a serial number of 0, a long name) where it reads it all the same; here it is data.
warnings.filterwarnings("ignore", module=r"k8srun\.x509\.certificate$")

# Go's names of the signature algorithms that it knows; RSA-PSS is told by its parameters.
_SIGNATURES = {
    "1.2.840.113549.1.1.4": "MD5-RSA",
    "1.2.840.113549.1.1.5": "SHA1-RSA",
    "1.3.14.3.2.29": "SHA1-RSA",
    "1.2.840.113549.1.1.11": "SHA256-RSA",
    "1.2.840.113549.1.1.12": "SHA384-RSA",
    "1.2.840.113549.1.1.13": "SHA512-RSA",
    "1.2.840.10040.4.3": "DSA-SHA1",
    "2.16.840.1.101.3.4.3.2": "DSA-SHA256",
    "1.2.840.10045.4.1": "ECDSA-SHA1",
    "1.2.840.10045.4.3.2": "ECDSA-SHA256",
    "1.2.840.10045.4.3.3": "ECDSA-SHA384",
    "1.2.840.10045.4.3.4": "ECDSA-SHA512",
    "1.3.101.112": "Ed25519",
}
_RSA_PSS = "1.2.840.113549.1.1.10"
_KEY_ALGORITHMS = {"RSA": "RSA", "EC": "ECDSA", "Ed25519": "Ed25519", "DSA": "DSA"}
_RSA_WITH_NULL = bytes.fromhex("06092a864886f70d0101010500")
_GO_CURVES = frozenset({"secp224r1", "secp256r1", "secp384r1", "secp521r1"})


class MalformedCertificate(InputError):  # noqa: N818 - the noun says it
    """The bytes are no certificate that can be read."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """One certificate. Two are equal when their DER is.

    Attributes:
        der, version: the certificate as it stands in the file; 1 or 3.
        serial: as a number; kube-apiserver logs it in decimal (`SN=`).
        signature_algorithm: Go's name (`SHA256-RSA`, `ECDSA-SHA256`, `Ed25519`), else the number of the algorithm.
        subject, issuer: as Go prints names (`CN=kubernetes-admin,O=kubeadm:cluster-admins`).
        subject_der, issuer_der: the names as they stand in the certificate. Verification compares these: the same text
            in another string type is another name.
        common_name, organizations: of the subject; the user and the groups of a Kubernetes client certificate.
        not_before, not_after: the validity, both ends included, UTC.
        key_type: `RSA 2048`, `EC secp256r1`, `Ed25519`; empty when the library cannot read the key.
        key_algorithm: Go's name: `RSA`, `ECDSA`, `Ed25519`, `DSA`; empty when Go does not know it.
        sha256, public_key_sha256: the fingerprint; of the SubjectPublicKeyInfo, the same for a key and its certificate.
        has_san: whether there is a subjectAltName extension at all.
        dns_names, ip_addresses, uris, emails: the subject alternative names. `other_names`: the kinds of the rest.
        has_basic_constraints, is_ca, path_length: basic constraints; path length None = not limited.
        key_usages: as Go names them (`digitalSignature`, `keyCertSign`), in the order of the bits; empty = not limited.
        extended_key_usages: as Go names them (`serverAuth`), unknown ones as numbers; empty = not limited.
        ski, aki: subject and authority key identifiers, hex; empty when absent.
        name_constraints: None when absent.
        policies, require_explicit_policy, inhibit_any_policy, has_policy_mappings: certificate policies (RFC 5280).
        ocsp_urls, issuer_urls, crl_urls: where it says that its status, its issuer and revocations are to be had.
        unhandled_critical: numbers of the critical extensions that Go does not process, so that it rejects.
        extensions: number and criticality of every extension, in their order.
        refused: Go's message when its parser refuses the certificate although it could be read here; else empty.
        unreadable: what could not be read here, each with the reason; verification then answers `unknown`.
    """

    der: bytes = field(repr=False)
    version: int
    serial: int
    signature_algorithm: str
    subject: str
    issuer: str
    subject_der: bytes = field(repr=False)
    issuer_der: bytes = field(repr=False)
    common_name: str
    organizations: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    key_type: str
    key_algorithm: str
    public_key_sha256: str
    sha256: str
    has_san: bool = False
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    has_basic_constraints: bool = False
    is_ca: bool = False
    path_length: int | None = None
    key_usages: tuple[str, ...] = ()
    extended_key_usages: tuple[str, ...] = ()
    ski: str = ""
    aki: str = ""
    name_constraints: NameConstraints | None = None
    policies: tuple[str, ...] = ()
    require_explicit_policy: int | None = None
    inhibit_any_policy: int | None = None
    has_policy_mappings: bool = False
    ocsp_urls: tuple[str, ...] = ()
    issuer_urls: tuple[str, ...] = ()
    crl_urls: tuple[str, ...] = ()
    unhandled_critical: tuple[str, ...] = ()
    extensions: tuple[tuple[str, bool], ...] = ()
    refused: str = ""
    unreadable: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return self.der == other.der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.der)

    @staticmethod
    def from_der(der: bytes) -> Certificate:
        """The certificate of these bytes; the same object for the same bytes while it is remembered.

        Raises:
            MalformedCertificate: they are no certificate, or its frame (dates, version) cannot be read.
        """
        return _from_der(der)

    @property
    def serial_hex(self) -> str:
        """The serial number as openssl shows it: upper case, an even number of digits."""
        digits = f"{abs(self.serial):X}"
        return ("-" if self.serial < 0 else "") + digits.zfill(len(digits) + len(digits) % 2)

    @property
    def self_issued(self) -> bool:
        """Whether subject and issuer are the same name."""
        return self.subject_der == self.issuer_der

    @property
    def self_signed(self) -> bool:
        """Whether it is signed with its own key."""
        return self.self_issued and _signs_itself(self.der)


class _Block(Protocol):
    """A block of a PEM file (`k8srun.pem.PemBlock`)."""

    @property
    def is_certificate(self) -> bool: ...

    @property
    def der(self) -> bytes: ...


def certificates_of(blocks: Iterable[_Block]) -> tuple[Certificate, ...]:
    """The certificates among the blocks of a file, in their order; blocks that could not be read are left out."""
    found = []
    for block in blocks:
        if block.is_certificate and block.der:
            try:
                found.append(Certificate.from_der(block.der))
            except MalformedCertificate:
                # The block's own error says so already where the file is reported.
                continue
    return tuple(found)


@lru_cache(maxsize=16384)
def _from_der(der: bytes) -> Certificate:
    try:
        parsed = x509.load_der_x509_certificate(der)
        not_before, not_after = parsed.not_valid_before_utc, parsed.not_valid_after_utc
    except (ValueError, x509.InvalidVersion) as error:
        raise MalformedCertificate(
            f"malformed certificate: {error}", do="Look at it with: openssl x509 -noout -text -in FILE"
        ) from None
    frame = Frame.of(der)
    serial = parsed.serial_number
    subject = read_name(frame.subject, lambda: parsed.subject)
    issuer = _issuer(_Issued(frame.issuer, parsed))
    key, key_refused, key_unreadable = _key_fields(parsed, frame.public_key)
    extensions, extensions_refused, extensions_unreadable = _extension_fields(parsed)
    unreadable = (issuer.unreadable, subject.unreadable, key_unreadable, extensions_unreadable)
    return Certificate(
        der=der,
        version=1 if parsed.version is x509.Version.v1 else 3,
        serial=serial,
        signature_algorithm=_signature_algorithm(parsed),
        subject=subject.text,
        issuer=issuer.text,
        subject_der=frame.subject,
        issuer_der=frame.issuer,
        common_name=subject.common_name,
        organizations=subject.organizations,
        not_before=not_before,
        not_after=not_after,
        public_key_sha256=public_key_sha256(frame.public_key),
        sha256=hashlib.sha256(der).hexdigest(),
        # In the order in which Go reads a certificate.
        refused=_frame_refused(serial, frame) or issuer.refused or subject.refused or key_refused or extensions_refused,
        unreadable=tuple(filter(None, unreadable)),
        **key,
        **extensions,
    )


@dataclass(frozen=True, slots=True)
class _Issued:
    """A certificate known by its issuer alone: a cluster has few issuers and many certificates."""

    issuer_der: bytes
    parsed: x509.Certificate = field(compare=False)


@lru_cache(maxsize=1024)
def _issuer(issued: _Issued) -> DistinguishedName:
    return read_name(issued.issuer_der, lambda: issued.parsed.issuer)


def _frame_refused(serial: int, frame: Frame) -> str:
    """Why Go refuses a certificate before it looks at the names."""
    if serial < 0:
        return "x509: negative serial number"
    if frame.inner_algorithm != frame.outer_algorithm:
        return "x509: inner and outer signature algorithm identifiers don't match"
    return ""


def _extension_fields(parsed: x509.Certificate) -> tuple[dict[str, Any], str, str]:
    """Fields, why Go refuses them, why they cannot be read. Version 1 has none: Go does not look at them."""
    if parsed.version is x509.Version.v1:
        return {}, "", ""
    try:
        extensions = parsed.extensions
    except x509.DuplicateExtension as error:
        return {}, f'x509: certificate contains duplicate extension with OID "{error.oid.dotted_string}"', ""
    except (ValueError, KeyError, TypeError, x509.UnsupportedGeneralNameType) as error:
        return {}, "", f"extensions: {error}"  # KeyError, TypeError: numbers that the library has no name for
    notes = Notes()
    return read_extensions(extensions, notes), notes.refused, notes.doubtful


def _key_fields(parsed: x509.Certificate, spki: bytes) -> tuple[dict[str, Any], str, str]:
    """Type and Go's name of the public key, why Go refuses it, why it cannot be read."""
    try:
        key = parsed.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return {"key_type": "", "key_algorithm": ""}, "", f"public key: {error}"
    shown = key_type(key)
    kind, _, curve = shown.partition(" ")
    refused = ""
    if kind == "EC" and curve not in _GO_CURVES:
        refused = "x509: unsupported elliptic curve"
    elif isinstance(key, RSAPublicKey):
        if _RSA_WITH_NULL not in spki[:32]:
            refused = "x509: RSA key missing NULL parameters"
        elif key.public_numbers().e >= 2**63:
            refused = "x509: invalid RSA public exponent"
    return {"key_type": shown, "key_algorithm": _KEY_ALGORITHMS.get(kind, "")}, refused, ""


def _signature_algorithm(parsed: x509.Certificate) -> str:
    number = parsed.signature_algorithm_oid.dotted_string
    if number != _RSA_PSS:
        return _SIGNATURES.get(number, number)
    try:
        parameters, digest = parsed.signature_algorithm_parameters, parsed.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return number
    # Go takes PSS only where the salt is as long as the digest and MGF1 uses the same hash.
    if not isinstance(parameters, PSS) or digest is None or parameters._salt_length != digest.digest_size:
        return number
    return f"{digest.name.upper()}-RSAPSS" if digest.name in {"sha256", "sha384", "sha512"} else number


@lru_cache(maxsize=16384)
def _signs_itself(der: bytes) -> bool:
    certificate = x509.load_der_x509_certificate(der)
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
