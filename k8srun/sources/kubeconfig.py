"""A kubeconfig document, reduced: what it names stays, what it keeps secret goes.

Source of the format: client-go's `clientcmd/api/v1`. Embedded data wins over a file that is named as well.
"""

from __future__ import annotations

import base64
import binascii
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from k8srun.errors import InputError
from k8srun.kubeconfig import Kubeconfig, KubeconfigCluster, KubeconfigContext, KubeconfigUser
from k8srun.pem import MAX_BYTES, PemBlock, read_pem
from k8srun.sources.reduce import token_claims

ReadFile = Callable[[Path], bytes]

# The order is that in which `kubectl` would say it; the second half is what a user's entry must hold for it.
_CREDENTIALS = (
    ("client certificate", ("client-certificate-data", "client-certificate")),
    ("token", ("token",)),
    ("token file", ("tokenFile",)),
    ("exec plugin", ("exec",)),
    ("basic auth", ("username", "password")),
    ("auth provider", ("auth-provider",)),
)


def reduce_kubeconfig(
    document: Mapping[str, Any], base: Path | None = None, *, read: ReadFile | None = None
) -> Kubeconfig:
    """A parsed kubeconfig without its secrets.

    Args:
        document: the kubeconfig as YAML or JSON gives it.
        base: the folder of the kubeconfig on its host, to which the files that it names are relative. Those files are
            read: certificates are kept, of keys the hash, of tokens the claims. None = they are not looked for.
        read: how to read one of those files, where `base` is not on this machine; raises OSError.

    Raises:
        InputError: it is not a kubeconfig; the message names the field.
    """
    if not isinstance(document, Mapping):
        raise InputError("not a kubeconfig: the document is no mapping", do=_FORM)
    files = _Files(base, read or read_regular_file)
    return Kubeconfig(
        current_context=text_of(document, "current-context"),
        clusters=tuple(_cluster(name, entry, files) for name, entry in entries_of(document, "clusters", "cluster")),
        users=tuple(_user(name, entry, files) for name, entry in entries_of(document, "users", "user")),
        contexts=tuple(
            KubeconfigContext(name, text_of(entry, "cluster"), text_of(entry, "user"), text_of(entry, "namespace"))
            for name, entry in entries_of(document, "contexts", "context")
        ),
    )


def entries_of(document: Mapping[str, Any], plural: str, singular: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """The named entries of one list of a kubeconfig: `clusters: [{name: …, cluster: {…}}]`.

    Raises:
        InputError: it is not such a list.
    """
    items = document.get(plural) or ()
    if not isinstance(items, list | tuple):
        raise InputError(f"kubeconfig: {plural} must be a list", do=_FORM)
    for number, item in enumerate(items):
        where = f"{plural}[{number}]"
        if not isinstance(item, Mapping):
            raise InputError(f"kubeconfig: {where} must have a name and a {singular}", do=_FORM)
        entry = item.get(singular) or {}
        if not isinstance(entry, Mapping):
            raise InputError(f"kubeconfig: {where}.{singular} must be a mapping", do=_FORM)
        yield text_of(item, "name"), entry


_FORM = "Compare it with `kubectl config view`: kubectl refuses such a file too."


def text_of(entry: Mapping[str, Any], field: str) -> str:
    """A text field, empty where it is absent. Raises InputError for another type, without showing the value."""
    value = entry.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"kubeconfig: {field} must be text, not {type(value).__name__}", do="Put it in quotes.")
    return value


def flag_of(entry: Mapping[str, Any], field: str) -> bool:
    """A yes-or-no field, False where it is absent. Raises InputError for another type."""
    value = entry.get(field)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"kubeconfig: {field} must be true or false", do="Write it without quotes.")
    return bool(value)


