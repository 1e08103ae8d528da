"""The border where secrets stop: one API object as parsed JSON in, the same object without its secrets out.

Every source passes what it reads through here before it enters a snapshot. What analyzers can rely on:

Secret: `data` keeps its keys; every value becomes an object (`stringData` is folded into it, as the server does):
    `{"type": "pem", "bytes": n, "blocks": [PemBlock, …]}` for the keys of `kubernetes.io/tls` and any value with PEM
        in it; each block has the fields of `k8srun.pem.PemBlock` (`der` is base64; a private key has only its hash).
        `pem_blocks(value)` gives them back as `PemBlock`.
    `{"type": "registries", "bytes": n, "registries": [{"host": …, "username": bool, "has_auth": bool}, …]}` for
        `.dockerconfigjson` and `.dockercfg`, hosts as written and in their order.
    `{"type": "token", "bytes": n, "claims": {…}}` for a service account's token: registered and `kubernetes.io` claims.
    `{"type": "text", "bytes": n, "text": …}` for values that are public by the definition of the Secret's type.
    `{"type": "opaque", "bytes": n}` for everything else. No hash: that of a weak password can be guessed.
    Each may have `"error"`: why it is not what its place promises; `{"type": "malformed", "error": …}` is not base64.
Strings elsewhere stay strings: a secret one becomes `<reduced: 12 characters>`, one that holds a secret has that part
replaced. `metadata.managedFields` keeps who, how and when; annotations that repeat the whole object are gone.
caBundles, certificates and certificate requests are public and stay.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from k8srun.pem import PemBlock, read_pem
from k8srun.snapshot import JsonObject
from k8srun.sources.scrub import looks_secret, marker, reduce_value, scrub

__all__ = ["pem_blocks", "reduce_object", "scrub", "token_claims"]

MAX_DEPTH = 200

_COPIES = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "kapp.k14s.io/original",
    "objectset.rio.cattle.io/applied",
    "banzaicloud.com/last-applied",
    "patch.stable.io/original",
    "argocd.argoproj.io/last-applied",
)
_MANAGER_FIELDS = ("manager", "operation", "apiVersion", "subresource", "time")
# Their keys are names that selectors match, not settings.
_LABELS = frozenset({"labels", "matchLabels", "nodeSelector", "selector", "matchExpressions"})
_REGISTRY_KEYS = {".dockerconfigjson": "auths", ".dockercfg": ""}
_PUBLIC_KEYS = {
    "kubernetes.io/service-account-token": frozenset({"namespace"}),
    "bootstrap.kubernetes.io/token": frozenset(
        {"token-id", "expiration", "usage-bootstrap-authentication", "usage-bootstrap-signing", "auth-extra-groups"}
    ),
}
_FORMS = frozenset({"pem", "registries", "token", "text", "opaque", "malformed"})
_FORM_FIELDS = frozenset({"type", "bytes", "blocks", "registries", "claims", "text", "error"})
_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})

# Strings that were found clean: the same ones come again with every pod, and are kept once.
_REMEMBERED_LENGTH = 128
_REMEMBERED = 100_000
_clean: dict[str, str] = {}


class _SecretFields(dict[str, bool]):
    """`looks_secret` of a field's name, remembered; a plain dict is read several times faster than a cached call."""

    def __missing__(self, name: str) -> bool:
        if len(self) >= _REMEMBERED:
            self.clear()
        secret = self[name] = looks_secret(name)
        return secret


_secret_field = _SecretFields()


def reduce_object(obj: dict[str, Any]) -> JsonObject:
    """Take the secrets out of one API object, in place: `obj` is what came from the parser, and is given back.

    Any JSON object is fine, also one that is no API object; nothing is raised for a wrong shape.
    """
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        _reduce_metadata(metadata)
    kind = obj.get("kind")
    if kind == "Secret" and ("/" not in str(obj.get("apiVersion") or "")):
        secret_type = str(obj.get("type") or "Opaque")
        data = _reduce_secret(secret_type, obj.pop("data", None), obj.pop("stringData", None))
        _walk(obj, 1)
        obj["data"] = data
        return obj
    if kind == "ConfigMap":
        _reduce_config_map(obj)
    _walk(obj, 1)
    return obj


