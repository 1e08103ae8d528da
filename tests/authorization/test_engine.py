"""Bindings and identities: who a grant is for, and where it holds."""

from __future__ import annotations

import pytest

from k8srun.authorization.asking import request_of
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.escalation import may_write_role
from k8srun.authorization.model import Role, Rule
from k8srun.authorization.reviews import read_review, review_of
from k8srun.errors import InputError
from k8srun.kinds import CLUSTER_ROLE_BINDING
from k8srun.snapshot import Area, Gap, GapReason, ServerInfo, Snapshot
from tests.authorization.cluster import ADMIN, NOW, authorization, binding, cluster_role, role, rule, urls

READER = cluster_role("reader", rule("get", "pods"), urls("get", "/healthz"))
WEB = Identity.of_service_account("shop", "web")


def get_pods(namespace: str = "shop") -> Attributes:
    return Attributes("get", "", "pods", namespace=namespace)


def allowed(*items, identity=WEB, request=None):
    return authorization(READER, *items).review(identity, request or get_pods()).allowed


def test_a_role_binding_to_a_cluster_role_holds_in_its_namespace_alone_and_never_for_urls():
    bound = binding("shop", "b", "ClusterRole reader", "User jane")
    jane = Identity("jane")

    assert allowed(bound, identity=jane)
    assert not allowed(bound, identity=jane, request=get_pods("stock"))
    assert not allowed(bound, identity=jane, request=get_pods(""))
    for namespace in ("", "shop"):
        assert not allowed(bound, identity=jane, request=Attributes("get", namespace=namespace, path="/healthz"))


def test_a_cluster_role_binding_holds_everywhere():
    bound = binding("", "b", "ClusterRole reader", "User jane")

    for request in (get_pods(), get_pods(""), Attributes("get", path="/healthz")):
        assert allowed(bound, identity=Identity("jane"), request=request)


@pytest.mark.parametrize(
    ("namespace", "subject", "matches"),
    [
        ("shop", "ServiceAccount shop/web", True),
        ("shop", "ServiceAccount web", True),
        ("stock", "ServiceAccount web", False),
        ("", "ServiceAccount shop/web", True),
        ("", "ServiceAccount web", False),
        ("", "User system:serviceaccount:shop:web", True),
        ("", "User web", False),
        ("", "Group system:serviceaccounts:shop", True),
        ("", "Group system:serviceaccounts:stock", False),
        ("", "Group system:authenticated", True),
        ("", "Group system:unauthenticated", False),
    ],
)
def test_a_service_account_is_matched_by_its_own_subject_its_user_name_and_its_groups(namespace, subject, matches):
    request = get_pods(namespace or "shop")
    assert allowed(binding(namespace, "b", "ClusterRole reader", subject), request=request) is matches


def test_a_raw_review_adds_no_groups():
    bound = binding("", "b", "ClusterRole reader", "Group system:authenticated")

    assert not allowed(bound, identity=Identity("jane"))
    assert allowed(bound, identity=Identity("jane").as_authenticated())


@pytest.mark.parametrize(
    "name", ["shop:Web", "SHOP:web", "shop.x:web", "shop:a:b", "shop:", ":web", "shop:-x", "shop:a..b", "shop:a_b",
             f"{'a' * 64}:web", f"shop:{'a' * 254}"],
)  # fmt: skip
def test_a_user_name_that_no_service_account_can_have_gets_no_group_of_service_accounts(name):
    assert Identity(f"system:serviceaccount:{name}").as_authenticated().groups == ("system:authenticated",)


def test_a_service_account_may_have_dots_and_the_longest_names():
    for name in ("shop:a.b-c.1", f"{'a' * 63}:{'b' * 253}"):
        assert len(Identity(f"system:serviceaccount:{name}").as_authenticated().groups) == 3


def test_who_is_said_to_be_unauthenticated_is_not_said_to_be_authenticated():
    assert Identity("jane", ("system:unauthenticated",)).as_authenticated().groups == ("system:unauthenticated",)


def test_the_groups_of_authentication_are_added_once():
    assert WEB.groups == ("system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated")
    assert WEB.as_authenticated() == WEB
    assert Identity("system:anonymous").as_authenticated().groups == ("system:unauthenticated",)


def test_a_namespace_can_be_read_by_a_role_binding_within_it():
    bound = (role("shop", "own", rule("get", "namespaces")), binding("shop", "b", "Role own", "User jane"))

    decision = authorization(*bound).review(
        Identity("jane"), Attributes("get", "", "namespaces", namespace="shop", name="shop")
    )
    assert (decision.allowed, decision.warnings) == (True, ())


