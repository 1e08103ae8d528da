"""The entries of a Docker configuration as credentials: they live in memory, are used, and are never shown or kept."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from k8srun.errors import InputError
from k8srun.sources.secretvalues import token_claims


@dataclass(frozen=True, slots=True)
class Login:
    """How to authenticate to a registry. All but the user name is secret and never part of any text.

    Attributes:
        identity_token: a refresh token for the registry's token service.
        registry_token: a bearer token for the registry itself.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of a Basic `Authorization` header; empty without user name and password."""
        if not (self.username or self.password):
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def expired(self) -> bool:
        """Whether a token in it says of itself that it has expired. A password that is a JWT counts too."""
        return any(is_expired(token) for token in (self.registry_token, self.identity_token, self.password) if token)


def is_expired(token: str) -> bool:
    """Whether a token is a JWT whose `exp` has passed; False for everything that is no JWT."""
    try:
        expires = token_claims(token).get("exp")
    except ValueError:
        return False
    return isinstance(expires, int | float) and expires < time.time()


def read_docker_config(content: bytes, *, where: str, legacy: bool = False) -> Mapping[str, Login]:
    """The logins of a Docker configuration by the key they stand under, in their order.

    Args:
        where: the file or Secret, for errors.
        legacy: whether it is a `.dockercfg`, which has the entries at its top.

    Raises:
        InputError: it is malformed; the message quotes nothing of it.
    """
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputError("the Docker configuration is not valid JSON", where=where, do=_MAKE) from None
    entries = document if legacy else document.get("auths") if isinstance(document, dict) else None
    if not isinstance(entries, dict):
        raise InputError("the Docker configuration has no object `auths`", where=where, do=_MAKE)
    return {host: _login(host, entry, where) for host, entry in entries.items()}


_MAKE = "Make it again: kubectl create secret docker-registry NAME --docker-server=HOST --docker-username=USER …"


def _login(host: str, entry: object, where: str) -> Login:
    if not isinstance(entry, dict):
        raise InputError("the entry is not an object", where=f"{where}, auths[{host!r}]", do=_MAKE)
    for name, value in entry.items():
        if name in {"username", "password", "auth", "identitytoken", "registrytoken"} and not isinstance(value, str):
            raise InputError(f"`{name}` is not a string", where=f"{where}, auths[{host!r}]", do=_MAKE)
    username, password = entry.get("username", ""), entry.get("password", "")
    if entry.get("auth"):
        username, password = _decoded(entry["auth"], f"{where}, auths[{host!r}]")
    return Login(username, password, entry.get("identitytoken", ""), entry.get("registrytoken", ""))


def _decoded(auth: str, where: str) -> tuple[str, str]:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        username, colon, password = "", "", ""
    if not colon:
        raise InputError("`auth` is not base64 of user:password", where=where, do=_MAKE)
    return username, password.rstrip("\0")
