"""Who can act as somebody else without being them: by a token, a pod, an impersonation or a certificate.

Targets are keys: `("account", NS, NAME)`, `("accounts", NS)` for all of a namespace, `("running", NS)` for those that a
pod runs as, `("tokens", NS)` for those with a token in a Secret, `("user", NAME)`, `("users",)`, `("group", NAME)`,
`("groups",)`. `*` stands for every namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from k8srun.authorization.attributes import SERVICE_ACCOUNTS, Attributes, Identity
from k8srun.authorization.dangers import dangers_of
from k8srun.authorization.model import ALL, Grant, Rule, Subject
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.whocan import account_of
from k8srun.kinds import SECRET
from k8srun.pods import pods
from k8srun.snapshot import Snapshot, object_key

TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a type, not a password
ACCOUNT_NAME = "kubernetes.io/service-account.name"

Key = tuple[str, ...]
Account = tuple[str, str]

_CSR = "certificates.k8s.io"
_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"
_ACTIONS = {
    "token-create": "makes a token of",
    "pod-create": "runs a pod as",
    "workload-write": "runs a workload as",
    "exec": "runs a command in a pod of",
    "pod-change": "changes the image of a pod of",
    "secrets-read": "reads the token Secret of",
}
_IMPERSONATED = {"users": "user", "groups": "group", "serviceaccounts": "account"}


@dataclass(frozen=True)
class Accounts:
    """What of a snapshot tells whose token is where: accounts by the name of a pod, and of a token Secret."""

    by_pod: dict[Account, Account]
    by_secret: dict[Account, Account]

    @cached_property
    def running(self) -> frozenset[Account]:
        return frozenset(self.by_pod.values())

    @cached_property
    def with_token(self) -> frozenset[Account]:
        return frozenset(self.by_secret.values())

    @staticmethod
    def of(snapshot: Snapshot) -> Accounts:
        running = {(template.namespace, template.name): account_of(template) for template in pods(snapshot)}
        tokens = {}
        for item in snapshot.of(SECRET):
            annotations = (item.get("metadata") or {}).get("annotations") or {}
            if item.get("type") == TOKEN_TYPE and isinstance(annotations.get(ACCOUNT_NAME), str):
                tokens[object_key(item)] = (object_key(item)[0], annotations[ACCOUNT_NAME])
        return Accounts(running, tokens)


def targets(grant: Grant, accounts: Accounts, rbac: Rbac) -> Iterator[tuple[Key, str]]:
    """Whom a grant lets its subject act as, each with how, a phrase that ends before the target's name."""
    where, names = grant.namespace or ALL, grant.rule.names
    for danger in dangers_of(grant.rule):
        action = _ACTIONS.get(danger.id, "")
        if danger.id in {"exec", "pod-change"}:
            yield from ((key, action) for key in _holding(where, names, accounts.by_pod, "running"))
        elif danger.id == "secrets-read":
            yield from ((key, action) for key in _holding(where, names, accounts.by_secret, "tokens"))
        elif danger.id == "token-create" and names:
            yield from ((("account", where, name), action) for name in names)
        elif action:
            yield ("accounts", where), action
        elif danger.id == "impersonate":
            yield from ((key, "impersonates") for key in _impersonated(grant.rule, where))
        elif danger.id == "csr-approval" and not grant.namespace and _issues_certificates(grant.subject, rbac):
            yield ("users",), "has a client certificate issued for"


def ways_to(subject: Subject, accounts: Accounts, namespaces: Iterable[str]) -> Iterator[Key]:
    """The keys under which somebody may be taken over.

    Args:
        namespaces: all that occur, for the groups that every ServiceAccount is in.
    """
    if subject.kind == "Group":
        yield from (("group", subject.name), ("groups",))
        if subject.name == SERVICE_ACCOUNTS:
            yield from (("accounts", namespace) for namespace in (*namespaces, ALL))
        elif subject.name.startswith(f"{SERVICE_ACCOUNTS}:"):
            yield from (("accounts", subject.name.removeprefix(f"{SERVICE_ACCOUNTS}:")), ("accounts", ALL))
        return
    yield from (("user", subject.username), ("users",))
    account = Identity(subject.username).service_account
    if account is None:
        return
    for where in (account[0], ALL):
        yield from (("account", where, account[1]), ("accounts", where))
        if account in accounts.running:
            yield "running", where
        if account in accounts.with_token:
            yield "tokens", where


def identity_of(subject: Subject) -> Identity:
    """Whom a subject stands for, without the groups that the server adds: what its own bindings give it."""
    return Identity("", (subject.name,)) if subject.kind == "Group" else Identity(subject.username)


def _holding(where: str, names: tuple[str, ...], held: dict[Account, Account], key: str) -> Iterator[Key]:
    """All that hold a token in the scope; with names only those whose pod or Secret is named."""
    if not names:
        yield key, where
        return
    for (namespace, name), account in held.items():
        if where in (ALL, namespace) and name in names:
            yield "account", *account


def _impersonated(rule: Rule, where: str) -> Iterator[Key]:
    for resource, kind in _IMPERSONATED.items():
        if resource not in rule.resources and ALL not in rule.resources:
            continue
        if "impersonate" not in rule.verbs and ALL not in rule.verbs:
            continue
        if kind == "account":
            yield from (("account", where, name) for name in rule.names) if rule.names else (("accounts", where),)
        elif where == ALL:  # users and groups are cluster-scoped
            yield from ((kind, name) for name in rule.names) if rule.names else ((f"{kind}s",),)


def _issues_certificates(subject: Subject, rbac: Rbac) -> bool:
    """Whether it can make a request for a client certificate, and approve it."""
    identity = identity_of(subject)
    asked = (
        Attributes("create", _CSR, "certificatesigningrequests"),
        Attributes("update", _CSR, "certificatesigningrequests", "approval"),
        Attributes("approve", _CSR, "signers", name=_CLIENT_SIGNER),
    )
    return all(rbac.grant(identity, request) for request in asked)
