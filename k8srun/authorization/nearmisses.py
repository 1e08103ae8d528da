"""Why a request is denied although it almost is not: the grants that come closest, and what each of them lacks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from k8srun.authorization.apiresources import ApiResource, resources
from k8srun.authorization.attributes import MASTERS, SERVICE_ACCOUNT_PREFIX, Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.dangers import is_everything
from k8srun.authorization.matching import allows, resource_matches
from k8srun.authorization.model import ALL, Binding, Grant, Subject
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.whocan import Finder, meaning
from k8srun.text import visible

_EACH = 5  # of one kind: more of the same explains nothing
_LOOKED_AT = 20_000  # rules of one identity


class Miss(StrEnum):
    """What is different, in the order of how likely it is what was meant."""

    MISSPELT_RESOURCE = "the resource is spelt differently"
    OTHER_API_GROUP = "the resource is in another API group"
    SUBJECT_SPELLING = "the binding spells the subject differently"
    DANGLING_ROLE = "the role of a binding does not exist"
    OTHER_NAMESPACE = "the permission holds in another namespace"
    SUBRESOURCE = "the subresource is not covered"
    RESOURCE_NAMES = "the permission holds only for some names"
    OTHER_VERB = "another verb on the same resource is held"
    MISSING_GROUP = "a group that the identity is not in may"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """One of them.

    Attributes:
        message: a sentence for a person.
        grant: that comes close; None where no grant is involved.
        binding: that comes close without granting anything (a dangling one).
        instead: the request that would be allowed or was probably meant; None if there is none.
    """

    kind: Miss
    message: str
    grant: Grant | None = None
    binding: Binding | None = None
    instead: Attributes | None = None


def near_misses(
    authorization: Authorization, identity: Identity, request: Attributes, *, finder: Finder | None = None
) -> tuple[NearMiss, ...]:
    """What comes closest to allowing a denied request, the likeliest explanation first; at most five of each kind.

    Args:
        finder: of the same RBAC, if several denials are explained.
    """
    search = _Search(authorization, finder or Finder(authorization.rbac), identity, request)
    found: list[NearMiss] = []
    for look in (search.spelling, search.dangling, search.held, search.others):
        found += look()
    by_kind: dict[Miss, list[NearMiss]] = {}
    for miss in dict.fromkeys(found):
        by_kind.setdefault(miss.kind, []).append(miss)
    return tuple(miss for kind in Miss for miss in by_kind.get(kind, ())[:_EACH])


@dataclass(frozen=True, slots=True)
class _Search:
    authorization: Authorization
    finder: Finder
    identity: Identity
    request: Attributes

    @property
    def rbac(self) -> Rbac:
        return self.authorization.rbac

    def spelling(self) -> Iterator[NearMiss]:
        """A resource that the server does not have: singular, kind, short name, wrong group, a typo."""
        request = self.request
        if request.path is not None or ALL in (request.resource, request.group):
            return
        known = resources(self.authorization.snapshot)
        if any(item.plural == request.resource and item.group == request.group for item in known):
            return
        for item in _meant(request, known):
            instead = replace(request, group=item.group, resource=item.plural)
            grant = self.rbac.grant(self.identity, instead)
            held = ", which is allowed" if grant else ""
            if item.plural == request.resource:
                message = f"{item.plural} are in API group {_group(item.group)}, not in {_group(request.group)}{held}"
                yield NearMiss(Miss.OTHER_API_GROUP, message, grant, instead=instead)
            else:
                message = f"there is no resource {visible(request.target, limit=100)}: {item.name} is meant{held}"
                yield NearMiss(Miss.MISSPELT_RESOURCE, message, grant, instead=instead)

    def dangling(self) -> Iterator[NearMiss]:
        """Bindings of the identity whose role is gone."""
        for binding, _, role in self.rbac.bound(self.identity, self.request.namespace):
            if role is None:
                missing = f"{binding.role_kind} {visible(binding.role_name, limit=100)}"
                message = f"{_shown(binding)} gives the {missing}, which does not exist"
                yield NearMiss(Miss.DANGLING_ROLE, message, binding=binding)

    def held(self) -> Iterator[NearMiss]:
        """What the identity itself holds, and which one thing is different."""
        for grant in islice(self.rbac.grants_of(self.identity), _LOOKED_AT):
            miss = _compared(grant, self.request)
            if miss is not None:
                yield miss

    def others(self) -> Iterator[NearMiss]:
        """Who may do it: a subject that was meant to be this one, or a group that this one is not in."""
        groups: set[str] = set()
        for grant in self.finder.grants(self.request):
            if _resembles(grant.subject, self.identity, grant.binding.namespace):
                message = f"{_shown(grant.binding)} is for {_subject(grant.subject)}; asked is {_named(self.identity)}"
                yield NearMiss(Miss.SUBJECT_SPELLING, message, grant)
            elif len(groups) < _EACH and self._might_join(grant):
                groups.add(grant.subject.name)
                who = meaning(grant.subject)
                means = f" ({who})" if who else ""
                message = f"the group {visible(grant.subject.name, limit=100)}{means} may, by {_shown(grant.binding)}"
                yield NearMiss(Miss.MISSING_GROUP, message, grant)

    def _might_join(self, grant: Grant) -> bool:
        """Whether the grant is for a group that somebody may be meant to be in: not one that may do everything."""
        joined = grant.subject.name in (MASTERS, *self.identity.groups)
        everything = is_everything(grant.rule) or ALL in grant.rule.urls
        return grant.subject.kind == "Group" and not joined and not everything


def _compared(grant: Grant, request: Attributes) -> NearMiss | None:
    """The one respect in which a grant does not fit; None where there are several, or it is of no help."""
    rule = grant.rule
    if request.path is not None or rule.urls:
        same_url = bool(rule.urls) and allows(replace(rule, verbs=(ALL,)), request)
        return NearMiss(Miss.OTHER_VERB, f"{_shown(grant.binding)} allows {rule}", grant) if same_url else None
    fits = _Fit(
        here=grant.namespace in ("", request.namespace),
        verb=request.verb in rule.verbs or ALL in rule.verbs,
        group=request.group in rule.groups or ALL in rule.groups,
        resource=resource_matches(rule, request.resource, request.subresource),
        name=not rule.names or request.name in rule.names,
    )
    different = [aspect for aspect, fit in zip(_Fit._fields, fits, strict=True) if not fit]
    # Another resource has other names.
    if different == ["resource", "name"]:
        different = ["resource"]
    return _EXPLAIN[different[0]](grant, request, f"by {_shown(grant.binding)}") if len(different) == 1 else None


class _Fit(NamedTuple):
    """In which respects a rule fits a request."""

    here: bool
    verb: bool
    group: bool
    resource: bool
    name: bool


def _other_namespace(grant: Grant, request: Attributes, by: str) -> NearMiss:
    asked = f"in {visible(request.namespace, limit=100)}" if request.namespace else "at the cluster scope"
    message = f"it is allowed in namespace {visible(grant.namespace, limit=100)} {by}, not {asked}"
    return NearMiss(Miss.OTHER_NAMESPACE, message, grant, instead=replace(request, namespace=grant.namespace))


def _other_verb(grant: Grant, request: Attributes, by: str) -> NearMiss:
    message = f"{','.join(grant.rule.verbs)} is allowed on {request.target} {by}, not {request.verb}"
    return NearMiss(Miss.OTHER_VERB, visible(message, limit=500), grant)


def _other_group(grant: Grant, request: Attributes, by: str) -> NearMiss | None:
    rule = grant.rule
    if ALL in rule.resources:  # says nothing of this resource
        return None
    groups = ", ".join(_group(item) for item in rule.groups)
    allowed = f"{request.verb} {request.combined} is allowed in API group {groups} {by}"
    message = visible(f"{allowed}, not in {_group(request.group)}", limit=500)
    return NearMiss(Miss.OTHER_API_GROUP, message, grant, instead=replace(request, group=rule.groups[0]))


def _other_name(grant: Grant, request: Attributes, by: str) -> NearMiss:
    names = grant.rule.names
    lacks = f"{request.name} is not among them" if request.name else f"a {request.verb} carries no name"
    message = f"it is allowed only for {visible(', '.join(names), limit=200)} {by}; {visible(lacks, limit=200)}"
    return NearMiss(Miss.RESOURCE_NAMES, message, grant, instead=replace(request, name=names[0]))


def _other_resource(grant: Grant, request: Attributes, by: str) -> NearMiss | None:
    rule = grant.rule
    if request.subresource and request.resource in rule.resources:
        message = f"{request.resource} is covered {by}, which does not cover the subresource {request.combined}"
        return NearMiss(Miss.SUBRESOURCE, message, grant, instead=replace(request, subresource=""))
    within = [item for item in rule.resources if item.startswith(f"{request.resource}/")]
    if within and not request.subresource:
        message = f"only {', '.join(within)} is covered {by}, which does not cover {request.resource} itself"
        return NearMiss(Miss.SUBRESOURCE, message, grant)
    # A role may be misspelt too: `pod` in a rule matches no request.
    singular = {request.resource.removesuffix("s"), request.resource.removesuffix("es"), request.resource.upper()}
    if singular.intersection(rule.resources):
        wrong = ", ".join(sorted(singular.intersection(rule.resources)))
        message = f"the rule {by} names the resource {wrong}, which there is not: {request.resource} is meant"
        return NearMiss(Miss.MISSPELT_RESOURCE, message, grant)
    return None


_EXPLAIN: dict[str, Callable[[Grant, Attributes, str], NearMiss | None]] = {
    "here": _other_namespace,
    "verb": _other_verb,
    "group": _other_group,
    "resource": _other_resource,
    "name": _other_name,
}


def _meant(request: Attributes, known: Sequence[ApiResource]) -> Iterator[ApiResource]:
    """The resources that a wrong name may stand for, exact names first, then the nearest in spelling."""
    wrong = request.resource.lower()
    exact = [item for item in known if wrong in (item.plural, item.singular, *item.short_names)]
    if exact:
        same_group = [item for item in exact if item.group == request.group]
        yield from same_group or exact
        return
    near = difflib.get_close_matches(wrong, {item.plural for item in known}, n=2, cutoff=0.75)
    yield from (item for item in known if item.plural in near)


def _resembles(subject: Subject, identity: Identity, namespace: str) -> bool:
    """Whether a binding was probably meant for the identity, and spells it in a way that does not match."""
    if subject.kind == "Group":
        folded = {group.casefold() for group in identity.groups}
        return subject.name == identity.user or (
            subject.name not in identity.groups and subject.name.casefold() in folded
        )
    if subject.username == identity.user:
        return False
    account = identity.service_account
    if account is not None:
        if subject.kind == "ServiceAccount":
            return subject.name == account[1] and (not subject.namespace or subject.namespace == namespace)
        return subject.name in (account[1], ":".join(account), "/".join(account)) or (
            subject.name.startswith(SERVICE_ACCOUNT_PREFIX) and subject.name.casefold() == identity.user.casefold()
        )
    # A ServiceAccount of the user's name, a user of the name of one of its groups, another case.
    return subject.name.casefold() == identity.user.casefold() or subject.name in identity.groups


def _named(identity: Identity) -> str:
    return f"User {visible(identity.user, limit=200)}"


def _subject(subject: Subject) -> str:
    missing = " (without a namespace)" if subject.kind == "ServiceAccount" and not subject.namespace else ""
    return f"{visible(str(subject), limit=200)}{missing}"


def _shown(binding: Binding) -> str:
    return visible(str(binding), limit=200)


def _group(group: str) -> str:
    return visible(group, limit=100) if group else 'the core group ("")'
