"""What one user needs: a key and a request, made once; the certificate that belongs to them; a kubeconfig of both.

Nothing is overwritten, and a key is never shown: not in an error either.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from k8srun.atomic import write_atomically
from k8srun.certificates.requests import read_request
from k8srun.errors import InputError, RefusedError
from k8srun.pem import read_pem
from k8srun.pki.issuing import PrivateKey, distinguished_name, private_pem
from k8srun.pki.kubeconfigs import embedded, kubeconfig
from k8srun.text import visible
from k8srun.x509 import Certificate, CertificateRequest, certificates_of

_LONGEST_NAME = 64  # of a CN and of an O: RFC 5280, appendix A
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A key and the request made with it.

    Attributes:
        key, path: the files of the key and of the request.
        request, pem: the request.
        reused: both were there already.
    """

    key: Path
    path: Path
    request: CertificateRequest
    pem: bytes
    reused: bool


def keep_request(stem: Path, user: str, groups: Sequence[str] = ()) -> KeptRequest:
    """The key and request of a user at `STEM.key` and `STEM.csr`: made if they are not there, else used again.

    Raises:
        InputError: a name cannot be used, or a file cannot be read or written.
        RefusedError: what is there is of another user, does not belong together, or others may read the key.
    """
    for what, value in (("user", user), *(("group", group) for group in groups)):
        _require_name(what, value)
    key_path, path = Path(f"{stem}.key"), Path(f"{stem}.csr")
    if path.exists() and not key_path.exists():
        raise RefusedError("there is a request, and its key is not there", where=str(path), do="Move it away first.")
    had = key_path.exists(), path.exists()
    key = read_key(key_path) if had[0] else ec.generate_private_key(ec.SECP256R1())
    if not had[0]:
        write_file(key_path, private_pem(key), 0o600)
    if not had[1]:
        subject = distinguished_name(user, dict.fromkeys(groups))
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        write_file(path, made.public_bytes(Encoding.PEM), 0o644)
    pem = read_file(path)
    request, error = read_request(pem)
    if request is None:
        raise InputError(f"it is no certificate request: {error}", where=str(path), do="Move it away first.")
    _require_same(request, path, key_path, user, groups)
    return KeptRequest(key_path, path, request, pem, all(had))


def keep_certificate(path: Path, pem: bytes, key_path: Path) -> Certificate:
    """Write the certificate that was issued, once it is seen to belong to the key. It may be there already.

    Returns:
        the certificate; an intermediate that follows it is written as well.

    Raises:
        InputError: it is no certificate, or belongs to another key; nothing was written.
        RefusedError: there is another file.
    """
    leaf = _certificate(pem, "what was issued")
    _require_pair(leaf, key_path)
    if path.exists() or path.is_symlink():
        if path.is_file() and read_file(path) == pem:
            return leaf
        raise RefusedError("there is another file already: nothing was overwritten", where=str(path))
    write_file(path, pem, 0o644)
    return leaf


