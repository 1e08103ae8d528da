"""The questions of a plan, asked again: fixed, not fixed, or could not check; never a yes without knowing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.apply import Options
from k8srun.apply.refusals import failure
from k8srun.apply.target import NotDone
from k8srun.apply.verify import QUESTIONS, ask_all
from k8srun.change import AnswerState, ChangeStatus, FailureKind, Outcome
from k8srun.checks import Check
from k8srun.findings import Severity
from k8srun.kinds import POD
from k8srun.permission import PermissionCheck
from k8srun.plan import Question
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot

AT_ONCE = Options(patience=0)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
OBJECT = {"apiVersion": "v1", "kind": "Secret", "name": "db", "namespace": "shop"}
REVIEW = {"user": "jane", "groups": ["dev"], "verb": "get", "resource": "pods", "namespace": "shop"}


class Cluster:
    """Answers from what a test says: objects by name, and whether access is allowed."""

    def __init__(self, *, item=None, allowed=None, broken=False):
        self.item, self.allowed, self.broken, self.asked = item, allowed, broken, []

    def read(self, _ref):
        if self.broken:
            raise NotDone(failure(FailureKind.UNREACHABLE, "connection refused"))
        return self.item

    def check(self, permission, user="", groups=()):
        self.asked.append((permission, user, groups))
        return PermissionCheck(permission, self.allowed, "no reason")


def answer(kind, about, cluster, options=AT_ONCE):
    (found,) = ask_all((Question(kind, about),), cluster, options)
    return found


@pytest.mark.parametrize(
    ("about", "item", "state"),
    [
        ({}, {"metadata": {}}, AnswerState.FIXED),
        ({}, None, AnswerState.NOT_FIXED),
        ({"exists": False}, None, AnswerState.FIXED),
        ({"exists": False}, {"metadata": {}}, AnswerState.NOT_FIXED),
    ],
)
def test_whether_an_object_exists(about, item, state):
    assert answer("object-exists", {"object": OBJECT, **about}, Cluster(item=item)).state is state


@pytest.mark.parametrize(
    ("path", "value", "state"),
    [
        ("/spec/replicas", 2, AnswerState.FIXED),
        ("/spec/replicas", 3, AnswerState.NOT_FIXED),
        ("/spec/replicas", True, AnswerState.NOT_FIXED),
        ("/spec/none", None, AnswerState.FIXED),
        ("/spec/none", 1, AnswerState.NOT_FIXED),
    ],
)
def test_whether_a_field_has_a_value(path, value, state):
    item = {"kind": "Deployment", "metadata": {}, "spec": {"replicas": 2}}
    assert answer("field-equals", {"object": OBJECT, "path": path, "value": value}, Cluster(item=item)).state is state


def test_a_secret_value_is_compared_and_not_shown():
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"p": "aHVudGVyMi1odW50ZXIy"}}
    found = answer(
        "field-equals", {"object": OBJECT, "path": "/data/p", "value": "b3RoZXItb3RoZXI="}, Cluster(item=item)
    )
    assert found.state is AnswerState.NOT_FIXED
    assert found.detail == "/data/p of Secret shop/db is a secret value, not what was wanted"


@pytest.mark.parametrize(
    ("wanted", "allowed", "state"),
    [
        (True, True, AnswerState.FIXED),
        (True, False, AnswerState.NOT_FIXED),
        (True, None, AnswerState.COULD_NOT_CHECK),
        (False, False, AnswerState.FIXED),
        (False, True, AnswerState.NOT_FIXED),
        (False, None, AnswerState.COULD_NOT_CHECK),
    ],
)
def test_whether_access_is_allowed(wanted, allowed, state):
    cluster = Cluster(allowed=allowed)
    assert answer("access", {**REVIEW, "allowed": wanted}, cluster).state is state
    permission, user, groups = cluster.asked[0]
    assert (str(permission), user, groups) == ("get pods in namespace shop", "jane", ("dev",))


def test_whether_a_certificate_was_issued():
    issued = {"status": {"certificate": "QUJD"}}
    assert answer("certificate-issued", {"name": "jane"}, Cluster(item=issued)).state is AnswerState.FIXED
    for item in (None, {}, {"status": {}}):
        assert answer("certificate-issued", {"name": "jane"}, Cluster(item=item)).state is AnswerState.NOT_FIXED


def check_with(*resources):
    return Check(
        id="POD-X",
        title="x",
        severity=Severity.HIGH,
        needs=(Need.objects(POD),),
        remediation="x",
        references=(),
        run=lambda check, _snapshot, _now: [check.finding(resource, "is bad") for resource in resources],
    )


def with_snapshot(check, *gaps, asked=None):
    def snapshot(needs):
        if asked is not None:
            asked.extend(needs)
        return Snapshot(NOW, observed=frozenset(needs), gaps=gaps)

    return Options(patience=0, checks=(check,), snapshot=snapshot)


def test_whether_a_check_passes_on_a_fresh_snapshot():
    asked = []
    about = {"check": "POD-X"}
    assert answer("check-passes", about, Cluster(), with_snapshot(check_with(), asked=asked)).state is AnswerState.FIXED
    assert asked == [Need.objects(POD)]
    failed = answer("check-passes", about, Cluster(), with_snapshot(check_with("Pod shop/web")))
    assert (failed.state, failed.detail) == (AnswerState.NOT_FIXED, "POD-X: FAIL (Pod shop/web: is bad)")
    gap = Gap(Area.OBJECTS, str(POD), GapReason.FORBIDDEN, "no")
    unknown = answer("check-passes", about, Cluster(), with_snapshot(check_with(), gap))
    assert unknown.state is AnswerState.COULD_NOT_CHECK
    assert "forbidden" in unknown.detail
    assert answer("check-passes", about, Cluster()).state is AnswerState.COULD_NOT_CHECK


@pytest.mark.parametrize("kind", [*QUESTIONS, "no-such-question"])
@pytest.mark.parametrize("about", [{}, {"object": 5}, {"object": {}}, {"object": OBJECT, "path": "x", "value": 1}])
def test_a_question_that_is_malformed_or_unknown_is_not_answered(kind, about):
    if kind == "object-exists" and about.get("object") == OBJECT:
        return
    found = answer(kind, about, Cluster(item={"metadata": {}}))
    assert found.state is AnswerState.COULD_NOT_CHECK


@pytest.mark.parametrize("kind", ["object-exists", "field-equals", "certificate-issued"])
def test_a_server_that_does_not_answer_leaves_the_question_open(kind):
    about = {"object": OBJECT, "path": "/x", "value": 1, "name": "jane"}
    found = answer(kind, about, Cluster(broken=True))
    assert (found.state, found.detail) == (
        AnswerState.COULD_NOT_CHECK,
        "the server could not be reached: connection refused",
    )


def test_what_takes_a_moment_is_asked_again():
    cluster = Cluster(allowed=False)
    check = cluster.check

    def slowly(*args):
        cluster.allowed = len(cluster.asked) > 0
        return check(*args)

    cluster.check = slowly
    assert answer("access", REVIEW, cluster, Options(patience=30)).state is AnswerState.FIXED
    assert len(cluster.asked) == 2


def test_the_worst_answer_stands_for_all():
    def outcome(*states):
        answers = ask_all(tuple(Question("access", REVIEW) for _ in states), Cluster(allowed=None), AT_ONCE)
        given = tuple(type(one)(one.question, state, one.detail) for one, state in zip(answers, states, strict=True))
        return Outcome(ChangeStatus.APPLIED, None, answers=given).fixed

    fixed, not_fixed, unknown = AnswerState.FIXED, AnswerState.NOT_FIXED, AnswerState.COULD_NOT_CHECK
    assert outcome(fixed, fixed) is fixed
    assert outcome(fixed, unknown) is unknown
    assert outcome(unknown, not_fixed, fixed) is not_fixed
    assert outcome() is unknown
