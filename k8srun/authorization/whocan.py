"""Who can do something: RBAC asked the other way round, with the groups that count although no binding shows them.

Roles are found by the resource that their rules name, so that a question reads the few that matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from k8srun.authorization.attributes import (
    AUTHENTICATED,
    MASTERS,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    Attributes,
    Identity,
)
from k8srun.authorization.chain import Authorization, warnings_of
from k8srun.authorization.matching import allows
from k8srun.authorization.model import ALL, Grant, Role, Rule, Subject
from k8srun.authorization.rbac import Rbac, RoleKey
from k8srun.pods import PodTemplate, workloads
from k8srun.snapshot import Snapshot

_MEANINGS = {
    MASTERS: "everybody whose client certificate has O=system:masters, before any authorizer is asked",
    AUTHENTICATED: "everybody who has any credentials, every ServiceAccount among them",
    UNAUTHENTICATED: "everybody without credentials, where the server serves them",
    SERVICE_ACCOUNTS: "every ServiceAccount of the cluster",
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who can, and by what.

    Attributes:
        subject: as the binding names it; the group system:masters needs no binding.
        grants: every way to it; empty where none is needed.
        meaning: who is in a group that the server fills, or can be the AWS principal; empty for others.
        workloads: what runs as the ServiceAccount (`Deployment.apps shop/web`), sorted.
        reason: why, where it is not RBAC.
    """

    subject: Subject
    grants: tuple[Grant, ...] = ()
    meaning: str = ""
    workloads: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WhoCan:
    """The answer to who can.

    Attributes:
        holders: users, groups and ServiceAccounts, system:masters first, then in the order of their names.
        unknown: why there may be more; empty when these are all.
        warnings: why there is no such request, although somebody may make it.
    """

    request: Attributes
    holders: tuple[Holder, ...]
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finder:
    """Finds the rules that grant a request. Built once for an `Rbac`."""

    rbac: Rbac
    # Resource as a rule writes it → namespace of the role → name of the role → its rules of that resource.
    _rules: Mapping[str, Mapping[str, Mapping[str, tuple[Rule, ...]]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[str, dict[str, dict[str, tuple[Rule, ...]]]] = {}
        for (namespace, name), role in self.rbac.roles.items():
            for rule in role.rules:
                for token in dict.fromkeys(rule.resources) if rule.resources else (_URLS,):
                    roles = found.setdefault(token, {}).setdefault(namespace, {})
                    roles[name] = (*roles[name], rule) if name in roles else (rule,)
        object.__setattr__(self, "_rules", found)

    def grants(self, request: Attributes, *, anywhere: bool = False) -> Iterator[Grant]:
        """Every grant of the request, to whomever.

        Args:
            anywhere: in whichever namespace; that of the request does not count then.
        """
        anywhere = anywhere and request.path is None
        here = ("", request.namespace) if request.namespace and request.path is None else ("",)
        for role, rule in self._granting(request, None if anywhere else here):
            bindings = self.rbac.bindings_of_role.get((role.namespace, role.name), {})
            for namespace in bindings if anywhere else here:
                for binding in bindings.get(namespace, ()):
                    yield from (Grant(binding, subject, role, rule) for subject in binding.subjects)

    def _granting(self, request: Attributes, namespaces: Iterable[str] | None) -> Iterator[tuple[Role, Rule]]:
        """The roles of these namespaces (None = of all) that allow the request, each with its first rule that does."""
        seen: set[RoleKey] = set()
        for token in self._tokens(request):
            roles = self._rules.get(token, {})
            for namespace in roles if namespaces is None else namespaces:
                for name, rules in roles.get(namespace, {}).items():
                    rule = next((rule for rule in rules if allows(rule, request)), None)
                    if rule is not None and (namespace, name) not in seen:
                        seen.add((namespace, name))
                        yield self.rbac.roles[namespace, name], rule

    @staticmethod
    def _tokens(request: Attributes) -> tuple[str, ...]:
        if request.path is not None:
            return (_URLS,)
        return (ALL, request.combined, *((f"*/{request.subresource}",) if request.subresource else ()))


_URLS = " urls"  # no resource has a space in its name


def who_can(
    authorization: Authorization, request: Attributes, *, anywhere: bool = False, finder: Finder | None = None
) -> WhoCan:
    """Everybody who can make a request.

    Args:
        anywhere: in at least one namespace, whichever.
        finder: of the same RBAC, if several questions are asked.
    """
    ways: dict[Subject, list[Grant]] = {}
    for grant in (finder or Finder(authorization.rbac)).grants(request, anywhere=anywhere):
        # A ServiceAccount subject of a ClusterRoleBinding without a namespace matches nobody.
        if grant.subject.kind == "Group" or grant.subject.username:
            ways.setdefault(grant.subject, []).append(grant)
    masters = Subject("Group", MASTERS)
    ways.setdefault(masters, [])
    running = _running(authorization.snapshot, ways)
    order = sorted(ways, key=lambda subject: (subject != masters, subject.kind, subject.namespace, subject.name))
    holders = [
        Holder(subject, tuple(ways[subject]), meaning(subject), running.get((subject.namespace, subject.name), ()))
        for subject in order
    ]
    unknown = [*authorization.incomplete(None if anywhere else request.namespace), *authorization.unasked]
    for entry in authorization.eks.entries if authorization.eks else ():
        unknown += authorization.eks.unknown(Identity(entry.user), request) if authorization.eks else ()
    everybody = (*holders, *_outside_rbac(authorization, request))
    return WhoCan(request, everybody, tuple(dict.fromkeys(unknown)), warnings_of(request))


def meaning(subject: Subject) -> str:
    """Who is in a group that the server itself fills; empty for every other subject."""
    if subject.kind != "Group":
        return ""
    prefix = f"{SERVICE_ACCOUNTS}:"
    if subject.name.startswith(prefix):
        return f"every ServiceAccount of namespace {subject.name.removeprefix(prefix)}"
    return _MEANINGS.get(subject.name, "")


def _running(snapshot: Snapshot, subjects: Iterable[Subject]) -> dict[tuple[str, str], tuple[str, ...]]:
    """What runs as each of the ServiceAccounts among the subjects."""
    wanted = {(subject.namespace, subject.name) for subject in subjects if subject.kind == "ServiceAccount"}
    found: dict[tuple[str, str], set[str]] = {}
    for template in workloads(snapshot) if wanted else ():
        account = account_of(template)
        if account in wanted:
            found.setdefault(account, set()).add(template.ref)
    return {account: tuple(sorted(names)) for account, names in found.items()}


def account_of(template: PodTemplate) -> tuple[str, str]:
    """Namespace and name of the ServiceAccount that its pods run as."""
    return template.namespace or "default", template.service_account


def _outside_rbac(authorization: Authorization, request: Attributes) -> Iterator[Holder]:
    for authorizer in authorization.modes.authorizers:
        if authorizer.type == "AlwaysAllow":
            yield Holder(Subject("Group", ALL), meaning="everybody", reason="AlwaysAllow is an authorization mode")
        for policy in authorizer.policies or ():
            named = Subject("User", policy.user) if policy.user not in ("", ALL) else Subject("Group", policy.group)
            if ALL in (policy.user, policy.group):
                named = Subject("Group", AUTHENTICATED)
            probe = Identity(named.name if named.kind == "User" else "", (policy.group, AUTHENTICATED))
            if policy.allows(probe, request):
                yield Holder(named, reason=f"ABAC: line {policy.line} of the policy file")
    eks = authorization.eks
    for entry in eks.entries if eks else ():
        reason = eks.allows(Identity(entry.user), request) if eks else ""
        if reason:
            accounts = eks.accounts_of(entry.principal, authorization.snapshot) if eks else ()
            means = f"and the pods of ServiceAccount {', '.join(accounts)}, whose AWS role it is" if accounts else ""
            yield Holder(Subject("User", entry.user), meaning=means, reason=reason)
