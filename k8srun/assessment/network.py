"""The network's part of the front door: a failed connection, told by a text, by its two ends, or by both."""

from __future__ import annotations

from k8srun.assessment.scene import Domain, Scene
from k8srun.diagnosis import Diagnosis
from k8srun.errors import RefusedError
from k8srun.kinds import NAMESPACE
from k8srun.network.diagnosis import diagnose, plan
from k8srun.network.diagnosis_case import Ends
from k8srun.network.diagnosis_survey import DOMAIN, survey
from k8srun.network.needs import NEEDS
from k8srun.network.symptoms import nearest, read
from k8srun.network.world import World
from k8srun.plan import Plan
from k8srun.snapshot import Snapshot

_NOTHING_SAID = Ends()


def identity_of(snapshot: Snapshot) -> str:
    """The uid of the cluster's kube-system namespace; empty if it was not read."""
    system = snapshot.find(NAMESPACE, "kube-system") or {}
    told = snapshot.server.uid if snapshot.server else ""
    return told or str((system.get("metadata") or {}).get("uid") or "")


def planner_of(snapshot: Snapshot) -> str:
    """The user name with which the snapshot was taken; empty if it is not known."""
    return snapshot.server.username if snapshot.server else ""


def plan_between(text: str, world: World, said: Ends) -> Plan | None:
    """The plan that mends a connection; None where nothing is confirmed that a change of objects mends.

    Raises:
        RefusedError: no NetworkPolicy can allow it; the message says why.
    """
    cluster, user = identity_of(world.snapshot), planner_of(world.snapshot)
    return plan(world, read(text), said, cluster=cluster, planned_by=user)


def _recognise(text: str, scene: Scene) -> Diagnosis | None:
    symptom = read(text)
    return diagnose(scene.network, symptom, _NOTHING_SAID) if symptom else None


def _survey(scene: Scene) -> Diagnosis:
    return survey(scene.network)


def _plan(text: str, scene: Scene) -> Plan | None:
    try:
        return plan_between(text, scene.network, _NOTHING_SAID)
    except RefusedError:
        return None  # the diagnosis says why nothing can be planned


NETWORK = Domain(DOMAIN, NEEDS, _recognise, nearest, _survey, _plan, NEEDS)
