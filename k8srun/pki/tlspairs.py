"""Serving certificates with their keys in local files: read, or issued once by a CA whose key is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from k8srun.certificates.plans.secrets import TlsPair
from k8srun.errors import InputError, RefusedError
from k8srun.pem import read_pem
from k8srun.pki.identity import public_key_of, read_file, read_key, write_file
from k8srun.pki.issuing import issue_serving, private_pem
from k8srun.x509 import Certificate, certificates_of

LASTS = timedelta(days=365)


def read_pair(certificate: Path, key: Path, authority: Path | None = None) -> TlsPair:
    """A certificate and its key.

    Raises:
        InputError: one of the files cannot be read.
        RefusedError: others than its owner may read the key.
    """
    read_key(key)
    given = certificates_in(authority) if authority else ()
    return TlsPair(
        str(certificate.absolute()),
        str(key.absolute()),
        certificates_in(certificate),
        public_key_of(key),
        given[0] if given else None,
    )


def keep_pair(stem: Path, names: Sequence[str], ca: Path, ca_key: Path, *, now: datetime) -> TlsPair:
    """A serving certificate at `STEM.crt` with its key at `STEM.key`, signed by a CA: made if they are not there.

    Args:
        names: DNS names and addresses; the first is the common name.
        ca, ca_key: files of the CA's certificate and key.

    Raises:
        InputError: a file cannot be read or written, or the CA's key is not its certificate's.
        RefusedError: one of the two files is there without the other, or others may read a key.
    """
    path, key_path = Path(f"{stem}.crt"), Path(f"{stem}.key")
    if path.exists() != key_path.exists():
        raise RefusedError(
            "there is one of certificate and key without the other", where=str(stem), do="Move it away first."
        )
    if not path.exists():
        authority, signer = certificates_in(ca)[0], read_key(ca_key)
        if authority.public_key_sha256 != public_key_of(ca_key):
            raise InputError("this is not the key of the CA's certificate", where=str(ca_key))
        key = ec.generate_private_key(ec.SECP256R1())
        ends = min(now + LASTS, authority.not_after.astimezone(UTC))
        issuer = x509.load_der_x509_certificate(authority.der)
        made = issue_serving(names, key, issuer, signer, begin=now - timedelta(minutes=5), end=ends)
        write_file(key_path, private_pem(key), 0o600)
        write_file(path, made.public_bytes(Encoding.PEM), 0o644)
    return read_pair(path, key_path, ca)


def certificates_in(path: Path) -> tuple[Certificate, ...]:
    """The certificates of a file, at least one. Raises InputError when none can be read."""
    blocks = read_pem(read_file(path))
    found = certificates_of(blocks)
    if not found:
        said = next((block.error for block in blocks if block.error), "there is no CERTIFICATE block")
        raise InputError(f"no certificate can be read: {said}", where=str(path))
    return found
