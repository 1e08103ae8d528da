"""A step that is refused midway: the run stops there, says so truly, goes on later and goes back."""

from __future__ import annotations

import pytest

from k8srun import steps
from k8srun.apply import apply, preview
from k8srun.apply.audit import audit
from k8srun.apply.journal import Event
from k8srun.apply.runs import runs_of
from k8srun.change import ChangeStatus, FailureKind, StepState
from k8srun.errors import RefusedError
from tests.apply.clusters import (
    QUICK,
    after_first_write,
    carried_out,
    config_map,
    named,
    observed,
    plan_of,
    pod,
    read,
    taken_back,
    target_of,
)
from tests.live.plans.tokens import kubeconfig_with_token

ADMISSION = "admissionregistration.k8s.io/v1"
POLICIES = f"/apis/{ADMISSION}"


def refused(control_plane, path, body):
    """Whether the server refuses to create that now; True, or None."""
    status, _answer = control_plane.request("POST", f"{path}?dryRun=All", body)
    return status >= 400 or None


def pod_security(control_plane, namespace):
    label = [{"op": "add", "path": "/metadata/labels", "value": {"pod-security.kubernetes.io/enforce": "restricted"}}]
    change = ("PATCH", f"/api/v1/namespaces/{namespace}", label)
    assert control_plane.request(*change, content_type="application/json-patch+json")[0] == 200
    return lambda: control_plane.request(
        "PATCH",
        f"/api/v1/namespaces/{namespace}",
        [{"op": "remove", "path": "/metadata/labels"}],
        content_type="application/json-patch+json",
    )


def quota(control_plane, namespace):
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    control_plane.create(path, named("ResourceQuota", "none", namespace, spec={"hard": {"pods": "0"}}))
    return lambda: control_plane.request("DELETE", f"{path}/none")


def validating_policy(control_plane, namespace):
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    match = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "matchConstraints": {"resourceRules": rules, "namespaceSelector": match},
        "validations": [{"expression": "false", "message": "no pods on Sundays"}],
    }
    control_plane.create(
        f"{POLICIES}/validatingadmissionpolicies",
        named("ValidatingAdmissionPolicy", namespace, version=ADMISSION, spec=spec),
    )
    bound = {"policyName": namespace, "validationActions": ["Deny"]}
    path = f"{POLICIES}/validatingadmissionpolicybindings"
    control_plane.create(path, named("ValidatingAdmissionPolicyBinding", namespace, version=ADMISSION, spec=bound))
    return lambda: control_plane.request("DELETE", f"{path}/{namespace}")


