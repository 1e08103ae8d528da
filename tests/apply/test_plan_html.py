"""Plans in a notebook: what they would do and have done, every string inert."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from k8srun import steps
from k8srun.change import (
    Answer,
    AnswerState,
    ChangeStatus,
    ClusterIdentity,
    Failure,
    FailureKind,
    Outcome,
    Owner,
    Preview,
    StepOutcome,
    StepPreview,
    StepState,
    Validation,
    diff_lines,
)
from k8srun.display.html import fragment
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import Plan, Question
from tests.apply.clusters import named, role

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
HOSTILE = '<script>alert("x")</script>\u202e'
STEP = steps.create(role("shop"), f"because {HOSTILE}")
HOST_STEP = steps.on_host("cp-1", [f"echo {HOSTILE}"], "expired", irreversible="it has expired")
PLAN = Plan(f"Mend {HOSTILE}", "uid", (STEP, HOST_STEP), impact=(f"Restarts {HOSTILE}.",))
PREVIEW = Preview(
    PLAN,
    ClusterIdentity("uid", f"https://{HOSTILE}", username=HOSTILE),
    NOW,
    (
        StepPreview(
            1,
            STEP,
            Validation.CLIENT,
            HOSTILE,
            diff=diff_lines({"metadata": {"name": "a"}, "data": 1}, {"metadata": {"name": HOSTILE}, "data": 1}),
            failure=Failure(FailureKind.ADMISSION, HOSTILE, "ask"),
            warnings=(HOSTILE,),
            owner=Owner("Argo CD", HOSTILE, "label"),
        ),
        StepPreview(2, HOST_STEP, Validation.BY_HAND),
    ),
    impact=PLAN.impact,
    permissions=(PermissionCheck(Permission("create", "", "pods", "", "shop"), False, HOSTILE, HOSTILE),),
    blockers=(HOSTILE,),
)


def outcome(state, **fields):
    return Outcome(
        ChangeStatus.APPLIED if state is StepState.DONE else ChangeStatus.STOPPED,
        PREVIEW,
        "3f2a9c",
        (StepOutcome(1, STEP, state, HOSTILE),),
        (Answer(Question("access", {}), AnswerState.FIXED, HOSTILE),),
        (HOSTILE,),
        **fields,
    )


@pytest.mark.parametrize("value", [PLAN, PREVIEW, outcome(StepState.DONE), outcome(StepState.FAILED)])
def test_every_string_is_inert(value):
    html = fragment(value)
    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html


def test_a_preview_says_that_nothing_was_changed_and_how_to_apply_it():
    ready = replace(PREVIEW, blockers=(), confirm="20260301T030000Z-abc", expires=NOW, permissions=())
    html = fragment(ready)
    assert "Preview: nothing was changed" in html
    assert "confirm = &#34;20260301T030000Z-abc&#34;" in html or 'confirm = "20260301T030000Z-abc"' in html
    assert "2026-03-01 03:00 UTC" in html
    assert '<span class="k8s-added">+' in html
    assert '<span class="k8s-removed">-' in html
    assert "not validated by the server" in html
    assert "LAB" not in html


def test_what_cannot_be_applied_says_why_and_which_permissions_are_missing():
    html = fragment(PREVIEW)
    assert "Cannot be applied as it stands" in html
    assert "confirm = " not in html
    assert "create pods in namespace shop" in html
    assert "kind: Role" in html


def test_a_lab_says_that_it_is_one():
    lab = replace(PREVIEW, cluster=replace(PREVIEW.cluster, simulated=True))
    assert "LAB: simulated" in fragment(lab)
    assert "LAB: simulated" in fragment(replace(outcome(StepState.DONE), preview=lab))


def test_an_outcome_tells_done_from_stopped_and_a_preview_from_both():
    assert "k8s-good" in fragment(outcome(StepState.DONE))
    assert "k8s-bad" in fragment(outcome(StepState.FAILED))
    assert fragment(Outcome(ChangeStatus.PREVIEWED, PREVIEW)) == fragment(PREVIEW)
    by_hand = replace(outcome(StepState.FAILED), steps=(StepOutcome(1, HOST_STEP, StepState.BY_HAND),))
    assert "echo" in fragment(by_hand)


def test_a_diff_shows_neither_status_nor_the_servers_bookkeeping():
    before = named("Deployment", "web", uid="u") | {"status": {"replicas": 1}}
    before["metadata"] |= {"resourceVersion": "1", "managedFields": [], "uid": "u"}
    after = {**before, "metadata": {**before["metadata"], "resourceVersion": "2"}, "status": {}}
    assert diff_lines(before, after) == ()
    assert diff_lines(before, after, status=True) != ()
    assert diff_lines(None, before)[1:] == (
        "+apiVersion: v1",
        "+kind: Deployment",
        "+metadata:",
        "+  name: web",
        "+uid: u",
    )