def bytes_of(entry: Mapping[str, Any], field: str) -> bytes:
    """A base64 field, empty where it is absent. Raises ValueError when it is not base64, without showing it."""
    try:
        return base64.b64decode("".join(text_of(entry, field).split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{field} is not valid base64") from None


def without_userinfo(url: str) -> str:
    """A URL without the user name and password that it may carry."""
    # Up to the last @ anywhere: a password that was not escaped may hold any character, also / and @.
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", r"\1", url, flags=re.DOTALL)


def read_regular_file(path: Path) -> bytes:
    """The content of a certificate, key or token file. Raises OSError, also for what is no regular file or too large.

    A kubeconfig may come from a stranger and name anything: a device or a pipe would never end.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(None, "not a regular file")
    if found.st_size > MAX_BYTES:
        raise OSError(None, f"larger than {MAX_BYTES // 1024 // 1024} MiB")
    return path.read_bytes()


class _Files:
    """Reads what a kubeconfig names, and says why where that fails."""

    def __init__(self, base: Path | None, read: ReadFile) -> None:
        self._base = base
        self._read = read

    def content(self, entry: Mapping[str, Any], data_field: str, path_field: str) -> tuple[bytes, str]:
        """The embedded or named content, and the reason why there is none; both empty when neither field is there."""
        if text_of(entry, data_field):
            try:
                return bytes_of(entry, data_field), ""
            except ValueError as error:
                return b"", str(error)
        path = text_of(entry, path_field)
        return self.read(path) if path else (b"", "")

    def read(self, path: str) -> tuple[bytes, str]:
        if self._base is None:
            return b"", f"{path}: not read, it is a file beside the kubeconfig"
        try:
            return self._read(self._base / path), ""
        except (OSError, ValueError) as error:
            return b"", f"{path}: {getattr(error, 'strerror', None) or 'cannot be read'}"


def _cluster(name: str, entry: Mapping[str, Any], files: _Files) -> KubeconfigCluster:
    content, error = files.content(entry, "certificate-authority-data", "certificate-authority")
    return KubeconfigCluster(
        name=name,
        server=without_userinfo(text_of(entry, "server")),
        tls_server_name=text_of(entry, "tls-server-name"),
        insecure_skip_tls_verify=flag_of(entry, "insecure-skip-tls-verify"),
        proxy_url=without_userinfo(text_of(entry, "proxy-url")),
        ca=read_pem(content) if content else (),
        ca_path=text_of(entry, "certificate-authority"),
        ca_error=error,
    )


def _user(name: str, entry: Mapping[str, Any], files: _Files) -> KubeconfigUser:
    certificate, certificate_error = files.content(entry, "client-certificate-data", "client-certificate")
    key, key_error = files.content(entry, "client-key-data", "client-key")
    token_path = text_of(entry, "tokenFile")
    token, token_error = files.read(token_path) if token_path else (b"", "")
    token = token or text_of(entry, "token").encode()
    plugin = entry.get("exec") or {}
    if not isinstance(plugin, Mapping):
        raise InputError("kubeconfig: exec must be a mapping", do=_FORM)
    return KubeconfigUser(
        name=name,
        credential=" and ".join(kind for kind, fields in _CREDENTIALS if any(entry.get(field) for field in fields))
        or "none",
        certificate=read_pem(certificate) if certificate else (),
        certificate_path=text_of(entry, "client-certificate"),
        key=_private_key(key),
        key_path=text_of(entry, "client-key"),
        token_claims=_claims(token),
        exec_command=text_of(plugin, "command"),
        error="; ".join(error for error in (certificate_error, key_error, token_error) if error),
    )


def _claims(token: bytes) -> Mapping[str, Any] | None:
    try:
        return token_claims(token.decode(errors="replace"))
    except ValueError:
        return None  # an opaque token, or none


def _private_key(content: bytes) -> PemBlock | None:
    """The block of the private key; where there is none, the first block, whose label says what is there instead."""
    if not content:
        return None
    blocks = read_pem(content)
    return next((block for block in blocks if block.is_private_key), blocks[0])
