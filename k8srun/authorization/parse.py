"""RBAC objects of a snapshot as roles and bindings. What the server would refuse grants nothing and is a `Fault`.

Source: kubernetes `pkg/apis/rbac/validation/validation.go`, `pkg/apis/rbac/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from k8srun.authorization.aggregation import Aggregating, materialised
from k8srun.authorization.model import RBAC_GROUP, Binding, Fault, Role, Rule, Subject
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING, Kind
from k8srun.snapshot import JsonObject, Snapshot, object_key
from k8srun.text import visible

BOOTSTRAP = "kubernetes.io/bootstrapping"
_SUBJECTS = frozenset({"User", "Group", "ServiceAccount"})


class MalformedError(Exception):
    """Why an object is none that a server would store."""


@dataclass(frozen=True, slots=True)
class Parsed:
    roles: tuple[Role, ...]
    bindings: tuple[Binding, ...]
    faults: tuple[Fault, ...]


@dataclass(slots=True)
class Reader:
    """Reads objects one by one; equal rules and subjects are kept once, since large clusters repeat them."""

    faults: list[Fault] = field(default_factory=list)
    _rules: dict[Rule, Rule] = field(default_factory=dict)
    _subjects: dict[Subject, Subject] = field(default_factory=dict)

    def role(self, item: JsonObject, namespace: str, name: str) -> Role:
        rules = tuple(self._rule(rule, index, namespace) for index, rule in enumerate(_list(item, "rules", "rules")))
        return Role(namespace, name, rules, item.get("aggregationRule") is not None, _is_system(item))

    def binding(self, item: JsonObject, namespace: str, name: str) -> Binding:
        ref = item.get("roleRef")
        if not isinstance(ref, Mapping):
            raise MalformedError("roleRef is missing or not a mapping")
        kind, role = ref.get("kind"), ref.get("name")
        if (ref.get("apiGroup") or RBAC_GROUP) != RBAC_GROUP:
            raise MalformedError(f"roleRef.apiGroup must be {RBAC_GROUP}")
        if kind != "ClusterRole" and not (kind == "Role" and namespace):
            raise MalformedError(f"roleRef.kind {_shown(kind)} cannot be bound here")
        if not isinstance(role, str) or not role:
            raise MalformedError("roleRef.name is missing or not a string")
        subjects = _list(item, "subjects", "subjects")
        read = tuple(self._subject(subject, index, namespace) for index, subject in enumerate(subjects))
        return Binding(namespace, name, kind, role, read, _is_system(item))

    def _rule(self, rule: object, index: int, namespace: str) -> Rule:
        place = f"rules[{index}]"
        if not isinstance(rule, Mapping):
            raise MalformedError(f"{place} is not a mapping")
        read = Rule(
            _strings(rule, "verbs", place),
            _strings(rule, "apiGroups", place),
            _strings(rule, "resources", place),
            _strings(rule, "resourceNames", place),
            _strings(rule, "nonResourceURLs", place),
        )
        known = self._rules.get(read)
        if known is None or namespace:
            wrong = _problem(read, namespace)
            if wrong:
                raise MalformedError(f"{place}{wrong}")
            known = self._rules.setdefault(read, read)
        return known

    def _subject(self, subject: object, index: int, namespace: str) -> Subject:
        place = f"subjects[{index}]"
        if not isinstance(subject, Mapping):
            raise MalformedError(f"{place} is not a mapping")
        kind, name, own = subject.get("kind"), subject.get("name"), subject.get("namespace")
        if kind not in _SUBJECTS:
            raise MalformedError(f"{place}.kind {_shown(kind)} is not User, Group or ServiceAccount")
        if not isinstance(name, str) or not name:
            raise MalformedError(f"{place}.name is missing or not a string")
        if not isinstance(own, str | None):
            raise MalformedError(f"{place}.namespace is not a string")
        read = Subject(kind, name, (own or namespace) if kind == "ServiceAccount" else "")
        return self._subjects.setdefault(read, read)


def parse(snapshot: Snapshot) -> Parsed:
    """The roles and bindings of a snapshot, in the order in which they were read.

    ClusterRoles that were dumped from a server are taken as they are; those of authored manifests (no `uid`) get the
    rules that aggregation would write into them.
    """
    reader = Reader()
    roles = [*_read(snapshot, ROLE, reader, reader.role), *_cluster_roles(snapshot, reader)]
    bindings = [
        *_read(snapshot, ROLE_BINDING, reader, reader.binding),
        *_read(snapshot, CLUSTER_ROLE_BINDING, reader, reader.binding),
    ]
    return Parsed(tuple(roles), tuple(bindings), tuple(reader.faults))


def _read(snapshot: Snapshot, kind: Kind, reader: Reader, read: Any) -> list[Any]:
    found = []
    namespaced = kind in {ROLE, ROLE_BINDING}
    for item in snapshot.of(kind):
        namespace, name = object_key(item)
        try:
            if bool(namespace) != namespaced or not name:
                raise MalformedError("has no metadata.namespace" if name else "has no metadata.name")
            found.append(read(item, namespace, name))
        except MalformedError as wrong:
            reader.faults.append(Fault(_named(kind, namespace, name), namespace, str(wrong)))
    return found


def _cluster_roles(snapshot: Snapshot, reader: Reader) -> Sequence[Role]:
    roles: list[Role] = _read(snapshot, CLUSTER_ROLE, reader, reader.role)
    items = {object_key(item)[1]: item for item in snapshot.of(CLUSTER_ROLE)}
    if not any(role.aggregated and _is_authored(items[role.name]) for role in roles):
        return roles
    given = []
    for role in roles:
        item = items[role.name]
        labels = (item.get("metadata") or {}).get("labels") or {}
        try:
            selectors = _selectors(item) if role.aggregated and _is_authored(item) else None
        except MalformedError as wrong:
            reader.faults.append(Fault(f"ClusterRole {visible(role.name, limit=300)}", "", str(wrong)))
            continue
        given.append(Aggregating(role, labels, selectors))
    done = materialised(given)
    for name in done.unsettled:
        message = (
            "its rules depend on the order of writing: ClusterRoles that aggregate each other have rules of their own"
        )
        reader.faults.append(Fault(f"ClusterRole {visible(name, limit=300)}", "", message))
    return done.roles


def _named(kind: Kind, namespace: str, name: str) -> str:
    """As `Role` and `Binding` name themselves."""
    return visible(f"{kind.kind} {namespace}/{name}" if namespace else f"{kind.kind} {name}", limit=300)


def _is_authored(item: JsonObject) -> bool:
    metadata = item.get("metadata") or {}
    return not (metadata.get("uid") or metadata.get("resourceVersion"))


def _selectors(item: JsonObject) -> tuple[Mapping[str, Any], ...]:
    rule = item.get("aggregationRule")
    if not isinstance(rule, Mapping):
        raise MalformedError("aggregationRule is not a mapping")
    selectors = _list(rule, "clusterRoleSelectors", "aggregationRule.clusterRoleSelectors")
    for index, selector in enumerate(selectors):
        place = f"aggregationRule.clusterRoleSelectors[{index}]"
        if not isinstance(selector, Mapping):
            raise MalformedError(f"{place} is not a mapping")
        if not isinstance(selector.get("matchLabels"), Mapping | None):
            raise MalformedError(f"{place}.matchLabels is not a mapping")
        for expression in _list(selector, "matchExpressions", f"{place}.matchExpressions"):
            known = isinstance(expression, Mapping) and isinstance(expression.get("values"), list | None)
            if not known or expression.get("operator") not in {"In", "NotIn", "Exists", "DoesNotExist"}:
                raise MalformedError(f"{place}.matchExpressions has an expression that is none")
    return tuple(selectors)


def _problem(rule: Rule, namespace: str) -> str:
    """What the server refuses in a rule of the right shape; empty if nothing."""
    if not rule.verbs:
        return ".verbs is empty"
    if rule.urls:
        if namespace:
            return ".nonResourceURLs cannot stand in a Role"
        if rule.groups or rule.resources or rule.names:
            return " mixes nonResourceURLs with resources"
        return ""
    if not rule.groups:
        return '.apiGroups is empty (the core group is written "")'
    return "" if rule.resources else ".resources is empty"


def _list(value: Mapping[str, Any], name: str, place: str) -> Sequence[Any]:
    found = value.get(name)
    if found is None:
        return ()
    if not isinstance(found, list | tuple):
        raise MalformedError(f"{place} is not a list")
    return found


def _strings(rule: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    found = rule.get(name)
    if not found:
        if found is None or found == []:
            return ()
    elif isinstance(found, list) and all(type(item) is str for item in found):
        return tuple(found)
    raise MalformedError(f"{place}.{name} is not a list of strings")


def _is_system(item: JsonObject) -> bool:
    metadata = item.get("metadata") or {}
    return (metadata.get("labels") or {}).get(BOOTSTRAP) == "rbac-defaults"


def _shown(value: object) -> str:
    return (
        f'"{visible(value, limit=80)}"' if isinstance(value, str) else "(missing)" if value is None else "(no string)"
    )
