"""Whether somebody may write a role or a binding, which takes more than the verb: nobody may grant what they lack.

Source: kubernetes `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go`,
`pkg/registry/rbac/escalation_check.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.authorization.attributes import MASTERS, Attributes, Identity
from k8srun.authorization.matching import uncovered
from k8srun.authorization.model import RBAC_GROUP, Binding, Role, Rule
from k8srun.authorization.rbac import Rbac

_EVERYTHING = (Rule(("*",), ("*",), ("*",)), Rule(("*",), urls=("*",)))


@dataclass(frozen=True, slots=True)
class Escalation:
    """Whether the escalation check lets a write pass; the verb itself (`create roles`) is asked for apart.

    Attributes:
        allowed: False means 403, or 404 where `missing_role`.
        by: `system:masters`, `escalate`, `bind`, or `held` where every rule is held; empty for a no.
        lacking: what is not held, in rules of one verb and one resource each.
        aggregation: it fails because of `aggregationRule` alone, which needs everything.
        missing_role: the role of the binding does not exist.
    """

    allowed: bool
    by: str = ""
    lacking: tuple[Rule, ...] = ()
    aggregation: bool = False
    missing_role: bool = False


def may_write_role(rbac: Rbac, identity: Identity, role: Role, *, creates: bool = True) -> Escalation:
    """Whether the identity may create or update a role with these rules.

    Args:
        role: as it would be; `aggregated` says that it selects the rules of others.
        creates: a create carries no name, so that `escalate` with resourceNames does not help it.
    """
    resource = "roles" if role.namespace else "clusterroles"
    name = "" if creates else role.name
    request = Attributes("escalate", RBAC_GROUP, resource, namespace=role.namespace, name=name)
    if MASTERS in identity.groups:
        return Escalation(True, MASTERS)
    if rbac.grant(identity, request):
        return Escalation(True, "escalate")
    owned = rbac.rules_of(identity, role.namespace)
    lacking = uncovered(owned, role.rules)
    if lacking:
        return Escalation(False, lacking=lacking)
    if role.aggregated and not role.namespace:
        everything = uncovered(owned, _EVERYTHING)
        if everything:
            return Escalation(False, lacking=everything, aggregation=True)
    return Escalation(True, "held")


def may_write_binding(rbac: Rbac, identity: Identity, binding: Binding) -> Escalation:
    """Whether the identity may create a binding to its role, or change one that exists."""
    if MASTERS in identity.groups:
        return Escalation(True, MASTERS)
    resource = "clusterroles" if binding.role_kind == "ClusterRole" else "roles"
    request = Attributes("bind", RBAC_GROUP, resource, namespace=binding.namespace, name=binding.role_name)
    if rbac.grant(identity, request):
        return Escalation(True, "bind")
    role = rbac.role_of(binding)
    if role is None:
        return Escalation(False, missing_role=True)
    lacking = uncovered(rbac.rules_of(identity, binding.namespace), role.rules)
    return Escalation(not lacking, "" if lacking else "held", lacking)