def keep_kubeconfig(
    path: Path,
    key_path: Path,
    certificate_path: Path,
    cluster: dict[str, Any],
    now: datetime,
    *,
    cluster_name: str,
    name: str = "",
    namespace: str = "",
) -> dict[str, Any]:
    """Write a kubeconfig of mode 0600 that holds a certificate and its key.

    Args:
        cluster: the entry of the cluster: its server and CA.
        now: the time to judge the certificate by.
        name: of the user in the file; the certificate's CN when empty.

    Returns:
        what it holds but for the credentials: names, server, and when it ends.

    Raises:
        InputError: the certificate cannot be used for that; nothing was written.
        RefusedError: the file exists.
    """
    if path.exists() or path.is_symlink():
        raise RefusedError("it exists already: nothing was overwritten", where=str(path), do="Name another file.")
    pem = read_file(certificate_path)
    leaf = _certificate(pem, str(certificate_path))
    _require_pair(leaf, key_path)
    if leaf.not_after < now:
        raise InputError(f"the certificate expired on {leaf.not_after:%Y-%m-%d %H:%M} UTC", where=str(certificate_path))
    if leaf.extended_key_usages and not {"clientAuth", "any"} & set(leaf.extended_key_usages):
        raise InputError(
            f"the certificate is none of a client: it is for {', '.join(leaf.extended_key_usages)}",
            where=str(certificate_path),
            do="Ask for one with the usage client auth.",
        )
    user = name or leaf.common_name
    if not user:
        raise InputError("the certificate names no user (no CN)", where=str(certificate_path))
    key = private_pem(read_key(key_path))
    document = kubeconfig(cluster, embedded(pem, key), name=user, cluster_name=cluster_name, namespace=namespace)
    write_file(path, yaml.safe_dump(document, sort_keys=False, width=1000).encode(), 0o600)
    return {
        "path": str(path),
        "context": document["current-context"],
        "server": cluster["server"],
        "user": leaf.common_name,
        "groups": leaf.organizations,
        "not_after": leaf.not_after,
    }


def _require_name(what: str, value: str) -> None:
    if not value or len(value) > _LONGEST_NAME or visible(value) != value or value != value.strip():
        raise InputError(
            f"{visible(value, limit=80)!r} cannot be a {what}'s name in a certificate",
            do=f"Use 1 to {_LONGEST_NAME} characters that can be seen.",
        )


def _require_same(request: CertificateRequest, path: Path, key_path: Path, user: str, groups: Sequence[str]) -> None:
    if request.public_key_sha256 != public_key_of(key_path):
        raise RefusedError(f"it was not made with the key {key_path}", where=str(path), do="Move both away first.")
    if (request.common_name, set(request.organizations)) != (user, set(groups)):
        raise RefusedError(
            f"the request that is there is for {visible(request.subject, limit=200)}",
            where=str(path),
            do="Name another path with --to, or move it and its key away.",
        )


def _require_pair(leaf: Certificate, key_path: Path) -> None:
    read_key(key_path)
    if leaf.public_key_sha256 != public_key_of(key_path):
        raise InputError(
            f"the certificate of {visible(leaf.subject, limit=120)} belongs to another key",
            where=str(key_path),
            do="Give the key that its request was made with.",
        )


def _certificate(pem: bytes, where: str) -> Certificate:
    blocks = read_pem(pem)
    found = certificates_of(blocks)
    if not found:
        said = next((block.error for block in blocks if block.error), "there is no CERTIFICATE block")
        raise InputError(f"no certificate can be read: {said}", where=where)
    return found[0]


def public_key_of(key_path: Path) -> str:
    """The SHA-256 of the public key that belongs to a private key."""
    return next(block.public_key_sha256 for block in read_pem(read_file(key_path)) if block.is_private_key)


def read_key(path: Path) -> PrivateKey:
    """The private key in a file that nobody but its owner may read.

    Raises:
        InputError: it is none that can be read.
        RefusedError: others may read it.
    """
    pem = read_file(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise RefusedError("others may read this key", where=str(path), do=f"chmod 600 {path}, or make a new one.")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message is dropped on purpose: it may quote bytes of the key.
        raise InputError("it is no private key that can be read (or one with a passphrase)", where=str(path)) from None
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InputError("it is neither an RSA nor an ECDSA key", where=str(path))
    return key


def read_file(path: Path) -> bytes:
    """What a key, a request or a certificate file holds. Raises InputError when that cannot be read."""
    try:
        if not path.is_file():
            raise InputError("there is no such file", where=str(path))
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"it cannot be read: {error.strerror}", where=str(path)) from None
    if len(data) > _LARGEST:
        raise InputError("it is larger than 1 MiB: not a key, a request or a certificate", where=str(path))
    return data


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file, whole or not at all. Raises InputError when it cannot be written."""
    try:
        write_atomically(path, content, mode=mode)
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror}", where=str(path)) from None
