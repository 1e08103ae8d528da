"""A chain of certificates as a model in which every field can be set, and the DER that comes of it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from k8srun.x509 import Certificate
from tests.certificates import der

NOW = datetime(2026, 5, 17, 12, 0, 0, tzinfo=UTC)

BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
SAN, SKI, AKI, NAME_CONSTRAINTS = "2.5.29.17", "2.5.29.14", "2.5.29.35", "2.5.29.30"
POLICIES, POLICY_MAPPINGS, POLICY_CONSTRAINTS, INHIBIT_ANY = "2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"

SERVER_AUTH, CLIENT_AUTH, ANY_USAGE = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0"

_MAKERS: dict[str, Callable[[], Any]] = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "RSA1024": lambda: rsa.generate_private_key(65537, 1024),
    "P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "K-256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "X25519": x25519.X25519PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(1024),
}


# A public key so short that the library does not make one; nobody has its private key.
_SHORT_RSA = der.sequence(
    der.sequence(der.oid("1.2.840.113549.1.1.1"), b"\x05\0"),
    der.bits(der.sequence(der.integer(2**511 + 12345), der.integer(65537))),
)


@dataclass(frozen=True)
class Key:
    """A key pair: its kind, the library's private key, and its SubjectPublicKeyInfo."""

    kind: str
    private: Any
    spki: bytes

    @property
    def identifier(self) -> bytes:
        return hashlib.sha1(self.spki, usedforsecurity=False).digest()


@functools.cache
def key(kind: str, number: int = 0) -> Key:
    """A key of the pool: made once in a session, since making one takes longer than everything else."""
    if kind == "RSA512":
        return Key(kind, None, _SHORT_RSA)
    private = _MAKERS[kind]()
    return Key(kind, private, private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


NULL = b"\x05\0"
_SHA2 = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512(), "SHA1": hashes.SHA1()}
_HASH_NUMBERS = {
    "SHA256": "2.16.840.1.101.3.4.2.1",
    "SHA384": "2.16.840.1.101.3.4.2.2",
    "SHA512": "2.16.840.1.101.3.4.2.3",
}


def _pss(digest: str, salt: int) -> bytes:
    algorithm = der.sequence(der.oid(_HASH_NUMBERS[digest]), NULL)
    mask = der.sequence(der.oid("1.2.840.113549.1.1.8"), algorithm)
    parts = (der.tlv(0xA0, algorithm), der.tlv(0xA1, mask), der.tlv(0xA2, der.integer(salt)))
    return der.sequence(der.oid("1.2.840.113549.1.1.10"), der.sequence(*parts))


# Name → AlgorithmIdentifier.
ALGORITHMS: dict[str, bytes] = {
    "MD5-RSA": der.sequence(der.oid("1.2.840.113549.1.1.4"), NULL),
    "SHA1-RSA": der.sequence(der.oid("1.2.840.113549.1.1.5"), NULL),
    "SHA1-RSA-ISO": der.sequence(der.oid("1.3.14.3.2.29"), NULL),
    "SHA256-RSA": der.sequence(der.oid("1.2.840.113549.1.1.11"), NULL),
    "SHA384-RSA": der.sequence(der.oid("1.2.840.113549.1.1.12"), NULL),
    "SHA512-RSA": der.sequence(der.oid("1.2.840.113549.1.1.13"), NULL),
    "SHA256-RSAPSS": _pss("SHA256", 32),
    "SHA384-RSAPSS": _pss("SHA384", 48),
    "SHA512-RSAPSS": _pss("SHA512", 64),
    "SHA256-RSAPSS-SALT21": _pss("SHA256", 21),
    "DSA-SHA1": der.sequence(der.oid("1.2.840.10040.4.3")),
    "DSA-SHA256": der.sequence(der.oid("2.16.840.1.101.3.4.3.2")),
    "ECDSA-SHA1": der.sequence(der.oid("1.2.840.10045.4.1")),
    "ECDSA-SHA256": der.sequence(der.oid("1.2.840.10045.4.3.2")),
    "ECDSA-SHA384": der.sequence(der.oid("1.2.840.10045.4.3.3")),
    "ECDSA-SHA512": der.sequence(der.oid("1.2.840.10045.4.3.4")),
    "Ed25519": der.sequence(der.oid("1.3.101.112")),
    "SHA224-RSA": der.sequence(der.oid("1.2.840.113549.1.1.14"), NULL),
    "unknown": der.sequence(der.oid("1.2.3.4.5")),
}
FITTING = {
    "RSA": ("SHA256-RSA", "SHA384-RSA", "SHA512-RSA", "SHA256-RSAPSS", "SHA384-RSAPSS", "SHA512-RSAPSS"),
    "EC": ("ECDSA-SHA256", "ECDSA-SHA384", "ECDSA-SHA512"),
    "Ed25519": ("Ed25519",),
    "DSA": ("DSA-SHA256",),
    "other": ("Ed25519",),
}


