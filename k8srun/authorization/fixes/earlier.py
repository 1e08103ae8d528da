"""Whether a refused request worked before, and which change took it away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k8srun import steps
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.model import RBAC_GROUP, Grant, Rule
from k8srun.authorization.usage import AuditLog
from k8srun.findings import Evidence
from k8srun.jsonpatch import Operation
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from k8srun.marks import written
from k8srun.plan import Step
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.text import visible

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_RBAC = frozenset({"roles", "clusterroles", "rolebindings", "clusterrolebindings"})
_MOST = 5


@dataclass(frozen=True, slots=True)
class Earlier:
    """Attributes: what shows that it worked, what took it away, and the steps that put it back (empty if unknown)."""

    worked: tuple[Evidence, ...] = ()
    changed: tuple[Evidence, ...] = ()
    steps: tuple[Step, ...] = ()


def earlier(
    identity: Identity, request: Attributes, now: Snapshot, before: Snapshot | None = None, log: AuditLog | None = None
) -> Earlier:
    """What an older snapshot and an audit log tell of a request that is refused now."""
    worked: list[Evidence] = []
    changed: list[Evidence] = []
    restoring: list[Step] = []
    if before is not None:
        then = Authorization.of(before).review(identity, request)
        if then.allowed and then.proof:
            worked.append(Evidence(f"allowed at {before.taken_at:%Y-%m-%d %H:%M} UTC: {then.reason}", "older snapshot"))
            for said, step in _lost(then.proof, before, now):
                changed.append(Evidence(said, "older snapshot against this one"))
                restoring += [step] if step else []
    if log is not None:
        worked += _in_log(identity, request, log)
        changed += _writes(request, log)
    return Earlier(tuple(worked), tuple(changed), tuple(restoring))


def _lost(grant: Grant, before: Snapshot, now: Snapshot) -> Iterator[tuple[str, Step | None]]:
    """What of a grant is not there any more, and the step that puts it back."""
    role_kind = ROLE if grant.role.namespace else CLUSTER_ROLE
    binding_kind = ROLE_BINDING if grant.binding.namespace else CLUSTER_ROLE_BINDING
    old_role = before.find(role_kind, grant.role.name, grant.role.namespace)
    old_binding = before.find(binding_kind, grant.binding.name, grant.binding.namespace)
    role = now.find(role_kind, grant.role.name, grant.role.namespace)
    binding = now.find(binding_kind, grant.binding.name, grant.binding.namespace)
    if old_role is not None and role is None:
        reason = f"{grant.role} existed, and {grant.binding} names it"
        yield f"{grant.role} is gone", steps.create(written(old_role), reason)
    elif old_role is not None and role is not None:
        yield from _lost_rule(grant, old_role, role)
    if old_binding is not None and binding is None:
        yield f"{grant.binding} is gone", steps.create(written(old_binding), f"{grant.binding} existed")
    elif old_binding is not None and binding is not None:
        yield from _lost_subject(grant, old_binding, binding)


def _lost_rule(grant: Grant, old: JsonObject, new: JsonObject) -> Iterator[tuple[str, Step]]:
    had = [rule for rule in old.get("rules") or () if rule not in (new.get("rules") or ())]
    lost = [rule for rule in had if _is_of(grant.rule, rule)]
    if lost:
        reason = f"{grant.role} had this rule"
        yield f"{grant.role} has lost the rule: {grant.rule}", steps.patch(new, _added(new, "rules", lost[0]), reason)


def _lost_subject(grant: Grant, old: JsonObject, new: JsonObject) -> Iterator[tuple[str, Step | None]]:
    if old.get("roleRef") != new.get("roleRef"):
        # It cannot be changed: somebody deleted the binding and made another of its name.
        yield f"{grant.binding} names another role than before", None
        return
    had = [item for item in old.get("subjects") or () if item not in (new.get("subjects") or ())]
    lost = [item for item in had if (item.get("kind"), item.get("name")) == (grant.subject.kind, grant.subject.name)]
    if lost:
        reason = f"{grant.subject} was a subject of {grant.binding}"
        step = steps.patch(new, _added(new, "subjects", lost[0]), reason)
        yield f"{grant.binding} has lost its subject {grant.subject}", step


def _added(item: JsonObject, field: str, value: JsonObject) -> list[Operation]:
    """The patch that puts a value at the end of a list, which may not be there."""
    if item.get(field):
        return [{"op": "add", "path": f"/{field}/-", "value": value}]
    return [{"op": "add", "path": f"/{field}", "value": [value]}]


def _is_of(rule: Rule, written_rule: JsonObject) -> bool:
    return (tuple(written_rule.get("verbs") or ()), tuple(written_rule.get("resources") or ())) == (
        rule.verbs,
        rule.resources,
    )


def _in_log(identity: Identity, request: Attributes, log: AuditLog) -> list[Evidence]:
    """The last time that the same request was allowed."""
    mine = (seen for seen in log.seen if seen.allowed and seen.identity.user == identity.user)
    same = [seen for seen in mine if _alike(seen.request, request)]
    if not same:
        return []
    last = same[-1]
    return [
        Evidence(f"allowed at {visible(last.time, limit=40)}: {visible(str(last.request), limit=200)}", "audit log")
    ]


def _writes(request: Attributes, log: AuditLog) -> list[Evidence]:
    """Who wrote roles and bindings that could have counted, the last ones."""
    found = [
        Evidence(visible(f"{seen.identity.user} did {seen.request} at {seen.time}", limit=300), "audit log")
        for seen in log.seen
        if seen.allowed is not False
        and (seen.request.group, seen.request.resource in _RBAC) == (RBAC_GROUP, True)
        and seen.request.verb in _WRITES
        and seen.request.namespace in ("", request.namespace)
    ]
    return found[-_MOST:]


def _alike(one: Attributes, other: Attributes) -> bool:
    names = ("verb", "group", "resource", "subresource", "namespace", "path")
    return all(getattr(one, name) == getattr(other, name) for name in names)
