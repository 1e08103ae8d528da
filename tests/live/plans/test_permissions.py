"""What a plan takes is asked before it is applied, and what is missing is named so that it can be granted."""

from __future__ import annotations

from k8srun import steps
from k8srun.apply import apply, preview
from k8srun.change import ChangeStatus, FailureKind, Validation
from k8srun.permission import Permission, roles_for
from tests.apply.clusters import (
    QUICK,
    RBAC,
    binding,
    config_map,
    named,
    observed,
    plan_of,
    role,
    signing_request,
    target,
)


def test_where_the_cluster_cannot_be_told_there_is_a_preview_only(control_plane, namespace, admin, journal):
    nobody = target(control_plane, user="nobody-at-all")
    shown = preview(plan_of(admin, steps.create(role(namespace), "needed")), nobody, journal=journal, options=QUICK)
    assert "which cluster this is cannot be told: the namespace kube-system cannot be read" in shown.blockers[0]
    assert shown.steps[0].validation is Validation.CLIENT
    assert shown.confirm == ""


def test_a_read_only_user_gets_a_preview_and_exactly_the_rules_that_are_missing(control_plane, namespace, journal):
    reader = target(control_plane, user=f"reader-{namespace}")
    everything = named("ClusterRole", f"view-{namespace}", version=f"{RBAC}/v1")
    everything["rules"] = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    bind(control_plane, everything, f"reader-{namespace}")
    path = config_map(control_plane, namespace, a="1")
    spare = config_map(control_plane, namespace, "spare", a="1")
    may = {"namespace": namespace, "verb": "get", "resource": "configmaps", "name": "settings"}
    control_plane.wait_until("the role to be seen", lambda: reader.check(permission(**may)).allowed)
    body = signing_request(f"for-{namespace}", "jane")
    plan = plan_of(
        reader,
        steps.patch(observed(control_plane, path), [{"op": "replace", "path": "/data/a", "value": "2"}], "two"),
        steps.delete(observed(control_plane, spare), "unused"),
        steps.create(role(namespace, verbs=("get", "delete")), "needed"),
        steps.create(binding(namespace), "needed"),
        steps.create(body, "needed"),
        steps.approve(body, "checked"),
    )
    shown = preview(plan, reader, journal=journal, options=QUICK)
    assert [step.validation for step in shown.steps] == [Validation.CLIENT] * 5 + [Validation.NONE]
    assert "-  a: '1'" in shown.steps[0].diff
    assert "+  a: '2'" in shown.steps[0].diff
    assert shown.confirm == ""
    assert {str(missing) for missing in shown.missing} == {
        f"patch configmaps settings in namespace {namespace}",
        f"delete configmaps spare in namespace {namespace}",
        f"create roles.{RBAC} in namespace {namespace}",
        f"escalate roles.{RBAC} in namespace {namespace}",
        f"create rolebindings.{RBAC} in namespace {namespace}",
        f"bind roles.{RBAC} reader in namespace {namespace}",
        "create certificatesigningrequests.certificates.k8s.io at the cluster scope",
        f"patch certificatesigningrequests/approval.certificates.k8s.io for-{namespace} at the cluster scope",
        "approve signers.certificates.k8s.io kubernetes.io/kube-apiserver-client at the cluster scope",
    }

    # Copied into roles as they stand, they suffice.
    for needed in roles_for(shown.missing, f"apply-{namespace}"):
        bind(control_plane, needed, f"reader-{namespace}")
    granted = control_plane.wait_until(
        "the roles to be seen",
        lambda: (found := preview(plan, reader, journal=journal, options=QUICK)).blockers == () and found,
    )
    assert granted.missing == ()
    assert apply(plan, reader, granted.confirm, journal=journal, options=QUICK).status is ChangeStatus.APPLIED


def permission(**fields):
    return Permission(**({"group": ""} | fields))


def bind(control_plane, held, user):
    """Store a Role or ClusterRole and bind it to a user."""
    space = held["metadata"].get("namespace")
    root = f"/apis/{RBAC}/v1/namespaces/{space}" if space else f"/apis/{RBAC}/v1"
    kind = held["kind"]
    control_plane.create(f"{root}/{kind.lower()}s", held)
    bound = {
        "metadata": {"name": held["metadata"]["name"]},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": held["metadata"]["name"]},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }
    control_plane.create(f"{root}/{kind.lower()}bindings", bound)


def test_who_holds_what_a_role_grants_needs_no_permission_to_escalate(control_plane, namespace, journal):
    user = f"holder-{namespace}"
    rules = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": ["get", "create"]},
    ]
    bind(control_plane, named("Role", "holder", namespace, f"{RBAC}/v1", rules=rules), user)
    holder = target(control_plane, user=user)
    may = {"namespace": namespace, "verb": "get", "resource": "pods"}
    control_plane.wait_until("the role to be seen", lambda: holder.check(permission(**may)).allowed)
    plan = plan_of(target(control_plane), steps.create(role(namespace), "a"), steps.create(binding(namespace), "b"))
    assert [str(one) for one in preview(plan, holder, journal=journal, options=QUICK).missing] == [
        "get namespaces kube-system in namespace kube-system"
    ]
    more = plan_of(target(control_plane), steps.create(role(namespace, verbs=("get", "delete")), "a"))
    missing = [str(one) for one in preview(more, holder, journal=journal, options=QUICK).missing]
    assert f"escalate roles.{RBAC} in namespace {namespace}" in missing


def test_grants_that_no_review_can_ask_about_are_left_to_the_servers_dry_run(control_plane, namespace, journal):
    user = f"granter-{namespace}"
    rules = [
        {"apiGroups": [RBAC], "resources": ["clusterroles", "roles"], "verbs": ["get", "create"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        {"nonResourceURLs": ["/healthz"], "verbs": ["get"]},
    ]
    bind(control_plane, named("ClusterRole", user, version=f"{RBAC}/v1", rules=rules), user)
    granter = target(control_plane, user=user)
    may = {"verb": "create", "group": RBAC, "resource": "clusterroles"}
    control_plane.wait_until("the role to be seen", lambda: granter.check(permission(**may)).allowed)

    def shown(kind, rules):
        body = named(kind, f"new-{namespace}", namespace if kind == "Role" else "", f"{RBAC}/v1", rules=rules)
        return preview(plan_of(granter, steps.create(body, "x")), granter, journal=journal, options=QUICK)

    nothing = shown("Role", [])
    assert (nothing.blockers, nothing.steps[0].validation) == ((), Validation.SERVER)
    held = shown("ClusterRole", [{"nonResourceURLs": ["/healthz"], "verbs": ["get"]}])
    assert (held.blockers, held.missing, held.steps[0].validation) == ((), (), Validation.SERVER)
    assert any("only a dry run tells" in check.reason for check in held.permissions)
    more = shown("ClusterRole", [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}])
    assert more.steps[0].failure.kind is FailureKind.FORBIDDEN
    assert more.confirm == ""
