"""From a symptom to the plan that mends what it was confirmed to come from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import DIAGNOSIS_NEEDS, DOMAINS
from k8srun.plan import Plan
from k8srun.snapshot import Need, Snapshot

PLAN_NEEDS: tuple[Need, ...] = tuple(
    dict.fromkeys((*DIAGNOSIS_NEEDS, *(need for domain in DOMAINS for need in domain.plan_needs)))
)
"""What a plan can make use of. What is missing of it leaves steps to a person's hands; none of it is demanded."""


def plan_of(
    text: str, snapshot: Snapshot, now: datetime, kubeconfigs: Mapping[str, Mapping[str, Any]] | None = None
) -> Plan | None:
    """The plan for a symptom, from the domain that diagnoses it.

    Args:
        text: whatever a person pasted; empty = mend what the snapshot alone confirms.
        snapshot: the evidence.
        now: the time to judge dates by, with time zone.
        kubeconfigs: by path, those of whoever plans as `k8srun.kubeconfigview` shows them, secrets reduced.

    Returns:
        None where nothing is confirmed, or its domain makes no plans.
    """
    scene = Scene(snapshot, now, kubeconfigs or {})
    for domain in DOMAINS:
        found = domain.recognise(text, scene) if text.strip() else domain.survey(scene)
        if found and (text.strip() or found.confirmed):
            return domain.plan(text, scene) if domain.plan else None
    return None
