"""The border where secrets stop: one API object as parsed JSON in, the same object without its secrets out.

Every source passes what it reads through here before it enters a snapshot. What analyzers can rely on:

Secret: `data` keeps its keys, every value becomes an object; `k8srun.sources.secretvalues` says which.
Strings elsewhere stay strings: a secret one becomes `<reduced: 12 characters>`, one that holds a secret has that part
replaced. `metadata.managedFields` keeps who, how and when; annotations that repeat the whole object are gone.
caBundles, certificates and certificate requests are public and stay.
"""

from __future__ import annotations

import re
from typing import Any

from k8srun.scrub import scrub
from k8srun.secretnames import looks_secret, marker, reduce_value
from k8srun.secretsettings import LOGIN_FLAGS
from k8srun.snapshot import JsonObject
from k8srun.sources.secretvalues import reduce_secret_data, token_claims

__all__ = ["reduce_object", "token_claims"]

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
_LABELS = frozenset({"labels", "matchLabels", "nodeSelector", "selector", "matchExpressions"})

# Strings that were found clean: the same ones come again with every pod, and are kept once.
_REMEMBERED_LENGTH = 256
_REMEMBERED = 100_000
_clean: dict[str, str] = {}


# What `looks_secret` said of the names of fields. Names of labels and selectors are matched, and hide nothing.
_secret_field: dict[str, bool] = {}
_no_secret_field: dict[str, bool] = {}


def reduce_object(obj: dict[str, Any]) -> JsonObject:
    """Take the secrets out of one API object, in place: `obj` is what came from the parser, and is given back.

    Any JSON object is fine, also one that is no API object; nothing is raised for a wrong shape.
    """
    _walk(obj, 1)
    if obj.get("kind") == "Secret":
        obj.setdefault("data", {})
    return obj


def _reduce_typed(obj: dict[str, Any]) -> dict[str, Any] | None:
    """What is secret by the meaning of an API object, also of one within another, such as a template's.

    Returns:
        The data of a Secret, reduced and taken out of it; None if it has none.
    """
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        _reduce_metadata(metadata)
    if obj.get("kind") == "ConfigMap":
        _reduce_config_map(obj)
    if obj.get("kind") != "Secret" or not ("data" in obj or "stringData" in obj):
        return None
    # As the server does: stringData is written into data.
    return reduce_secret_data(str(obj.get("type") or "Opaque"), obj.pop("data", None), obj.pop("stringData", None))


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


def _walk(node: dict[str, Any], depth: int, fields: dict[str, bool] = _secret_field) -> None:
    """Reduce in place. Values are replaced, keys never are: the dict may be iterated while it changes."""
    data = _reduce_typed(node) if "kind" in node or "metadata" in node else None
    for key, value in node.items():
        kind = type(value)
        if kind is str:
            known = _clean.get(value)
            # The order is that of the common case: a string that was seen, in a field that was seen.
            if known is not None and fields.get(key) is False:
                node[key] = known
            else:
                node[key] = reduce_value(value) if _is_secret(key, fields) else _clean_string(value)
        elif kind is dict:
            node[key] = _walk_mapping(key, value, depth + 1, fields)
        elif kind is list:
            _walk_list(key, value, depth + 1, fields)
        elif (kind is int or kind is float) and _is_secret(key, fields):
            node[key] = marker(str(value))
    if "value" in node:
        _reduce_named_value(node)
    if data is not None:
        node["data"] = data


def _is_secret(key: str, fields: dict[str, bool]) -> bool:
    secret = fields.get(key)
    if secret is None:
        if len(fields) >= _REMEMBERED:
            fields.clear()
        secret = fields[key] = fields is _secret_field and looks_secret(key)
    return secret


def _walk_mapping(key: str, value: dict[str, Any], depth: int, fields: dict[str, bool]) -> Any:
    if depth > MAX_DEPTH:
        return "<reduced: nested too deep>"
    if key == "stringData":  # of a Secret that another object is to make
        return reduce_secret_data("", None, value)
    _walk(value, depth, _no_secret_field if key in _LABELS else fields)
    return value


def _walk_list(key: str, items: list[Any], depth: int, fields: dict[str, bool]) -> None:
    if depth > MAX_DEPTH:
        items[:] = ["<reduced: nested too deep>"]
    elif key in {"args", "command"} and all(type(item) is str for item in items):
        items[:] = _reduce_arguments(items)
    else:
        for index, item in enumerate(items):
            kind = type(item)
            if kind is dict:
                items[index] = _walk_mapping(key, item, depth + 1, fields)
            elif kind is str:
                items[index] = reduce_value(item) if _is_secret(key, fields) else _clean_string(item)
            elif kind is list:
                _walk_list(key, item, depth + 1, fields)


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
    """Environment variables, HTTP headers of probes, parameters: `{"name": …, "value": …}`, also by `key`."""
    name, value = node.get("name"), node["value"]
    by_key = name is None and "effect" not in node and "operator" not in node  # those of a taint and a toleration match
    name = node.get("key") if by_key else name
    if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, str | int | float):
        return
    if looks_secret(name, whole=not by_key):
        node["value"] = reduce_value(str(value)) if isinstance(value, str) else marker(str(value))


def _reduce_arguments(arguments: list[str]) -> list[str]:
    """A command line: `--password=x` and `--token x` by name, everything by pattern."""
    is_mysql = any(argument.endswith(_MYSQL) or _MYSQL_USER.match(argument) for argument in arguments)
    logins = {LOGIN_FLAGS.get(argument.rpartition("/")[2], "") for argument in arguments}
    reduced: list[str] = []
    for index, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        before = arguments[index - 1] if index else ""
        if equals and _takes_secret(flag):
            reduced.append(f"{flag}={reduce_value(value)}")
        elif before and (_takes_secret(before) or before in logins) and not argument.startswith("-"):
            reduced.append(reduce_value(argument))
        elif before in {"-u", "--user", "--proxy-user"} and ":" in argument and not argument.replace(":", "").isdigit():
            user, _, password = argument.partition(":")
            reduced.append(f"{user}:{reduce_value(password)}")
        elif is_mysql and argument.startswith("-p"):
            reduced.append(f"-p{reduce_value(argument[2:])}")
        else:
            reduced.append(_clean_string(argument))
    return reduced


# MySQL's clients take the password glued to -p. Where only arguments are given, `-uroot` beside it tells them.
_MYSQL = ("mysql", "mariadb", "mysqldump", "mysqladmin", "mariadb-dump", "mariadb-admin")
_MYSQL_USER = re.compile(r"-u[a-z]\w*$")


def _takes_secret(flag: str) -> bool:
    return flag.startswith("-") and "=" not in flag and " " not in flag and looks_secret(flag, whole=True)


def _reduce_config_map(obj: dict[str, Any]) -> None:
    data = obj.get("data")
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, str) and looks_secret(str(key), whole=True):
                data[key] = reduce_value(value)
    binary = obj.get("binaryData")
    if isinstance(binary, dict):
        for key, value in binary.items():
            binary[key] = reduce_value(str(value))
