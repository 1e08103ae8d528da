"""The values of a Secret, reduced to what may be known of them.

What analyzers can rely on: `data` keeps its keys, and every value becomes one of these objects (`stringData` is folded
into it, as the server does):
    `{"type": "pem", "bytes": n, "blocks": [PemBlock, …]}` for the keys of `kubernetes.io/tls` and any value with PEM
        in it; each block has the fields of `k8srun.pem.PemBlock` (`der` is base64; a private key has only its hash).
    `{"type": "registries", "bytes": n, "registries": [{"host": …, "username": bool, "has_auth": bool}, …]}` for
        `.dockerconfigjson` and `.dockercfg`, hosts as written and in their order.
    `{"type": "token", "bytes": n, "claims": {…}}` for a service account's token: registered and `kubernetes.io` claims.
    `{"type": "text", "bytes": n, "text": …}` for values that are public by the definition of the Secret's type.
    `{"type": "opaque", "bytes": n}` for everything else. No hash: that of a weak password can be guessed.
    Each may have `"error"`: why it is not what its place promises; `{"type": "malformed", "error": …}` is not base64.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Required, TypedDict

import msgspec

from k8srun.pem import PemBlock, read_pem
from k8srun.scrub import scrub
from k8srun.sources.dockerconfig import login_of, read_entries

_REGISTRY_KEYS = frozenset({".dockerconfigjson", ".dockercfg"})
_PUBLIC_KEYS = {
    "kubernetes.io/service-account-token": frozenset({"namespace"}),
    "bootstrap.kubernetes.io/token": frozenset(
        {"token-id", "expiration", "usage-bootstrap-authentication", "usage-bootstrap-signing", "auth-extra-groups"}
    ),
}


class _Registry(TypedDict, total=False):
    host: Required[str]
    username: Required[bool]
    has_auth: Required[bool]
    error: str


# The forms, and the field in which each says more than a size, with its type.
_FORMS: dict[str, tuple[str, Any]] = {
    "pem": ("blocks", tuple[PemBlock, ...]),
    "registries": ("registries", tuple[_Registry, ...]),
    "token": ("claims", dict[str, Any]),
    "text": ("text", str),
    "opaque": ("", None),
    "malformed": ("", None),
}
_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


def reduce_secret_data(secret_type: str, data: object, string_data: object = None) -> dict[str, Any]:
    """The `data` of a Secret, reduced.

    Args:
        secret_type: the Secret's `type`.
        data, string_data: as the object holds them, of any shape.
    """
    reduced: dict[str, Any] = {}
    for values, read in ((data, _reduce_encoded), (string_data, _reduce_text)):
        if isinstance(values, dict):
            for key, value in values.items():
                done = isinstance(value, dict) and str(value.get("type")) in _FORMS
                reduced[key] = _already_reduced(value) if done else read(secret_type, key, value)
    return reduced


def _reduce_encoded(secret_type: str, key: str, value: object) -> dict[str, Any]:
    if value is None:
        return {"type": "opaque", "bytes": 0}
    if not isinstance(value, str):
        return {"type": "malformed", "error": "not a string"}
    try:
        decoded = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return {"type": "malformed", "error": "not valid base64"}
    return _reduce_bytes(secret_type, key, decoded)


def _reduce_text(secret_type: str, key: str, value: object) -> dict[str, Any]:
    return _reduce_bytes(secret_type, key, str(value).encode(errors="surrogatepass"))


def _already_reduced(value: dict[str, Any]) -> dict[str, Any]:
    """A value in the reduced form, of a snapshot shown as JSON and read again as a file; anything else in it is cut."""
    name, kind = _FORMS[value["type"]]
    types = {"type": str, "bytes": int, "error": str, name: kind}
    try:
        for field in types.keys() & value.keys():
            msgspec.convert(value[field], types[field])
    except msgspec.ValidationError:
        return {"type": "malformed", "error": "not the reduced form of a value"}
    return {field: value[field] for field in value if field in types}


def _reduce_bytes(secret_type: str, key: str, value: bytes) -> dict[str, Any]:
    size = len(value)
    if key in _PUBLIC_KEYS.get(secret_type, ()):
        return {"type": "text", "bytes": size, "text": scrub(value.decode(errors="replace"))}
    if key in _REGISTRY_KEYS and secret_type in {"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg", "Opaque"}:
        return {"type": "registries", "bytes": size, **_registries(value, legacy=key == ".dockercfg")}
    if secret_type == "kubernetes.io/service-account-token" and key == "token":  # noqa: S105 - a type, not a password
        try:
            return {"type": "token", "bytes": size, "claims": token_claims(value.decode(errors="replace"))}
        except ValueError as error:
            return {"type": "token", "bytes": size, "error": str(error)}
    if b"-----BEGIN " in value or (secret_type == "kubernetes.io/tls" and key in {"tls.crt", "tls.key", "ca.crt"}):  # noqa: S105
        return {"type": "pem", "bytes": size, "blocks": [msgspec.to_builtins(block) for block in read_pem(value)]}
    return {"type": "opaque", "bytes": size}


def _registries(value: bytes, *, legacy: bool) -> dict[str, Any]:
    try:
        entries = read_entries(value, legacy=legacy)
    except ValueError as error:
        return {"registries": [], "error": str(error)}
    return {"registries": [_registry(host, entry) for host, entry in entries.items()]}


def _registry(host: str, entry: object) -> dict[str, Any]:
    try:
        username, password = login_of(entry)
    except ValueError as error:
        return {"host": scrub(host), "username": False, "has_auth": False, "error": str(error)}
    return {"host": scrub(host), "username": bool(username), "has_auth": bool(password)}


def token_claims(token: str) -> dict[str, Any]:
    """The registered and the `kubernetes.io` claims of a JWT; nothing of its signature.

    Raises:
        ValueError: it is not a JWT. The message holds nothing of it.
    """
    parts = token.strip().split(".")
    if len(parts) != 3:
        raise ValueError("not a JWT: it does not have three parts")
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise ValueError("not a JWT: its claims are not base64 of JSON") from None
    if not isinstance(claims, dict):
        raise ValueError("not a JWT: its claims are not an object")
    return {name: value for name, value in claims.items() if name in _CLAIMS or name.startswith("kubernetes.io")}
