"""The one place that decides a verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from k8srun.checks import Check, NotApplicable, Undecided, evaluate
from k8srun.findings import Evidence, Finding, Severity, Verdict
from k8srun.hostfiles import Topic
from k8srun.kinds import POD, SECRET
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PODS = Need.objects(POD)
FORBIDDEN = Gap(Area.OBJECTS, "Pod", GapReason.FORBIDDEN, "User cannot list pods")


def check(run, *needs, needs_all=False):
    return Check("T-1", "Nothing is wrong", Severity.HIGH, needs or (PODS,), "mend it", ("ref",), run, needs_all)


def nothing(_check, _snapshot, _now):
    return []


def something(check, _snapshot, _now):
    yield check.finding("Pod shop/web", "it is wrong", Evidence("a fact"))


def snapshot(*, observed=(PODS,), gaps=()):
    return Snapshot(NOW, observed=frozenset(observed), gaps=tuple(gaps))


def test_what_could_be_read_and_has_no_finding_passes():
    assert evaluate(check(nothing), snapshot(), NOW).verdict is Verdict.PASS


def test_what_was_not_supplied_is_unknown_never_a_pass():
    result = evaluate(check(nothing), snapshot(observed=()), NOW)
    assert (result.verdict, result.reason) == (Verdict.UNKNOWN, "Pod objects: not supplied")


def test_what_was_partly_read_is_unknown_with_the_reason_in_the_servers_words():
    result = evaluate(check(nothing), snapshot(gaps=[FORBIDDEN]), NOW)
    assert result.verdict is Verdict.UNKNOWN
    assert "User cannot list pods" in result.reason


def test_a_finding_stands_although_something_else_could_not_be_read():
    result = evaluate(check(something), snapshot(gaps=[FORBIDDEN]), NOW)
    assert (result.verdict, len(result.findings), result.gaps) == (Verdict.FAIL, 1, (FORBIDDEN,))


def test_a_finding_that_rests_on_absence_is_not_made_where_something_could_not_be_read():
    result = evaluate(check(something, needs_all=True), snapshot(gaps=[FORBIDDEN]), NOW)
    assert (result.verdict, result.findings) == (Verdict.UNKNOWN, ())


def test_a_broken_document_of_unknown_kind_touches_every_question_about_objects():
    gap = Gap(Area.OBJECTS, "*", GapReason.MALFORMED, where="a.yaml:12")
    assert evaluate(check(nothing), snapshot(gaps=[gap]), NOW).verdict is Verdict.UNKNOWN
    keys = check(nothing, Need.host(Topic.PKI))
    assert evaluate(keys, snapshot(observed=[Need.host(Topic.PKI)], gaps=[gap]), NOW).verdict is Verdict.PASS


def test_a_gap_elsewhere_does_not_matter():
    gap = Gap(Area.OBJECTS, str(SECRET), GapReason.FORBIDDEN)
    assert evaluate(check(nothing), snapshot(gaps=[gap]), NOW).verdict is Verdict.PASS


def test_one_of_several_needs_that_was_not_supplied_makes_a_clean_look_unknown():
    either = check(nothing, PODS, Need.objects(SECRET))
    assert evaluate(either, snapshot(), NOW).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("raised", "gaps", "verdict"),
    [
        (NotApplicable("no webhooks"), (), Verdict.NOT_APPLICABLE),
        (NotApplicable("no webhooks"), (FORBIDDEN,), Verdict.UNKNOWN),
        (Undecided("two answers"), (), Verdict.UNKNOWN),
    ],
)
def test_a_question_that_does_not_arise_is_not_applicable_unless_that_itself_is_unsure(raised, gaps, verdict):
    def run(_check, _snapshot, _now):
        raise raised
        yield

    assert evaluate(check(run), snapshot(gaps=gaps), NOW).verdict is verdict


SECRETS = Need.objects(SECRET)


@pytest.mark.parametrize(
    ("observed", "gaps", "verdict"),
    [
        ((PODS,), (), Verdict.PASS),
        ((SECRETS,), (), Verdict.PASS),
        ((PODS, SECRETS), (FORBIDDEN,), Verdict.PASS),
        ((), (), Verdict.UNKNOWN),
        ((SECRETS,), (Gap(Area.OBJECTS, "Secret", GapReason.FORBIDDEN),), Verdict.UNKNOWN),
    ],
)
def test_what_can_be_seen_from_elsewhere_suffices(observed, gaps, verdict):
    asked = replace(check(nothing), instead=(SECRETS,))
    assert asked.reads == (PODS, SECRETS)
    assert evaluate(asked, snapshot(observed=observed, gaps=gaps), NOW).verdict is verdict


def test_a_fingerprint_stays_when_the_message_changes_and_differs_by_key():
    one = Finding("T-1", "Pod shop/web", Severity.HIGH, "ends in 3 days")
    later = Finding("T-1", "Pod shop/web", Severity.CRITICAL, "ends in 2 days")
    other = Finding("T-1", "Pod shop/web", Severity.HIGH, "ends in 3 days", key="second container")
    assert one.fingerprint == later.fingerprint != other.fingerprint
