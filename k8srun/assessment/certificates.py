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


def _recognise(text: str, scene: Scene) -> Diagnosis | None:
    symptom = read(text)
    return diagnose_message(symptom, scene.certificates) if symptom else None


def _nearest(text: str) -> tuple[str, ...]:
    return tuple(entry.message for entry in nearest(normalized(text)))


def _survey(scene: Scene) -> Diagnosis:
    return survey(scene.certificates)


def _plan(text: str, scene: Scene) -> Plan | None:
    symptom = read(text)
    return plan_for_message(symptom, scene.certificates) if symptom else plan_for_survey(scene.certificates)


CERTIFICATES = Domain(DOMAIN, DIAGNOSIS_NEEDS, _recognise, _nearest, _survey, _plan, PLAN_NEEDS)
