"""Which permissions the steps of a plan need, and whether the caller holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

from k8srun.apply.target import ApiObject, NotDone, Target
from k8srun.jsonpatch import PatchError, patched
from k8srun.kinds import (
    CERTIFICATE_SIGNING_REQUEST,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE,
    ROLE_BINDING,
)
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import Action, ObjectRef, Plan, Step

_RBAC = "rbac.authorization.k8s.io"
_VERBS = {
    Action.CREATE: "create",
    Action.PATCH: "patch",
    Action.APPLY: "patch",
    Action.DELETE: "delete",
    Action.TOKEN: "create",
    Action.CERTIFICATE: "get",
}
_ROLES = frozenset({ROLE, CLUSTER_ROLE})
_BINDINGS = frozenset({ROLE_BINDING, CLUSTER_ROLE_BINDING})
_MOST_RULES = 200
_INSTEAD = "holding every permission that it grants"
_ONLY_THE_SERVER = f"{_INSTEAD} would do, and of these rules only a dry run tells"

KUBE_SYSTEM = Permission("get", "", "namespaces", namespace="kube-system", name="kube-system")
"""Needed to tell clusters apart."""


def check(plan: Plan, target: Target) -> dict[int, tuple[PermissionCheck, ...]]:
    """Ask for every permission that applying a plan takes, by the number of the step; 0 is what every plan for
    a cluster takes.

    A step whose kind the server does not serve has none: examining it says so.
    """
    if plan.is_local:
        return {}
    checked: dict[int, tuple[PermissionCheck, ...]] = {0: (target.check(KUBE_SYSTEM),)}
    for number, step in enumerate(plan.steps, 1):
        try:
            plain = [target.check(permission) for permission in _of_step(step, target)]
            checked[number] = (*plain, *_compound(plan, step, target))
        except NotDone:
            checked[number] = ()
    return checked


def _of_step(step: Step, target: Target) -> Iterator[Permission]:
    if step.target is None:
        return
    ref = step.target
    resource = target.resource(ref)
    # The authorizer sees a Namespace's own name as its namespace, and so Roles in it can grant access to it.
    namespace = ref.namespace or (ref.name if resource.plural == "namespaces" else "")
    group = ref.of_kind.group
    # Looked at before, to see that nobody has changed it, and after a lost connection, to see whether it was done.
    yield Permission("get", group, resource.plural, namespace=namespace, name=ref.name)
    creates = step.action is Action.CREATE
    yield Permission(
        _VERBS[step.action],
        group,
        resource.plural,
        ref.subresource,
        "" if creates and not ref.namespace else namespace,
        "" if creates else ref.name,
    )


def _compound(plan: Plan, step: Step, target: Target) -> Iterator[PermissionCheck]:
    """What the server asks besides the verb: whoever approves or grants must be allowed what comes of it."""
    ref = step.target
    if ref is None or ref.of_kind not in _BINDINGS | _ROLES | {CERTIFICATE_SIGNING_REQUEST}:
        return
    item = _current(ref, target)
    if ref.of_kind == CERTIFICATE_SIGNING_REQUEST and ref.subresource == "approval":
        request: Mapping[str, Any] | None = item or _created(plan, ref)
        signer = ((request or {}).get("spec") or {}).get("signerName") or ""
        yield target.check(Permission("approve", "certificates.k8s.io", "signers", name=signer))
    after = _afterwards(step, item)
    if after is None:
        return
    if ref.of_kind in _BINDINGS:
        yield from _may_bind(plan, ref, after, target)
    elif ref.of_kind in _ROLES:
        # A create is asked about without the name, as every create.
        name = "" if step.action is Action.CREATE else ref.name
        direct = Permission("escalate", _RBAC, _plural(ref), "", ref.namespace, name)
        yield from _may_grant(direct, after.get("rules"), ref.namespace, target)


def _afterwards(step: Step, item: ApiObject | None) -> Mapping[str, Any] | None:
    """What a step that grants something makes of its object, as far as grants go; None for any other step."""
    if step.action is Action.CREATE:
        return step.body
    if step.action is Action.APPLY:
        return {**(item or {}), **(step.body or {})}
    if step.action is Action.PATCH and item is not None:
        try:
            after: Mapping[str, Any] = patched(item, step.patch)
        except PatchError:
            return item  # it does not fit any more, and the preview says so
        return after
    return None


def _may_bind(plan: Plan, ref: ObjectRef, binding: Mapping[str, Any], target: Target) -> Iterator[PermissionCheck]:
    role = binding.get("roleRef") or {}
    if not role.get("name"):
        return
    namespace = ref.namespace if role.get("kind") == "Role" else ""
    role_ref = ObjectRef(f"{_RBAC}/v1", str(role.get("kind")), str(role["name"]), namespace)
    # `bind` is asked in the namespace of the binding, also for a ClusterRole.
    permission = Permission("bind", _RBAC, _plural(role_ref), "", ref.namespace, role_ref.name)
    bound = _created(plan, role_ref) or _current(role_ref, target)
    if bound is None:  # a role that is not there, or cannot be read, is not known to grant nothing
        yield replace(target.check(permission), alternative=_INSTEAD)
    else:
        yield from _may_grant(permission, bound.get("rules"), ref.namespace, target)


def _may_grant(direct: Permission, rules: object, namespace: str, target: Target) -> Iterator[PermissionCheck]:
    """Either the verb that allows it, or every permission that is granted."""
    checked = target.check(direct)
    if checked.allowed is not False:
        yield checked
        return
    granted = _granted(rules, namespace)
    if granted is None:
        yield replace(checked, allowed=None, reason=f"{direct}: {_ONLY_THE_SERVER}")
    elif not all(target.check(one).allowed for one in granted):
        yield replace(checked, alternative=_INSTEAD)


def _granted(rules: object, namespace: str) -> list[Permission] | None:
    """The permissions of a role's rules, one for each verb, resource and name; None where reviews cannot ask for them:
    for URLs, for too many, and for what is no rule."""
    granted = []
    try:
        for rule in rules or ():  # type: ignore[attr-defined]
            if rule.get("nonResourceURLs"):
                return None
            names = rule.get("resourceNames") or ("",)
            for verb, group, resource, name in product(rule["verbs"], rule["apiGroups"], rule["resources"], names):
                plural, _, subresource = resource.partition("/")
                granted.append(Permission(verb, group, plural, subresource, namespace, name))
    except (AttributeError, KeyError, TypeError):
        return None
    return granted if len(granted) <= _MOST_RULES else None


def _current(ref: ObjectRef, target: Target) -> ApiObject | None:
    """The object as far as the caller may read it."""
    try:
        return target.read(replace(ref, subresource=""))
    except NotDone:
        return None  # that it cannot be read is reported as a missing permission


def _created(plan: Plan, ref: ObjectRef) -> Mapping[str, Any] | None:
    for step in plan.steps:
        if step.action is Action.CREATE and step.target is not None and step.target.key == ref.key:
            return step.body
    return None


def _plural(ref: ObjectRef) -> str:
    return "clusterroles" if ref.of_kind == CLUSTER_ROLE else "roles"
