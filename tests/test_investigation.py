"""The facade of the notebooks: sources, questions, and plans behind their gate, on the lab."""

from __future__ import annotations

import pytest

import k8srun
from k8srun.change import AnswerState, ChangeStatus
from k8srun.codec import decode
from k8srun.errors import InputError, RefusedError
from k8srun.kinds import CONFIG_MAP, NAMESPACE
from k8srun.plan import Plan, Question
from k8srun.record import RESULT_VARIABLE, RunResult
from k8srun.steps import create


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    started = k8srun.start()
    yield started
    started.finish()


def plan_for(run):
    """A plan that adds a ConfigMap to the lab's cluster."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "noted", "namespace": "shop"}, "data": {}}
    uid = run.snapshot.find(NAMESPACE, "kube-system")["metadata"]["uid"]
    question = Question("object-exists", {"object": {"apiVersion": "v1", "kind": "ConfigMap", "name": "noted",
                                                     "namespace": "shop"}})  # fmt: skip
    return Plan("Note it", uid, (create(body, reason="to have it noted"),), (), (question,))


def test_without_a_source_it_is_the_lab_and_says_so(run):
    assert run.snapshot.lab
    assert run.cluster == "lab: expired-serving-certificate"


def test_an_empty_symptom_on_the_lab_is_the_incidents_own(run):
    assert [cause.id for cause in run.diagnose().confirmed] == ["certificate-expired"]


def test_what_was_asked_is_handed_to_the_runner_as_a_whole(run, monkeypatch, tmp_path):
    run.diagnose()
    run.evaluate()
    monkeypatch.setenv(RESULT_VARIABLE, str(tmp_path / "result.json"))
    run.finish()
    result = decode((tmp_path / "result.json").read_bytes(), RunResult)
    assert result == run.result()
    assert len(result.diagnoses) == 1
    assert "CERT-EXPIRED" in {finding.check for finding in result.findings}


def test_a_runbook_that_is_not_there_and_a_time_that_is_none_are_named():
    with pytest.raises(InputError, match="no runbook"):
        k8srun.start("nonsense", lab=True)
    with pytest.raises(InputError, match="not a time"):
        k8srun.start(lab=True, now="tomorrow")


def test_a_plan_is_previewed_applied_with_exactly_that_confirmation_and_proved(run):
    plan = plan_for(run)
    shown = run.preview(plan)
    run.show(shown)
    with pytest.raises(RefusedError):
        run.apply(plan, confirm=shown.confirm[:-1] + ("0" if shown.confirm[-1] != "0" else "1"))
    assert run.apply(plan, confirm="").status is ChangeStatus.PREVIEWED
    done = run.apply(plan, confirm=shown.confirm)
    run.show(done)
    assert (done.status, done.fixed) == (ChangeStatus.APPLIED, AnswerState.FIXED)
    assert run._again(()).find(CONFIG_MAP, "noted", "shop") is not None
    assert [outcome.fixed for outcome in run.result().changes] == [AnswerState.FIXED], "the answer is in the record"


def test_images_are_held_against_a_policy_only_where_one_is_given(run):
    assert run.check_images() == ()
    (result,) = run.check_images(registries=["registry.k8s.io"])
    assert result.check == "W10-IMAGE-POLICY"
    assert result.findings
    assert not any("comes from registry.k8s.io" in finding.message for finding in result.findings)
    assert {one.check for one in run.result().checks} == {"W10-IMAGE-POLICY"}
