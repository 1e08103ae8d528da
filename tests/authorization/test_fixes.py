"""Grants: what a client needs, the ways to give it, their rank, and what each brings about."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from k8srun.authorization.account_inspections import EXPIRES
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.fixes.after import after
from k8srun.authorization.fixes.commands import can_i, grant, role_name
from k8srun.authorization.fixes.earlier import earlier
from k8srun.authorization.fixes.impact import impact
from k8srun.authorization.fixes.needed import needed
from k8srun.authorization.fixes.options import Way, propose
from k8srun.authorization.fixes.plans import grant_plan, token_plan
from k8srun.authorization.model import RBAC_GROUP
from k8srun.authorization.usage import read_audit
from k8srun.errors import InputError
from k8srun.kinds import NAMESPACE, SERVICE_ACCOUNT
from k8srun.plan import Action
from k8srun.planfile import problems
from k8srun.snapshot import ServerInfo
from tests.authorization.cluster import ADMIN, binding, cluster_role, role, rule, snapshot

JANE = Identity("jane").as_authenticated()
WEB = Identity.of_service_account("shop", "web")
LIST_PODS = Attributes("list", "", "pods", namespace="shop")
VIEW = cluster_role("view", rule("get,list,watch", "pods,services,configmaps"))
EVERYTHING = cluster_role("cluster-admin", ADMIN)
SYSTEM = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "cluster-uid"}}


def asked(request, client=""):
    return {str(one) for one in needed(request, client)}


def test_a_client_that_lists_gets_what_an_informer_needs():
    assert [one.verb for one in needed(LIST_PODS)] == ["list", "get", "watch"]


@pytest.mark.parametrize("verb", ["get", "create"])
def test_exec_needs_get_and_create_and_the_pod(verb):
    request = Attributes(verb, "", "pods", "exec", "shop", "web-7d9f")
    stream = {"get pods/exec in namespace shop", "create pods/exec in namespace shop"}
    assert asked(request) == {*stream, "get pods in namespace shop"}


def test_the_names_of_pods_are_not_granted_since_they_change():
    assert all(not one.name for one in needed(Attributes("get", "", "pods", "log", "shop", "web-7d9f")))


def test_a_named_secret_is_granted_alone():
    assert needed(Attributes("get", "", "secrets", "", "shop", "db")) == (
        Attributes("get", "", "secrets", "", "shop", "db"),
    )


def test_kubectl_apply_needs_get_create_and_patch():
    request = Attributes("create", "apps", "deployments", namespace="shop")
    assert {one.verb for one in needed(request, "kubectl apply")} == {"get", "create", "patch"}
    assert {one.verb for one in needed(request)} == {"create"}


def test_leader_election_needs_to_create_a_lease_that_has_no_name_yet():
    found = needed(Attributes("get", "coordination.k8s.io", "leases", "", "shop", "operator"))
    assert {(one.verb, one.name) for one in found} == {("get", "operator"), ("create", ""), ("update", "operator")}


def test_every_verb_that_is_needed_is_granted_by_every_option():
    cluster = snapshot(
        VIEW, role("shop", "ops", rule("get", "services")), binding("shop", "ops", "Role ops", "User jane")
    )
    for option in propose(JANE, needed(LIST_PODS), cluster).options:
        then = Authorization.of(after(cluster, option.steps))
        assert all(then.review(JANE, one).allowed for one in needed(LIST_PODS)), option.title


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (rule("create", "rolebindings", group=RBAC_GROUP), ["not create Role", "they lack: get, list, watch"]),
        (rule("create", "roles,rolebindings", group=RBAC_GROUP), ["they lack: get, list, watch pods"] * 2),
        (rule("create,escalate,bind", "roles,rolebindings", group=RBAC_GROUP), []),
        (ADMIN, []),
    ],
)  # fmt: skip
def test_who_may_not_grant_it_is_told_before_the_server_says_so(held, said):
    items = (role("shop", "mine", held), binding("shop", "mine", "Role mine", "User ana"))
    doubts = propose(JANE, needed(LIST_PODS), snapshot(*items, server=ServerInfo(username="ana"))).doubts
    told = [doubt for doubt in doubts if doubt.startswith("ana, who read this cluster,")]
    assert len(told) == len(said)
    assert all(words in doubt for words, doubt in zip(said, told, strict=True))
    assert not any("ana" in doubt for doubt in propose(JANE, needed(LIST_PODS), snapshot(*items)).doubts)


def test_a_role_that_gives_nothing_else_is_bound_before_a_new_one_is_made():
    exact = role("shop", "pod-reader", rule("get,list,watch", "pods"))
    found = propose(JANE, needed(LIST_PODS), snapshot(exact, VIEW))
    assert [option.way for option in found.options] == [Way.BIND, Way.NEW, Way.BIND]
    assert found.options[0].excess == ()
    assert "services" in found.options[2].gives_besides


def test_what_gives_everything_is_not_proposed():
    used = binding("shop", "boss", "ClusterRole cluster-admin", "User boss")
    options = propose(JANE, needed(LIST_PODS), snapshot(EVERYTHING, VIEW, used)).options
    assert [option.title for option in options if "cluster-admin" in option.title] == []


def test_a_neighbours_cluster_role_is_not_proposed_unless_it_is_used_there():
    other = cluster_role("prometheus", rule("get,list,watch", "pods,nodes"))
    assert {option.way for option in propose(JANE, needed(LIST_PODS), snapshot(other)).options} == {Way.NEW}
    used = binding("shop", "prometheus", "ClusterRole prometheus", "User bo")
    assert Way.BIND in {option.way for option in propose(JANE, needed(LIST_PODS), snapshot(other, used)).options}


def test_extending_a_role_that_others_hold_ranks_after_a_new_one():
    shared = role("shop", "ops", rule("get", "services"), uid="r1")
    cluster = snapshot(shared, binding("shop", "ops", "Role ops", "User jane", "User bo", "User ana"))
    options = propose(JANE, needed(LIST_PODS), cluster).options
    assert [option.way for option in options] == [Way.NEW, Way.EXTEND]
    assert len(options[1].excess) == 6, "three verbs for each of two others"


def test_no_role_of_the_server_is_extended():
    own = role(
        "shop", "ops", rule("get", "services"), uid="r1", labels={"kubernetes.io/bootstrapping": "rbac-defaults"}
    )
    cluster = snapshot(own, binding("shop", "ops", "Role ops", "User jane"))
    assert Way.EXTEND not in {option.way for option in propose(JANE, needed(LIST_PODS), cluster).options}


def test_a_new_role_takes_no_name_that_is_taken():
    name = role_name(JANE, LIST_PODS)
    found = propose(
        JANE, needed(LIST_PODS), snapshot(role("shop", name), binding("shop", f"{name}-2", "Role x", "User bo"))
    )
    (option,) = (option for option in found.options if option.way is Way.NEW)
    assert {step.target.name for step in option.steps} == {f"{name}-3"}


def test_what_is_allowed_already_needs_no_option():
    cluster = snapshot(VIEW, binding("shop", "view", "ClusterRole view", "User jane"))
    assert propose(JANE, needed(LIST_PODS), cluster).options == ()


def test_a_url_is_granted_by_a_cluster_role():
    found = propose(JANE, needed(Attributes("get", path="/metrics")), snapshot())
    assert [step.target.kind for step in found.options[0].steps] == ["ClusterRole", "ClusterRoleBinding"]
    assert (
        Authorization.of(after(snapshot(), found.options[0].steps))
        .review(JANE, Attributes("get", path="/metrics"))
        .allowed
    )


@pytest.mark.parametrize(
    ("identity", "request_", "said"),
    [
        (Identity("system:anonymous").as_authenticated(), LIST_PODS, "everybody who reaches the server"),
        (Identity.of_service_account("shop", "default"), LIST_PODS, "names no ServiceAccount"),
        (JANE, replace(LIST_PODS, resource="secrets"), "read Secrets"),
        (JANE, replace(LIST_PODS, namespace="kube-system"), "who can act there has the cluster"),
        (JANE, replace(LIST_PODS, namespace=""), "in the whole cluster"),
        (Identity("system:node:n1", ("system:nodes",)), LIST_PODS, "kubelet"),
    ],
)  # fmt: skip
def test_it_is_asked_first_whether_it_should_be_refused(identity, request_, said):
    assert said in " ".join(propose(identity, needed(request_), snapshot()).doubts)


def test_a_harmless_wish_raises_no_doubt():
    assert propose(JANE, needed(LIST_PODS), snapshot()).doubts == ()


def test_a_binding_that_went_is_put_back_before_anything_else():
    bound = binding("shop", "view", "ClusterRole view", "User jane")
    told = earlier(JANE, LIST_PODS, snapshot(VIEW), snapshot(VIEW, bound))
    assert [evidence.fact for evidence in told.changed] == ["RoleBinding shop/view is gone"]
    found = propose(JANE, needed(LIST_PODS), snapshot(VIEW), before=told)
    assert found.options[0].way is Way.RESTORE
    assert Authorization.of(after(snapshot(VIEW), found.options[0].steps)).review(JANE, LIST_PODS).allowed


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([role("shop", "r", rule("list", "pods"))], [], "Role shop/r is gone"),
        ([role("shop", "r", rule("list", "pods"), uid="u")], [role("shop", "r", rule("get", "pods"), uid="u")], "lost"),
    ],
)  # fmt: skip
def test_a_role_that_lost_what_it_had_gets_it_back(before, now, said):
    bound = binding("shop", "b", "Role r", "User jane", uid="b")
    told = earlier(JANE, LIST_PODS, snapshot(bound, *now), snapshot(bound, *before))
    assert said in told.changed[0].fact
    assert Authorization.of(after(snapshot(bound, *now), told.steps)).review(JANE, LIST_PODS).allowed


def test_a_subject_that_was_taken_out_is_put_back():
    pods = role("shop", "r", rule("list", "pods"))
    before = binding("shop", "b", "Role r", "User jane", "User bo", uid="b")
    now = snapshot(pods, binding("shop", "b", "Role r", "User bo", uid="b"))
    told = earlier(JANE, LIST_PODS, now, snapshot(pods, before))
    assert "has lost its subject User jane" in told.changed[0].fact
    assert Authorization.of(after(now, told.steps)).review(JANE, LIST_PODS).allowed


def test_what_never_worked_has_nothing_to_put_back():
    assert earlier(JANE, LIST_PODS, snapshot(VIEW), snapshot(VIEW)) == earlier(JANE, LIST_PODS, snapshot(VIEW))


def test_an_audit_log_tells_when_it_worked_last_and_who_wrote_bindings_since():
    def event(user, verb, resource, at, code=200):
        group = "rbac.authorization.k8s.io" if resource == "rolebindings" else ""
        return json.dumps({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": verb,
            "user": {"username": user, "groups": []}, "stageTimestamp": at, "requestReceivedTimestamp": at,
            "objectRef": {"resource": resource, "namespace": "shop", "apiGroup": group},
            "responseStatus": {"code": code},
            "annotations": {"authorization.k8s.io/decision": "allow" if code < 400 else "forbid"}})  # fmt: skip

    log = read_audit([
        event("jane", "list", "pods", "2026-11-21T10:00:00Z"),
        event("bo", "delete", "rolebindings", "2026-11-21T11:00:00Z"),
        event("jane", "list", "pods", "2026-11-21T12:00:00Z", 403),
    ])  # fmt: skip
    told = earlier(JANE, LIST_PODS, snapshot(), log=log)
    assert "2026-11-21T10:00:00Z" in told.worked[0].fact
    assert told.changed[0].fact.startswith("bo did delete rolebindings")
    assert told.steps == (), "a log holds no objects to put back"


def plan_for(request, cluster, identity=JANE, **more):
    proposal = propose(identity, needed(request), cluster, **more)
    return grant_plan(proposal, proposal.options[0], cluster)


def test_a_plan_names_its_cluster_is_valid_and_can_be_taken_back():
    plan = plan_for(LIST_PODS, snapshot(SYSTEM, observed=(NAMESPACE,)))
    assert plan.cluster == "cluster-uid"
    assert problems(plan) == ()
    assert all(step.undo and step.undo.action is Action.DELETE for step in plan.steps)


def test_a_plan_asks_the_server_afterwards_for_every_verb_with_the_groups_that_it_adds():
    plan = plan_for(LIST_PODS, snapshot(), WEB)
    assert [question.about["verb"] for question in plan.verify] == ["list", "get", "watch"]
    assert {tuple(question.about["groups"]) for question in plan.verify} == {WEB.groups}


def test_the_same_wish_gives_the_same_plan():
    assert plan_for(LIST_PODS, snapshot(VIEW)).digest == plan_for(LIST_PODS, snapshot(VIEW)).digest


def test_an_expiry_stands_on_the_binding():
    plan = plan_for(LIST_PODS, snapshot(), expires="2026-12-01T00:00:00Z")
    bodies = [step.body for step in plan.steps if step.target.kind == "RoleBinding"]
    assert [body["metadata"]["annotations"] for body in bodies] == [{EXPIRES: "2026-12-01T00:00:00Z"}]


def test_the_impact_says_who_gains_what_and_what_runs_as_them():
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
           "spec": {"template": {"spec": {"serviceAccountName": "web", "containers": []}}}}  # fmt: skip
    said = plan_for(LIST_PODS, snapshot(web), WEB).impact
    assert "ServiceAccount shop/web gains in namespace shop: get, list, watch pods." in said
    assert "As ServiceAccount shop/web runs 1 workload: Deployment.apps shop/web." in said


def test_a_dangerous_grant_is_called_one_first():
    said = plan_for(replace(LIST_PODS, resource="secrets"), snapshot()).impact
    assert said[0].startswith("high: User jane can then read Secrets")


def test_a_grant_to_nobody_in_particular_is_called_what_it_is():
    said = plan_for(LIST_PODS, snapshot(), Identity("system:anonymous").as_authenticated()).impact
    assert said[0].startswith("critical: everybody who can reach the API server gains in namespace shop")


def test_a_new_way_to_cluster_admin_is_the_first_thing_that_is_said():
    strong = binding("", "admin", "ClusterRole cluster-admin", "ServiceAccount shop/robot")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "shop"}}
    cluster = snapshot(EVERYTHING, strong, account, observed=(SERVICE_ACCOUNT,))
    plan = plan_for(Attributes("create", "", "serviceaccounts", "token", "shop", "robot"), cluster)
    assert plan.impact[0].startswith("critical: a new way to cluster-admin")
    assert "jane" in plan.impact[0]


def test_what_others_gain_by_an_extended_role_stands_in_the_impact():
    shared = role("shop", "ops", rule("get", "services"), uid="r1")
    cluster = snapshot(shared, binding("shop", "ops", "Role ops", "User jane", "User bo"))
    proposal = propose(JANE, needed(LIST_PODS), cluster)
    option = next(option for option in proposal.options if option.way is Way.EXTEND)
    assert "User bo gains in namespace shop: get, list, watch pods." in impact(option.steps, cluster)


def test_the_commands_grant_exactly_the_same():
    lines = grant(WEB, needed(LIST_PODS), "web-pods")
    assert lines == (
        "kubectl create role web-pods --verb=list,get,watch --resource=pods -n shop",
        "kubectl create rolebinding web-pods --role=web-pods --serviceaccount=shop:web -n shop",
    )


def test_a_hostile_name_is_quoted_in_every_command():
    evil = Identity("x; rm -rf / #")
    assert "'x; rm -rf / #'" in can_i(evil, LIST_PODS)
    assert all("--user='x; rm -rf / #'" in line for line in grant(evil, (LIST_PODS,), "r") if "binding" in line)


def test_a_token_is_bound_to_a_secret_and_goes_to_a_file():
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u"},
    }
    cluster = snapshot(account, SYSTEM)
    plan = token_plan("shop", "web", "web.token", cluster, seconds=900)
    assert problems(plan) == ()
    assert [step.action for step in plan.steps] == [Action.CREATE, Action.TOKEN]
    assert plan.steps[1].body["spec"]["expirationSeconds"] == 900
    with pytest.raises(InputError, match="does not exist"):
        token_plan("shop", "nope", "web.token", cluster)
    with pytest.raises(InputError, match="too short"):
        token_plan("shop", "web", "web.token", cluster, seconds=60)