def webhook(control_plane, namespace):
    path = f"{POLICIES}/validatingwebhookconfigurations"
    hook = {
        "name": "nobody.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    control_plane.create(path, named("ValidatingWebhookConfiguration", namespace, version=ADMISSION, webhooks=[hook]))
    return lambda: control_plane.request("DELETE", f"{path}/{namespace}")


OBSTACLES = pytest.mark.parametrize(
    "obstacle",
    [
        (pod_security, FailureKind.ADMISSION, 'violates PodSecurity "restricted:latest"'),
        (quota, FailureKind.QUOTA, "exceeded quota: none"),
        (validating_policy, FailureKind.ADMISSION, "no pods on Sundays"),
        (webhook, FailureKind.ADMISSION, "failed calling webhook"),
    ],
    ids=["pod-security", "quota", "policy", "webhook"],
)


class Stage:
    """A plan of two steps, and what a test puts in the way of the second."""

    def __init__(self, control_plane, namespace, target):
        self.control_plane, self.namespace = control_plane, namespace
        self.pods = f"/api/v1/namespaces/{namespace}/pods"
        self.first = f"/api/v1/namespaces/{namespace}/configmaps/first"
        self.plan = plan_of(
            target,
            steps.create(named("ConfigMap", "first", namespace, data={"a": "1"}), "first"),
            steps.create(pod(namespace), "then"),
        )

    def obstruct(self, obstacle):
        self.clear = obstacle(self.control_plane, self.namespace)
        self.control_plane.wait_until("the obstacle to stand", self.is_obstructed)

    def give_way(self):
        self.clear()
        self.control_plane.wait_until("the obstacle to go", lambda: not self.is_obstructed())

    def is_obstructed(self):
        return refused(self.control_plane, self.pods, pod(self.namespace, "probe"))


@pytest.fixture
def stage(control_plane, namespace, admin):
    return Stage(control_plane, namespace, admin)


@OBSTACLES
def test_what_would_be_refused_is_refused_before_anything_is_done(stage, admin, journal, obstacle):
    build, kind, said = obstacle
    stage.obstruct(build)
    shown = preview(stage.plan, admin, journal=journal, options=QUICK)
    assert shown.confirm == ""
    assert shown.steps[1].failure.kind is kind
    assert said in shown.steps[1].failure.detail
    stage.give_way()


@OBSTACLES
def test_what_is_refused_midway_stops_the_run_which_goes_on_later(stage, admin, journal, obstacle):
    build, kind, said = obstacle
    after_first_write(admin, lambda: stage.obstruct(build))
    outcome = carried_out(stage.plan, admin, journal)
    assert outcome.status is ChangeStatus.STOPPED
    assert [step.state for step in outcome.steps] == [StepState.DONE, StepState.FAILED]
    assert outcome.steps[1].failure.kind is kind
    assert said in outcome.steps[1].failure.detail
    assert any(line.startswith("To go on: ") for line in outcome.next)
    assert any(f"undo --run {outcome.run}" in line for line in outcome.next)
    assert read(stage.control_plane, f"{stage.pods}/app") is None
    (run,) = runs_of(journal.entries())
    assert [run.steps[number].last.event for number in (1, 2)] == [Event.DONE, Event.NOT_DONE]

    stage.give_way()
    resumed = carried_out(stage.plan, admin, journal)
    assert (resumed.status, resumed.run) == (ChangeStatus.APPLIED, outcome.run)
    assert read(stage.control_plane, f"{stage.pods}/app") is not None
    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert read(stage.control_plane, stage.first) is None


def test_a_namespace_that_is_being_deleted_takes_nothing_new(control_plane, admin, journal):
    doomed = control_plane.create_namespace()
    # A finalizer keeps it in that state.
    config = named("ConfigMap", "held", doomed)
    config["metadata"]["finalizers"] = ["example.com/hold"]
    control_plane.create(f"/api/v1/namespaces/{doomed}/configmaps", config)
    plan = plan_of(admin, steps.create(named("ConfigMap", "late", doomed), "late"))
    shown = preview(plan, admin, journal=journal, options=QUICK)
    control_plane.request("DELETE", f"/api/v1/namespaces/{doomed}")
    with pytest.raises(RefusedError, match="is being deleted"):
        apply(plan, admin, shown.confirm, journal=journal, options=QUICK)
    release = [{"op": "remove", "path": "/metadata/finalizers"}]
    path = f"/api/v1/namespaces/{doomed}/configmaps/held"
    control_plane.request("PATCH", path, release, content_type="application/json-patch+json")


def test_credentials_that_end_midway_stop_the_run_and_new_ones_go_on_with_it(control_plane, namespace, admin, journal):
    path = config_map(control_plane, namespace, a="1")
    plan = plan_of(
        admin,
        steps.patch(observed(control_plane, path), [{"op": "replace", "path": "/data/a", "value": "2"}], "two"),
        steps.create(named("ConfigMap", "second", namespace), "then"),
    )
    kubeconfig = kubeconfig_with_token(control_plane, namespace)
    caller = target_of(kubeconfig)
    control_plane.wait_until("the grant", lambda: preview(plan, caller, journal=journal, options=QUICK).confirm)

    after_first_write(caller, lambda: setattr(caller._writer, "_headers", (("Authorization", "Bearer gone"),)))
    outcome = carried_out(plan, caller, journal)
    assert outcome.status is ChangeStatus.STOPPED
    assert [step.state for step in outcome.steps] == [StepState.DONE, StepState.FAILED]
    assert outcome.steps[1].failure.kind is FailureKind.UNAUTHENTICATED
    assert "Renew the credentials" in outcome.steps[1].failure.do
    assert read(control_plane, path)["data"] == {"a": "2"}

    resumed = carried_out(plan, target_of(kubeconfig), journal)
    assert (resumed.status, resumed.run) == (ChangeStatus.APPLIED, outcome.run)
    assert taken_back(outcome.run, target_of(kubeconfig), journal).status is ChangeStatus.APPLIED
    assert read(control_plane, path)["data"] == {"a": "1"}
    assert audit(journal.path).problems == ()


def test_a_field_that_the_kind_does_not_have_is_refused_rather_than_dropped(control_plane, namespace, admin, journal):
    body = named("ConfigMap", "settings", namespace, dta={"a": "1"})
    shown = preview(plan_of(admin, steps.create(body, "a typing error")), admin, journal=journal, options=QUICK)
    assert shown.confirm == ""
    assert shown.steps[0].failure.kind is FailureKind.INVALID
    assert 'unknown field "dta"' in shown.steps[0].failure.detail


def test_a_warning_of_the_server_is_shown(control_plane, namespace, admin, journal):
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    strict = control_plane.create_namespace(labels)
    shown = preview(plan_of(admin, steps.create(pod(strict), "x")), admin, journal=journal, options=QUICK)
    assert any("would violate PodSecurity" in warning for warning in shown.steps[0].warnings)


def test_what_needs_an_earlier_step_is_said_to_be_unproven_and_not_refused(control_plane, admin, journal):
    space = "made-by-plan-" + control_plane.create_namespace()
    plan = plan_of(
        admin,
        steps.create(named("Namespace", space), "a place"),
        steps.create(named("ConfigMap", "inside", space), "in it"),
    )
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert "it may need what step 1 creates" in shown.steps[1].note
    assert carried_out(plan, admin, journal).status is ChangeStatus.APPLIED
