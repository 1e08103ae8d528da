"""The front door: any text, any snapshot, one answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.assessment import symptoms
from k8srun.assessment.scene import Domain
from k8srun.assessment.symptoms import diagnose, diagnose_each
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis
from k8srun.snapshot import Snapshot
from k8srun.sources.saved import load, save
from tests.certificates.cluster import Cluster
from tests.certificates.model import NOW, authority, key

NOTHING = Snapshot(NOW)


@pytest.mark.parametrize("text", ["", "Unable to connect to the server: x509: certificate signed by unknown authority"])
def test_a_colleague_with_the_saved_snapshot_comes_to_the_same_answer(text, tmp_path):
    snapshot = Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot()
    save(snapshot, tmp_path / "incident.k8srun")

    assert diagnose(text, snapshot, NOW).confirmed
    assert diagnose(text, load(tmp_path / "incident.k8srun"), NOW) == diagnose(text, snapshot, NOW)


def test_a_text_that_nobody_knows_is_not_guessed_at():
    found = diagnose("error converting YAML to JSON: line 3 is not a mapping", Cluster().snapshot(), NOW)

    assert not found.recognised
    assert (found.family, found.causes, found.nearest) == ("", (), ())


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("dial tcp 10.0.0.1:6443: i/o timeout", "network"),
        ("The connection to the server localhost:8080 was refused: connect: connection refused", "network"),
        ("Unable to connect to the server: x509: certificate signed by unknown authority", "certificates"),
        ('Failed to pull image "a/b": dial tcp 192.0.2.80:443: i/o timeout', "workloads"),
        ('pods is forbidden: User "mara" cannot list resource "pods" in API group ""', "authorization"),
    ],
)
def test_each_domain_answers_for_its_own_messages(text, domain):
    assert diagnose(text, NOTHING, NOW).domain == domain


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
        (),
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


def test_without_a_text_the_domain_that_was_asked_for_comes_first_and_a_confirmed_cause_before_all():
    broken = Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot()

    assert diagnose("", NOTHING, NOW, "workloads").domain == "workloads"
    assert diagnose("", broken, NOW, "workloads").domain == "certificates"