def test_a_yes_for_a_cluster_scoped_kind_asked_with_a_namespace_warns_that_it_is_empty():
    bound = (role("shop", "own", rule("list", "nodes")), binding("shop", "b", "Role own", "User jane"))

    decision = authorization(*bound).review(Identity("jane"), Attributes("list", "", "nodes", namespace="shop"))
    assert decision.allowed is True
    assert "cluster-scoped" in decision.warnings[0]


def test_a_proof_names_binding_role_and_rule_and_speaks_as_the_server_does():
    decision = authorization(READER, binding("shop", "b", "ClusterRole reader", "ServiceAccount web")).review(
        WEB, get_pods()
    )

    assert decision.reason == (
        'RBAC: allowed by RoleBinding "b/shop" of ClusterRole "reader" to ServiceAccount "web/shop"'
    )
    assert str(decision.proof) == 'RoleBinding shop/b → ClusterRole reader → get pods in API group ""'


def test_a_reason_names_the_cluster_wide_binding_and_its_first_subject_that_fits_as_the_server_does():
    jane = Identity("jane", ("dev", "a\nb"))
    here = binding("shop", "here", "ClusterRole reader", "User jane")
    everywhere = binding("", "everywhere", "ClusterRole reader", "Group ops", "Group a\nb", "User jane")

    decision = authorization(READER, here, everywhere).review(jane, get_pods())
    assert decision.reason == (
        'RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "reader" to Group "a\\nb"'
    )


def test_a_dangling_reference_grants_nothing_and_shows_in_the_reason():
    items = (
        binding("shop", "a", "Role gone", "User jane"),
        binding("shop", "b", "ClusterRole reader", "User jane"),
    )
    jane = Identity("jane")
    missing = 'role.rbac.authorization.k8s.io "gone" not found'

    assert authorization(READER, *items).review(jane, get_pods()).allowed is True
    denied = authorization(READER, *items, server=ServerInfo(version="v1.36.1")).review(
        jane, Attributes("list", "", "pods", namespace="shop")
    )
    assert (denied.allowed, denied.reason) == (False, f"RBAC: {missing}")
    newer = authorization(*items, server=ServerInfo(version="v1.37.0")).review(
        jane, Attributes("list", "", "pods", namespace="shop")
    )
    assert newer.reason.startswith("rbac: RBAC: [")


def test_a_cluster_role_binding_to_a_role_grants_nothing():
    odd = {**binding("", "b", "Role reader", "User jane")}
    asked = authorization(READER, odd)

    assert asked.rbac.grant(Identity("jane"), get_pods()) is None
    assert "cannot be bound here" in str(asked.rbac.faults[0])


def test_system_masters_are_past_every_authorizer():
    decision = authorization().review(Identity("eve", ("system:masters",)), get_pods())
    assert (decision.allowed, decision.authorizer, decision.reason) == (True, "system:masters", "")


def test_what_could_not_be_read_makes_a_no_unknown_and_leaves_a_yes():
    gap = Gap(Area.OBJECTS, str(CLUSTER_ROLE_BINDING), GapReason.FORBIDDEN, "User cannot list")
    bound = binding("shop", "b", "ClusterRole reader", "User jane")
    asked = authorization(READER, bound, gaps=(gap,))

    assert asked.review(Identity("jane"), get_pods()).allowed is True
    denied = asked.review(Identity("jane"), get_pods("stock"))
    assert denied.allowed is None
    assert "User cannot list" in denied.unknown[0]


def test_an_empty_snapshot_denies_nothing():
    from k8srun.authorization.chain import Authorization

    decision = Authorization.of(Snapshot(NOW)).review(Identity("jane"), get_pods())
    assert decision.allowed is None
    assert all("not supplied" in why for why in decision.unknown)


def test_reviews_are_read_and_written_without_loss():
    for request in (
        Attributes("get", "apps", "deployments", "scale", "shop", "web"),
        Attributes("get", path="/healthz"),
        Attributes("get", path=""),
    ):
        identity = Identity("jane", ("dev", "ops"))
        assert read_review(review_of(identity, request)) == (identity, request)


def test_the_groups_of_a_review_are_those_of_its_version():
    spec = {"user": "jane", "groups": ["dev"], "group": ["system:masters"], "resourceAttributes": {"verb": "get"}}

    assert read_review({"apiVersion": "authorization.k8s.io/v1", "spec": spec})[0].groups == ("dev",)
    assert read_review({"spec": spec})[0].groups == ("dev",)
    assert read_review({"apiVersion": "authorization.k8s.io/v1beta1", "spec": spec})[0].groups == ("system:masters",)