def pem_blocks(value: Mapping[str, Any] | None) -> tuple[PemBlock, ...]:
    """The blocks of a reduced Secret's value; empty if it is missing or not of type `pem`."""
    if not value or value.get("type") != "pem":
        return ()
    return tuple(msgspec.convert(block, PemBlock) for block in value["blocks"])


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
    kept = {name: value for name, value in claims.items() if name in _CLAIMS or name.startswith("kubernetes.io")}
    _walk(kept, 1)
    return kept


def _reduce_metadata(metadata: dict[str, Any]) -> None:
    managed = metadata.get("managedFields")
    if isinstance(managed, list):
        metadata["managedFields"] = [
            {name: entry[name] for name in _MANAGER_FIELDS if name in entry}
            for entry in managed
            if isinstance(entry, dict)
        ]
    annotations = metadata.get("annotations")
    if isinstance(annotations, dict):
        for name in [name for name in annotations if str(name).startswith(_COPIES)]:
            del annotations[name]


def _walk(node: dict[str, Any], depth: int) -> None:
    """Reduce in place. Values are replaced, keys never are: the dict may be iterated while it changes."""
    for key, value in node.items():
        kind = type(value)
        if kind is str:
            if _secret_field[key]:
                node[key] = reduce_value(value)
            else:
                known = _clean.get(value)
                node[key] = _scrubbed(value) if known is None else known
        elif kind is dict:
            if depth >= MAX_DEPTH:
                node[key] = "<reduced: nested too deep>"
            elif key in _LABELS:
                _walk_labels(value)
            else:
                _walk(value, depth + 1)
        elif kind is list:
            _walk_list(key, value, depth + 1)
        elif (kind is int or kind is float) and _secret_field[key]:
            node[key] = marker(str(value))
    if "value" in node and "name" in node:
        _reduce_named_value(node)


def _walk_labels(labels: dict[str, Any]) -> None:
    for key, value in labels.items():
        if type(value) is str:
            labels[key] = _clean_string(value)
        elif type(value) is dict:
            _walk_labels(value)
        elif type(value) is list:
            _walk_list("", value, 1)


def _walk_list(key: str, items: list[Any], depth: int) -> None:
    if depth >= MAX_DEPTH:
        items[:] = ["<reduced: nested too deep>"]
        return
    if key in {"args", "command"} and all(type(item) is str for item in items):
        items[:] = _reduce_arguments(items)
        return
    for index, item in enumerate(items):
        kind = type(item)
        if kind is dict:
            _walk(item, depth + 1)
        elif kind is str:
            items[index] = reduce_value(item) if _secret_field[key] else _clean_string(item)
        elif kind is list:
            _walk_list(key, item, depth + 1)


def _scrubbed(text: str) -> str:
    scrubbed = scrub(text)
    if scrubbed == text and len(text) <= _REMEMBERED_LENGTH:
        if len(_clean) >= _REMEMBERED:
            _clean.clear()
        _clean[text] = text
    return scrubbed


def _clean_string(text: str) -> str:
    known = _clean.get(text)
    return _scrubbed(text) if known is None else known


def _reduce_named_value(node: dict[str, Any]) -> None:
    """Environment variables, HTTP headers of probes, parameters: `{"name": …, "value": …}`."""
    name, value = node["name"], node["value"]
    if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, str | int | float):
        return
    if looks_secret(name, whole=True):
        node["value"] = reduce_value(str(value)) if isinstance(value, str) else marker(str(value))


def _reduce_arguments(arguments: list[str]) -> list[str]:
    """A command line: `--password=x` and `--token x` by name, everything by pattern."""
    reduced: list[str] = []
    for index, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        before = arguments[index - 1] if index else ""
        if equals and flag.startswith("-") and " " not in flag and looks_secret(flag, whole=True):
            reduced.append(f"{flag}={reduce_value(value)}")
        elif _takes_secret(before) and not argument.startswith("-"):
            reduced.append(reduce_value(argument))
        elif before in {"-u", "--user"} and ":" in argument and not argument.replace(":", "").isdigit():
            user, _, password = argument.partition(":")
            reduced.append(f"{user}:{reduce_value(password)}")
        elif argument.startswith("-p") and len(argument) > 2 and arguments[0].endswith(("mysql", "mariadb", "dump")):
            reduced.append(f"-p{reduce_value(argument[2:])}")
        else:
            reduced.append(_clean_string(argument))
    return reduced


