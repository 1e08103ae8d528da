"""Keys, as far as the tool knows them: their kind, and the hash by which pairs are recognised."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def public_key_sha256(spki: bytes) -> str:
    """The hash by which a key, its certificate and its request are recognised as one pair. `spki` is DER."""
    return hashlib.sha256(spki).hexdigest()


def key_type(key: object) -> str:
    """The type and size of a private or public key of `cryptography`, as people say it; its class name if unknown."""
    match key:
        case rsa.RSAPublicKey() | rsa.RSAPrivateKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey() | ec.EllipticCurvePrivateKey():
            return f"EC {key.curve.name}"
        case ed25519.Ed25519PublicKey() | ed25519.Ed25519PrivateKey():
            return "Ed25519"
        case ed448.Ed448PublicKey() | ed448.Ed448PrivateKey():
            return "Ed448"
        case dsa.DSAPublicKey() | dsa.DSAPrivateKey():
            return f"DSA {key.key_size}"
    return type(key).__name__


def load_private_key(pem: bytes) -> PrivateKeyTypes:
    """A private key that is not encrypted, from PEM.

    An RSA key is checked as Go checks it (`rsa.PrivateKey.Validate`): that its numbers belong together. The library
    proves its primes prime too, which takes 40 ms a key, and a control-plane node has a dozen of them.

    Raises:
        ValueError, TypeError, UnsupportedAlgorithm: it is none; the message may quote bytes of it.
    """
    key = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    if isinstance(key, rsa.RSAPrivateKey) and not _belong_together(key.private_numbers()):
        raise ValueError("the numbers of the RSA key do not belong together")
    return key


def _belong_together(key: rsa.RSAPrivateNumbers) -> bool:
    p, q, d, e, n = key.p, key.q, key.d, key.public_numbers.e, key.public_numbers.n
    return (
        min(p, q) > 1
        and p * q == n
        and (d * e - 1) % (p - 1) == 0
        and (d * e - 1) % (q - 1) == 0
        and (key.dmp1, key.dmq1) == (d % (p - 1), d % (q - 1))
        and key.iqmp * q % p == 1
    )
