"""The main job: every incident of the lab is named right, against its own description."""

from __future__ import annotations

import pytest

from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import diagnose
from k8srun.certificates.catalogue import CATALOGUE
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.messages import read
from k8srun.lab import HEALTHY, incidents
from k8srun.snapshot import Snapshot
from k8srun.sources.collect import read_lab
from tests.answers import is_known_by_its_text, is_named_right

KNOWN = tuple(one for one in incidents() if one.domain == "certificates")
# What today's software does not print, or no machine can bring about.
NOT_REPRODUCIBLE = {
    "x509-issuer-mismatch",  # Go looks for issuers by their name, so that it never meets another one
    "x509-validity",  # Go before 1.15, without its times
    "kubectl-unauthorized",  # an incident of a token's, which is authorization's
    "x509-ca-usage",  # Go before 1.22: today it does not tell a CA's usages from the leaf's
}
WITHOUT_INCIDENT = {
    "issuer-mismatch",
    "front-proxy-ca-shared",  # nothing fails by it alone: it is a hole, and a check finds it
    "proxy-answered",  # it takes a proxy between the client and the server
}
# Where the symptom is about a chain that the evidence holds. metrics-server dials a kubelet by another name than we.
IN_THE_CHAIN = [
    one.name
    for one in KNOWN
    if "tls: failed to verify" in one.symptom and one.without_text is None and one.name != "kubelet-self-signed"
]


@pytest.fixture(scope="module", params=KNOWN, ids=[one.name for one in KNOWN])
def case(request, labs, served):
    lab = labs[request.param.name]
    return request.param, read_lab(lab, lab.now), lab


def test_the_one_cause_of_an_incident_is_confirmed_from_its_symptom_and_the_evidence(case):
    incident, snapshot, lab = case
    is_named_right(incident, diagnose(lab.symptom, snapshot, lab.now))


def test_the_text_alone_is_recognised_and_never_confirms_what_only_evidence_can(case):
    incident, _snapshot, lab = case
    # A message whose own clock is wrong tells so.
    is_known_by_its_text(incident, diagnose(lab.symptom, Snapshot(lab.now), lab.now), {"clock-skew"})


def test_without_any_text_the_evidence_shows_what_the_incident_says_it_shows(case):
    incident, snapshot, lab = case
    expected = (incident.cause,) if incident.without_text is None else incident.without_text
    assert tuple(cause.id for cause in diagnose("", snapshot, lab.now).confirmed) == expected


def test_the_errors_that_an_incident_hides_are_predicted(case):
    incident, snapshot, lab = case
    predicted = {prediction.cause for prediction in diagnose(lab.symptom, snapshot, lab.now).hidden}
    assert set(incident.hides) <= predicted


@pytest.mark.parametrize("name", IN_THE_CHAIN)
def test_what_go_says_of_the_connection_stands_in_the_symptom(name, labs, served):
    lab = labs[name]
    views = Scene(read_lab(lab, lab.now), lab.now).certificates.views
    said = [problem.message for view in views for problem in view.problems]
    assert [message for message in said if message in lab.symptom]


def test_a_healthy_lab_shows_no_cause(labs, served):
    lab = labs[HEALTHY]
    assert diagnose("", read_lab(lab, lab.now), lab.now).confirmed == ()


def test_every_row_of_the_catalogue_that_a_machine_can_reproduce_has_an_incident(labs):
    shown = {read(labs[incident.name].symptom).family for incident in KNOWN}
    assert {entry.family for entry in CATALOGUE} - shown == NOT_REPRODUCIBLE


def test_every_cause_that_a_machine_can_reproduce_has_an_incident():
    assert set(CAUSES) - {incident.cause for incident in KNOWN} == WITHOUT_INCIDENT
