"""A lab is a target too: the same steps, tests and uids, and it says that admission is simulated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import yaml
from cryptography import x509

from k8srun import steps
from k8srun.apply import Journal, Options, apply, preview, undo
from k8srun.apply.audit import audit
from k8srun.apply.lab import LabTarget
from k8srun.change import AnswerState, ChangeStatus, FailureKind, StepState, Validation
from k8srun.codec import parse_json
from k8srun.errors import InputError, RefusedError
from k8srun.lab import build
from k8srun.marks import written
from k8srun.plan import ObjectRef, Question
from k8srun.sources.reduce import reduce_object
from tests.apply.clusters import RBAC, binding, carried_out, named, plan_of, role, signing_request, taken_back

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
OPTIONS = Options(patience=0)
POSTGRES = ObjectRef("apps/v1", "StatefulSet", "postgres", "data")
ENGINEERS = ObjectRef(f"{RBAC}/v1", "RoleBinding", "engineers", "data")


@pytest.fixture
def lab(tmp_path):
    return build(tmp_path / "lab", None, NOW)


@pytest.fixture
def target(lab):
    return LabTarget(lab)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


def seen(target, ref):
    return reduce_object(target.read(ref))


def whole(lab):
    """Everything that the manifests hold, without what every write changes."""
    items = (item for path in lab.manifests.glob("*.json") for item in parse_json(path.read_bytes())["items"])
    bookkeeping = ("uid", "resourceVersion", "managedFields", "generation", "creationTimestamp")
    for item in items:
        kept = {name: value for name, value in item["metadata"].items() if name not in bookkeeping}
        yield json.dumps({**item, "metadata": kept}, sort_keys=True)


def hardening(target):
    profile = {
        "op": "add",
        "path": "/spec/template/spec/securityContext/seccompProfile",
        "value": {"type": "RuntimeDefault"},
    }
    return plan_of(
        target,
        steps.patch(seen(target, POSTGRES), [profile], "restricted wants one"),
        steps.delete(seen(target, ENGINEERS), "nobody of them is left"),
        steps.create(role("data"), "jane must read pods"),
        steps.create(binding("data"), "and hold the role"),
        steps.server_side_apply(seen(target, POSTGRES), {"spec": {"minReadySeconds": 5}}, "slower"),
        verify=(
            Question(
                "object-exists", {"object": named("RoleBinding", "reader")["metadata"] | described(ENGINEERS, "reader")}
            ),
            Question("access", {"user": "jane", "verb": "get", "resource": "pods", "namespace": "data"}),
        ),
    )


def described(ref, name):
    return {"apiVersion": ref.api_version, "kind": ref.kind, "name": name, "namespace": ref.namespace}


def test_a_plan_is_previewed_applied_and_taken_back_in_a_lab(lab, target, journal):
    before = sorted(whole(lab))
    plan = hardening(target)
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    assert shown.cluster.simulated
    assert {step.validation for step in shown.steps} == {Validation.SIMULATED}
    assert "+          type: RuntimeDefault" in shown.steps[0].diff
    assert "Restarts 2 pods of StatefulSet.apps data/postgres: its pod template changes." in shown.impact
    assert "Takes ClusterRole admin in namespace data from Group marlow:data-engineers." in shown.impact
    assert sorted(whole(lab)) == before

    outcome = apply(plan, target, shown.confirm, journal=journal, options=OPTIONS)
    assert outcome.status is ChangeStatus.APPLIED
    assert [answer.state for answer in outcome.answers] == [AnswerState.FIXED, AnswerState.FIXED]
    assert outcome.answers[1].detail == "jane may get pods in namespace data"
    assert target.read(ENGINEERS) is None
    assert target.read(POSTGRES)["spec"]["minReadySeconds"] == 5
    assert all(entry.begin.cluster.simulated for entry in journal.entries() if entry.begin)

    assert taken_back(outcome.run, target, journal, OPTIONS).status is ChangeStatus.APPLIED
    assert sorted(whole(lab)) == before
    assert audit(journal.path).problems == ()


def test_the_same_checks_hold_in_a_lab(lab, target, journal):
    plan = hardening(target)
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    somebody = LabTarget(lab)
    change = steps.patch(seen(target, POSTGRES), [{"op": "replace", "path": "/spec/replicas", "value": 5}], "more")
    carried_out(plan_of(somebody, change), somebody, Journal(lab.directory / "other.jsonl"), OPTIONS)
    with pytest.raises(RefusedError, match=r"StatefulSet.apps data/postgres was changed by k8srun:\w+:1 at "):
        apply(plan, target, shown.confirm, journal=journal, options=OPTIONS)

    (gone,) = preview(
        plan_of(target, replace(change, target=replace(change.target, uid="another"))),
        target,
        journal=journal,
        options=OPTIONS,
    ).steps
    assert gone.failure.kind is FailureKind.CHANGED
    (stale,) = preview(plan_of(target, change), target, journal=journal, options=OPTIONS).steps
    assert "/spec/replicas is 5, not 2" in stale.failure.detail
    (exists,) = preview(
        plan_of(target, steps.create(named("Namespace", "data"), "x")), target, journal=journal, options=OPTIONS
    ).steps
    assert exists.failure.kind is FailureKind.EXISTS
    (nowhere,) = preview(
        plan_of(target, steps.create(role("nowhere"), "x")), target, journal=journal, options=OPTIONS
    ).steps
    assert nowhere.failure.kind is FailureKind.GONE
    unknown = named("Widget", "x", version="example.com/v1")
    (unserved,) = preview(plan_of(target, steps.create(unknown, "x")), target, journal=journal, options=OPTIONS).steps
    assert "the lab does not serve Widget.example.com" in unserved.failure.detail


def test_what_was_changed_since_is_not_taken_back_in_a_lab(target, journal):
    outcome = carried_out(plan_of(target, steps.create(role("data"), "x")), target, journal, OPTIONS)
    made = seen(target, ObjectRef(f"{RBAC}/v1", "Role", "reader", "data"))
    change = steps.patch(made, [{"op": "add", "path": "/rules/0/verbs/-", "value": "list"}], "y")
    carried_out(plan_of(target, change), target, journal, OPTIONS)
    shown = undo(outcome.run, target, "", journal=journal, options=OPTIONS).preview
    assert "it was changed by k8srun:" in shown.steps[0].failure.detail
    assert shown.confirm == ""


def test_a_certificate_and_a_token_are_issued_in_a_lab(lab, target, journal, tmp_path):
    request = signing_request("jane", "jane")
    anchor = steps.create(named("Secret", "anchor", "shop"), "so that the token can be revoked")
    account = seen(target, ObjectRef("v1", "ServiceAccount", "default", "shop"))
    plan = plan_of(
        target,
        steps.create(request, "jane needs one"),
        steps.approve(request, "checked"),
        steps.fetch_certificate(request, str(tmp_path / "jane.crt"), "for her kubeconfig"),
        anchor,
        steps.token(account, anchor.target, str(tmp_path / "token"), "for the pipeline", expiration_seconds=600),
        verify=(Question("certificate-issued", {"name": "jane"}),),
    )
    outcome = carried_out(plan, target, journal, OPTIONS)
    assert outcome.status is ChangeStatus.APPLIED
    assert outcome.fixed is AnswerState.FIXED
    certificate = x509.load_pem_x509_certificate((tmp_path / "jane.crt").read_bytes())
    authority = x509.load_pem_x509_certificate((lab.node_root / "etc/kubernetes/pki/ca.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    token = (tmp_path / "token").read_text()
    assert len(token.split(".")) == 3
    assert token not in journal.path.read_text()
    assert taken_back(outcome.run, target, journal, OPTIONS).status is ChangeStatus.APPLIED
    assert target.read(anchor.target) is None


@pytest.mark.parametrize("deny", [False, True])
def test_no_undo_is_offered_for_a_decision_on_a_request_since_nothing_takes_it_back(target, journal, deny):
    submitted = carried_out(
        plan_of(target, steps.create(signing_request("jane", "jane"), "x")), target, journal, OPTIONS
    )
    (back,) = submitted.next
    assert back.startswith(f"To take back what was done: k8srun plan undo --run {submitted.run} --lab-dir ")
    waiting = seen(target, ObjectRef("certificates.k8s.io/v1", "CertificateSigningRequest", "jane"))
    decided = carried_out(plan_of(target, steps.approve(waiting, "checked", deny=deny)), target, journal, OPTIONS)
    assert (decided.status, decided.next) == (ChangeStatus.APPLIED, ())
    with pytest.raises(RefusedError, match="nothing that could be taken back"):
        undo(decided.run, target, "", journal=journal, options=OPTIONS)


def test_deleting_a_namespace_takes_what_is_in_it(target, journal):
    plan = plan_of(target, steps.delete(seen(target, ObjectRef("v1", "Namespace", "data")), "x"))
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    assert "Deletes everything in the namespace data; taking it back makes an empty one." in shown.impact
    apply(plan, target, shown.confirm, journal=journal, options=OPTIONS)
    assert target.read(POSTGRES) is None
    assert target.read(ObjectRef("v1", "Namespace", "shop")) is not None


def test_what_somebody_keeps_is_changed_only_when_that_is_insisted_on_and_the_journal_says_so(target, journal):
    pods = [key.name for key in refs(target, "Pod", "data")]
    owned = seen(target, ObjectRef("v1", "Pod", pods[0], "data"))
    plan = plan_of(target, steps.delete(owned, "start it anew", irreversible="its controller makes another"))
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    assert str(shown.steps[0].owner) == "StatefulSet data/postgres"
    assert shown.confirm == ""
    assert "is kept by StatefulSet data/postgres (ownerReferences), which would put it back" in shown.blockers[0]
    insisting = replace(OPTIONS, direct=True, ticket="OPS-7")
    confirm = preview(plan, target, journal=journal, options=insisting).confirm
    with pytest.raises(RefusedError, match="another plan, or with other options"):
        apply(plan, target, confirm, journal=journal, options=OPTIONS)
    apply(plan, target, confirm, journal=journal, options=insisting)
    begin = journal.entries()[0].begin
    assert (begin.direct, begin.ticket) == (True, "OPS-7")


def refs(target, kind, namespace):
    objects = target._store.objects()
    return [ObjectRef("v1", kind, key[2], key[1]) for key in objects if key[0].kind == kind and key[1] == namespace]


def test_who_applies_must_not_be_who_planned_where_that_is_the_rule(target, journal):
    rule = replace(OPTIONS, second_person=True)
    plan = plan_of(target, steps.create(role("data"), "x"))
    caller = target.identity().username
    assert caller == "mara.lindt"

    def blockers(planned_by):
        return preview(replace(plan, planned_by=planned_by), target, journal=journal, options=rule).blockers

    assert blockers(caller) == ("who applies must not be who planned: mara.lindt did",)
    assert blockers("") == ("who applies must not be who planned, and it is not known who did",)
    assert blockers("somebody else") == ()


def test_an_impact_that_is_another_when_it_is_computed_again_is_refused(target, journal):
    plan = replace(plan_of(target, steps.create(role("data"), "x")), impact=("as planned",))
    gained = ["jane gains get pods"]
    options = replace(OPTIONS, impact=lambda _plan: tuple(gained))
    shown = preview(plan, target, journal=journal, options=options)
    assert shown.impact == ("jane gains get pods",)
    gained.append("bob gains get pods")
    with pytest.raises(RefusedError, match="its impact is not what was shown"):
        apply(plan, target, shown.confirm, journal=journal, options=options)
    assert target.read(plan.steps[0].target) is None


def test_a_host_step_stops_the_run_until_somebody_says_that_it_is_done(target, journal):
    plan = plan_of(
        target,
        steps.create(role("data"), "first"),
        steps.on_host("cp-1", ["kubeadm certs renew apiserver"], "expired", irreversible="the old one has expired"),
        steps.create(binding("data"), "then"),
    )
    outcome = carried_out(plan, target, journal, OPTIONS)
    assert [step.state for step in outcome.steps] == [StepState.DONE, StepState.BY_HAND, StepState.NOT_DONE]
    assert outcome.next[0] == "Run the commands of step 2, then go on: the same again with --done 2."
    done = replace(OPTIONS, by_hand=frozenset({2}))
    resumed = carried_out(plan, target, journal, done)
    assert (resumed.status, resumed.run) == (ChangeStatus.APPLIED, outcome.run)
    assert resumed.steps[1].detail == "done by hand, as mara.lindt says"


def test_a_kubeconfig_is_edited_by_a_plan_and_taken_back(lab, target, journal):
    view = {"clusters": {"marlow-lab": {"server": "https://127.0.0.1:6443"}}}
    change = [{"op": "replace", "path": "/clusters/marlow-lab/server", "value": "https://127.0.0.1:7443"}]
    before = lab.kubeconfig.read_bytes()
    plan = plan_of(target, steps.kubeconfig(str(lab.kubeconfig), view, change, "it moved"))
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    assert "+    server: https://127.0.0.1:7443" in shown.steps[0].diff
    key = yaml.safe_load(before)["users"][0]["user"]["client-key-data"]
    assert key not in str(shown)
    outcome = apply(plan, target, shown.confirm, journal=journal, options=OPTIONS)
    assert "https://127.0.0.1:7443" in lab.kubeconfig.read_text()
    assert f"kept in {lab.kubeconfig}.k8srun-{outcome.run}" in outcome.steps[0].detail
    assert taken_back(outcome.run, target, journal, OPTIONS).status is ChangeStatus.APPLIED
    assert "https://127.0.0.1:6443" in lab.kubeconfig.read_text()
    assert lab.kubeconfig.with_name(f"kubeconfig.k8srun-{outcome.run}").read_bytes() == before


def _leaky(where, item):
    """A plan that holds a password."""
    container = {"name": "app", "image": "a", "env": [{"name": "DB_PASSWORD", "value": "hunter2-hunter2"}]}
    place = "/spec/template/spec/containers/0"
    slower = {"op": "replace", "path": "/spec/minReadySeconds", "value": 5}
    harmless = steps.patch({**item, "spec": {**item["spec"], "minReadySeconds": 1}}, [slower], "x")
    user = {"op": "add", "path": "/users/me", "value": {"token": "hunter2-hunter2"}}
    expects = {"op": "test", "path": place, "value": container}
    asked = {"object": {}, "path": "/data/password", "value": "hunter2-hunter2"}
    login = ["docker login --password hunter2-hunter2 registry.example"]
    return {
        "body": lambda: (steps.create(named("Pod", "x", "data", spec={"containers": [container]}), "x"), ()),
        "patch": lambda: (steps.patch(item, [{"op": "add", "path": place, "value": container}], "x"), ()),
        "kubeconfig": lambda: (steps.kubeconfig("config", {"users": {}}, [user], "x"), ()),
        "expectation": lambda: (replace(harmless, patch=(expects, *harmless.patch)), ()),
        "undo": lambda: (replace(harmless, undo=replace(harmless.undo, patch=(expects, *harmless.undo.patch))), ()),
        "command": lambda: (steps.on_host("cp-1", login, "x", irreversible="y"), ()),
        "question": lambda: (harmless, (Question("field-equals", asked),)),
    }[where]()


@pytest.mark.parametrize("where", ["body", "patch", "kubeconfig", "expectation", "undo", "command", "question"])
def test_a_plan_that_would_write_a_secret_into_the_journal_is_refused(target, journal, where):
    leaky, questions = _leaky(where, seen(target, POSTGRES))
    with pytest.raises(InputError, match="a value that looks secret; a plan holds none") as error:
        preview(plan_of(target, leaky, verify=questions), target, journal=journal, options=OPTIONS)
    assert "hunter2" not in str(error.value)
    assert journal.entries() == ()


def test_what_is_deleted_can_be_made_anew_in_the_same_plan_and_comes_back_as_it_was(target, journal):
    before = seen(target, ENGINEERS)
    anew = {**binding("data", "engineers"), "roleRef": {**before["roleRef"], "name": "view"}}
    plan = plan_of(target, steps.delete(before, "its role cannot be changed"), steps.create(anew, "with another role"))
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    assert (shown.blockers, shown.steps[1].note) == ((), "waits for what step 1 does")
    assert "+  name: view" in shown.steps[1].diff
    outcome = apply(plan, target, shown.confirm, journal=journal, options=OPTIONS)
    assert target.read(ENGINEERS)["roleRef"]["name"] == "view"
    assert taken_back(outcome.run, target, journal, OPTIONS).status is ChangeStatus.APPLIED
    assert written(target.read(ENGINEERS)) == written(before)


def test_what_was_changed_and_then_deleted_comes_back_as_it_was(target, journal):
    before = seen(target, ENGINEERS)
    change = steps.patch(before, [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], "x")
    outcome = carried_out(plan_of(target, change, steps.delete(before, "y")), target, journal, OPTIONS)
    assert target.read(ENGINEERS) is None
    assert taken_back(outcome.run, target, journal, OPTIONS).status is ChangeStatus.APPLIED
    assert written(target.read(ENGINEERS)) == written(before)


def test_what_was_changed_and_then_deleted_for_good_does_not_keep_the_rest_from_being_taken_back(target, journal):
    before = seen(target, ENGINEERS)
    change = steps.patch(before, [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], "x")
    gone = steps.delete(before, "y", irreversible="the old one is in the repository")
    outcome = carried_out(plan_of(target, steps.create(role("data"), "z"), change, gone), target, journal, OPTIONS)
    back = taken_back(outcome.run, target, journal, OPTIONS)
    assert [str(step.step) for step in back.steps] == [f"delete Role.{RBAC} data/reader"]
    assert any("cannot be taken back. the old one is in" in line for line in back.preview.impact)


def test_an_undo_can_be_undone_also_of_a_server_side_apply(target, journal):
    plan = plan_of(target, steps.server_side_apply(seen(target, POSTGRES), {"spec": {"minReadySeconds": 7}}, "slower"))
    outcome = carried_out(plan, target, journal, OPTIONS)
    back = taken_back(outcome.run, target, journal, OPTIONS)
    assert "minReadySeconds" not in target.read(POSTGRES)["spec"]
    assert taken_back(back.run, target, journal, OPTIONS).status is ChangeStatus.APPLIED
    assert target.read(POSTGRES)["spec"]["minReadySeconds"] == 7


def test_what_changed_nothing_is_not_said_to_be_secret(target, journal):
    same = steps.server_side_apply(seen(target, POSTGRES), {"spec": {"replicas": 2}}, "as it is")
    outcome = carried_out(plan_of(target, same), target, journal, OPTIONS)
    with pytest.raises(RefusedError, match="nothing that could be taken back") as error:
        undo(outcome.run, target, "", journal=journal, options=OPTIONS)
    assert "it changed nothing" in str(error.value)


def test_a_body_that_is_not_of_its_kind_is_refused_in_the_preview(target, journal):
    plan = plan_of(target, steps.create({**binding("data"), "subjects": ["jane"]}, "x"))
    shown = preview(plan, target, journal=journal, options=OPTIONS)
    assert shown.steps[0].failure.kind is FailureKind.INVALID
    assert shown.confirm == ""
