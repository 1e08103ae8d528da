"""The workloads' part of the front door."""

from __future__ import annotations

from k8srun.assessment.scene import Domain, Scene
from k8srun.diagnosis import Diagnosis
from k8srun.plan import Plan
from k8srun.workloads.diagnosis import DIAGNOSIS_NEEDS, DOMAIN, case_of, cases, diagnose_symptom, survey
from k8srun.workloads.fixes_remedies import plan_for
from k8srun.workloads.symptoms import nearest, read


def _recognise(text: str, scene: Scene) -> Diagnosis | None:
    symptom = read(text)
    return diagnose_symptom(symptom, scene.workloads) if symptom else None


def _survey(scene: Scene) -> Diagnosis:
    return survey(scene.workloads)


def _plan(text: str, scene: Scene) -> Plan | None:
    symptom = read(text)
    return plan_for([case_of(symptom, scene.workloads)] if symptom else cases(scene.workloads))


WORKLOADS = Domain(DOMAIN, DIAGNOSIS_NEEDS, _recognise, nearest, _survey, _plan)
