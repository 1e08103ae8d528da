"""Every certificate incident of the lab has a plan; what a machine can mend is mended by applying it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8srun.apply import Journal, undo
from k8srun.apply.lab import LabTarget
from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import diagnose
from k8srun.certificates.plans.making import plan_for_survey
from k8srun.certificates.survey import survey
from k8srun.change import AnswerState, ChangeStatus
from k8srun.lab import incidents
from k8srun.plan import Action
from k8srun.planfile import plan_text, problems, read_plan
from k8srun.sources.collect import read_lab
from tests.certificates.planning import applied, copied, planned

INCIDENTS = {one.name: one for one in incidents() if one.domain == "certificates"}
# What a machine can mend, and what the plan then changes.
MENDED = {
    "aggregated-api-ca-bundle": {"APIService"},
    "ca-cannot-sign": {"kubeconfig"},
    "ca-data-encoded-twice": {"kubeconfig"},
    "ca-data-no-pem": {"kubeconfig"},
    "ca-name-encoding": {"kubeconfig"},
    "ca-rebuilt": {"kubeconfig", "host"},
    "http-scheme": {"kubeconfig"},
    "kubelet-serving-pending": {"CertificateSigningRequest"},
    "leaf-as-ca": {"kubeconfig"},
    "no-ca-in-kubeconfig": {"kubeconfig"},
    "other-clusters-ca": {"kubeconfig"},
    "webhook-ca-bundle": {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"},
    "webhook-ca-rebuilt": {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"},
}


def changes(plan):
    return {step.target.kind if step.target else step.action.value for step in plan.steps}


@pytest.fixture(scope="module", params=sorted(INCIDENTS))
def case(request, labs, served):
    """An incident's lab and what is seen of it, read once for all that is asked of it."""
    lab = labs[request.param]
    return request.param, lab, read_lab(lab, lab.now)


def test_every_incident_has_a_plan_that_keeps_the_rules_and_ends_in_a_question(case):
    name, lab, snapshot = case
    plan = planned(lab, snapshot)
    assert problems(plan) == ()
    assert plan.verify
    assert plan.cluster
    assert read_plan(plan_text(plan), where="plan") == plan
    assert changes(plan) == MENDED.get(name, {"host"})
    assert planned(lab, snapshot).digest == plan.digest, "the same plan whenever it is made"


def test_without_a_text_everything_that_the_evidence_confirms_is_in_one_plan_and_nothing_twice(case):
    _name, lab, snapshot = case
    there = Scene(snapshot, lab.now).certificates
    plan, found = plan_for_survey(there), survey(there).confirmed
    assert (plan is None) == (found == ())
    if plan:
        assert problems(plan) == ()
        steps = [replace(step, answers="") for step in plan.steps]
        assert [step for number, step in enumerate(steps) if step in steps[:number]] == []


@pytest.mark.parametrize("name", sorted(MENDED))
def test_applied_on_the_lab_the_plan_mends_the_cause_and_can_be_taken_back(name, labs, tmp_path):
    lab = copied(labs[name], tmp_path / "lab")
    with lab.serve():
        before = diagnose(lab.symptom, read_lab(lab, lab.now), lab.now)
        assert [cause.id for cause in before.confirmed] == [INCIDENTS[name].cause]
        outcome = applied(planned(lab), lab, tmp_path / "journal.jsonl")
        assert outcome.status is ChangeStatus.APPLIED
        after = diagnose(lab.symptom, read_lab(lab, lab.now), lab.now)
        assert INCIDENTS[name].cause not in {cause.id for cause in after.confirmed}
        mended = [answer for answer in outcome.answers if answer.question.about.get("check") != "KUBELET-SERVING"]
        assert {answer.state for answer in mended if name != "ca-rebuilt"} <= {AnswerState.FIXED}, outcome.answers
        if name == "kubelet-serving-pending":
            return  # an approval stands
        journal = Journal(tmp_path / "journal.jsonl")
        shown = undo(outcome.run, LabTarget(lab), "", journal=journal).preview
        back = undo(outcome.run, LabTarget(lab), shown.confirm, journal=journal)
        assert back.status is ChangeStatus.APPLIED
        again = diagnose(lab.symptom, read_lab(lab, lab.now), lab.now)
        assert [cause.id for cause in again.confirmed] == [INCIDENTS[name].cause]


@pytest.mark.parametrize(
    "name", ["expired-serving-certificate", "etcd-refused-by-clients", "expired-ca", "key-mismatch"]
)
def test_commands_for_the_control_plane_stand_behind_a_backup_and_end_in_a_look_at_its_health(name, labs, served):
    plan = planned(labs[name])
    first, *others = [step for step in plan.steps if step.host == "cp-1"]
    assert "snapshot save" in " ".join(first.commands)
    assert others
    for step in others:
        assert "endpoint health --cluster" in step.commands[-2]
        assert "readyz" in step.commands[-1]
        assert step.action is Action.HOST
