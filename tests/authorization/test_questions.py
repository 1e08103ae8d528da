"""The other questions: who can, what came close, what changed, what was used, what leads to cluster-admin."""

from __future__ import annotations

import json

import pytest

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.changes import permission_changes
from k8srun.authorization.compound import besides
from k8srun.authorization.model import RBAC_GROUP, Rule, Subject
from k8srun.authorization.nearmisses import Miss, near_misses
from k8srun.authorization.permissions import access_matrix, permissions_of
from k8srun.authorization.usage import minimal_roles, read_audit, unused_grants
from k8srun.authorization.whocan import who_can
from tests.authorization.check_cases import GOOD
from tests.authorization.cluster import authorization, binding, cluster_role, role, rule, urls

WEB = Identity.of_service_account("shop", "web")
GET_PODS = Attributes("get", "", "pods", namespace="shop")


def holders(asked, request, **more):
    return [str(holder.subject) for holder in who_can(asked, request, **more).holders]


def test_who_can_names_every_holder_in_the_scope_and_system_masters():
    asked = authorization(
        cluster_role("reader", rule("get", "pods"), rule("get", "*/log"), urls("get", "/metrics")),
        binding("", "all", "ClusterRole reader", "Group ops", "ServiceAccount web"),
        binding("shop", "one", "ClusterRole reader", "ServiceAccount web", "User jane"),
        binding("stock", "two", "ClusterRole reader", "User bob"),
    )
    masters = "Group system:masters"

    assert holders(asked, GET_PODS) == [masters, "Group ops", "ServiceAccount shop/web", "User jane"]
    assert holders(asked, Attributes("get", "", "pods")) == [masters, "Group ops"]
    assert holders(asked, Attributes("get", "", "pods"), anywhere=True)[-2:] == ["User bob", "User jane"]
    assert holders(asked, Attributes("get", path="/metrics")) == [masters, "Group ops"]
    assert "User jane" in holders(asked, Attributes("get", "", "pods", "log", "shop"))
    assert holders(asked, Attributes("delete", "", "pods", namespace="shop")) == [masters]


def test_who_can_shows_what_runs_as_a_service_account_and_who_is_in_a_group():
    asked = authorization(
        *GOOD, binding("shop", "all", "Role reader", "Group system:serviceaccounts:shop", "Group system:authenticated")
    )

    found = {str(holder.subject): holder for holder in who_can(asked, GET_PODS).holders}
    assert found["ServiceAccount shop/web"].workloads == ("Pod shop/web-0",)
    assert found["Group system:serviceaccounts:shop"].meaning == "every ServiceAccount of namespace shop"
    assert "any credentials" in found["Group system:authenticated"].meaning


def test_who_can_agrees_with_the_reviews_of_everybody_it_names():
    asked = authorization(*GOOD)

    for request in (GET_PODS, Attributes("create", "", "pods"), Attributes("get", path="/healthz")):
        for holder in who_can(asked, request).holders:
            groups = (holder.subject.name,) if holder.subject.kind == "Group" else ()
            assert asked.review(Identity(holder.subject.username, groups), request).allowed


