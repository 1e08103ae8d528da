"""The rules that every check of every domain keeps."""

from __future__ import annotations

import pytest

from k8srun.assessment.checks import CHECKS
from k8srun.checks import Check, evaluate
from k8srun.findings import Verdict
from k8srun.snapshot import Snapshot
from tests.cases import CASES
from tests.certificates.model import NOW

EVERY = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)


def test_ids_are_unique():
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_every_case_belongs_to_a_check():
    assert set(CASES) == {check.id for check in CHECKS}


@EVERY
def test_a_check_says_what_holds_how_to_mend_it_and_where_that_is_written(check: Check):
    assert check.title
    assert check.remediation
    assert check.needs
    assert any(reference.startswith("https://") for reference in check.references)


@EVERY
def test_a_check_passes_where_all_is_well(check: Check):
    healthy, _ = CASES[check.id]

    result = evaluate(check, healthy(), NOW)

    assert (result.verdict, result.findings, result.gaps) == (Verdict.PASS, (), ())


@EVERY
def test_a_check_fails_where_something_is_wrong(check: Check):
    _, broken = CASES[check.id]

    result = evaluate(check, broken(), NOW)

    assert result.verdict is Verdict.FAIL
    for finding in result.findings:
        assert finding.check == check.id
        assert finding.resource
        assert finding.message
        assert finding.evidence
        assert finding.references == check.references
        assert finding.remediation


@EVERY
def test_what_is_broken_for_one_check_does_not_depend_on_the_run(check: Check):
    _, broken = CASES[check.id]
    first, second = (evaluate(check, broken(), NOW).findings for _ in range(2))

    # The keys of a test's certificates stay; signatures differ from run to run, as they do after a renewal.
    assert [finding.fingerprint for finding in first] == [finding.fingerprint for finding in second]
    assert len({finding.fingerprint for finding in first}) == len(first)


@EVERY
def test_a_check_that_was_given_nothing_is_unknown_and_never_passes(check: Check):
    result = evaluate(check, Snapshot(NOW), NOW)

    assert result.verdict is Verdict.UNKNOWN
    assert result.reason
