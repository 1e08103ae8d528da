"""The catalogue: complete, without contradictions, and silent where it does not know."""

from __future__ import annotations

import pytest

from k8srun.certificates.catalogue import CATALOGUE, entry_of, matches, nearest
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.clues import CLUES
from k8srun.certificates.entry import Stage
from k8srun.certificates.fixes.registry import FIXES
from k8srun.certificates.judges.registry import CLIENT_CAUSES, JUDGES, SERVER_CAUSES

EVERY = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.family)


def test_families_are_unique():
    assert len({entry.family for entry in CATALOGUE}) == len(CATALOGUE)


@EVERY
def test_a_row_explains_itself_and_names_causes_that_exist(entry):
    assert entry.meaning.endswith(".")
    assert entry.causes
    assert set(entry.causes) <= set(CAUSES)
    assert len(set(entry.causes)) == len(entry.causes)


@EVERY
def test_the_message_that_a_row_shows_is_one_that_it_recognises(entry):
    found = [found.family for found, _ in matches(entry.message)]

    assert entry.family in found


def test_every_cause_has_a_title_a_judge_a_fix_and_a_clue():
    assert set(JUDGES) == set(CAUSES)
    assert set(FIXES) == set(CAUSES)
    assert set(CLUES) == set(CAUSES)


def test_every_cause_belongs_to_a_row():
    assert set(CAUSES) == {cause for entry in CATALOGUE for cause in entry.causes}


def test_no_cause_is_of_both_sides():
    assert not CLIENT_CAUSES & SERVER_CAUSES
    assert set(CAUSES) >= SERVER_CAUSES


def test_the_stages_are_in_gos_order():
    order = [
        "tls-key-mismatch", "tls-plain-http", "x509-critical-extension", "x509-expired", "x509-name-mismatch",
        "x509-unknown-authority", "x509-policy", "x509-key-usage", "x509-name-constraint", "kubectl-unauthorized",
    ]  # fmt: skip

    stages = [entry_of(family).stage for family in order]

    assert stages == sorted(stages)
    assert len(set(stages)) == len(stages) == len(Stage)


@pytest.mark.parametrize(
    ("typed", "family"),
    [
        ("x509 certifcate signed by unknow authorty", "x509-unknown-authority"),
        ("cert has expired or not yet valid", "x509-validity"),
        ("tls: private key doesnt match the public key", "tls-key-mismatch"),
        ("server gave an http response to a https client", "tls-plain-http"),
        ("you have to be loged in to the server (Unauthorised)", "kubectl-unauthorized"),
    ],
)
def test_a_text_that_is_nearly_a_message_is_answered_with_it_and_not_taken_for_it(typed, family):
    assert list(matches(typed)) == []
    assert nearest(typed)[0].family == family


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!",
        'pods is forbidden: User "mara" cannot list resource "pods"',
        "0/3 nodes are available: 3 Insufficient cpu",
        "the quick brown fox jumps over the lazy dog",
        "certificate",
        "Back-off pulling image",
    ],
)
def test_a_text_that_resembles_no_message_is_answered_with_none(text):
    assert nearest(text) == ()
