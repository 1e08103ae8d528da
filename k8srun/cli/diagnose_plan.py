"""`k8srun diagnose --plan FILE`: the plan for what was diagnosed, written for `k8srun plan` to preview and apply."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path

from k8srun.apply.local import kubeconfig_views
from k8srun.assessment.remedies import PLAN_NEEDS, plan_of
from k8srun.assessment.scene import Scene
from k8srun.certificates.plans.breakglass import break_glass as opened
from k8srun.certificates.plans.making import as_plan
from k8srun.cli.changing import write_plan
from k8srun.plan import Plan
from k8srun.snapshot import Snapshot
from k8srun.text import plural

NEEDS = PLAN_NEEDS


def write_remedy(text: str, snapshot: Snapshot, now: datetime, path: Path, *, break_glass: bool) -> tuple[bool, str]:
    """Write the plan.

    Args:
        text: the symptom; empty = what the snapshot alone confirms.
        break_glass: not the fix, but what lets requests pass without the webhooks that cannot be asked.

    Returns:
        whether there is one, and what to say of it.

    Raises:
        InputError: no webhook fails for its certificate; the file cannot be written.
        RefusedError: the file exists.
    """
    plan = _open(snapshot, now) if break_glass else plan_of(text, snapshot, now, kubeconfig_views(snapshot))
    if plan is None:
        return False, "No plan: no cause is confirmed that one could mend. Look at what is still open."
    write_plan(plan, path)
    quoted = shlex.quote(str(path))
    by_hand = sum(not step.action.writes_to_cluster and bool(step.commands) for step in plan.steps)
    hands = f", {by_hand} of them to be done by hand" if by_hand else ""
    place = "" if plan.is_local else " --context [NAME]"
    made = f"{path}: the plan, {plural(len(plan.steps), 'step')}{hands}. Nothing was changed."
    return True, f"{made}\nNext: k8srun plan show {quoted}; k8srun plan preview {quoted}{place}"


def _open(snapshot: Snapshot, now: datetime) -> Plan:
    world = Scene(snapshot, now).certificates
    return as_plan("Break glass: let requests pass without the webhooks that cannot be asked", opened(world), world)
