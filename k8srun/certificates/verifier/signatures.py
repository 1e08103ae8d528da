"""Did this certificate's key sign that one? (`CheckSignatureFrom` of Go). The cryptography is the library's."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from k8srun.checks import Undecided
from k8srun.x509 import Certificate

CANNOT_SIGN = "x509: invalid signature: parent certificate cannot sign this kind of certificate"
UNIMPLEMENTED = "x509: cannot verify signature: algorithm unimplemented"
INSECURE = "x509: cannot verify signature: insecure algorithm "
_SMALLEST_RSA = 1024
_LARGEST_EXPONENT = 2**31 - 1

_INSECURE = frozenset({"MD5-RSA", "SHA1-RSA", "DSA-SHA1", "ECDSA-SHA1"})
# Go's names: the algorithm of the key that they need, and the digest.
_ALGORITHMS: dict[str, tuple[str, HashAlgorithm | None]] = {
    "SHA256-RSA": ("RSA", SHA256()),
    "SHA384-RSA": ("RSA", SHA384()),
    "SHA512-RSA": ("RSA", SHA512()),
    "SHA256-RSAPSS": ("RSA", SHA256()),
    "SHA384-RSAPSS": ("RSA", SHA384()),
    "SHA512-RSAPSS": ("RSA", SHA512()),
    "DSA-SHA256": ("DSA", SHA256()),
    "ECDSA-SHA256": ("ECDSA", SHA256()),
    "ECDSA-SHA384": ("ECDSA", SHA384()),
    "ECDSA-SHA512": ("ECDSA", SHA512()),
    "Ed25519": ("Ed25519", None),
}
_GO_TYPES = {"RSA": "*rsa.PublicKey", "ECDSA": "*ecdsa.PublicKey", "Ed25519": "ed25519.PublicKey"}
_MISMATCHES = {
    "RSA": "crypto/rsa: verification error",
    "ECDSA": "x509: ECDSA verification failure",
    "Ed25519": "x509: Ed25519 verification failure",
}


def signature_error(child: Certificate, parent: Certificate) -> str:
    """Go's message when `parent` did not sign `child` or may not sign certificates; empty when it did and may.

    Raises:
        Undecided: the library cannot check this signature.
    """
    if (parent.version == 3 or parent.has_basic_constraints) and not parent.is_ca:
        return CANNOT_SIGN
    if parent.key_usages and "keyCertSign" not in parent.key_usages:
        return CANNOT_SIGN
    if not parent.key_algorithm:
        return UNIMPLEMENTED
    return _signature_error(child, parent)


@lru_cache(maxsize=16384)
def _signature_error(child: Certificate, parent: Certificate) -> str:
    algorithm = child.signature_algorithm
    if algorithm in _INSECURE:
        return INSECURE + algorithm
    if algorithm not in _ALGORITHMS or parent.key_algorithm not in _GO_TYPES:
        return UNIMPLEMENTED
    needed, digest = _ALGORITHMS[algorithm]
    if needed != parent.key_algorithm:
        return (
            f"x509: signature algorithm specifies an {needed} public key, "
            f"but have public key of type {_GO_TYPES[parent.key_algorithm]}"
        )
    key = _key_of(parent)
    if isinstance(key, rsa.RSAPublicKey) and (unfit := _unfit(key)):
        return f"crypto/rsa: {unfit}"
    try:
        _verify(key, child, digest, pss=algorithm.endswith("PSS"))
    except InvalidSignature:
        return _MISMATCHES[needed]
    except UnsupportedAlgorithm as error:
        raise Undecided(f"the signature of {child.subject} cannot be checked here: {error}") from None
    return ""


def _unfit(key: rsa.RSAPublicKey) -> str:
    """Why Go does not verify with an RSA key, in its words."""
    if key.key_size < _SMALLEST_RSA:
        where = "https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size"
        return f"{key.key_size}-bit keys are insecure (see {where})"
    numbers = key.public_numbers()  # a small or even exponent the library refuses itself
    if numbers.n % 2 == 0:
        return "public modulus is even"
    return "public exponent too large" if numbers.e > _LARGEST_EXPONENT else ""


@lru_cache(maxsize=256)
def _key_of(parent: Certificate) -> Any:
    """The public key of an authority: few sign many."""
    return x509.load_der_x509_certificate(parent.der).public_key()


def _verify(key: Any, child: Certificate, digest: HashAlgorithm | None, *, pss: bool) -> None:
    signed = x509.load_der_x509_certificate(child.der)
    signature, content = signed.signature, signed.tbs_certificate_bytes
    match key, digest:
        case rsa.RSAPublicKey(), HashAlgorithm():
            padding = PSS(MGF1(digest), digest.digest_size) if pss else PKCS1v15()
            key.verify(signature, content, padding, digest)
        case ec.EllipticCurvePublicKey(), HashAlgorithm():
            key.verify(signature, content, ec.ECDSA(digest))
        case ed25519.Ed25519PublicKey(), None:
            key.verify(signature, content)
        case _:
            raise UnsupportedAlgorithm(f"key of type {type(key).__name__}")