def family(signer: Key) -> str:
    if signer.kind.startswith("RSA"):
        return "RSA"
    if signer.kind.startswith(("P-", "K-")):
        return "EC"
    return signer.kind if signer.kind in {"Ed25519", "DSA"} else "other"


@functools.lru_cache(maxsize=8192)
def _sign(signer: Key, algorithm: str, content: bytes) -> bytes:
    digest = next((value for name, value in _SHA2.items() if name in algorithm), hashes.SHA256())
    match signer.private:
        case rsa.RSAPrivateKey():
            if "PSS" in algorithm:
                salt = 21 if algorithm.endswith("SALT21") else digest.digest_size
                return signer.private.sign(content, PSS(MGF1(digest), salt), digest)
            return signer.private.sign(content, PKCS1v15(), digest)
        case ec.EllipticCurvePrivateKey():
            return signer.private.sign(content, ec.ECDSA(digest))
        case dsa.DSAPrivateKey():
            return signer.private.sign(content, digest)
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            return signer.private.sign(content)
    return bytes(64)


@dataclass
class Entry:
    """One certificate to be made. What is None follows from the issuer or from the kind of certificate."""

    subject: bytes
    key: Key
    issuer: Entry | None = None  # None: itself
    issuer_name: bytes | None = None
    signer: Key | None = None
    algorithm: str = ""
    inner_algorithm: str = ""
    version: int = 3
    serial: int = 1
    not_before: datetime = NOW - timedelta(days=30)
    not_after: datetime = NOW + timedelta(days=335)
    # number → (value, critical); the order is that of the certificate.
    extensions: dict[str, tuple[bytes, bool | None]] = field(default_factory=dict)
    # Appended as they are, to make a second one of the same kind.
    more_extensions: tuple[bytes, ...] = ()
    # What becomes of the signed part before it is signed.
    altered: Callable[[bytes], bytes] | None = None
    damaged: bool = False
    trailing: bytes = b""

    def der(self) -> bytes:
        issuer = self.issuer or self
        signer = self.signer or issuer.key
        algorithm = self.algorithm or FITTING[family(signer)][0]
        inner = ALGORITHMS[self.inner_algorithm or algorithm]
        extensions = [der.extension(number, *parts) for number, parts in self.extensions.items()]
        extensions += self.more_extensions
        content = der.sequence(
            der.tlv(0xA0, der.integer(self.version - 1)) if self.version > 1 else b"",
            der.integer(self.serial),
            inner,
            self.issuer_name if self.issuer_name is not None else issuer.subject,
            der.sequence(der.time(self.not_before), der.time(self.not_after)),
            self.subject,
            self.key.spki,
            der.tlv(0xA3, der.sequence(*extensions)) if extensions else b"",
        )
        content = self.altered(content) if self.altered else content
        signature = _sign(signer, algorithm, content)
        if self.damaged:
            signature = signature[:-1] + bytes((signature[-1] ^ 1,))
        return der.sequence(content, ALGORITHMS[algorithm], der.bits(signature)) + self.trailing

    def certificate(self) -> Certificate:
        return Certificate.from_der(self.der())

    def extend(self, number: str, value: bytes, critical: bool | None = None) -> None:
        self.extensions[number] = (value, critical)


def authority(common_name: str, pair: Key, issuer: Entry | None = None, **fields: Any) -> Entry:
    """A CA as kubeadm makes one: critical key usage and basic constraints, a subject key identifier."""
    entry = Entry(der.name((der.COMMON_NAME, common_name)), pair, issuer, **fields)
    entry.extend(KEY_USAGE, der.key_usage("digitalSignature", "keyEncipherment", "keyCertSign"), True)
    entry.extend(BASIC_CONSTRAINTS, der.basic_constraints(True), True)
    entry.extend(SKI, der.octets(pair.identifier))
    if issuer:
        entry.extend(AKI, der.authority_key_identifier(issuer.key.identifier))
    return entry


def leaf(
    common_name: str, pair: Key, issuer: Entry | None, *names: bytes, usages: tuple[str, ...] = (SERVER_AUTH,)
) -> Entry:
    """A serving or client certificate as kubeadm makes one; without an issuer it is self-signed."""
    entry = Entry(der.name((der.COMMON_NAME, common_name)), pair, issuer)
    entry.extend(KEY_USAGE, der.key_usage("digitalSignature", "keyEncipherment"), True)
    if usages:
        entry.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(*usages))
    entry.extend(BASIC_CONSTRAINTS, der.basic_constraints(None), True)
    if issuer:
        entry.extend(AKI, der.authority_key_identifier(issuer.key.identifier))
    if names:
        entry.extend(SAN, der.general_names(*names))
    return entry
