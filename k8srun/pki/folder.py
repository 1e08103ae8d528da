"""A whole PKI in a folder: there complete, with the right modes, or not there at all."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from k8srun.atomic import write_atomically
from k8srun.errors import InputError, RefusedError
from k8srun.pki.issuing import Keys, Pki, private_pem
from k8srun.pki.layout import Wanted, layout
from k8srun.pki.openssl import commands
from k8srun.pki.spec import PkiSpec
from k8srun.x509 import Certificate

_KEY_MODE, _PUBLIC_MODE = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class MadeCertificate:
    """One certificate of a PKI that was made.

    Attributes:
        certificate, key: the files, relative to the folder; of mode 0644 and 0600.
        issuer: the file of the CA that signed it; its own for a CA.
        usages: `server`, `client`; empty for a CA.
        sans: host names and addresses.
        commands: the openssl commands that make the same.
    """

    certificate: str
    key: str
    common_name: str
    organizations: tuple[str, ...]
    issuer: str
    is_ca: bool
    usages: tuple[str, ...]
    sans: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str
    commands: tuple[str, ...]


def make_pki(directory: Path, wanted: Wanted, now: datetime) -> tuple[MadeCertificate, ...]:
    """Make every key and certificate of a cluster, and the key pair of its service account tokens.

    Args:
        directory: must not exist, or be empty.
        now: when the certificates begin to be valid.

    Returns:
        the certificates, authorities first.

    Raises:
        RefusedError: there is something in the folder: nothing is overwritten.
        InputError: what is wanted cannot be made, or the folder cannot be written.
    """
    spec = layout(wanted)
    _require_empty(directory)
    made = Pki(spec, Keys(), now, rsa_leaves=True)
    names = (*spec.authorities, *spec.certificates)
    _write(directory, {file: content for name in names for file, content in _files(name, made).items()} | _tokens(made))
    lines = commands(spec)
    return tuple(_described(name, made, spec, lines[name]) for name in names)


def _files(name: str, made: Pki) -> dict[str, tuple[bytes, int]]:
    pair = made[name]
    return {f"{name}.key": (pair.key_pem, _KEY_MODE), f"{name}.crt": (pair.certificate_pem, _PUBLIC_MODE)}


def _tokens(made: Pki) -> dict[str, tuple[bytes, int]]:
    key = private_pem(made.service_account_key)
    return {"sa.key": (key, _KEY_MODE), "sa.pub": (made.service_account_public_pem, _PUBLIC_MODE)}


def _described(name: str, made: Pki, spec: PkiSpec, lines: tuple[str, ...]) -> MadeCertificate:
    seen = Certificate.from_der(made[name].certificate.public_bytes(Encoding.DER))
    leaf = spec.certificates.get(name)
    return MadeCertificate(
        certificate=f"{name}.crt",
        key=f"{name}.key",
        common_name=seen.common_name,
        organizations=seen.organizations,
        issuer=f"{leaf.issuer if leaf else name}.crt",
        is_ca=seen.is_ca,
        usages=leaf.usages if leaf else (),
        sans=(*seen.dns_names, *seen.ip_addresses),
        not_before=seen.not_before,
        not_after=seen.not_after,
        sha256=seen.sha256,
        commands=lines,
    )


def _require_empty(directory: Path) -> None:
    if directory.is_symlink() or (directory.exists() and (not directory.is_dir() or any(directory.iterdir()))):
        raise RefusedError(
            "there is something already: nothing was overwritten",
            where=str(directory),
            do="Name a folder that does not exist, or an empty one.",
        )
    if not directory.absolute().parent.is_dir():
        raise InputError("the folder above it does not exist", where=str(directory), do="Make it first: mkdir -p")


def _write(directory: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Write into a folder beside it, which takes its place at the end."""
    try:
        place = Path(tempfile.mkdtemp(dir=directory.absolute().parent, prefix=f".{directory.name}."))
    except OSError as error:
        raise InputError(f"it cannot be made: {error.strerror}", where=str(directory)) from None
    try:
        for name, (content, mode) in files.items():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(target, content, mode=mode)
        place.chmod(0o755)
        place.replace(directory)
    except OSError as error:
        raise InputError(f"it cannot be written: {error.strerror}", where=str(directory)) from None
    finally:
        shutil.rmtree(place, ignore_errors=True)
