"""RBAC as it is evaluated: rules, roles, bindings and subjects, read once and never changed.

Source: `rbac.authorization.k8s.io/v1`; kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.x509.gotext import quote

RBAC_GROUP = "rbac.authorization.k8s.io"
ALL = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One PolicyRule, every list as it was written. Either `urls` or the three of resources is empty.

    An empty `names` is every object; one that is not empty never matches a request without a name.
    """

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()

    def __str__(self) -> str:
        verbs = ",".join(self.verbs)
        if self.urls:
            return f"{verbs} {','.join(self.urls)}"
        groups = ",".join(group or '""' for group in self.groups)
        names = f" named {','.join(self.names)}" if self.names else ""
        return f"{verbs} {','.join(self.resources)} in API group {groups}{names}"


@dataclass(frozen=True, slots=True)
class Role:
    """A Role, or a ClusterRole where `namespace` is empty.

    Attributes:
        aggregated: its rules are those of other ClusterRoles, written into it by a controller.
        system: the server itself makes it (`kubernetes.io/bootstrapping`).
    """

    namespace: str
    name: str
    rules: tuple[Rule, ...]
    aggregated: bool = False
    system: bool = False

    @property
    def kind(self) -> str:
        return "Role" if self.namespace else "ClusterRole"

    def __str__(self) -> str:
        return f"Role {self.namespace}/{self.name}" if self.namespace else f"ClusterRole {self.name}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a binding is for: a `User`, a `Group` or a `ServiceAccount`.

    `namespace` is that of a ServiceAccount, the RoleBinding's own where none was written; empty, it matches nobody.
    """

    kind: str
    name: str
    namespace: str = ""

    @property
    def username(self) -> str:
        """The user name that it matches; empty for a group, and for a ServiceAccount without a namespace."""
        if self.kind == "User":
            return self.name
        if self.kind == "ServiceAccount" and self.namespace:
            return f"system:serviceaccount:{self.namespace}:{self.name}"
        return ""

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.namespace}/{self.name}" if self.kind == "ServiceAccount" else f"{self.kind} {self.name}"
        )


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding, or a ClusterRoleBinding where `namespace` is empty. `role_kind` is `Role` or `ClusterRole`."""

    namespace: str
    name: str
    role_kind: str
    role_name: str
    subjects: tuple[Subject, ...]
    system: bool = False

    @property
    def kind(self) -> str:
        return "RoleBinding" if self.namespace else "ClusterRoleBinding"

    @property
    def role_key(self) -> tuple[str, str] | None:
        """Namespace and name of its role; None where it can lead to none (a ClusterRoleBinding to a Role)."""
        if self.role_kind == "ClusterRole":
            return "", self.role_name
        return (self.namespace, self.role_name) if self.namespace else None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Grant:
    """The proof of a yes: this binding gives this subject this role, and this rule of it matches.

    What it grants holds in the binding's namespace, everywhere where that is empty.
    """

    binding: Binding
    subject: Subject
    role: Role
    rule: Rule

    @property
    def namespace(self) -> str:
        """Where it holds; empty = everywhere."""
        return self.binding.namespace

    @property
    def reason(self) -> str:
        """In the words of the server. Source: rbac.go, `roleBindingDescriber` and `clusterRoleBindingDescriber`."""
        binding, subject = self.binding, self.subject
        bound = f"{binding.name}/{binding.namespace}" if binding.namespace else binding.name
        who = f"{subject.name}/{subject.namespace}" if subject.kind == "ServiceAccount" else subject.name
        return (
            f"RBAC: allowed by {binding.kind} {quote(bound)} of {binding.role_kind} {quote(binding.role_name)}"
            f" to {subject.kind} {quote(who)}"
        )

    def __str__(self) -> str:
        return f"{self.binding} → {self.role} → {self.rule}"


@dataclass(frozen=True, slots=True)
class Fault:
    """An RBAC object that the server would refuse: it grants nothing here, and what it was meant to grant is unknown.

    `namespace` is empty for cluster-scoped objects.
    """

    resource: str
    namespace: str
    message: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.message}"
