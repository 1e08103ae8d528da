"""The front door: any text, any snapshot, one answer."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.assessment import symptoms
from k8srun.assessment.symptoms import Domain, diagnose, diagnose_each
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis
from k8srun.lab import Incident, incidents
from k8srun.snapshot import Snapshot
from k8srun.sources.collect import opened
from k8srun.sources.options import SourceOptions
from k8srun.sources.saved import load, save
from tests.certificates.cluster import Cluster
from tests.certificates.model import NOW

NOTHING = Snapshot(NOW)
CERTIFICATES = [incident for incident in incidents() if incident.domain == "certificates"]
EVERY = pytest.mark.parametrize("described", CERTIFICATES, ids=lambda described: described.name)
# Its certificates are in order: only the message tells that a clock is not.
ONLY_BY_TEXT = {"clock-skew"}


TODAY = datetime.now(UTC).replace(microsecond=0)


@cache
def of_the_lab(name: str) -> tuple[Snapshot, str]:
    """The lab with this incident, looked at while it serves, and the symptom that a person would paste."""
    with opened(SourceOptions(lab=True, incident=name), now=TODAY) as (snapshot, lab):
        return snapshot, lab.symptom


def assert_as_described(found: Diagnosis, described: Incident) -> None:
    assert [cause.id for cause in found.confirmed] == [described.cause]
    assert tuple(item.cause for item in found.hidden) == described.hides
    fix = found.confirmed[0].fix
    words = " ".join((fix.summary, *fix.commands))
    assert [word for word in described.fix if word not in words] == []


@EVERY
def test_a_planted_incident_is_diagnosed_as_it_is_described(described):
    snapshot, symptom = of_the_lab(described.name)

    assert_as_described(diagnose(symptom, snapshot, TODAY), described)


@EVERY
def test_a_planted_incident_is_found_without_its_symptom(described):
    snapshot, _ = of_the_lab(described.name)

    found = diagnose("", snapshot, TODAY)

    if described.name in ONLY_BY_TEXT:
        assert found.causes == ()
    else:
        assert_as_described(found, described)


@EVERY
def test_a_colleague_with_the_saved_snapshot_comes_to_the_same_answer(described, tmp_path):
    snapshot, symptom = of_the_lab(described.name)
    save(snapshot, tmp_path / "incident.k8srun")

    assert diagnose(symptom, load(tmp_path / "incident.k8srun"), TODAY) == diagnose(symptom, snapshot, TODAY)


def test_a_text_that_nobody_knows_is_not_guessed_at():
    found = diagnose('pods is forbidden: User "mara" cannot list resource "pods"', Cluster().snapshot(), NOW)

    assert not found.recognised
    assert (found.family, found.causes, found.nearest) == ("", (), ())


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ('pods is forbidden: User "mara" cannot list resource "pods" in API group ""', "an authorization denial"),
        ("dial tcp 10.0.0.1:6443: i/o timeout", "a network failure"),
        ("The connection to the server localhost:8080 was refused: connect: connection refused", "a network failure"),
        ("Back-off pulling image: ImagePullBackOff", "an image that cannot be pulled"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "a refusal by Pod Security"),
        ("0/3 nodes are available: 3 Insufficient cpu", "a pod that does not start"),
    ],
)
def test_what_is_clearly_another_matter_is_said_to_be_one(text, matter):
    found = diagnose(text, NOTHING, NOW)

    assert not found.recognised
    assert found.meaning == f"Not a certificate error; it looks like {matter}."


def test_a_text_that_is_nearly_known_is_answered_with_the_nearest_messages():
    found = diagnose("x509 certifcate signed by unknow authorty", NOTHING, NOW)

    assert not found.recognised
    assert found.nearest[0] == "x509: certificate signed by unknown authority"
    assert found.causes == ()


def test_the_echo_of_an_unknown_text_is_inert_short_and_without_secrets():
    found = diagnose("\x1b[31mwhat\u202e is this? --token=hunter2 " + "x" * 10_000, NOTHING, NOW)

    assert "\x1b" not in found.symptom
    assert "\u202e" not in found.symptom
    assert "hunter2" not in found.symptom
    assert len(found.symptom) < 2100


def test_several_texts_are_answered_one_by_one():
    texts = ["x509: unhandled critical extension", "nonsense", "tls: private key does not match public key"]

    families = [found.family for found in diagnose_each(texts, NOTHING, NOW)]

    assert families == ["x509-critical-extension", "", "tls-key-mismatch"]


def test_another_domain_is_one_more_entry_in_the_table(monkeypatch):
    answer = Diagnosis("403", True, "forbidden", causes=(Cause("no-role", "No role allows it", CauseStatus.OPEN),))
    other = Domain(
        "authorization",
        lambda text, _scene: answer if "is forbidden" in text else None,
        lambda _text: ("User cannot list resource",),
        lambda scene: Diagnosis("", False),
    )
    monkeypatch.setattr(symptoms, "DOMAINS", (*symptoms.DOMAINS, other))

    assert diagnose("pods is forbidden", NOTHING, NOW) is answer
    assert diagnose("x509: unhandled critical extension", NOTHING, NOW).family == "x509-critical-extension"
    assert diagnose("what?", NOTHING, NOW).nearest == ("User cannot list resource",)


@given(st.text(max_size=300))
def test_no_text_raises(text):
    diagnose(text, NOTHING, NOW)
