"""Authorization's part of the front door: 403s, and those 401s that are not about a certificate."""

from __future__ import annotations

from dataclasses import replace

from k8srun.assessment.scene import Domain, Scene
from k8srun.authorization.denials.case import Case
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.diagnosis import DIAGNOSIS_NEEDS, DOMAIN, diagnose_denial
from k8srun.authorization.denials.forbidden import GRANTABLE
from k8srun.authorization.denials.reading import read
from k8srun.authorization.denials.survey import survey
from k8srun.authorization.fixes.needed import needed
from k8srun.authorization.fixes.options import propose
from k8srun.authorization.fixes.plans import grant_plan
from k8srun.certificates.diagnosis import diagnose_message
from k8srun.certificates.messages import read as read_certificate_error
from k8srun.diagnosis import Diagnosis
from k8srun.plan import Plan


def _recognise(text: str, scene: Scene) -> Diagnosis | None:
    denial = read(text)
    if denial is None:
        return None
    if denial.kind is DenialKind.UNAUTHENTICATED:
        return _unauthenticated(denial, text, scene)
    return diagnose_denial(denial, scene.authorization)


def _unauthenticated(denial: Denial, text: str, scene: Scene) -> Diagnosis:
    """A 401 whose credential is no certificate; or, where that is not known, also what it is if it is one."""
    own = diagnose_denial(denial, scene.authorization)
    symptom = read_certificate_error(text)
    if symptom is None or scene.authorization.client is not None or own.confirmed:
        return own
    known = {cause.id for cause in own.causes}
    others = diagnose_message(symptom, scene.certificates).causes
    return replace(own, causes=(*own.causes, *(cause for cause in others if cause.id not in known)))


def _nearest(text: str) -> tuple[str, ...]:
    """Refusals are recognised by their words or not at all: nothing resembles them without being one."""
    return ()


def _survey(scene: Scene) -> Diagnosis:
    return survey(scene.authorization)


def _plan(text: str, scene: Scene) -> Plan | None:
    """The grant that gives the least besides, where a grant is the answer."""
    denial = read(text)
    if denial is None or denial.kind is not DenialKind.ACCESS or denial.request is None:
        return None
    found = diagnose_denial(denial, scene.authorization)
    if not any(cause.id in GRANTABLE for cause in found.confirmed):
        return None
    case = Case(denial, scene.authorization)
    proposal = propose(case.identity, needed(denial.request, denial.client), scene.snapshot)
    return grant_plan(proposal, proposal.options[0], scene.snapshot) if proposal.options else None


AUTHORIZATION = Domain(DOMAIN, DIAGNOSIS_NEEDS, _recognise, _nearest, _survey, _plan)
