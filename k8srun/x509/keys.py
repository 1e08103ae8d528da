"""Keys, as far as the tool knows them: their kind, and the hash by which pairs are recognised."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa


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
