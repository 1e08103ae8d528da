"""What somebody may do altogether, and the same for many at once: effective permissions and the access matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from k8srun.authorization.attributes import MASTERS, Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.dangers import is_system
from k8srun.authorization.decision import Decision
from k8srun.authorization.model import Binding, Grant, Rule, Subject

SENSITIVE = (
    "pods", "pods/exec", "secrets", "configmaps", "serviceaccounts/token", "deployments.apps", "rolebindings",
)  # fmt: skip
"""The resources of an access matrix where none are named."""
VERBS = ("get", "list", "create", "update", "delete")
"""Its verbs where none are named."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One rule that somebody holds.

    Attributes:
        namespace: where it holds; empty = everywhere.
        grants: every way by which it is held.
    """

    namespace: str
    rule: Rule
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an identity may do.

    Attributes:
        everything: it is in system:masters, or an authorizer allows everything.
        rules: by namespace, those that hold everywhere first.
        dangling: its bindings whose role does not exist.
        unknown: why it may be more; empty when this is all.
    """

    identity: Identity
    everything: bool
    rules: tuple[Effective, ...]
    dangling: tuple[Binding, ...] = ()
    unknown: tuple[str, ...] = ()


def permissions_of(authorization: Authorization, identity: Identity, namespace: str | None = None) -> Permissions:
    """The rules that an identity holds.

    Args:
        namespace: only what counts there; empty = at the cluster scope; None = everything, everywhere.
    """
    rbac = authorization.rbac
    ways: dict[tuple[str, Rule], list[Grant]] = {}
    for grant in rbac.grants_of(identity, namespace):
        ways.setdefault((grant.namespace, grant.rule), []).append(grant)
    rules = tuple(Effective(where, rule, tuple(ways[where, rule])) for where, rule in sorted(ways, key=_order))
    dangling = tuple(dict.fromkeys(binding for binding, _, role in rbac.bound(identity, namespace) if role is None))
    everything = MASTERS in identity.groups or any(
        item.type == "AlwaysAllow" for item in authorization.modes.authorizers
    )
    return Permissions(
        identity,
        everything,
        rules,
        dangling,
        (*authorization.incomplete(namespace), *authorization.unasked, *_besides(authorization, identity, namespace)),
    )


def _besides(authorization: Authorization, identity: Identity, namespace: str | None) -> Iterator[str]:
    """What of the chain allows more, by policies that are no rules of RBAC."""
    for authorizer in authorization.modes.authorizers:
        for line in authorizer.policies or ():
            if line.is_for(identity):
                yield f"ABAC: line {line.line} of the policy file allows more"
    for entry, policy in authorization.eks.policies_of(identity, namespace) if authorization.eks else ():
        yield f"EKS: access policy {policy.name} of {entry.principal} allows more"


def _order(key: tuple[str, Rule]) -> tuple[str, str]:
    return key[0], str(key[1])


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One subject and one resource: the answer for each verb, in the order of the matrix's verbs."""

    subject: Subject
    resource: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class AccessMatrix:
    """Subjects × resources × verbs in one namespace, or at the cluster scope where that is empty."""

    namespace: str
    verbs: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


def access_matrix(
    authorization: Authorization,
    subjects: Sequence[Subject],
    requests: Sequence[Attributes],
    verbs: Sequence[str],
    namespace: str = "",
) -> AccessMatrix:
    """Ask for every combination, each subject as the server authenticates it.

    Args:
        requests: the resources (`group`, `resource`, `subresource`); the rest of them does not count.
    """
    rows = tuple(_rows(authorization, subjects, requests, verbs, namespace))
    return AccessMatrix(namespace, tuple(verbs), rows)


def _rows(
    authorization: Authorization,
    subjects: Sequence[Subject],
    requests: Sequence[Attributes],
    verbs: Sequence[str],
    namespace: str,
) -> Iterator[MatrixRow]:
    for subject in subjects:
        identity = identity_of(subject)
        for asked in requests:
            each = (Attributes(verb, asked.group, asked.resource, asked.subresource, namespace) for verb in verbs)
            yield MatrixRow(subject, asked.target, tuple(authorization.review(identity, request) for request in each))


def identity_of(subject: Subject) -> Identity:
    """Whom a subject stands for, as authenticated; of a group, somebody who is in it and has no name."""
    if subject.kind == "Group":
        return Identity("", (subject.name,))
    return Identity(subject.username or subject.name).as_authenticated()


def bound_subjects(authorization: Authorization, *, system: bool) -> tuple[Subject, ...]:
    """Everybody whom a binding names, in the order of kind, namespace and name.

    Args:
        system: whom only the server's own bindings name as well.
    """
    found = {
        subject
        for binding in authorization.rbac.bindings
        for subject in binding.subjects
        if system or not is_system(binding, subject)
    }
    return tuple(sorted(found, key=lambda subject: (subject.kind, subject.namespace, subject.name)))
