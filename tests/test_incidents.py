"""The main job: every incident of the lab is named right, against its own description."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.assessment.symptoms import diagnose
from k8srun.lab import incidents
from k8srun.snapshot import Snapshot
from k8srun.sources.collect import opened
from k8srun.sources.options import SourceOptions

KNOWN = tuple(one for one in incidents() if one.domain == "certificates")
NAMES = [one.name for one in KNOWN]


@pytest.fixture(scope="module", params=KNOWN, ids=NAMES)
def case(request):
    now = datetime.now(UTC)
    with opened(SourceOptions(lab=True, incident=request.param.name), now=now) as (snapshot, lab):
        yield request.param, snapshot, lab, now


def test_the_one_cause_of_an_incident_is_confirmed_from_its_symptom_and_the_evidence(case):
    incident, snapshot, lab, now = case
    found = diagnose(lab.symptom, snapshot, now)
    assert [cause.id for cause in found.confirmed] == [incident.cause]
    assert found.confirmed[0].evidence, "with evidence"
    fix = found.confirmed[0].fix
    said = " ".join((fix.summary, *fix.commands))
    assert [word for word in incident.fix if word not in said] == []


def test_the_text_alone_is_recognised_and_never_confirms_what_only_evidence_can(case):
    incident, _snapshot, lab, now = case
    found = diagnose(lab.symptom, Snapshot(now), now)
    assert found.recognised
    assert incident.cause in {cause.id for cause in found.causes}
    assert found.next, "it still says what to run next"


def test_the_same_is_found_without_any_text_where_the_handshake_shows_it(case):
    incident, snapshot, _lab, now = case
    found = diagnose("", snapshot, now)
    if incident.cause == "clock-skew":
        # The clock that is wrong is on another machine: only its own words tell of it.
        assert found.confirmed == ()
    else:
        assert [cause.id for cause in found.confirmed] == [incident.cause]


def test_a_healthy_lab_shows_no_cause(tmp_path):
    from k8srun.lab import build
    from k8srun.sources.collect import read_lab

    now = datetime.now(UTC)
    lab = build(tmp_path / "lab", None, now)
    with lab.serve():
        assert diagnose("", read_lab(lab, now), now).confirmed == ()
