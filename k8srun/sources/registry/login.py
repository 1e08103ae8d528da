"""The entries of a Docker configuration as credentials: they live in memory, are used, and are never shown or kept."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from k8srun.errors import InputError
from k8srun.sources.dockerconfig import fields, login_of, read_entries
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
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode(errors="surrogateescape")).decode()

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
        entries = read_entries(content, legacy=legacy)
    except ValueError as error:
        raise InputError(str(error), where=where, do=_MAKE) from None
    return {host: _login(entry, f"{where}, auths[{host!r}]") for host, entry in entries.items()}


_MAKE = "Make it again: kubectl create secret docker-registry NAME --docker-server=HOST --docker-username=USER …"


def _login(entry: object, where: str) -> Login:
    try:
        username, password = login_of(entry)
        known = dict(fields(entry))
    except ValueError as error:
        raise InputError(f"the entry is malformed: {error}", where=where, do=_MAKE) from None
    identity_token, registry_token = (
        token if isinstance(token := known.get(name), str) else "" for name in ("identitytoken", "registrytoken")
    )
    return Login(username, password, identity_token, registry_token)
