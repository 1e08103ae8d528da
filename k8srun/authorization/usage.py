"""What an audit log says of permissions: which were used, which never were, and the least role that would have done.

Source: `audit.k8s.io/v1` Event; kubernetes `staging/src/k8s.io/apiserver/pkg/audit/request.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.authorization.attributes import MASTERS, Attributes, Identity
from k8srun.authorization.matching import allows
from k8srun.authorization.model import Binding, Grant, Rule
from k8srun.authorization.rbac import Rbac
from k8srun.codec import parse_json
from k8srun.errors import InputError
from k8srun.permission import Permission, roles_for

_NAMELESS = frozenset({"create", "list", "watch", "deletecollection"})


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of the log. `allowed` is None where the log does not tell."""

    identity: Identity
    request: Attributes
    allowed: bool | None
    time: str = ""


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The requests of an audit log, and the lines that could not be read (their numbers)."""

    seen: tuple[Seen, ...]
    unreadable: tuple[int, ...] = ()


def read_audit(lines: Iterable[str]) -> AuditLog:
    """The requests of an audit log in JSON lines. Only the last stage of each request is taken."""
    seen: list[Seen] = []
    unreadable: list[int] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = parse_json(line)
            if not isinstance(event, Mapping) or not isinstance(event.get("user"), Mapping):
                raise InputError("is no audit event")
            if event.get("stage") in {None, "ResponseComplete", "Panic"}:
                seen.append(_seen(event))
        except InputError:
            unreadable.append(number)
    return AuditLog(tuple(seen), tuple(unreadable))


def _seen(event: Mapping[str, Any]) -> Seen:
    # Whoever impersonates acts as the other, and is judged as the other.
    acting = event.get("impersonatedUser")
    user = acting if isinstance(acting, Mapping) else event["user"]
    groups = tuple(group for group in user.get("groups") or () if isinstance(group, str))
    annotations = event.get("annotations")
    said = annotations.get("authorization.k8s.io/decision") if isinstance(annotations, Mapping) else None
    allowed = None if said not in {"allow", "forbid"} else said == "allow"
    identity = Identity(_text(user.get("username")), groups)
    return Seen(identity, _request(event), allowed, _text(event.get("stageTimestamp")))


def _request(event: Mapping[str, Any]) -> Attributes:
    verb, ref = _text(event.get("verb")), event.get("objectRef")
    if not isinstance(ref, Mapping) or not ref.get("resource"):
        path = _text(event.get("requestURI")).partition("?")[0]
        return Attributes(verb, path=path)
    subresource = _text(ref.get("subresource"))
    # The log fills in the name of what was created; the authorizer was not asked for it.
    nameless = verb in _NAMELESS and not (verb == "create" and subresource)
    watched = f"fieldSelector=metadata.name%3D{_text(ref.get('name'))}" in _text(event.get("requestURI"))
    return Attributes(
        verb,
        _text(ref.get("apiGroup")),
        _text(ref.get("resource")),
        subresource,
        _text(ref.get("namespace")),
        "" if nameless and not (watched and verb != "create") else _text(ref.get("name")),
    )


@dataclass(frozen=True, slots=True)
class Unused:
    """A binding with the rules of its role that no request of the log needed; `whole` = none of them was."""

    binding: Binding
    rules: tuple[Rule, ...]
    whole: bool


def unused_grants(rbac: Rbac, log: AuditLog) -> tuple[Unused, ...]:
    """What the bindings grant and nobody used while the log was written; the system's own bindings are left out.

    A request that several bindings allow counts as a use of each: none of them is called unused for it.
    """
    used: set[tuple[Binding, Rule]] = set()
    for identity, request in dict.fromkeys(
        (seen.identity, seen.request) for seen in log.seen if seen.allowed is not False
    ):
        if MASTERS not in identity.groups:
            used.update((grant.binding, grant.rule) for grant in _allowing(rbac, identity, request))
    found = []
    for binding in rbac.bindings:
        role = rbac.role_of(binding)
        if role is not None and not binding.system:
            rules = tuple(rule for rule in role.rules if (binding, rule) not in used)
            if rules:
                found.append(Unused(binding, rules, len(rules) == len(role.rules)))
    return tuple(found)


def _allowing(rbac: Rbac, identity: Identity, request: Attributes) -> Iterable[Grant]:
    namespace = request.namespace if request.path is None else ""
    return (grant for grant in rbac.grants_of(identity, namespace) if allows(grant.rule, request))


def minimal_roles(log: AuditLog, user: str, *, name: str) -> tuple[dict[str, Any], ...]:
    """The least ClusterRole and Roles that allow everything that a user asked for in the log and was not refused.

    Args:
        user: its user name (`system:serviceaccount:shop:web`).
        name: of the roles.
    """
    requests = {seen.request for seen in log.seen if seen.identity.user == user and seen.allowed is not False}
    resources = {
        Permission(item.verb, item.group, item.resource, item.subresource, item.namespace, item.name)
        for item in requests
        if item.path is None
    }
    # A permission for every name makes those for single ones needless.
    whole = {
        (item.verb, item.group, item.resource, item.subresource, item.namespace) for item in resources if not item.name
    }
    needed = [
        item
        for item in resources
        if not item.name or (item.verb, item.group, item.resource, item.subresource, item.namespace) not in whole
    ]
    roles = roles_for(needed, name)
    urls: dict[str, set[str]] = {}
    for item in requests:
        if item.path is not None:
            urls.setdefault(item.path, set()).add(item.verb)
    if not urls:
        return roles
    rules = [{"nonResourceURLs": [path], "verbs": sorted(urls[path])} for path in sorted(urls)]
    rest = [role for role in roles if role["kind"] != "ClusterRole"]
    cluster = next((role for role in roles if role["kind"] == "ClusterRole"), None) or {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [],
    }
    return ({**cluster, "rules": [*cluster["rules"], *rules]}, *rest)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
