"""Local files: kubeconfigs that are edited, tokens and certificates that are written."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from k8srun.apply.refusals import failure
from k8srun.apply.target import NotDone
from k8srun.atomic import write_atomically
from k8srun.change import FailureKind
from k8srun.errors import InputError
from k8srun.jsonpatch import Operation, PatchError, patched
from k8srun.kubeconfigview import document_of, view_of
from k8srun.sources.kubeconfig import read_regular_file
from k8srun.sources.yamlvalues import YamlError
from k8srun.sources.yamlvalues import read_value as read_yaml
from k8srun.yamltext import yaml_text


def read_view(path: Path) -> dict[str, Any]:
    """A kubeconfig by the names of its entries, secrets included. Raises NotDone when it cannot be read."""
    return view_of(_read(path)[1])


def edit_kubeconfig(path: Path, operations: tuple[Operation, ...], backup_suffix: str) -> Path:
    """Change a kubeconfig, whole or not at all; the file as it was is kept beside it.

    Comments and the layout are lost, as when kubectl edits it.

    Args:
        backup_suffix: appended to the name of the backup.

    Returns:
        the backup.

    Raises:
        NotDone: it is not as the operations expect, or cannot be written.
    """
    data, document = _read(path)
    try:
        view = patched(view_of(document), operations)
        changed = document_of(view, document)
    except PatchError as error:
        raise _local(FailureKind.CHANGED, path, str(error)) from None
    # A link stays a link: what it points to is what changes.
    real = path.resolve()
    found = real.stat()
    if found.st_uid != os.geteuid():
        raise _local(FailureKind.LOCAL, path, "it belongs to another user", do="Do this as its owner.")
    backup = real.with_name(f"{real.name}.{backup_suffix}")
    try:
        write_atomically(backup, data, mode=0o600)
        write_atomically(real, yaml_text(changed).encode(), mode=stat.S_IMODE(found.st_mode))
    except OSError as error:
        raise _local(FailureKind.LOCAL, path, f"it cannot be written: {error.strerror}") from None
    return backup


def write_new(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that did not exist. Raises NotDone."""
    require_new(path)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise _local(FailureKind.LOCAL, path, f"it cannot be written: {error.strerror}") from None


def require_new(path: Path) -> None:
    """Raises NotDone when a file could not be written there, or when there is one: nothing is overwritten."""
    if path.exists() or path.is_symlink():
        raise _local(FailureKind.LOCAL, path, "it exists already", do="Move it away first; nothing was overwritten.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _local(FailureKind.LOCAL, path, "its folder does not exist or cannot be written to")


def read_content(path: Path) -> bytes:
    """What a file holds that goes into an object. Raises NotDone."""
    try:
        return read_regular_file(path)
    except OSError as error:
        raise _local(FailureKind.LOCAL, path, f"it cannot be read: {error.strerror}") from None


def read_value(path: Path) -> bytes:
    """What a file holds that goes into a Secret. Raises NotDone, also for a private key that others may read."""
    content = read_content(path)
    if b"PRIVATE KEY-----" in content and stat.S_IMODE(path.stat().st_mode) & 0o077:
        private = f"chmod 600 {shlex.quote(str(path))}"
        raise _local(FailureKind.LOCAL, path, "others may read this private key", do=f"{private}, then go on.")
    return content


def _read(path: Path) -> tuple[bytes, Mapping[str, Any]]:
    data = read_content(path)
    try:
        document = read_yaml(data.decode())
        view_of(document)
    except (UnicodeDecodeError, YamlError):
        raise _local(FailureKind.LOCAL, path, "it is not valid YAML") from None
    except InputError as error:
        raise _local(FailureKind.LOCAL, path, error.what) from None
    return data, document


def _local(kind: FailureKind, path: Path, what: str, *, do: str = "") -> NotDone:
    found = failure(kind, f"{path}: {what}")
    return NotDone(found if not do else type(found)(found.kind, found.detail, do))