def _takes_secret(flag: str) -> bool:
    return flag.startswith("-") and "=" not in flag and " " not in flag and looks_secret(flag, whole=True)


def _reduce_config_map(obj: dict[str, Any]) -> None:
    data = obj.get("data")
    if isinstance(data, dict):
        for key, value in data.items():
            public = isinstance(value, str) and value.lstrip().startswith("-----BEGIN ")
            if isinstance(value, str) and looks_secret(str(key), whole=True) and not public:
                data[key] = reduce_value(value)
    binary = obj.get("binaryData")
    if isinstance(binary, dict):
        for key, value in binary.items():
            binary[key] = marker(str(value))


def _reduce_secret(secret_type: str, data: object, string_data: object) -> dict[str, Any]:
    reduced: dict[str, Any] = {}
    if isinstance(data, dict):
        for key, value in data.items():
            reduced[key] = _reduce_encoded(secret_type, key, value)
    if isinstance(string_data, dict):
        for key, value in string_data.items():
            reduced[key] = _reduce_bytes(secret_type, key, str(value).encode(errors="surrogatepass"))
    return reduced


def _reduce_encoded(secret_type: str, key: str, value: object) -> dict[str, Any]:
    if isinstance(value, dict) and value.get("type") in _FORMS:
        return _already_reduced(value)
    if value is None:
        return {"type": "opaque", "bytes": 0}
    if not isinstance(value, str):
        return {"type": "malformed", "error": "not a string"}
    try:
        decoded = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return {"type": "malformed", "error": "not valid base64"}
    return _reduce_bytes(secret_type, key, decoded)


def _already_reduced(value: dict[str, Any]) -> dict[str, Any]:
    """A value in the reduced form, of a snapshot shown as JSON and read again as a file; anything else in it is cut."""
    kept = {name: value[name] for name in value if name in _FORM_FIELDS}
    _walk(kept, 1)
    return kept


def _reduce_bytes(secret_type: str, key: str, value: bytes) -> dict[str, Any]:
    size = len(value)
    if key in _PUBLIC_KEYS.get(secret_type, ()):
        return {"type": "text", "bytes": size, "text": scrub(value.decode(errors="replace"))}
    if key in _REGISTRY_KEYS and secret_type in {"kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg", "Opaque"}:
        return {"type": "registries", "bytes": size, **_registries(value, _REGISTRY_KEYS[key])}
    if secret_type == "kubernetes.io/service-account-token" and key == "token":  # noqa: S105 - a type, not a password
        try:
            return {"type": "token", "bytes": size, "claims": token_claims(value.decode(errors="replace"))}
        except ValueError as error:
            return {"type": "token", "bytes": size, "error": str(error)}
    if b"-----BEGIN " in value or (secret_type == "kubernetes.io/tls" and key in {"tls.crt", "tls.key", "ca.crt"}):  # noqa: S105
        return {"type": "pem", "bytes": size, "blocks": [msgspec.to_builtins(block) for block in read_pem(value)]}
    return {"type": "opaque", "bytes": size}


def _registries(value: bytes, field: str) -> dict[str, Any]:
    """The registries of a Docker configuration. Source: kubelet's credentialprovider, DockerConfigEntry."""
    try:
        document = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        # The parser's message is dropped on purpose: it may quote the document.
        return {"registries": [], "error": "not valid JSON"}
    entries = document.get(field) if field and isinstance(document, dict) else document
    if not isinstance(entries, dict):
        what = f"has no object `{field}`" if field else "is not an object"
        return {"registries": [], "error": f"the Docker configuration {what}"}
    return {"registries": [_registry(host, entry) for host, entry in entries.items()]}


def _registry(host: str, entry: object) -> dict[str, Any]:
    if not isinstance(entry, dict):
        return {"host": scrub(host), "username": False, "has_auth": False, "error": "not an object"}
    registry: dict[str, Any] = {
        "host": scrub(host),
        "username": bool(entry.get("username")),
        "has_auth": bool(entry.get("auth") or entry.get("password") or entry.get("identitytoken")),
    }
    auth = entry.get("auth")
    if auth and not _is_login(auth):
        registry["error"] = "`auth` is not base64 of user:password"
    return registry


def _is_login(auth: object) -> bool:
    try:
        return b":" in base64.b64decode(str(auth), validate=True)
    except (binascii.Error, ValueError):
        return False
