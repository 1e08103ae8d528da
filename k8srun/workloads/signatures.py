"""Signatures of images: what one says, and whether a public key made it.

Sources: cosign's signature specification (simple signing), the DSSE protocol (pre-authentication encoding), in-toto
statements. Only the signature itself is verified: no certificate, no transparency log, no identity.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from k8srun.errors import InputError

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of an image as it was found.

    Attributes:
        where: what holds it: the tag or the referrer's digest.
        payload: the bytes that were signed.
        signature: the signature, decoded.
        subjects: the digests that the payload names.
        error: why it cannot be read; empty when it can.
    """

    where: str
    payload: bytes = field(default=b"", repr=False)
    signature: bytes = field(default=b"", repr=False)
    subjects: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """What became of one signature: `valid` is None where no key was given."""

    where: str
    valid: bool | None
    reason: str


def read_public_key(pem: bytes, *, where: str) -> PublicKey:
    """The public key of a PEM file. Raises InputError: it is none that images are signed with."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        raise InputError(
            "not a PEM public key (ECDSA, RSA or Ed25519)", where=where, do="Give the cosign.pub of whoever signs."
        )
    return key


def simple_signing(where: str, payload: bytes, encoded: str) -> Signature:
    """A signature of cosign's first form: the payload is a layer, the signature an annotation in base64."""
    document = _decoded(payload)
    image = _mapping(_mapping(document.get("critical")).get("image"))
    digest = image.get("docker-manifest-digest")
    if not isinstance(digest, str):
        return Signature(where, error="the payload names no docker-manifest-digest")
    return _signature(where, payload, encoded, (digest,))


def bundle(where: str, content: bytes) -> Signature:
    """A signature as a Sigstore bundle with a DSSE envelope around an in-toto statement."""
    envelope = _mapping(_decoded(content).get("dsseEnvelope"))
    signatures = envelope.get("signatures")
    first = _mapping(signatures[0]) if isinstance(signatures, list) and signatures else {}
    try:
        payload = base64.b64decode(str(envelope.get("payload") or ""), validate=True)
    except (binascii.Error, ValueError):
        payload = b""
    if not payload or not first.get("sig"):
        return Signature(where, error="the bundle holds no signed DSSE envelope")
    subjects = _decoded(payload).get("subject")
    digests = tuple(
        f"{algorithm}:{value}"
        for subject in (subjects if isinstance(subjects, list) else ())
        for algorithm, value in _mapping(_mapping(subject).get("digest")).items()
    )
    kind = str(envelope.get("payloadType") or "").encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    return _signature(where, signed, str(first["sig"]), digests)


def judge(signature: Signature, digest: str, key: PublicKey | None) -> SignatureVerdict:
    """Whether a signature is of this image and, given a key, of that key.

    Args:
        digest: of the image's manifest or index, `sha256:…`.
    """
    if signature.error:
        return SignatureVerdict(signature.where, False, f"it cannot be read: {signature.error}")
    if digest not in signature.subjects:
        named = ", ".join(signature.subjects) or "nothing"
        return SignatureVerdict(signature.where, False, f"it signs {named}, not this image: it was copied here")
    if key is None:
        return SignatureVerdict(signature.where, None, "present; not verified, no public key was given")
    if _made_by(key, signature):
        return SignatureVerdict(signature.where, True, "made by the key that was given")
    return SignatureVerdict(signature.where, False, "not made by the key that was given, or altered")


def _made_by(key: PublicKey, signature: Signature) -> bool:
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                algorithm = _HASHES.get(key.curve.name, hashes.SHA256)()
                key.verify(signature.signature, signature.payload, ec.ECDSA(algorithm))
            case rsa.RSAPublicKey():
                key.verify(signature.signature, signature.payload, padding.PKCS1v15(), hashes.SHA256())
            case ed25519.Ed25519PublicKey():
                key.verify(signature.signature, signature.payload)
    except InvalidSignature:
        return False
    return True


def _signature(where: str, payload: bytes, encoded: str, subjects: tuple[str, ...]) -> Signature:
    try:
        return Signature(where, payload, base64.b64decode(encoded, validate=True), subjects)
    except (binascii.Error, ValueError):
        return Signature(where, error="the signature is not base64")


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return _mapping(document)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
