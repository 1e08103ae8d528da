"""What a context of a kubeconfig authenticates with."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from k8srun.errors import InputError, RefusedError
from k8srun.snapshot import GapReason
from k8srun.sources.contexts import ChosenContext
from k8srun.sources.exec_plugin import command_line, run_plugin
from k8srun.sources.failure import ReadError
from k8srun.sources.kubeconfig import bytes_of, read_regular_file, text_of

_HEADER_NAME = "!#$&'*+-.^_`|~"
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A client certificate (its chain may follow) and its key, both PEM, and HTTP headers. All but the certificate is
    secret.
    """

    certificate: bytes = b""
    key: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def credentials_of(
    chosen: ChosenContext, cluster_info: Mapping[str, Any], *, allow_exec: bool, timeout: float
) -> Credentials:
    """Read or ask for the credentials of a context.

    Args:
        cluster_info: what an exec plugin may be told of the cluster.
        allow_exec: run the exec plugin also of a kubeconfig that was supplied.
        timeout: seconds for the exec plugin.

    Raises:
        InputError: the user's entry is malformed.
        RefusedError: the kubeconfig was supplied and would run a program.
        ReadError: a file that it names cannot be read, or the plugin gives no credentials.
    """
    user = chosen.user
    if user.get("auth-provider"):
        raise ReadError(
            GapReason.UNAUTHORIZED,
            "the kubeconfig uses an auth-provider, which Kubernetes 1.26 removed: no client runs it any more",
            where=chosen.path,
            do="Use an exec plugin in its place, such as gke-gcloud-auth-plugin or kubelogin.",
        )
    certificate = content_of(user, "client-certificate-data", "client-certificate", GapReason.UNAUTHORIZED)
    key = content_of(user, "client-key-data", "client-key", GapReason.UNAUTHORIZED)
    token = _token(user)
    login = (text_of(user, "username"), text_of(user, "password"))
    if user.get("exec") and not (token or certificate or any(login)):  # a plugin is for who has nothing else
        status = _from_plugin(chosen, cluster_info, allow_exec, timeout)
        token = status.get("token", "")
        certificate = status.get("clientCertificateData", "").encode()
        key = status.get("clientKeyData", "").encode()
    if bool(certificate) != bool(key):
        missing = "key" if certificate else "certificate"
        raise ReadError(GapReason.UNAUTHORIZED, f"the client certificate has no {missing}", where=chosen.path)
    return Credentials(certificate, key, (*_authorization(token, login), *_impersonation(user)))


def content_of(entry: Mapping[str, Any], data_field: str, path_field: str, reason: GapReason) -> bytes:
    """What an entry embeds, or else what the file holds that it names; empty where it does neither.

    Raises:
        ReadError: for `reason`: the field is not base64, or the file cannot be read.
    """
    path = text_of(entry, path_field)
    try:
        return bytes_of(entry, data_field) or (read_regular_file(Path(path)) if path else b"")
    except OSError as error:
        raise ReadError(reason, f"{path_field} cannot be read: {error.strerror}", where=path) from None
    except ValueError as error:
        raise ReadError(reason, str(error)) from None


def _token(user: Mapping[str, Any]) -> str:
    """The token of the file, which may have been renewed, else the embedded one."""
    embedded, path = text_of(user, "token").strip(), text_of(user, "tokenFile")
    if not path:
        return embedded
    try:
        return read_regular_file(Path(path)).decode(errors="replace").strip() or embedded
    except OSError as error:
        if embedded:
            return embedded
        raise ReadError(GapReason.UNAUTHORIZED, f"tokenFile cannot be read: {error.strerror}", where=path) from None


def _from_plugin(
    chosen: ChosenContext, cluster_info: Mapping[str, Any], allow_exec: bool, timeout: float
) -> Mapping[str, Any]:
    plugin = chosen.user["exec"]
    if not isinstance(plugin, Mapping):
        raise InputError("kubeconfig: exec must be a mapping", where=chosen.path)
    if chosen.supplied and not allow_exec:
        raise RefusedError(
            f"this kubeconfig would run a program on this machine: {command_line(plugin)}",
            where=chosen.path,
            do="If you trust the file, allow it with --allow-exec.",
        )
    return run_plugin(plugin, cluster_info, timeout=timeout)


def _authorization(token: str, login: tuple[str, str]) -> list[tuple[str, str]]:
    if token:
        return [("Authorization", f"Bearer {_header_value(token, 'token')}")]
    if any(login):
        return [("Authorization", f"Basic {base64.b64encode(':'.join(login).encode()).decode()}")]
    return []


def _impersonation(user: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers by which a request is made as somebody else. Source: Kubernetes' "user impersonation"."""
    groups, extra = user.get("as-groups") or [], user.get("as-user-extra") or {}
    if not isinstance(groups, list) or not isinstance(extra, Mapping) or not all(map(_is_list, extra.values())):
        raise InputError("kubeconfig: as-groups must be a list, as-user-extra a mapping of lists")
    headers = [("Impersonate-User", text_of(user, "as")), ("Impersonate-Uid", text_of(user, "as-uid"))]
    headers += [("Impersonate-Group", group) for group in groups]
    for name, values in extra.items():
        # Any character may stand in the name: what a header's name cannot hold is percent-encoded.
        headers += [(f"Impersonate-Extra-{quote(str(name), safe=_HEADER_NAME)}", value) for value in values]
    return [(name, _header_value(value, name)) for name, value in headers if value]


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _header_value(value: object, what: str) -> str:
    """Refuses what cannot be sent, without showing it: the HTTP library's own message would."""
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise InputError(f"kubeconfig: {what} holds characters that a request cannot carry", do="Is it the right file?")
    return value
