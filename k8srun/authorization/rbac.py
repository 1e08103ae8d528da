"""RBAC as an index: built once of a snapshot, asked in microseconds. What is around RBAC is in `chain`.

Source: kubernetes `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.matching import allows
from k8srun.authorization.model import Binding, Fault, Grant, Role, Rule, Subject
from k8srun.authorization.parse import Parsed, parse
from k8srun.snapshot import Snapshot

Bound = tuple[Binding, Subject, Role | None]
RoleKey = tuple[str, str]
Held = dict[str, list[Bound]]
"""The bindings of one user name or group, by namespace: those that hold everywhere stand at the empty one."""


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
        self._users: dict[str, Held] = {}
        self._groups: dict[str, Held] = {}
        for binding in parsed.bindings:
            role = self.role_of(binding)
            for subject in dict.fromkeys(binding.subjects):
                holders, name = (
                    (self._groups, subject.name) if subject.kind == "Group" else (self._users, subject.username)
                )
                # A ServiceAccount without a namespace is nobody.
                if name:
                    held = holders.setdefault(name, {})
                    held.setdefault(binding.namespace, []).append((binding, subject, role))

    @staticmethod
    def of(snapshot: Snapshot) -> Rbac:
        """The RBAC of a snapshot; what is missing in it grants nothing."""
        return Rbac(parse(snapshot))

    def role_of(self, binding: Binding) -> Role | None:
        """The role that a binding leads to; None where it dangles."""
        key = binding.role_key
        return None if key is None else self.roles.get(key)

    def bound(self, identity: Identity, namespace: str | None) -> list[Bound]:
        """The bindings of an identity with the subject that names it and their role (None = it does not exist).

        Those that hold everywhere come first, as the server asks them; of each kind those of the user's own name.

        Args:
            namespace: what counts there; empty = what counts at the cluster scope; None = everything, everywhere.
        """
        everywhere: list[Bound] = []
        within: list[Bound] = []
        holders = [self._users.get(identity.user)]
        holders += [self._groups.get(group) for group in dict.fromkeys(identity.groups)]
        for held in filter(None, holders):
            everywhere += held.get("", ())
            if namespace:
                within += held.get(namespace, ())
            elif namespace is None:
                within += (bound for where in held if where for bound in held[where])
        return everywhere + within

    def ask(self, identity: Identity, request: Attributes) -> tuple[Grant | None, list[Binding]]:
        """The first grant that allows the request, cluster-wide ones first; None = RBAC has no opinion.

        Beside it the bindings of the identity that lead to no role, as far as they were met.
        """
        dangling = []
        for binding, _, role in self.bound(identity, request.namespace if request.path is None else ""):
            if role is None:
                dangling.append(binding)
                continue
            for rule in role.rules:
                if allows(rule, request):
                    return Grant(binding, _named(binding, identity), role, rule), dangling
        return None, dangling

    def grant(self, identity: Identity, request: Attributes) -> Grant | None:
        """The first grant that allows the request; None = RBAC has no opinion."""
        return self.ask(identity, request)[0]

    def grants_of(self, identity: Identity, namespace: str | None = None) -> Iterator[Grant]:
        """Every rule that the identity holds, by every way to it.

        Args:
            namespace: as for `bound`.
        """
        for binding, subject, _ in self.bound(identity, namespace):
            yield from self.grants_by(binding, subject)

    def grants_by(self, binding: Binding, subject: Subject) -> Iterator[Grant]:
        """What a binding grants to one of its subjects: each rule of the role that it leads to."""
        role = self.role_of(binding)
        for rule in role.rules if role else ():
            # A RoleBinding never grants URLs.
            if not (rule.urls and binding.namespace):
                yield Grant(binding, subject, role, rule)  # type: ignore[arg-type]

    def rules_of(self, identity: Identity, namespace: str = "") -> tuple[Rule, ...]:
        """What the server holds against a role that the identity wants to write or to bind in a namespace.

        URLs of a ClusterRole count here even where a RoleBinding gives it, although no request for them is allowed.
        """
        bound = self.bound(identity, namespace)
        return tuple(dict.fromkeys(rule for _, _, role in bound if role for rule in role.rules))

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


def _named(binding: Binding, identity: Identity) -> Subject:
    """The first subject of a binding that names the identity: the one that the server tells of."""
    return next(
        subject
        for subject in binding.subjects
        if (subject.name in identity.groups if subject.kind == "Group" else subject.username == identity.user)
    )