@pytest.mark.parametrize(
    "review",
    [
        [], {}, {"spec": []}, {"spec": {"user": "jane"}},
        {"spec": {"resourceAttributes": {}}},
        {"spec": {"user": "jane", "resourceAttributes": {}, "nonResourceAttributes": {}}},
        {"spec": {"user": 3, "resourceAttributes": {}}},
        {"spec": {"user": "jane", "groups": "dev", "resourceAttributes": {}}},
        {"spec": {"user": "jane", "resourceAttributes": {"verb": ["get"]}}},
        {"kind": "Pod", "spec": {"user": "jane", "resourceAttributes": {}}},
        {"apiVersion": "v1", "spec": {"user": "jane", "resourceAttributes": {}}},
        {"apiVersion": "authorization.k8s.io/v1", "spec": {"group": ["dev"], "resourceAttributes": {}}},
        {"apiVersion": "authorization.k8s.io/v1beta1", "spec": {"groups": ["dev"], "resourceAttributes": {}}},
        {"spec": {"user": "jane", "extra": {"a": "b"}, "resourceAttributes": {}}},
        {"spec": {"user": "jane", "uid": 5, "resourceAttributes": {}}},
        {"spec": {"user": "jane", "resourceAttributes": {"version": 1}}},
        {"spec": {"user": "jane", "resourceAttributes": {"fieldSelector": {}}}},
        {"spec": {"user": "jane", "resourceAttributes": {"labelSelector": {"rawSelector": "a", "requirements": [{}]}}}},
        {"kind": "LocalSubjectAccessReview", "spec": {"user": "jane", "resourceAttributes": {"verb": "get"}}},
        {"kind": "LocalSubjectAccessReview", "metadata": {"namespace": "shop"},
         "spec": {"user": "jane", "resourceAttributes": {"namespace": "stock"}}},
    ],
)  # fmt: skip
def test_what_the_server_would_refuse_as_a_review_is_refused(review):
    with pytest.raises(InputError):
        read_review(review)


RBAC = "rbac.authorization.k8s.io"


def test_who_may_escalate_one_role_by_name_may_update_it_and_create_none():
    asked = authorization(
        cluster_role("r", rule("escalate", "clusterroles", group=RBAC, names="mine")),
        binding("", "b", "ClusterRole r", "User jane"),
    )
    wanted = Role("", "mine", (Rule(("get",), ("",), ("secrets",)),))

    assert may_write_role(asked.rbac, Identity("jane"), wanted, creates=False).by == "escalate"
    refused = may_write_role(asked.rbac, Identity("jane"), wanted)
    assert (refused.allowed, refused.lacking) == (False, wanted.rules)


def test_a_yes_for_a_subresource_that_there_is_not_says_so():
    asked = authorization(cluster_role("all", ADMIN), binding("", "b", "ClusterRole all", "User jane"))
    named = asked.review(Identity("jane"), Attributes("get", "", "pods", "web-0", "shop"))
    assert named.allowed is True
    assert "no subresource web-0" in named.warnings[0]
    assert asked.review(Identity("jane"), Attributes("get", "", "pods", "log", "shop", "web-0")).warnings == ()


def test_a_name_that_no_real_request_carries_wins_no_yes():
    asked = authorization(
        cluster_role("one", rule("create,delete,deletecollection,list", "pods,namespaces", names="x")),
        cluster_role("any", rule("create", "namespaces")),
        binding("shop", "b", "ClusterRole one", "User jane"),
        binding("x", "c", "ClusterRole any", "User jane"),
    )
    answers = {
        (verb, target): asked.review(Identity("jane"), request_of(verb, target, "x", "shop", asked.snapshot)).allowed
        for verb in ("create", "delete", "deletecollection", "list")
        for target in ("pods", "ns")
    }
    # A list by a field selector for the name does carry it.
    assert {asked_ for asked_, allowed in answers.items() if allowed} == {("delete", "pods"), ("list", "pods")}


def test_a_subresource_is_created_under_a_name():
    asked = authorization()
    evicted = request_of("create", "pods/eviction", "web-0", "shop", asked.snapshot)
    assert (evicted.subresource, evicted.name) == ("eviction", "web-0")


def test_who_selects_the_rules_of_others_must_hold_everything():
    asked = authorization(cluster_role("some", rule("get", "pods")), binding("", "b", "ClusterRole some", "User jane"))
    verdict = may_write_role(asked.rbac, Identity("jane"), Role("", "new", (), aggregated=True))
    assert (verdict.allowed, verdict.aggregation) == (False, True)
    assert may_write_role(asked.rbac, Identity("jane"), Role("", "new", ())).allowed


def test_an_object_in_the_wrong_scope_grants_nothing_and_is_a_fault():
    lost = {**role("shop", "r", rule("get", "pods")), "metadata": {"name": "r"}}
    placed = {**cluster_role("c", rule("get", "pods")), "metadata": {"name": "c", "namespace": "shop"}}
    rbac = authorization(lost, placed).rbac
    assert rbac.roles == {}
    assert len(rbac.faults) == 2