@pytest.mark.parametrize(
    ("items", "request_", "kind", "says"),
    [
        ((), Attributes("get", "", "pod", namespace="shop"), Miss.MISSPELT_RESOURCE, "pods is meant"),
        ((), Attributes("get", "", "podz", namespace="shop"), Miss.MISSPELT_RESOURCE, "pods is meant"),
        ((), Attributes("list", "", "deployments"), Miss.OTHER_API_GROUP, "API group apps, not in the core group"),
        ((), Attributes("list", "extensions", "ingresses"), Miss.OTHER_API_GROUP, "networking.k8s.io"),
        (
            (binding("stock", "b", "ClusterRole r", "ServiceAccount shop/web"),),
            GET_PODS, Miss.OTHER_NAMESPACE, "allowed in namespace stock",
        ),
        (
            (binding("shop", "b", "ClusterRole r", "ServiceAccount shop/web"),),
            Attributes("get", "", "pods"), Miss.OTHER_NAMESPACE, "not at the cluster scope",
        ),
        (
            (binding("shop", "b", "ClusterRole r", "ServiceAccount shop/web"),),
            Attributes("get", "", "pods", "log", "shop"), Miss.SUBRESOURCE, "pods/log",
        ),
        (
            (binding("shop", "b", "ClusterRole named", "ServiceAccount shop/web"),),
            Attributes("list", "", "secrets", namespace="shop"), Miss.RESOURCE_NAMES, "a list carries no name",
        ),
        (
            (binding("shop", "b", "ClusterRole r", "ServiceAccount shop/web"),),
            Attributes("list", "", "pods", namespace="shop"), Miss.OTHER_VERB, "get is allowed on pods",
        ),
        ((binding("shop", "b", "Role gone", "ServiceAccount shop/web"),), GET_PODS, Miss.DANGLING_ROLE, "Role gone"),
        ((binding("", "b", "ClusterRole r", "ServiceAccount web"),), GET_PODS, Miss.SUBJECT_SPELLING, "without a"),
        ((binding("", "b", "ClusterRole r", "User shop:web"),), GET_PODS, Miss.SUBJECT_SPELLING, "User shop:web"),
        ((binding("shop", "b", "ClusterRole r", "Group dev"),), GET_PODS, Miss.MISSING_GROUP, "the group dev"),
        (
            (binding("shop", "b", "ClusterRole wrong", "ServiceAccount web"),),
            GET_PODS, Miss.MISSPELT_RESOURCE, "names the resource pod",
        ),
    ],
)  # fmt: skip
def test_a_denial_is_explained_by_what_comes_closest(items, request_, kind, says):
    asked = authorization(
        cluster_role("r", rule("get", "pods")),
        cluster_role("named", rule("get,list", "secrets", names="tls")),
        cluster_role("wrong", rule("get", "pod")),
        *items,
    )

    found = {miss.kind: miss.message for miss in near_misses(asked, WEB, request_)}
    assert says in found[kind]
    assert asked.review(WEB, request_).allowed is False


def test_the_request_that_was_meant_is_offered_and_would_pass():
    asked = authorization(
        cluster_role("r", rule("get", "deployments", group="apps")),
        binding("shop", "b", "ClusterRole r", "ServiceAccount web"),
    )

    (first, *_) = near_misses(asked, WEB, Attributes("get", "", "deployment", namespace="shop", name="web"))
    assert first.instead == Attributes("get", "apps", "deployments", namespace="shop", name="web")
    assert asked.review(WEB, first.instead).allowed


def test_nobody_is_advised_to_join_system_masters():
    messages = [miss.message for miss in near_misses(authorization(*GOOD), WEB, Attributes("delete", "", "nodes"))]
    assert not any("system:masters" in message for message in messages)


def test_effective_permissions_join_every_way_to_a_rule_and_keep_namespaces_apart():
    asked = authorization(
        cluster_role("r", rule("get", "pods"), urls("get", "/metrics")),
        binding("shop", "one", "ClusterRole r", "ServiceAccount web"),
        binding("shop", "two", "ClusterRole r", "Group system:serviceaccounts"),
        binding("stock", "three", "ClusterRole r", "ServiceAccount shop/web"),
        binding("shop", "gone", "Role gone", "ServiceAccount web"),
    )

    found = permissions_of(asked, WEB)
    assert [(item.namespace, len(item.grants)) for item in found.rules] == [("shop", 2), ("stock", 1)]
    assert [binding.name for binding in found.dangling] == ["gone"]
    assert permissions_of(asked, WEB, "").rules == ()


def test_a_matrix_answers_each_subject_as_authenticated():
    asked = authorization(
        cluster_role("r", rule("get", "pods")), binding("shop", "b", "ClusterRole r", "Group system:authenticated")
    )
    subjects = [Subject("User", "jane"), Subject("ServiceAccount", "web", "shop"), Subject("Group", "dev")]

    matrix = access_matrix(asked, subjects, [Attributes("", "", "pods")], ["get", "list"], "shop")
    assert [[item.answer for item in row.decisions] for row in matrix.rows] == [
        ["yes", "no"],
        ["yes", "no"],
        ["no", "no"],
    ]


def test_a_change_is_what_it_allows_not_how_it_is_written():
    old = authorization(role("shop", "r", rule("get,list", "pods")), binding("shop", "b", "Role r", "User jane"))
    same = authorization(
        role("shop", "r", rule("get", "pods"), rule("list", "pods")), binding("shop", "c", "Role r", "User jane")
    )
    more = authorization(role("shop", "r", rule("get", "pods,secrets")), binding("shop", "b", "Role r", "User jane"))

    assert permission_changes(old, same).changes == ()
    (change,) = permission_changes(old, more).changes
    assert (change.gained, change.lost) == (
        (Rule(("get",), ("",), ("secrets",)),),
        (Rule(("list",), ("",), ("pods",)),),
    )
    assert {grant.binding.name for grant in change.by} == {"b"}


