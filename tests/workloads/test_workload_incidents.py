"""Every incident of the lab about a pod that is refused or does not start is named right."""

from __future__ import annotations

import pytest

from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import diagnose
from k8srun.assessment.workloads import WORKLOADS
from k8srun.lab import HEALTHY, incidents
from k8srun.snapshot import Snapshot
from k8srun.sources.files import read_files
from k8srun.workloads.symptoms import read
from tests.answers import is_named_right

KNOWN = tuple(one for one in incidents() if one.domain == "workloads")


@pytest.fixture(scope="module", params=KNOWN, ids=[one.name for one in KNOWN])
def case(request, labs):
    lab = labs[request.param.name]
    return request.param, read_files([str(lab.manifests)], now=lab.now), lab


def test_the_one_cause_of_an_incident_is_confirmed_from_its_symptom_and_the_evidence(case):
    incident, snapshot, lab = case
    found = diagnose(lab.symptom, snapshot, lab.now)
    assert (found.domain, found.runbook) == ("workloads", incident.runbook)
    is_named_right(incident, found)


def test_the_same_cause_is_found_without_any_text(case):
    incident, snapshot, lab = case
    found = WORKLOADS.survey(Scene(snapshot, lab.now))
    assert [cause.id for cause in found.confirmed] == [incident.cause]
    assert found.affected


def test_the_text_alone_names_the_cause_among_its_candidates_and_what_to_run_next(case):
    incident, _snapshot, lab = case
    found = diagnose(lab.symptom, Snapshot(lab.now), lab.now)
    assert (found.domain, found.recognised) == ("workloads", True)
    assert incident.cause in {cause.id for cause in found.causes}
    assert found.next


def test_a_healthy_lab_has_no_pod_in_trouble(labs):
    lab = labs[HEALTHY]
    found = WORKLOADS.survey(Scene(read_files([str(lab.manifests)], now=lab.now), lab.now))
    assert (found.recognised, found.causes) == (True, ())


def test_there_are_incidents_of_each_runbook():
    assert len(KNOWN) >= 10
    assert {one.runbook for one in KNOWN} == {"pod-refused", "pod-not-starting", "image-pull"}


def test_no_two_incidents_have_the_same_cause():
    assert len({one.cause for one in KNOWN}) == len(KNOWN)
    assert all(read(one.symptom.replace("{{", "{").replace("}}", "}")) for one in KNOWN)
