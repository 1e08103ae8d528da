"""EKS access entries and the policies bound to them, from the JSON that `aws eks` prints.

An entry maps an IAM principal to a user name and groups, for RBAC, and to access policies, which allow beside RBAC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.ekspolicies import POLICIES
from k8srun.authorization.matching import allows
from k8srun.errors import InputError
from k8srun.kinds import SERVICE_ACCOUNT
from k8srun.snapshot import Snapshot, object_key

IRSA = "eks.amazonaws.com/role-arn"
_PLACEHOLDER = re.compile(r"\{\{\w+\}\}")


@dataclass(frozen=True, slots=True)
class EksPolicy:
    """An access policy of an entry. `namespaces` is empty for the whole cluster; they may end in `*`."""

    name: str
    namespaces: tuple[str, ...] = ()

    def covers(self, namespace: str) -> bool:
        if not self.namespaces:
            return True
        return any(
            namespace == wanted or (wanted.endswith("*") and namespace.startswith(wanted[:-1]))
            for wanted in self.namespaces
        ) and bool(namespace)


@dataclass(frozen=True, slots=True)
class EksEntry:
    principal: str
    user: str
    groups: tuple[str, ...] = ()
    policies: tuple[EksPolicy, ...] = ()

    def is_for(self, user: str) -> bool:
        """Whether its principal gets this user name: of a role it has a placeholder for the session's name."""
        return re.fullmatch(".+".join(map(re.escape, _PLACEHOLDER.split(self.user))), user) is not None


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """An association of EKS Pod Identity: pods of a ServiceAccount get credentials of an AWS role."""

    namespace: str
    account: str
    role: str


@dataclass(frozen=True, slots=True)
class EksAccess:
    """The access entries of one cluster, all of them, and its Pod Identity associations, if they were given."""

    entries: tuple[EksEntry, ...]
    pod_identities: tuple[PodIdentity, ...] = ()

    def accounts_of(self, principal: str, snapshot: Snapshot) -> tuple[str, ...]:
        """The ServiceAccounts whose pods can be this AWS principal, by annotation (IRSA) or by Pod Identity."""
        annotated = (
            "/".join(object_key(item))
            for item in snapshot.of(SERVICE_ACCOUNT)
            if ((item.get("metadata") or {}).get("annotations") or {}).get(IRSA) == principal
        )
        associated = (f"{one.namespace}/{one.account}" for one in self.pod_identities if one.role == principal)
        return tuple(sorted({*annotated, *associated}))

    def groups_of(self, user: str) -> tuple[str, ...]:
        """The groups that its entries give a user."""
        return tuple(dict.fromkeys(group for entry in self.entries if entry.is_for(user) for group in entry.groups))

    def allows(self, identity: Identity, request: Attributes) -> str:
        """By which policy a request is allowed, as a sentence; empty if by none that is known."""
        for entry, policy in self.policies_of(identity, request.namespace):
            if any(allows(rule, request) for rule in POLICIES.get(policy.name, ())):
                return f"EKS: allowed by access policy {policy.name} of {entry.principal}"
        return ""

    def unknown(self, identity: Identity, request: Attributes) -> Iterator[str]:
        """Which policies might allow a request that none of the known ones does: AWS does not say what they hold."""
        for entry, policy in self.policies_of(identity, request.namespace):
            if policy.name not in POLICIES:
                yield f"EKS: access policy {policy.name} of {entry.principal}, whose rules are not known"

    def policies_of(self, identity: Identity, namespace: str | None) -> Iterator[tuple[EksEntry, EksPolicy]]:
        """The policies that count for an identity in a namespace; empty = at the cluster scope, None = anywhere."""
        for entry in self.entries:
            for policy in entry.policies if entry.is_for(identity.user) else ():
                if namespace is None or policy.covers(namespace):
                    yield entry, policy


def read_eks_access(document: Any, *, where: str = "") -> EksAccess:
    """The access entries that `aws eks` described.

    Args:
        document: a list of objects, one an entry: what `describe-access-entry` prints (`{"accessEntry": {…}}` or its
            inside), with `associatedAccessPolicies` of `list-associated-access-policies` merged into it; or an object
            with such a list as `accessEntries`, and perhaps as `podIdentityAssociations` a list of what
            `describe-pod-identity-association` prints.

    Raises:
        InputError: it has another shape; the message names the entry. `list-access-entries` alone, which prints only
            ARNs, is not enough.
    """
    entries = document.get("accessEntries") if isinstance(document, Mapping) else document
    if not isinstance(entries, list):
        raise InputError(
            "holds no list of access entries",
            where=where,
            do="Write a JSON array of what `aws eks describe-access-entry` prints for each principal.",
        )
    found = tuple(_entry(entry, f"{where} entry {index}".strip()) for index, entry in enumerate(entries))
    associations = document.get("podIdentityAssociations") if isinstance(document, Mapping) else None
    if not isinstance(associations, list | None):
        raise InputError("has podIdentityAssociations that are no list", where=where)
    return EksAccess(found, tuple(_pod_identity(given, where) for given in associations or ()))


def _pod_identity(given: Any, where: str) -> PodIdentity:
    inner = given.get("association", given) if isinstance(given, Mapping) else None
    values: list[Any] = []
    if isinstance(inner, Mapping):
        values = [inner.get(name) for name in ("namespace", "serviceAccount", "roleArn")]
    if not values or not _strings(values):
        raise InputError(
            "has a Pod Identity association without namespace, serviceAccount or roleArn",
            where=where,
            do="Use `aws eks describe-pod-identity-association`: the list leaves the role out.",
        )
    return PodIdentity(*values)


def _entry(given: Any, where: str) -> EksEntry:
    if not isinstance(given, Mapping):
        raise InputError("is no described access entry", where=where, do="Use `aws eks describe-access-entry`.")
    inner = given.get("accessEntry")
    entry: Mapping[str, Any] = inner if isinstance(inner, Mapping) else given
    principal, user = entry.get("principalArn"), entry.get("username")
    if not isinstance(principal, str) or not isinstance(user, str):
        raise InputError("has no principalArn or no username", where=where, do="Use `aws eks describe-access-entry`.")
    groups = entry.get("kubernetesGroups") or []
    policies = given.get("associatedAccessPolicies") or entry.get("associatedAccessPolicies") or []
    if not _strings(groups) or not isinstance(policies, list):
        raise InputError("has groups or policies that are no list", where=where)
    return EksEntry(principal, user, tuple(groups), tuple(_policy(policy, where) for policy in policies))


def _policy(given: Any, where: str) -> EksPolicy:
    arn = given.get("policyArn") if isinstance(given, Mapping) else None
    scope = given.get("accessScope") if isinstance(given, Mapping) else None
    if not isinstance(arn, str) or not isinstance(scope, Mapping) or scope.get("type") not in {"cluster", "namespace"}:
        raise InputError("has an associated policy without policyArn or accessScope", where=where)
    namespaces = scope.get("namespaces") or []
    if not _strings(namespaces) or (scope["type"] == "namespace" and not namespaces):
        raise InputError("has a policy for namespaces that names none", where=where)
    return EksPolicy(arn.rpartition("/")[2], tuple(namespaces) if scope["type"] == "namespace" else ())


def _strings(values: Iterable[Any]) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
