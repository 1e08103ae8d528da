"""Plans as data: their steps, what every plan must keep to, and their files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8srun import steps
from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.jsonpatch import inverse, patched
from k8srun.kubeconfigview import document_of, view_of
from k8srun.marks import change_since, mark_of, state_of
from k8srun.permission import Permission, roles_for
from k8srun.plan import Action, ObjectRef, Plan, Question, Step
from k8srun.planfile import plan_text, problems, read_plan

SETTINGS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop", "uid": "u-1", "resourceVersion": "7"},
    "data": {"a": "1", "b": "2"},
}
REQUEST = {
    "apiVersion": "certificates.k8s.io/v1",
    "kind": "CertificateSigningRequest",
    "metadata": {"name": "jane"},
    "spec": {"request": "QUJD", "signerName": "kubernetes.io/kube-apiserver-client", "expirationSeconds": 3600},
}
ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "pipeline", "namespace": "shop", "uid": "u-2"},
}
ANCHOR = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "anchor", "namespace": "shop"}}


def plan(*given: Step) -> Plan:
    return Plan("Mend it", "cluster-uid", given, verify=(Question("object-exists", {"object": {"name": "x"}}),))


def change(path="/data/a", value="9"):
    return steps.patch(SETTINGS, [{"op": "replace", "path": path, "value": value}], "because")


def token_step(seconds=600):
    secret = ObjectRef("v1", "Secret", "anchor", "shop")
    return steps.token(ACCOUNT, secret, "/tmp/token", "for the pipeline", expiration_seconds=seconds)


def every_kind() -> Plan:
    """A plan with a step of every kind, as the constructors make them."""
    return plan(
        change(),
        steps.create(ANCHOR, "so that the token can be revoked"),
        token_step(),
        steps.create(REQUEST, "jane needs one"),
        steps.approve(REQUEST, "checked"),
        steps.fetch_certificate(REQUEST, "/tmp/jane.crt", "for her kubeconfig"),
        steps.server_side_apply(SETTINGS, {"data": {"c": "3"}}, "three"),
        steps.delete(SETTINGS, "unused"),
        steps.kubeconfig(
            "/tmp/config",
            {"clusters": {"prod": {"server": "https://old"}}},
            [{"op": "replace", "path": "/clusters/prod/server", "value": "https://new"}],
            "it moved",
        ),
        steps.on_host("cp-1", ["kubeadm certs renew apiserver"], "expired", irreversible="the old one has expired"),
    )


def test_what_the_constructors_make_keeps_to_the_rules():
    assert problems(every_kind()) == ()


def test_a_plan_is_the_same_after_its_file_was_read():
    made = every_kind()
    read = read_plan(plan_text(made), where="plan.json")
    assert read == made
    assert read.digest == made.digest


def test_the_digest_does_not_hang_on_the_order_of_keys_and_does_on_everything_else():
    made = plan(change())
    turned = {"namespace": "shop", "name": "settings", "uid": "u-1", "resourceVersion": "7"}
    same = plan(replace(made.steps[0], body=None))
    assert same.digest == made.digest
    backwards = steps.patch({**SETTINGS, "metadata": turned}, [*made.steps[0].patch[-1:]], "because")
    assert plan(backwards).digest == made.digest
    for other in (
        replace(made, cluster="another"),
        replace(made, title="another"),
        replace(made, impact=("another",)),
        replace(made, verify=()),
        replace(made, planned_by="another"),
        plan(replace(made.steps[0], reason="another")),
        plan(replace(made.steps[0], undo=None, irreversible="another")),
    ):
        assert other.digest != made.digest


def test_a_patch_step_expects_what_it_replaces_and_its_undo_puts_it_back():
    step = change()
    assert step.patch == (
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "9"},
    )
    after = patched(SETTINGS, step.patch)
    assert after["data"]["a"] == "9"
    assert patched(after, step.undo.patch) == SETTINGS


def test_a_patch_of_a_list_expects_the_whole_list():
    role = {**SETTINGS, "kind": "Role", "rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}
    step = steps.patch(role, [{"op": "remove", "path": "/rules/0"}], "because")
    assert step.patch[0] == {"op": "test", "path": "/rules", "value": role["rules"]}
    assert step.undo.patch[0] == {"op": "test", "path": "/rules", "value": [{"verbs": ["list"]}]}


def test_a_patch_within_a_list_expects_the_very_item():
    containers = [
        {"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}]},
        {"name": "sidecar", "image": "b"},
    ]
    pod = {**SETTINGS, "kind": "Pod", "spec": {"containers": containers}}
    image = steps.patch(pod, [{"op": "replace", "path": "/spec/containers/1/image", "value": "c"}], "because")
    assert image.patch[:2] == (
        {"op": "test", "path": "/spec/containers/1/name", "value": "sidecar"},
        {"op": "test", "path": "/spec/containers/1/image", "value": "b"},
    )
    variable = steps.patch(pod, [{"op": "add", "path": "/spec/containers/0/env/-", "value": {"name": "B"}}], "because")
    assert [operation["path"] for operation in variable.patch[:-1]] == [
        "/spec/containers/0/name",
        "/spec/containers/0/env",
    ]
    rule = {**SETTINGS, "kind": "Role", "rules": [{"verbs": ["get"], "resources": ["pods"]}]}
    verb = steps.patch(rule, [{"op": "add", "path": "/rules/0/verbs/-", "value": "list"}], "because")
    assert verb.patch[0] == {"op": "test", "path": "/rules/0", "value": rule["rules"][0]}
    renamed = steps.patch(pod, [{"op": "replace", "path": "/spec/containers/1/name", "value": "d"}], "because")
    assert renamed.patch[0] == {"op": "test", "path": "/spec/containers/1", "value": containers[1]}


def test_what_is_secret_in_the_snapshot_is_not_put_back_and_somebody_must_say_what_contains_that():
    secret = {**SETTINGS, "data": {"a": "<reduced: 12 characters>"}}
    operations = [{"op": "replace", "path": "/data/a", "value": "x"}]
    with pytest.raises(ValueError, match="is secret and cannot be put back"):
        steps.patch(secret, operations, "because")
    contained = steps.patch(secret, operations, "because", irreversible="the old one is in the vault")
    assert contained.undo is None
    assert all(operation["op"] != "test" for operation in contained.patch)
    with pytest.raises(ValueError, match="cannot be made again"):
        steps.delete(secret, "because")
    with pytest.raises(ValueError, match="cannot be made again"):
        steps.delete({**ANCHOR, "metadata": {**ANCHOR["metadata"], "uid": "u"}}, "because")


def test_a_kubeconfig_is_changed_by_the_names_of_its_entries_and_keeps_the_rest():
    document = {
        "clusters": [{"name": "b", "cluster": {"server": "x"}}, {"name": "a", "cluster": {"server": "y"}, "more": 1}],
        "users": [{"name": "u", "user": {"token": "s"}}],
        "contexts": None,
        "current-context": "c",
        "preferences": {},
    }
    view = view_of(document)
    operations = [{"op": "replace", "path": "/clusters/a/server", "value": "z"}]
    changed = document_of(patched(view, operations), document)
    assert changed["clusters"][1] == {"name": "a", "cluster": {"server": "z"}, "more": 1}
    assert {**changed, "clusters": None, "contexts": None} == {**document, "clusters": None}
    assert (
        document_of(patched(view, [*operations, *inverse(view, operations)]), document)["clusters"]
        == document["clusters"]
    )


@pytest.mark.parametrize("document", [{"clusters": {"a": 1}}, {"clusters": [{"cluster": {}}]}, {"users": [1]}])
def test_what_is_no_kubeconfig_is_refused(document):
    with pytest.raises(InputError, match="not a kubeconfig"):
        view_of(document)


def test_two_entries_of_one_name_are_refused():
    with pytest.raises(InputError, match="two clusters of the kubeconfig have one name"):
        view_of({"clusters": [{"name": "a"}, {"name": "a"}]})


def about(name, namespace, version):
    return plan(replace(change(), target=ObjectRef(version, "ConfigMap", name, namespace, "u")))


GENERATED = {**ANCHOR, "metadata": {**ANCHOR["metadata"], "generateName": "x"}}
APPLIED = steps.server_side_apply(SETTINGS, {}, "x")

BROKEN = {
    "no steps": (plan(), "it has no steps"),
    "no reason": (plan(replace(change(), reason="")), "does not say why"),
    "no way back": (plan(replace(change(), undo=None)), "no undo and does not say what contains its effect"),
    "no uid": (plan(replace(change(), target=ObjectRef("v1", "ConfigMap", "x", "shop"))), "neither the object's uid"),
    "a path as name": (about("../x", "shop", "v1"), "no name that"),
    "a dot as name": (about("..", "shop", "v1"), "no name that"),
    "a query": (about("x?y", "shop", "v1"), "no name that"),
    "a namespace": (about("x", "a/b", "v1"), "namespace is not one"),
    "an apiVersion": (about("x", "a", "../v1"), "is not one"),
    "a subresource": (
        plan(replace(change(), target=replace(change().target, subresource="exec"))),
        "patch does not go to the subresource 'exec'",
    ),
    "an unknown operation": (plan(replace(change(), patch=({"op": "eval", "path": "/a"},))), "there is no operation"),
    "no value": (plan(replace(change(), patch=({"op": "add", "path": "/a"},))), "add has no value"),
    "the whole object": (plan(replace(change(), patch=({"op": "add", "path": "", "value": 1},))), "no JSON Pointer"),
    "tests alone": (plan(replace(change(), patch=change().patch[:1])), "its patch changes nothing"),
    "another uid": (
        plan(replace(change(), patch=({"op": "replace", "path": "/metadata/uid", "value": "x"},))),
        "/metadata/uid cannot be changed",
    ),
    "a generated name": (
        plan(replace(steps.create(ANCHOR, "x"), body=GENERATED)),
        "metadata.generateName, which is the server's",
    ),
    "another body": (plan(replace(steps.create(ANCHOR, "x"), body=ACCOUNT)), "its body is another object"),
    "a secret": (plan(steps.create({**ANCHOR, "stringData": {"a": "b"}}, "x")), "a plan holds no secret"),
    "a certificate without an end": (
        plan(steps.create({**REQUEST, "spec": {**REQUEST["spec"], "expirationSeconds": None}}, "x")),
        "must have expirationSeconds",
    ),
    "a token bound to nothing": (plan(token_step()), "must be bound to a Secret that an earlier step creates"),
    "a token for ever": (plan(steps.create(ANCHOR, "x"), token_step(1)), "a token must expire"),
    "an apply that creates": (
        plan(replace(APPLIED, target=replace(APPLIED.target, uid=""))),
        "apply changes an object that exists",
    ),
    "no commands": (plan(steps.on_host("cp-1", [], "x", irreversible="y")), "it has no commands"),
    "no file": (
        plan(replace(every_kind().steps[8], path="")),
        "it names no file",
    ),
    "no operation at all": (plan(replace(change(), patch=({"op": ["add"], "path": "/a"},))), "there is no operation"),
    "what its action makes no use of": (
        plan(replace(steps.create(ANCHOR, "x"), commands=("rm",))),
        "a field commands, which create makes no use of",
    ),
    "an undo of something else": (
        plan(replace(change(), undo=replace(change().undo, target=replace(change().target, name="other")))),
        "its undo is about something else",
    ),
    "an undo that is none": (
        plan(replace(change(), undo=replace(change().undo, action=Action.DELETE))),
        "delete does not take patch back",
    ),
    "an undo that is no patch": (plan(replace(change(), undo=replace(change().undo, patch=({},)))), "its undo: there"),
    "a file for anybody to read": (
        plan(steps.create({**SETTINGS, "metadata": ANCHOR["metadata"]}, "x", from_files={"/data/key": "id_ed25519"})),
        "the content of files goes into a Secret and nowhere else",
    ),
    "a file that is no value": (
        plan(steps.create(ANCHOR, "x", from_files={"/metadata/annotations/a": "id_ed25519"})),
        "/metadata/annotations/a is not the place of a Secret's value",
    ),
    "a file that goes up": (
        plan(steps.create(ANCHOR, "x"), replace(token_step(), path="../token")),
        "goes up through ..",
    ),
    "a file that hides its name": (
        plan(steps.create(ANCHOR, "x"), replace(token_step(), path="/tmp/\u202etoken")),
        "characters that cannot be seen",
    ),
    "metadata that is none": (plan(replace(steps.create(ANCHOR, "x"), body={"metadata": True})), "another object"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN, ids=list(BROKEN))
def test_a_plan_that_breaks_a_rule_is_refused_and_the_rule_is_named(case):
    broken, said = BROKEN[case]
    assert any(said in problem for problem in problems(broken)), problems(broken)
    with pytest.raises(InputError, match="the plan cannot be used: "):
        read_plan(plan_text(broken), where="plan.json")


def test_a_secrets_patch_may_not_hold_its_value():
    secret = {**ANCHOR, "metadata": {**ANCHOR["metadata"], "uid": "u"}, "data": {}}
    step = steps.patch(secret, [{"op": "add", "path": "/data/key", "value": "QUJD"}], "x")
    assert any("a plan holds no secret" in problem for problem in problems(plan(step)))


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"schema": "k8srun.dev/run/v1"}', '{"schema": 1}', "null"])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(InputError, match=r"plan\.json: "):
        read_plan(text, where="plan.json")


@pytest.mark.parametrize(
    ("known", "unknown", "said"),
    [
        ('"verify":', '"verfy":', "/verfy is no field of a plan"),
        ('"reason":', '"from_file": {}, "reason":', "/steps/0/from_file is no field of a plan"),
    ],
)
def test_a_field_that_no_plan_has_is_refused_rather_than_passed_over(known, unknown, said):
    text = plan_text(plan(change())).replace(known, unknown, 1)
    with pytest.raises(InputError, match=said):
        read_plan(text, where="plan.json")


def test_what_plan_show_prints_for_scripts_is_a_plan():
    text = plan_text(plan(change())).replace('"title":', '"digest": "x", "title":', 1)
    assert read_plan(text, where="plan.json") == plan(change())


@pytest.mark.parametrize(("levels", "said"), [(400, "nested deeper than"), (100_000, "recursion|nested deeper")])
def test_a_plan_that_is_nested_without_end_is_refused(levels, said):
    text = plan_text(plan(change())).replace('"body": null', f'"body": {{"a": {"[" * levels}{"]" * levels}}}', 1)
    with pytest.raises(InputError, match=said):
        read_plan(text, where="plan.json")


def test_a_file_too_large_for_a_plan_is_refused():
    with pytest.raises(InputError, match="larger than 16 MiB"):
        read_plan(b" " * (16 * 1024 * 1024 + 1), where="plan.json")


def test_a_wrong_type_is_named_by_its_place():
    text = plan_text(plan(change())).replace('"reason": "because"', '"reason": 5', 1)
    with pytest.raises(InputError, match=r"\$\.steps\[0\]\.reason"):
        read_plan(text, where="plan.json")


def test_a_mark_sees_what_people_write_and_not_what_controllers_do():
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "uid": "u", "resourceVersion": "1", "generation": 1},
        "spec": {"replicas": 1},
        "status": {},
    }
    mark = mark_of(deployment)
    metadata = deployment["metadata"]
    scaled = {**deployment, "metadata": {**metadata, "resourceVersion": "2", "generation": 2}, "spec": {"replicas": 2}}
    reported = {
        **deployment,
        "metadata": {
            **metadata,
            "resourceVersion": "3",
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "managedFields": [
                {"manager": "kube-controller-manager", "subresource": "status", "time": "2026-01-01T00:00:00Z"}
            ],
        },
        "status": {"replicas": 1},
    }
    assert change_since(mark, reported) == ""
    assert state_of(reported) == state_of(deployment)
    assert change_since(mark, scaled) == "it was changed"
    assert change_since(mark, None) == "it was deleted"
    assert "deleted and made again" in change_since(mark, {**deployment, "metadata": {**metadata, "uid": "v"}})
    labelled = {**deployment, "metadata": {**metadata, "resourceVersion": "4", "labels": {"a": "b"}}}
    assert change_since(mark, labelled) == "it was changed"


def test_a_kind_without_a_status_is_changed_by_every_new_version():
    mark = mark_of(SETTINGS)
    newer = {**SETTINGS, "metadata": {**SETTINGS["metadata"], "resourceVersion": "8"}}
    assert change_since(mark, newer) == "it was changed"
    by = [{"manager": "kubectl", "time": "2026-01-01T00:00:00Z"}]
    newer["metadata"]["managedFields"] = by
    assert change_since(mark, newer) == "it was changed by kubectl at 2026-01-01T00:00:00Z"


def test_missing_permissions_become_roles_that_grant_them_and_nothing_else():
    needed = [
        Permission("patch", "apps", "deployments", "", "shop", "web"),
        Permission("get", "apps", "deployments", "", "shop", "web"),
        Permission("create", "", "secrets", "", "shop"),
        Permission("create", "", "serviceaccounts", "token", "shop", "default"),
        Permission("approve", "certificates.k8s.io", "signers", name="kubernetes.io/kube-apiserver-client"),
    ]
    cluster, role = roles_for(needed, "apply")
    assert cluster["kind"] == "ClusterRole"
    assert cluster["rules"] == [
        {
            "apiGroups": ["certificates.k8s.io"],
            "resources": ["signers"],
            "verbs": ["approve"],
            "resourceNames": ["kubernetes.io/kube-apiserver-client"],
        }
    ]
    assert (role["kind"], role["metadata"]) == ("Role", {"name": "apply", "namespace": "shop"})
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"], "resourceNames": ["default"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"], "resourceNames": ["web"]},
    ]


def test_no_plan_holds_a_secret_that_a_snapshot_does_not():
    assert b"reduced" not in encode(every_kind())
    assert [step.action for step in every_kind().steps if not step.action.writes_to_cluster] == [
        Action.CERTIFICATE,
        Action.KUBECONFIG,
        Action.HOST,
    ]
