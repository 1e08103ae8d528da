"""Whether who looks at the cluster may carry out the steps of a grant: nobody may give what they lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.escalation import Escalation, may_write_binding, may_write_role
from k8srun.authorization.fixes.after import RBAC_KINDS, after
from k8srun.authorization.fixes.impact import shown_rules
from k8srun.authorization.model import RBAC_GROUP
from k8srun.authorization.rbac import Rbac
from k8srun.kinds import CLUSTER_ROLE, RESOURCES, ROLE
from k8srun.plan import Action, ObjectRef, Step
from k8srun.snapshot import Snapshot
from k8srun.text import visible


def obstacles(steps: Sequence[Step], snapshot: Snapshot) -> Iterator[str]:
    """What the server will refuse of the steps to whoever read the snapshot, a sentence each.

    Nothing is said where that is not known, or not all of what they hold.
    """
    server = snapshot.server
    if server is None or not server.username or Authorization.of(snapshot).incomplete():
        return
    me = Identity(server.username, server.groups)
    who = visible(f"{me.user}, who read this cluster,", limit=300)
    for number, step in enumerate(steps):
        if step.target is None or step.target.of_kind not in RBAC_KINDS:
            continue
        before = Authorization.of(after(snapshot, steps[:number]))
        creates = step.action is Action.CREATE
        request = _request(step.target, creates=creates)
        if before.review(me, request).allowed is False:
            yield f"{who} may not {request.verb} {step.target}: somebody else has to apply it."
            continue
        verdict = _escalation(before.rbac, me, step.target, Rbac.of(after(snapshot, steps[: number + 1])), creates)
        if verdict and verdict.lacking:
            yield f"{who} may not grant what they lack: {visible(shown_rules(verdict.lacking), limit=300)}."


def _request(target: ObjectRef, *, creates: bool) -> Attributes:
    plural = RESOURCES[target.of_kind].plural
    return Attributes(
        "create" if creates else "patch", RBAC_GROUP, plural, "", target.namespace, "" if creates else target.name
    )


def _escalation(rbac: Rbac, me: Identity, target: ObjectRef, then: Rbac, creates: bool) -> Escalation | None:
    if target.of_kind in {ROLE, CLUSTER_ROLE}:
        role = then.roles.get((target.namespace, target.name))
        return may_write_role(rbac, me, role, creates=creates) if role else None
    bindings = (one for one in then.bindings if (one.namespace, one.name) == (target.namespace, target.name))
    binding = next(bindings, None)
    return may_write_binding(rbac, me, binding) if binding else None
