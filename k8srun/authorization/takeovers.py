"""Who can act as somebody else without being them: by a token, a pod, an impersonation or a certificate.

Targets are keys: `("account", NS, NAME)`, `("accounts", NS)` for all of a namespace, `("running", NS)` for those that a
pod runs as, `("tokens", NS)` for those with a token in a Secret, `("user", NAME)`, `("users",)` for those that are no
ServiceAccounts, `("names",)` for both, `("group", NAME)`, `("groups",)`, `("lesser groups",)` for all but
system:masters. `*` stands for every namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from k8srun.authorization.attributes import MASTERS, SERVICE_ACCOUNTS, Attributes, Identity
from k8srun.authorization.dangers import AUTHENTICATION, dangers_of, is_everything
from k8srun.authorization.model import ALL, RBAC_GROUP, Grant, Rule, Subject
from k8srun.authorization.permissions import identity_of
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.whocan import account_of
from k8srun.kinds import SECRET
from k8srun.pods import pods
from k8srun.snapshot import Snapshot, object_key

TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a type, not a password
ACCOUNT_NAME = "kubernetes.io/service-account.name"

_RUNNING = frozenset({"token-create", "pod-create", "workload-write"})
Key = tuple[str, ...]
Account = tuple[str, str]

_CSR = "certificates.k8s.io"
# The signer, and how a rule writes all of its domain.
_CLIENT_SIGNERS = ("kubernetes.io/kube-apiserver-client", "kubernetes.io/*")
_ACTIONS = {
    "token-create": "makes a token of",
    "pod-create": "runs a pod as",
    "workload-write": "runs a workload as",
    "exec": "runs a command in a pod of",
    "pod-change": "changes the image of a pod of",
    "secrets-read": "reads the token Secret of",
}


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
            if not names and _creates(grant, rbac, "", "secrets"):
                yield ("accounts", where), "makes, and reads, a token Secret of"
        elif danger.id == "escalate-bind" and grant.namespace and writes_rbac(grant, rbac):
            yield ("accounts", where), "gives itself every permission of the namespace, and so acts as"
        elif danger.id == "token-create" and names:
            yield from ((("account", where, name), action) for name in names)
        elif action:
            yield ("accounts", where), action
        elif danger.id == "impersonate":
            yield from ((key, "impersonates") for key in impersonated(grant, rbac))
        elif danger.id == "csr-approval" and not grant.namespace and _issues_certificates(grant.subject, rbac):
            # No certificate is issued for system:masters: an admission plugin that is on by default refuses it.
            yield from ((key, "has a client certificate issued for") for key in (("names",), ("lesser groups",)))


def ways_to(subject: Subject, accounts: Accounts, namespaces: Iterable[str]) -> Iterator[Key]:
    """The keys under which somebody may be taken over.

    Args:
        namespaces: all that occur, for the groups that every ServiceAccount is in.
    """
    if subject.kind == "Group":
        yield from (("group", subject.name), ("groups",))
        if subject.name != MASTERS:
            yield ("lesser groups",)
        if subject.name == SERVICE_ACCOUNTS:
            yield from (("accounts", namespace) for namespace in (*namespaces, ALL))
        elif subject.name.startswith(f"{SERVICE_ACCOUNTS}:"):
            yield from (("accounts", subject.name.removeprefix(f"{SERVICE_ACCOUNTS}:")), ("accounts", ALL))
        return
    yield ("names",)
    account = Identity(subject.username).service_account
    if account is None:
        yield from (("user", subject.username), ("users",))
        return
    for where in (account[0], ALL):
        yield from (("account", where, account[1]), ("accounts", where))
        if account in accounts.running:
            yield "running", where
        if account in accounts.with_token:
            yield "tokens", where


def member_of(subject: Subject) -> Identity:
    """Whom a subject stands for, with the groups that the server adds: what everybody holds may be a part of a path."""
    return identity_of(subject).as_authenticated()


def _holding(where: str, names: tuple[str, ...], held: dict[Account, Account], key: str) -> Iterator[Key]:
    """All that hold a token in the scope; with names only those whose pod or Secret is named."""
    if not names:
        yield key, where
        return
    for (namespace, name), account in held.items():
        if where in (ALL, namespace) and name in names:
            yield "account", *account


def writes_rbac(grant: Grant, rbac: Rbac) -> bool:
    """Whether `bind` or `escalate` is of use where the grant holds: a binding or a role must be there to be written."""
    rule, identity, namespace = grant.rule, member_of(grant.subject), grant.namespace
    kinds = ("rolebindings", ("clusterroles", "roles")) if namespace else ("clusterrolebindings", ("clusterroles",))
    bindings, roles = kinds
    asked = []
    if _holds(rule, "bind", "clusterroles") and (
        not rule.names or any(_is_strong(rbac, name, namespace) for name in rule.names)
    ):
        asked += [Attributes(verb, RBAC_GROUP, bindings, "", namespace, name)
                  for verb, name in (("create", ""), ("update", "any"), ("patch", "any"))]  # fmt: skip
    for resource in roles:
        if _holds(rule, "escalate", resource):
            asked += [Attributes(verb, RBAC_GROUP, resource, "", namespace, name)
                      for verb in ("update", "patch") for name in rule.names or ("any",)]  # fmt: skip
    return any(rbac.grant(identity, request) for request in asked)


def _is_strong(rbac: Rbac, cluster_role: str, namespace: str) -> bool:
    """Whether to hold a ClusterRole everywhere is everything; in a namespace to run what one likes is enough."""
    role = rbac.roles.get(("", cluster_role))
    for rule in role.rules if role else ():
        if is_everything(rule) or (namespace and any(danger.id in _RUNNING for danger in dangers_of(rule))):
            return True
    return False


def _holds(rule: Rule, verb: str, resource: str) -> bool:
    return (verb in rule.verbs or ALL in rule.verbs) and (resource in rule.resources or ALL in rule.resources)


def _creates(grant: Grant, rbac: Rbac, group: str, resource: str) -> bool:
    return bool(rbac.grant(member_of(grant.subject), Attributes("create", group, resource, "", grant.namespace)))


def impersonated(grant: Grant, rbac: Rbac) -> Iterator[Key]:
    """Whom a grant lets its subject impersonate: by the legacy verb for everything, else for what is dangerous."""
    rule, held = grant.rule, tuple(rbac.grants_of(member_of(grant.subject)))
    if "" in rule.groups or ALL in rule.groups:
        if _holds(rule, "impersonate", "serviceaccounts"):
            yield from _named("account", rule, grant.namespace or ALL)
        if not grant.namespace and _holds(rule, "impersonate", "users"):
            yield from _named("user", rule)
        # The server refuses groups without a user to be in them.
        if not grant.namespace and _holds(rule, "impersonate", "groups") and any(map(_impersonates_somebody, held)):
            yield from _named("group", rule)
    if AUTHENTICATION in rule.groups or ALL in rule.groups:
        yield from _constrained(grant, held)


def _impersonates_somebody(grant: Grant) -> bool:
    return any(_holds(grant.rule, "impersonate", resource) for resource in ("users", "serviceaccounts"))


def _constrained(grant: Grant, held: Sequence[Grant]) -> Iterator[Key]:
    rule = grant.rule
    if _mode(rule, "serviceaccount", "serviceaccounts") and _acts(held, "serviceaccount"):
        yield from _named("account", rule, grant.namespace or ALL)
    if grant.namespace or not _acts(held, "user-info"):
        return
    if _mode(rule, "user-info", "users"):
        yield from _named("user", rule)
    if _mode(rule, "user-info", "groups") and any(_mode(other.rule, "user-info", "users") for other in held):
        # This way nobody gets into system:masters.
        yield from (("group", name) for name in rule.names if name != MASTERS)
        if not rule.names:
            yield ("lesser groups",)


def _mode(rule: Rule, mode: str, resource: str) -> bool:
    return f"impersonate:{mode}" in rule.verbs and (resource in rule.resources or ALL in rule.resources)


def _acts(held: Sequence[Grant], mode: str) -> bool:
    """Whether what may be done while impersonating is dangerous by itself."""
    prefix = f"impersonate-on:{mode}:"
    for grant in held:
        verbs = tuple(verb.removeprefix(prefix) for verb in grant.rule.verbs if verb.startswith(prefix))
        if verbs and dangers_of(replace(grant.rule, verbs=verbs)):
            return True
    return False


def _named(kind: str, rule: Rule, *where: str) -> Iterator[Key]:
    yield from ((kind, *where, name) for name in rule.names) if rule.names else ((f"{kind}s", *where),)


def _issues_certificates(subject: Subject, rbac: Rbac) -> bool:
    """Whether it can make a request for a client certificate, and approve it."""
    identity = member_of(subject)

    def may(*asked: Attributes) -> bool:
        return any(rbac.grant(identity, request) for request in asked)

    return (
        may(Attributes("create", _CSR, "certificatesigningrequests"))
        and may(*(Attributes(verb, _CSR, "certificatesigningrequests", "approval") for verb in ("update", "patch")))
        and may(*(Attributes("approve", _CSR, "signers", name=name) for name in _CLIENT_SIGNERS))
    )
