"""What a plan brings about as the cluster is now, by the domains that compute it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from k8srun.authorization.denials.diagnosis import DIAGNOSIS_NEEDS as AUTHORIZATION_NEEDS
from k8srun.authorization.fixes import impact as access
from k8srun.network import fixes_impact as traffic
from k8srun.network.needs import NEEDS as NETWORK_NEEDS
from k8srun.plan import Plan
from k8srun.snapshot import Need, Snapshot


def impact_again(plan: Plan, read: Callable[[Sequence[Need]], Snapshot]) -> tuple[str, ...]:
    """The impact of a plan computed anew, with what else the plan says; what it says itself where nothing is computed.

    Args:
        read: takes a fresh snapshot of what is needed.
    """
    if traffic.concerns(plan):
        plan = replace(plan, impact=traffic.impact_again(read(NETWORK_NEEDS), plan))
    if access.concerns(plan):
        plan = replace(plan, impact=access.impact_again(read(AUTHORIZATION_NEEDS), plan))
    return plan.impact
