"""The certificates' part of the front door."""

from __future__ import annotations

from k8srun.assessment.scene import Domain, Scene
from k8srun.certificates.catalogue import nearest
from k8srun.certificates.diagnosis import DOMAIN, diagnose_message
from k8srun.certificates.messages import read
from k8srun.certificates.needs import DIAGNOSIS_NEEDS, PLAN_NEEDS
from k8srun.certificates.plans.making import plan_for_message, plan_for_survey
from k8srun.certificates.survey import survey
from k8srun.diagnosis import Diagnosis
from k8srun.pasted import normalized
from k8srun.plan import Plan
from k8srun.workloads.symptoms import read as is_about_a_pod

_PLAIN_401 = "kubectl-unauthorized"


def _recognise(text: str, scene: Scene) -> Diagnosis | None:
    """A 401 that says no more is ours where the credential is known to be a certificate, and no image was pulled."""
    symptom = read(text)
    if symptom is None:
        return None
    if symptom.family == _PLAIN_401 and (is_about_a_pod(text) or not scene.shows_client_certificate):
        return None
    return diagnose_message(symptom, scene.certificates)


def _nearest(text: str) -> tuple[str, ...]:
    return tuple(entry.message for entry in nearest(normalized(text)))


def _survey(scene: Scene) -> Diagnosis:
    return survey(scene.certificates)


def _plan(text: str, scene: Scene) -> Plan | None:
    symptom = read(text)
    return plan_for_message(symptom, scene.certificates) if symptom else plan_for_survey(scene.certificates)


CERTIFICATES = Domain(DOMAIN, DIAGNOSIS_NEEDS, _recognise, _nearest, _survey, _plan, PLAN_NEEDS)
