"""RBAC as an index: built once of a snapshot, asked in microseconds. What is around RBAC is in `chain`.

Source: kubernetes `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.matching import allows
from k8srun.authorization.model import RBAC_GROUP, Binding, Fault, Grant, Role, Rule, Subject, quoted
from k8srun.authorization.parse import Parsed, parse
from k8srun.snapshot import Snapshot

Bound = tuple[Binding, Subject]
RoleKey = tuple[str, str]


@dataclass(slots=True)
class Held:
    """The bindings of one user name or group: those that hold everywhere, and those of each namespace."""

    cluster: list[Bound] = field(default_factory=list)
    namespaced: dict[str, list[Bound]] = field(default_factory=dict)

    def in_namespace(self, namespace: str) -> Iterator[Bound]:
        yield from self.cluster
        if namespace:
            yield from self.namespaced.get(namespace, ())

    def everywhere(self) -> Iterator[Bound]:
        yield from self.cluster
        for bound in self.namespaced.values():
            yield from bound


class Rbac:
    """The roles and bindings of one cluster.

    Attributes:
        roles: by namespace (empty for ClusterRoles) and name.
        bindings: all of them, in the order in which they were read.
        faults: what the server would refuse; it grants nothing.
    """

    def __init__(self, parsed: Parsed) -> None:
        self.roles: dict[RoleKey, Role] = {(role.namespace, role.name): role for role in parsed.roles}
        self.bindings = parsed.bindings
        self.faults: tuple[Fault, ...] = parsed.faults
        self.users: dict[str, Held] = {}
        self.groups: dict[str, Held] = {}
        for binding in parsed.bindings:
            for subject in binding.subjects:
                holders, name = (
                    (self.groups, subject.name) if subject.kind == "Group" else (self.users, subject.username)
                )
                if name:
                    _hold(holders.setdefault(name, Held()), binding, subject)

    @staticmethod
    def of(snapshot: Snapshot) -> Rbac:
        """The RBAC of a snapshot; what is missing in it grants nothing."""
        return Rbac(parse(snapshot))

    def role_of(self, binding: Binding) -> Role | None:
        """The role that a binding leads to; None where it dangles."""
        key = binding.role_key
        return None if key is None else self.roles.get(key)

    def grant(self, identity: Identity, request: Attributes) -> Grant | None:
        """The first grant that allows the request, cluster-wide ones first; None = RBAC has no opinion."""
        # A request for a URL has no namespace, so that only ClusterRoleBindings apply to it.
        namespace = "" if request.path is not None else request.namespace
        for held in self.held(identity):
            for binding, subject in held.cluster:
                rule = self._matching(binding, request)
                if rule is not None:
                    return self._grant(binding, subject, rule)
            for binding, subject in held.namespaced.get(namespace, ()) if namespace else ():
                rule = self._matching(binding, request)
                if rule is not None:
                    return self._grant(binding, subject, rule)
        return None

    def errors(self, identity: Identity, namespace: str) -> tuple[str, ...]:
        """What the server appends to a denial: the roles that bindings of the identity name and that do not exist."""
        found = (
            f"{binding.role_kind.lower()}.{RBAC_GROUP} {quoted(binding.role_name)} not found"
            for held in self.held(identity)
            for binding, _ in held.in_namespace(namespace)
            if self.role_of(binding) is None
        )
        return tuple(dict.fromkeys(found))

    def held(self, identity: Identity) -> Iterator[Held]:
        """What the identity holds: by its user name, then by each of its groups."""
        found = self.users.get(identity.user)
        if found is not None:
            yield found
        for group in dict.fromkeys(identity.groups):
            found = self.groups.get(group)
            if found is not None:
                yield found

    def grants_of(self, identity: Identity, namespace: str | None = None) -> Iterator[Grant]:
        """Every rule that the identity holds, by every way to it.

        Args:
            namespace: what counts there; empty = what counts at the cluster scope; None = everything, everywhere.
        """
        for held in self.held(identity):
            bound = held.everywhere() if namespace is None else held.in_namespace(namespace)
            yield from self.grants_by(bound)

    def grants_by(self, bound: Iterable[Bound]) -> Iterator[Grant]:
        """The grants of bindings: each rule of the role that they lead to."""
        for binding, subject in bound:
            role = self.role_of(binding)
            for rule in role.rules if role else ():
                # A RoleBinding never grants URLs.
                if not (rule.urls and binding.namespace):
                    yield Grant(binding, subject, role, rule)  # type: ignore[arg-type]

    def rules_of(self, identity: Identity, namespace: str = "") -> tuple[Rule, ...]:
        """What the server holds against a role that the identity wants to write or to bind in a namespace.

        URLs of a ClusterRole count here even where a RoleBinding gives it, although no request for them is allowed.
        """
        bound = (binding for held in self.held(identity) for binding, _ in held.in_namespace(namespace))
        roles = (self.role_of(binding) for binding in bound)
        return tuple(dict.fromkeys(rule for role in roles if role for rule in role.rules))

    @cached_property
    def bindings_of_role(self) -> dict[RoleKey, dict[str, list[Binding]]]:
        """Which bindings lead to a role: role key → namespace of the binding (empty = everywhere) → bindings."""
        found: dict[RoleKey, dict[str, list[Binding]]] = {}
        for binding in self.bindings:
            key = binding.role_key
            if key in self.roles:
                found.setdefault(key, {}).setdefault(binding.namespace, []).append(binding)
        return found

    @cached_property
    def dangling(self) -> tuple[Binding, ...]:
        """The bindings whose role does not exist."""
        return tuple(binding for binding in self.bindings if self.role_of(binding) is None)

    def _matching(self, binding: Binding, request: Attributes) -> Rule | None:
        role = self.role_of(binding)
        if role is not None:
            for rule in role.rules:
                if allows(rule, request):
                    return rule
        return None

    def _grant(self, binding: Binding, subject: Subject, rule: Rule) -> Grant:
        return Grant(binding, subject, self.roles[binding.role_key], rule)  # type: ignore[index]


def _hold(held: Held, binding: Binding, subject: Subject) -> None:
    bound = (binding, subject)
    if binding.namespace:
        held.namespaced.setdefault(binding.namespace, []).append(bound)
    else:
        held.cluster.append(bound)
