"""What became of files on a node since they were written."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from k8srun.errors import InputError
from k8srun.lab.catalogue import FileChange
from k8srun.pki.issuing import Pki


def change_file(node_root: Path, path: str, change: FileChange, pki: Pki) -> None:
    """Change one file of a node; its mode stays as it is, but nobody else may read a key.

    Raises:
        InputError: there is no such file, or no such certificate.
    """
    target = node_root / path.lstrip("/")
    if change.certificate:
        target.write_bytes(pki[change.certificate].certificate_pem)
        return
    if change.key:
        target.chmod(0o600)
        target.write_bytes(pki[change.key].key_pem)
        return
    if not os.path.lexists(target):
        raise InputError(f"there is no file {path} that could change", where="files")
    if change.removed:
        target.unlink()
        return
    content = target.read_bytes()
    if change.without_line:
        lines = content.splitlines(keepends=True)
        del lines[change.without_line - (change.without_line > 0)]
        content = b"".join(lines)
    if change.damaged:
        der = x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
        content = x509.load_der_x509_certificate(der[:-1] + bytes([der[-1] ^ 1])).public_bytes(Encoding.PEM)
    target.write_bytes(content)
