"""Plans against a real API server: previewed, confirmed, applied, verified, taken back."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest
from cryptography import x509

from k8srun import steps
from k8srun.apply import Journal, Options, apply, preview, undo
from k8srun.apply.audit import audit
from k8srun.apply.journal import Event
from k8srun.change import AnswerState, ChangeStatus, FailureKind, StepState, Validation
from k8srun.errors import RefusedError
from k8srun.plan import Question
from tests.apply.clusters import (
    QUICK,
    RBAC,
    after_first_write,
    binding,
    carried_out,
    config_map,
    deployment,
    named,
    observed,
    plan_of,
    read,
    role,
    signing_request,
    taken_back,
    target,
)
from tests.controlplane.cluster import ControlPlane


def events(journal):
    return [(entry.event, entry.step) for entry in journal.entries()]


def test_a_grant_is_previewed_applied_verified_and_taken_back(control_plane, namespace, admin, journal):
    may_read = Question("access", {"user": "jane", "verb": "get", "resource": "pods", "namespace": namespace})
    plan = plan_of(
        admin,
        steps.create(role(namespace), "jane must read pods"),
        steps.create(binding(namespace), "and hold the role"),
        verify=(may_read,),
    )
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert [step.validation for step in shown.steps] == [Validation.SERVER, Validation.SERVER]
    assert "+  name: jane" in shown.steps[1].diff
    assert shown.impact == (f"Grants Role reader in namespace {namespace} to User jane.",)
    assert journal.entries() == ()
    assert read(control_plane, f"/apis/{RBAC}/v1/namespaces/{namespace}/roles/reader") is None

    outcome = apply(plan, admin, shown.confirm, journal=journal, options=Options())
    assert outcome.status is ChangeStatus.APPLIED
    assert outcome.fixed is AnswerState.FIXED
    assert events(journal) == [
        (Event.BEGUN, 0), (Event.INTENT, 1), (Event.DONE, 1), (Event.INTENT, 2), (Event.DONE, 2),
        (Event.VERIFIED, 0), (Event.ENDED, 0),
    ]  # fmt: skip

    back = taken_back(outcome.run, admin, journal)
    assert [str(step.step) for step in back.steps] == [
        f"delete RoleBinding.{RBAC} {namespace}/reader",
        f"delete Role.{RBAC} {namespace}/reader",
    ]
    assert back.status is ChangeStatus.APPLIED
    assert back.fixed is AnswerState.FIXED
    assert read(control_plane, f"/apis/{RBAC}/v1/namespaces/{namespace}/roles/reader") is None
    assert read(control_plane, f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings/reader") is None
    with pytest.raises(RefusedError, match="was taken back already"):
        undo(outcome.run, admin, "", journal=journal)


def test_a_patch_tests_what_it_replaces_and_is_taken_back_exactly(control_plane, namespace, admin, journal):
    path = config_map(control_plane, namespace, greeting="<b>Grüße</b> & so", kept="1")
    operations = [
        {"op": "replace", "path": "/data/greeting", "value": "hello"},
        {"op": "add", "path": "/data/more", "value": "2"},
        {"op": "remove", "path": "/data/kept"},
    ]
    step = steps.patch(observed(control_plane, path), operations, "say hello")
    looks = {
        "object": named("ConfigMap", "settings", namespace)["metadata"] | {"apiVersion": "v1", "kind": "ConfigMap"}
    }
    plan = plan_of(
        admin, step, verify=(Question("field-equals", {**looks, "path": "/data/greeting", "value": "hello"}),)
    )
    outcome = carried_out(plan, admin, journal)
    assert read(control_plane, path)["data"] == {"greeting": "hello", "more": "2"}
    assert outcome.fixed is AnswerState.FIXED

    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert read(control_plane, path)["data"] == {"greeting": "<b>Grüße</b> & so", "kept": "1"}


def test_a_patch_of_a_list_is_taken_back_although_the_server_filled_in_defaults(
    control_plane, namespace, admin, journal
):
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]}
    control_plane.create(policies, named("NetworkPolicy", "web", namespace, "networking.k8s.io/v1", spec=spec))
    before = observed(control_plane, f"{policies}/web")
    add = {"op": "add", "path": "/spec/ingress/-", "value": {"ports": [{"port": 443}]}}
    outcome = carried_out(plan_of(admin, steps.patch(before, [add], "let HTTPS in")), admin, journal)
    ports = [rule["ports"][0] for rule in read(control_plane, f"{policies}/web")["spec"]["ingress"]]
    assert ports == [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP"}]

    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert read(control_plane, f"{policies}/web")["spec"] == before["spec"]


def test_a_deleted_object_is_made_again(control_plane, namespace, admin, journal):
    path = config_map(control_plane, namespace, a="1")
    plan = plan_of(admin, steps.delete(observed(control_plane, path), "nobody needs it"))
    outcome = carried_out(plan, admin, journal)
    assert read(control_plane, path) is None
    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert read(control_plane, path)["data"] == {"a": "1"}


def test_a_job_that_was_deleted_is_made_again_without_what_the_server_made_up_for_it(
    control_plane, namespace, admin, journal
):
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    pod_spec = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "registry.example/app:1"}]}
    template = {"metadata": {"labels": {"app": "once"}}, "spec": pod_spec}
    control_plane.create(
        jobs, named("Job", "once", namespace, "batch/v1", spec={"suspend": True, "template": template})
    )
    control_plane.wait_until(
        "the Job controller", lambda: (read(control_plane, f"{jobs}/once").get("status") or {}).get("conditions")
    )
    plan = plan_of(admin, steps.delete(observed(control_plane, f"{jobs}/once"), "x"))
    outcome = carried_out(plan, admin, journal)
    control_plane.wait_until("the Job to go", lambda: read(control_plane, f"{jobs}/once") is None)
    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert read(control_plane, f"{jobs}/once")["spec"]["template"]["metadata"]["labels"]["app"] == "once"


def test_what_a_finalizer_holds_is_said_to_stay(control_plane, namespace, admin, journal):
    path = config_map(control_plane, namespace, a="1")
    hold = [{"op": "add", "path": "/metadata/finalizers", "value": ["k8srun.dev/held"]}]
    control_plane.request("PATCH", path, hold, content_type="application/json-patch+json")
    named_so = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "namespace": namespace}
    gone = Question("object-exists", {"object": named_so, "exists": False})
    outcome = carried_out(
        plan_of(admin, steps.delete(observed(control_plane, path), "x"), verify=(gone,)), admin, journal
    )
    assert "it stays until its finalizers have run: k8srun.dev/held" in outcome.steps[0].detail
    assert outcome.fixed is AnswerState.NOT_FIXED
    release = [{"op": "remove", "path": "/metadata/finalizers"}]
    control_plane.request("PATCH", path, release, content_type="application/json-patch+json")


def test_a_server_side_apply_takes_no_field_from_another_and_is_taken_back(control_plane, namespace, admin, journal):
    deployments = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    control_plane.create(deployments, deployment(namespace))
    before = observed(control_plane, f"{deployments}/web")
    pod_spec = {"securityContext": {"runAsNonRoot": True}}
    step = steps.server_side_apply(before, {"spec": {"template": {"spec": pod_spec}}}, "not as root")
    shown = preview(plan_of(admin, step), admin, journal=journal, options=QUICK)
    assert any("runAsNonRoot: true" in line for line in shown.steps[0].diff)
    assert any("pod template changes" in line for line in shown.impact)
    outcome = apply(plan_of(admin, step), admin, shown.confirm, journal=journal, options=QUICK)
    template = read(control_plane, f"{deployments}/web")["spec"]["template"]["spec"]
    assert template["securityContext"] == {"runAsNonRoot": True}
    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert read(control_plane, f"{deployments}/web")["spec"] == before["spec"]

    taking = steps.server_side_apply(observed(control_plane, f"{deployments}/web"), {"spec": {"replicas": 3}}, "more")
    refused = preview(plan_of(admin, taking), admin, journal=journal, options=QUICK)
    assert refused.steps[0].failure.kind is FailureKind.OWNED
    assert "python-urllib3" in refused.steps[0].failure.detail
    assert refused.confirm == ""


def test_a_certificate_is_requested_approved_and_fetched(control_plane, admin, journal, tmp_path):
    body = signing_request(f"jane-{tmp_path.name}".lower().replace("_", "-")[:60], "jane")
    certificate = tmp_path / "jane.crt"
    plan = plan_of(
        admin,
        steps.create(body, "jane needs a certificate"),
        steps.approve(body, "jane's request was checked"),
        steps.fetch_certificate(body, str(certificate), "for her kubeconfig"),
        verify=(Question("certificate-issued", {"name": body["metadata"]["name"]}),),
    )
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert shown.steps[1].note == "waits for what step 1 does"
    assert shown.blockers == ()
    outcome = apply(plan, admin, shown.confirm, journal=journal, options=Options(patience=30))
    assert outcome.status is ChangeStatus.APPLIED
    assert outcome.fixed is AnswerState.FIXED
    issued = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert issued.subject.rfc4514_string() == "CN=jane"
    assert (issued.not_valid_after_utc - issued.not_valid_before_utc).total_seconds() < 2 * 3600

    back = undo(outcome.run, admin, "", journal=journal, options=QUICK).preview
    assert any(
        "A certificate cannot be called back; it is valid for at most 3600 seconds." in line for line in back.impact
    )
    assert any(f"rm {certificate}" in line for line in back.impact)
    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    name = body["metadata"]["name"]
    assert read(control_plane, f"/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}") is None


def test_a_request_that_somebody_has_decided_on_is_not_approved(control_plane, admin, journal, tmp_path):
    requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    body = signing_request(f"decided-{tmp_path.name}".lower().replace("_", "-")[:60], "jane")
    control_plane.create(requests, body)
    path = f"{requests}/{body['metadata']['name']}"
    plan = plan_of(admin, steps.approve(observed(control_plane, path), "checked"))
    assert preview(plan, admin, journal=journal, options=QUICK).blockers == ()
    denial = {"type": "Denied", "status": "True", "reason": "No", "message": "not hers"}
    change = [{"op": "add", "path": "/status/conditions", "value": [denial]}]
    assert (
        control_plane.request("PATCH", f"{path}/approval", change, content_type="application/json-patch+json")[0] == 200
    )
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert shown.steps[0].failure.kind is FailureKind.CHANGED
    assert "/status/conditions is " in shown.steps[0].failure.detail


def token_plan(admin, control_plane, namespace, path):
    account = observed(control_plane, f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
    secret = steps.create(named("Secret", "token-anchor", namespace), "so that the token can be revoked")
    issue = steps.token(account, secret.target, str(path), "for the pipeline", expiration_seconds=600)
    return plan_of(admin, secret, issue)


def test_a_token_is_bound_to_a_secret_and_ends_with_it(control_plane, namespace, admin, journal, tmp_path):
    path = tmp_path / "token"
    plan = token_plan(admin, control_plane, namespace, path)
    outcome = carried_out(plan, admin, journal)
    assert outcome.status is ChangeStatus.APPLIED
    token = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert token not in journal.path.read_text()
    assert token.split(".")[2] not in journal.path.read_text()
    assert authenticates(control_plane, token)

    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    assert control_plane.wait_until("the token to be refused", lambda: not authenticates(control_plane, token))


def authenticates(control_plane, token):
    review = {"spec": {"token": token}}
    status = control_plane.create("/apis/authentication.k8s.io/v1/tokenreviews", review)["status"]
    return status.get("authenticated", False)


def test_a_preview_issues_no_token(control_plane, namespace, admin, journal, tmp_path):
    plan = token_plan(admin, control_plane, namespace, tmp_path / "token")
    before = control_plane.apiserver_log.read_text().count("serviceaccounts/token")
    sent = []
    write = admin.write
    admin.write = lambda request, *, dry_run: sent.append(request.target.subresource) or write(request, dry_run=dry_run)
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert shown.steps[1].validation is Validation.NONE
    assert "token" not in sent
    assert control_plane.apiserver_log.read_text().count("serviceaccounts/token") == before


def test_a_file_that_exists_is_not_overwritten_with_a_token(control_plane, namespace, admin, journal, tmp_path):
    path = tmp_path / "token"
    path.write_text("mine")
    shown = preview(token_plan(admin, control_plane, namespace, path), admin, journal=journal, options=QUICK)
    assert shown.steps[1].failure.kind is FailureKind.LOCAL
    assert "nothing was overwritten" in shown.steps[1].failure.do
    assert shown.confirm == ""
    assert path.read_text() == "mine"


def test_a_secrets_values_come_from_files_and_stand_nowhere_else(control_plane, namespace, admin, journal, tmp_path):
    (tmp_path / "password").write_text("hunter2-hunter2")
    step = steps.create(
        named("Secret", "database", namespace),
        "the application needs it",
        from_files={"/data/password": str(tmp_path / "password")},
    )
    plan = plan_of(admin, step)
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert f"+/data/password: the content of {tmp_path / 'password'}" in shown.steps[0].diff
    (tmp_path / "password").write_text("another")
    with pytest.raises(RefusedError, match="is not as it was shown"):
        apply(plan, admin, shown.confirm, journal=journal, options=QUICK)
    (tmp_path / "password").write_text("hunter2-hunter2")
    assert apply(plan, admin, shown.confirm, journal=journal, options=QUICK).status is ChangeStatus.APPLIED
    assert read(control_plane, f"/api/v1/namespaces/{namespace}/secrets/database")["data"] == {
        "password": "aHVudGVyMi1odW50ZXIy"
    }
    for text in (journal.path.read_text(), str(shown)):
        assert "hunter2" not in text
        assert "aHVudGVyMi1odW50ZXIy" not in text


def test_two_people_who_apply_one_plan_at_once_one_wins_and_the_other_is_told(control_plane, namespace, tmp_path):
    path = config_map(control_plane, namespace, owner="nobody")
    people = [target(control_plane, user=name, groups=["system:masters"]) for name in ("anna", "ben")]
    for attempt in range(8):
        before = observed(control_plane, path)
        change = steps.patch(before, [{"op": "replace", "path": "/data/owner", "value": f"x{attempt}"}], "take it")
        create = steps.create(named("ConfigMap", f"made-{attempt}", namespace), "make it")
        for plan in (plan_of(people[0], change), plan_of(people[0], create)):
            journals = [Journal(tmp_path / f"{attempt}-{plan.digest[:8]}-{name}.jsonl") for name in ("anna", "ben")]
            confirms = [
                preview(plan, person, journal=journal, options=QUICK).confirm
                for person, journal in zip(people, journals, strict=True)
            ]
            results = at_once(
                lambda index, plan=plan, confirms=confirms, journals=journals: apply(
                    plan, people[index], confirms[index], journal=journals[index], options=QUICK
                )
            )
            won = [one for one in results if not isinstance(one, RefusedError) and one.status is ChangeStatus.APPLIED]
            assert len(won) == 1
            (lost,) = [one for one in results if one is not won[0]]
            if isinstance(lost, RefusedError):
                assert re.search("is not as it was shown|exists already|the object was changed", str(lost))
                assert "nothing was changed" in str(lost)
            else:
                assert lost.status is ChangeStatus.STOPPED
                assert lost.steps[0].failure.kind in {FailureKind.CHANGED, FailureKind.EXISTS}
            for journal in journals:
                assert audit(journal.path).problems == ()


def at_once(act):
    results = [None, None]
    barrier = threading.Barrier(2)

    def run(index):
        barrier.wait()
        try:
            results[index] = act(index)
        except RefusedError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_an_object_that_was_edited_after_the_preview_is_refused_with_who_edited_it(
    control_plane, namespace, admin, journal
):
    path = config_map(control_plane, namespace, a="1", b="1")
    plan = plan_of(
        admin, steps.patch(observed(control_plane, path), [{"op": "replace", "path": "/data/a", "value": "2"}], "two")
    )
    shown = preview(plan, admin, journal=journal, options=QUICK)
    # Another field than the plan's: what was shown is not what is there all the same.
    edit(control_plane, path, [{"op": "replace", "path": "/data/b", "value": "9"}])
    with pytest.raises(RefusedError, match=rf"ConfigMap {namespace}/settings was changed by kubectl-edit at "):
        apply(plan, admin, shown.confirm, journal=journal, options=QUICK)
    assert read(control_plane, path)["data"] == {"a": "1", "b": "9"}
    assert journal.entries() == ()

    edit(control_plane, path, [{"op": "replace", "path": "/data/a", "value": "3"}])
    again = preview(plan, admin, journal=journal, options=QUICK)
    assert again.confirm == ""
    assert '/data/a is "3", not "1"' in again.steps[0].failure.detail


def edit(control_plane, path, operations):
    query = f"{path}?fieldManager=kubectl-edit"
    assert control_plane.request("PATCH", query, operations, content_type="application/json-patch+json")[0] == 200


def test_what_somebody_changed_since_is_not_taken_back(control_plane, namespace, admin, journal):
    outcome = carried_out(plan_of(admin, steps.create(role(namespace), "needed")), admin, journal)
    path = f"/apis/{RBAC}/v1/namespaces/{namespace}/roles/reader"
    edit(control_plane, path, [{"op": "add", "path": "/rules/0/verbs/-", "value": "list"}])
    shown = undo(outcome.run, admin, "", journal=journal, options=QUICK).preview
    assert shown.confirm == ""
    assert shown.steps[0].failure.kind is FailureKind.CHANGED
    assert "it was changed by kubectl-edit at " in shown.steps[0].failure.detail
    assert read(control_plane, path) is not None


def test_a_status_that_controllers_write_is_no_change(control_plane, namespace, admin, journal):
    outcome = carried_out(plan_of(admin, steps.create(deployment(namespace), "needed")), admin, journal)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    control_plane.wait_until(
        "the controller to write the status",
        lambda: (
            "deployment.kubernetes.io/revision" in read(control_plane, path)["metadata"].get("annotations", {})
            and read(control_plane, path)["status"].get("observedGeneration")
        ),
    )
    assert taken_back(outcome.run, admin, journal).status is ChangeStatus.APPLIED
    control_plane.wait_until("the deployment to be gone", lambda: read(control_plane, path) is None)


def test_a_plan_for_another_cluster_is_refused(control_plane, namespace, admin, journal):
    plan = plan_of(admin, steps.create(role(namespace), "needed"))
    staging = replace(plan, cluster="11111111-2222-3333-4444-555555555555")
    shown = preview(staging, admin, journal=journal, options=QUICK)
    assert shown.confirm == ""
    assert "the plan is for another cluster" in shown.blockers[0]
    here = preview(plan, admin, journal=journal, options=QUICK).confirm
    with pytest.raises(RefusedError, match="it was given for another plan"):
        apply(staging, admin, here, journal=journal, options=QUICK)
    assert read(control_plane, f"/apis/{RBAC}/v1/namespaces/{namespace}/roles/reader") is None


def test_an_object_that_is_edited_while_an_earlier_step_runs_stops_the_run(control_plane, namespace, admin, journal):
    path = config_map(control_plane, namespace, a="1", b="1")
    plan = plan_of(
        admin,
        steps.create(named("ConfigMap", "first", namespace), "first"),
        steps.patch(observed(control_plane, path), [{"op": "replace", "path": "/data/a", "value": "2"}], "two"),
    )
    # Another field than that of the plan: its own tests still hold.
    change = [{"op": "replace", "path": "/data/b", "value": "9"}]
    after_first_write(admin, lambda: edit(control_plane, path, change))
    outcome = carried_out(plan, admin, journal)
    assert [step.state for step in outcome.steps] == [StepState.DONE, StepState.FAILED]
    assert outcome.steps[1].failure.kind is FailureKind.CHANGED
    assert "it was changed by kubectl-edit at " in outcome.steps[1].failure.detail
    assert read(control_plane, path)["data"] == {"a": "1", "b": "9"}


def test_two_steps_on_one_object_are_no_change_by_somebody_else(control_plane, namespace, admin, journal):
    path = config_map(control_plane, namespace, a="1", b="1")
    seen = observed(control_plane, path)
    plan = plan_of(
        admin,
        steps.patch(seen, [{"op": "replace", "path": "/data/a", "value": "2"}], "two"),
        steps.patch(seen, [{"op": "replace", "path": "/data/b", "value": "2"}], "two"),
        steps.delete(seen, "and away"),
    )
    assert carried_out(plan, admin, journal).status is ChangeStatus.APPLIED
    assert read(control_plane, path) is None


def test_what_was_confirmed_for_staging_is_refused_in_production(control_plane, namespace, admin, journal, tmp_path):
    plan = plan_of(admin, steps.create(named("Namespace", f"new-{namespace}"), "needed"))
    confirm = preview(plan, admin, journal=journal, options=QUICK).confirm
    with ControlPlane(tmp_path) as production:
        there = target(production)
        shown = preview(plan, there, journal=journal, options=QUICK)
        assert shown.confirm == ""
        assert shown.blockers[0].startswith("the plan is for another cluster: ")
        with pytest.raises(RefusedError, match="it was given for another cluster; nothing was changed"):
            apply(plan, there, confirm, journal=journal, options=QUICK)
        assert read(production, f"/api/v1/namespaces/new-{namespace}") is None
    assert apply(plan, admin, confirm, journal=journal, options=QUICK).status is ChangeStatus.APPLIED


def before_first_write(target, act):
    """Do something in the last moment before the first request that changes something is sent."""
    write, done = target.write, []

    def written(request, *, dry_run):
        if not dry_run and not done:
            done.append(request)
            act()
        return write(request, dry_run=dry_run)

    target.write = written


STEPS_ON_A_DEPLOYMENT = {
    "patch": lambda seen: steps.patch(seen, [{"op": "replace", "path": "/spec/replicas", "value": 2}], "more"),
    "apply": lambda seen: steps.server_side_apply(seen, {"spec": {"minReadySeconds": 5}}, "slower"),
    "delete": lambda seen: steps.delete(seen, "unused"),
}


@pytest.mark.parametrize("make", STEPS_ON_A_DEPLOYMENT.values(), ids=STEPS_ON_A_DEPLOYMENT)
def test_an_object_that_is_edited_in_the_last_moment_is_left_alone(control_plane, namespace, admin, journal, make):
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    control_plane.create(path, deployment(namespace))
    plan = plan_of(admin, make(observed(control_plane, f"{path}/web")))
    change = [{"op": "add", "path": "/metadata/labels", "value": {"edited": "yes"}}]
    before_first_write(admin, lambda: edit(control_plane, f"{path}/web", change))
    outcome = carried_out(plan, admin, journal)
    assert outcome.status is ChangeStatus.STOPPED
    assert outcome.steps[0].failure.kind is FailureKind.CHANGED
    assert "it was changed by kubectl-edit at " in outcome.steps[0].failure.detail
    assert read(control_plane, f"{path}/web")["spec"]["replicas"] == 1


@pytest.mark.parametrize("make", STEPS_ON_A_DEPLOYMENT.values(), ids=STEPS_ON_A_DEPLOYMENT)
def test_a_status_that_is_written_in_the_last_moment_does_not_matter(control_plane, namespace, admin, journal, make):
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    control_plane.create(path, deployment(namespace))
    plan = plan_of(admin, make(observed(control_plane, f"{path}/web")))
    condition = {"type": "Odd", "status": "True", "lastUpdateTime": None, "lastTransitionTime": None}
    change = [{"op": "add", "path": "/status/conditions", "value": [condition]}]
    before_first_write(admin, lambda: edit(control_plane, f"{path}/web/status", change))
    assert carried_out(plan, admin, journal).status is ChangeStatus.APPLIED
