"""The first step of an investigation: what kind of failure a text tells of, and between whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.certificates.messages import read as read_certificate_error
from k8srun.network.symptoms import nearest, read
from k8srun.network.symptoms_catalogue import CATALOGUE, Chance, Failure
from tests.network.symptom_cases import CASES, OTHERS


@pytest.mark.parametrize(("text", "failure", "told"), CASES, ids=[text[:60] for text, *_ in CASES])
def test_a_text_tells_which_kind_of_failure_it_is_and_between_whom(text, failure, told):
    found = read(text)

    assert found is not None
    assert found.failure == failure
    assert {name: getattr(found.places, name) for name in told} == told


def test_every_kind_of_failure_has_a_text():
    assert {failure for _, failure, _ in CASES} == {str(failure) for failure in Failure}


@pytest.mark.parametrize("row", CATALOGUE, ids=lambda row: row.failure.value)
def test_the_usual_spelling_of_each_kind_is_read_as_that_kind(row):
    assert read(row.message).failure is row.failure


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_another_matter_is_not_claimed(text):
    assert read(text) is None


@pytest.mark.parametrize("text", [text for text, *_ in CASES], ids=[text[:60] for text, *_ in CASES])
def test_a_failed_connection_is_no_certificate_error(text):
    assert read_certificate_error(text) is None


@pytest.mark.parametrize(
    ("text", "chance"),
    [
        ("dial tcp 10.97.2.3:8080: i/o timeout", Chance.LIKELY),
        ("dial tcp 10.97.2.3:8080: connect: connection refused", Chance.POSSIBLE),
        ("lookup api on 10.96.0.10:53: no such host", Chance.NO),
        ("error: lost connection to pod", Chance.NO),
    ],
)
def test_only_some_kinds_of_failure_can_be_a_policy(text, chance):
    assert read(text).chance is chance


def test_a_text_of_several_failures_is_answered_with_the_most_telling_one_and_names_the_others():
    found = read("dial tcp 10.97.2.3:8080: i/o timeout\nlookup api on 10.96.0.10:53: no such host")

    assert found.failure is Failure.NAME_NOT_FOUND
    assert found.also == (Failure.TIMEOUT,)


def test_a_port_is_never_taken_from_another_connection_than_the_host():
    found = read('Get "http://api.payments.svc/pay": dial tcp: lookup api.payments.svc on 10.96.0.10:53: no such host')

    assert (found.places.host, found.places.port, found.places.resolver) == ("api.payments.svc", 80, "10.96.0.10")


def test_an_impossible_port_is_not_believed():
    assert read("dial tcp 10.97.2.3:99999: i/o timeout").places.port == 0


def test_what_is_shown_of_a_text_is_inert_and_without_secrets():
    found = read("postgres://catalog:hunter2@postgres.data.svc:5432/x\u202e: i/o timeout --password=hunter2")

    assert "hunter2" not in found.line
    assert "\u202e" not in found.line
    assert found.places.host == "postgres.data.svc"


def test_a_text_that_is_nearly_known_is_answered_with_the_nearest_messages():
    assert "connect: connection refused" in nearest("conect: conection refusd")
    assert nearest("the weather is fine today in the whole country") == ()


def test_an_endless_line_is_read_at_both_ends():
    assert read("x" * 1_000_000 + " dial tcp 10.97.2.3:8080: i/o timeout").places.port == 8080


@given(st.text(max_size=300))
def test_no_text_raises(text):
    read(text)


@given(st.lists(st.sampled_from([word for text, *_ in CASES for word in text.split()]), max_size=40))
def test_no_mixture_of_the_messages_words_raises(words):
    found = read(" ".join(words))

    assert found is None or 0 <= found.places.port <= 65535