def test_what_is_held_everywhere_is_not_gained_again_in_a_namespace():
    wide = (cluster_role("r", rule("get", "pods")), binding("", "b", "ClusterRole r", "User jane"))
    assert (
        permission_changes(
            authorization(*wide), authorization(*wide, binding("shop", "b", "ClusterRole r", "User jane"))
        ).changes
        == ()
    )


def event(verb, user="system:serviceaccount:shop:web", *, decision="allow", uri="", **ref):
    return json.dumps(
        {
            "stage": "ResponseComplete", "verb": verb, "user": {"username": user, "groups": ["system:authenticated"]},
            "requestURI": uri, "annotations": {"authorization.k8s.io/decision": decision},
            **({"objectRef": ref} if ref else {}),
        }
    )  # fmt: skip


def test_an_audit_log_tells_which_grants_nobody_used():
    asked = authorization(
        role("shop", "r", rule("get,list", "pods"), rule("get", "secrets")),
        role("shop", "idle", rule("delete", "pods")),
        binding("shop", "b", "Role r", "ServiceAccount web"),
        binding("shop", "i", "Role idle", "ServiceAccount web"),
    )
    log = read_audit([event("list", resource="pods", namespace="shop"), "{", "", event("get", decision="forbid",
                      resource="secrets", namespace="shop", name="x")])  # fmt: skip

    found = {item.binding.name: item for item in unused_grants(asked.rbac, log)}
    assert log.unreadable == (2,)
    assert [item.resources for item in found["b"].rules] == [("secrets",)]
    assert (found["b"].whole, found["i"].whole) == (False, True)


def test_the_least_role_of_an_audit_log_allows_what_was_done_and_nothing_else():
    log = read_audit([
        event("list", resource="pods", namespace="shop"),
        event("get", resource="secrets", namespace="shop", name="tls"),
        event("create", resource="pods", namespace="shop", name="made-by-the-server"),
        event("create", resource="pods", subresource="exec", namespace="shop", name="web-0"),
        event("get", uri="/metrics?x=1"),
        event("delete", decision="forbid", resource="pods", namespace="shop", name="web-0"),
    ])  # fmt: skip
    roles = minimal_roles(log, "system:serviceaccount:shop:web", name="web")
    bound = [
        binding("shop", "b", "Role web", "ServiceAccount web"),
        binding("", "c", "ClusterRole web", "ServiceAccount shop/web"),
    ]
    asked = authorization(*roles, *bound)

    for seen in log.seen:
        assert asked.review(seen.identity, seen.request).allowed is (seen.allowed is not False)
    assert not asked.review(WEB, Attributes("get", "", "secrets", namespace="shop", name="other")).allowed


@pytest.mark.parametrize(
    ("request_", "more", "said"),
    [
        (Attributes("create", "", "pods", "exec", "shop"), rule("get", "pods/exec"), "get pods/exec is not allowed"),
        (Attributes("get", "", "pods", "exec", "shop"), rule("create", "pods/exec"), "create pods/exec"),
        (Attributes("create", RBAC_GROUP, "roles"), rule("escalate", "roles", group=RBAC_GROUP), "escalate roles"),
        (Attributes("patch", RBAC_GROUP, "rolebindings", "", "shop"), rule("bind", "clusterroles", group=RBAC_GROUP),
         "bind clusterroles.rbac.authorization.k8s.io is not allowed"),
        (Attributes("update", "certificates.k8s.io", "certificatesigningrequests", "approval"),
         rule("approve", "signers", group="certificates.k8s.io"), "approve signers.certificates.k8s.io"),
    ],
)  # fmt: skip
def test_what_the_server_asks_beside_a_request_is_told_unless_it_is_allowed(request_, more, said):
    bound = binding("", "b", "ClusterRole r", "User jane")
    jane = Identity("jane")

    (told,) = besides(authorization(cluster_role("r", rule("get", "x")), bound), jane, request_)
    assert said in told
    assert list(besides(authorization(cluster_role("r", more), bound), jane, request_)) == []


def test_a_plain_request_is_asked_about_once():
    assert list(besides(authorization(), Identity("jane"), Attributes("delete", "", "pods"))) == []


def test_what_system_masters_did_makes_no_grant_used():
    event = {
        "stage": "ResponseComplete", "verb": "list", "requestURI": "/api/v1/nodes", "objectRef": {"resource": "nodes"},
        "user": {"username": "jane", "groups": ["system:masters"]},
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }  # fmt: skip
    asked = authorization(cluster_role("n", rule("list", "nodes")), binding("", "n", "ClusterRole n", "User jane"))
    (unused,) = unused_grants(asked.rbac, read_audit([json.dumps(event)]))
    assert unused.whole
