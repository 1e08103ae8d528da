"""Docker configurations as the kubelet reads them: which are malformed, and what each entry logs in with.

Source: kubernetes `pkg/credentialprovider/config.go`, and Go's encoding/json and encoding/base64 which it uses.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping

import msgspec

_STRINGS = frozenset({"username", "password", "email", "auth"})


def read_entries(content: bytes, *, legacy: bool) -> Mapping[str, object]:
    """The entries of a Docker configuration by their keys, in their order; none where it has no `auths`.

    Args:
        legacy: whether it is a `.dockercfg`, which has the entries at its top.

    Raises:
        ValueError: it is malformed; the message quotes nothing of it.
    """
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("the Docker configuration is not valid JSON") from None
    if not isinstance(document, dict | None):
        raise ValueError("the Docker configuration is not an object")
    entries = document if legacy else dict(fields(document)).get("auths")
    if not isinstance(entries, dict | None):
        raise ValueError("the Docker configuration has no object `auths`")
    return entries or {}


def fields(entry: object) -> Iterator[tuple[str, object]]:
    """The fields of an object that are set, their names in lower case: Go does not tell `Auth` from `auth`.

    Raises:
        ValueError: it is no object.
    """
    if not isinstance(entry, dict | None):
        raise ValueError("not an object")
    return ((name.lower(), value) for name, value in (entry or {}).items() if value is not None)


def login_of(entry: object) -> tuple[str, str]:
    """User name and password of an entry, both empty where it has none. The kubelet uses nothing else of it.

    Raises:
        ValueError: it is malformed; the message quotes nothing of it.
    """
    known: dict[str, str] = {}
    for name, value in fields(entry):
        if name in _STRINGS:
            if not isinstance(value, str):
                raise ValueError(f"`{name}` is not a string")
            known[name] = value
    auth = known.get("auth")
    return _decoded(auth) if auth else (known.get("username", ""), known.get("password", ""))


def _decoded(auth: str) -> tuple[str, str]:
    text = auth.replace("\r", "").replace("\n", "")
    if not auth.strip().endswith("="):
        text += "=" * (-len(text) % 4)  # Go takes it without
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True).decode(errors="surrogateescape")
    except (binascii.Error, ValueError):
        decoded = ""
    username, colon, password = decoded.partition(":")
    if not colon or len(text) % 4:
        raise ValueError("`auth` is not base64 of user:password")
    return username, password
