"""Every incident of authorization is named right, from its text and the evidence."""

from __future__ import annotations

import pytest

from k8srun.assessment.symptoms import diagnose
from k8srun.authorization.denials.denial import DenialKind
from k8srun.authorization.denials.reading import read
from k8srun.lab import incidents
from k8srun.snapshot import Snapshot
from k8srun.sources.collect import read_lab
from tests.answers import is_known_by_its_text, is_named_right

KNOWN = tuple(one for one in incidents() if one.domain == "authorization")
# What the words alone tell; everything else takes evidence.
TOLD_BY_THE_WORDS = {"no-credentials", "node-authorizer", "impersonation", "escalation", "stream-needs-create"}


@pytest.fixture(scope="module", params=KNOWN, ids=[one.name for one in KNOWN])
def case(request, labs):
    lab = labs[request.param.name]
    return request.param, read_lab(lab, lab.now), lab


def test_the_one_cause_of_an_incident_is_confirmed_from_its_symptom_and_the_evidence(case):
    incident, snapshot, lab = case
    found = diagnose(lab.symptom, snapshot, lab.now)
    assert (found.domain, found.runbook) == ("authorization", incident.runbook)
    is_named_right(incident, found)


def test_the_text_alone_is_recognised_and_confirms_only_what_words_can_tell(case):
    incident, _snapshot, lab = case
    is_known_by_its_text(incident, diagnose(lab.symptom, Snapshot(lab.now), lab.now), TOLD_BY_THE_WORDS)


def test_there_are_more_than_ten_kinds_of_403_and_401():
    assert len({one.cause for one in KNOWN}) >= 20
    kinds = {read(one.symptom.replace("{{", "{").replace("}}", "}")).kind for one in KNOWN}
    assert {DenialKind.ACCESS, DenialKind.ESCALATION, DenialKind.CREATE_CHECK, DenialKind.UNAUTHENTICATED} <= kinds


def test_no_symptom_and_no_answer_holds_a_token(case):
    _incident, snapshot, lab = case
    found = diagnose(lab.symptom, snapshot, lab.now)
    token = lab.kubeconfig.read_text().partition("token: ")[2].split()[:1]
    assert not token or token[0] not in repr(found)
