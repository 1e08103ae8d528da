"""Signing a journal with a key of the user's: Ed25519, as PEM (PKCS #8) or in OpenSSH's format."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from k8srun.errors import InputError

_HOW = "Make one: openssl genpkey -algorithm ed25519 -out journal.key (or ssh-keygen -t ed25519 -N '')."


class Signer:
    """A private key that signs."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> Signer:
        """Raises InputError when the file holds no usable key; the message shows nothing of it."""
        content = _read(path)
        load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in content else load_pem_private_key
        try:
            key = load(content, password=None)
        except TypeError:
            raise InputError(
                "the key is encrypted: a journal needs one without a passphrase", where=str(path)
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            raise InputError("not a private key in PEM or OpenSSH format", where=str(path), do=_HOW) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError("not an Ed25519 key", where=str(path), do=_HOW)
        return cls(key)

    def sign(self, data: bytes) -> str:
        """The signature in base64."""
        return base64.b64encode(self._key.sign(data)).decode()


class Verifier:
    """A public key that verifies."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> Verifier:
        """Raises InputError when the file holds no Ed25519 public key."""
        content = _read(path)
        load = load_ssh_public_key if content.startswith(b"ssh-") else load_pem_public_key
        try:
            key = load(content)
        except (ValueError, UnsupportedAlgorithm):
            raise InputError(
                "not a public key in PEM or OpenSSH format",
                where=str(path),
                do="Write it with: openssl pkey -in journal.key -pubout",
            ) from None
        if not isinstance(key, Ed25519PublicKey):
            raise InputError("not an Ed25519 key", where=str(path), do=_HOW)
        return cls(key)

    def accepts(self, signature: str, data: bytes) -> bool:
        """Whether `signature` (base64) is one of `data` by this key."""
        try:
            self._key.verify(base64.b64decode(signature, validate=True), data)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"the key cannot be read: {error.strerror}", where=str(path)) from None
