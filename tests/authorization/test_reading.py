"""RBAC objects as people write them, broken ones too: never a wrong yes, and no silence."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.rbac import Rbac
from k8srun.investigation import Investigation
from k8srun.kinds import NODE
from k8srun.sources.options import SourceOptions
from tests.authorization.cluster import (
    ADMIN,
    GROUP,
    NOW,
    authorization,
    binding,
    cluster_role,
    metadata,
    role,
    rule,
    snapshot,
    urls,
)

JANE = Identity("jane")
GET_PODS = Attributes("get", "", "pods", namespace="shop")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["*", "get", "jane"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"verbs": "get", "apiGroups": [""], "resources": ["pods"]}, "rules[0].verbs is not a list of strings"),
        ({"verbs": ["get"], "apiGroups": [""], "resources": [["pods"]]}, "resources is not a list of strings"),
        ({"verbs": ["get"], "apiGroups": [""]}, "rules[0].resources is empty"),
        ({"verbs": ["get"], "resources": ["pods"]}, 'apiGroups is empty (the core group is written "")'),
        ({"apiGroups": [""], "resources": ["pods"]}, "rules[0].verbs is empty"),
        (urls("get", "/healthz"), "nonResourceURLs cannot stand in a Role"),
        ({**rule("*", "*"), "nonResourceURLs": ["/"]}, "nonResourceURLs cannot stand in a Role"),
        ("*", "rules[0] is not a mapping"),
        (None, "rules[0] is not a mapping"),
        ({"verbs": True, "apiGroups": ["*"], "resources": ["*"]}, "verbs is not a list of strings"),
    ],
)
def test_a_role_that_a_server_would_refuse_grants_nothing_and_is_named(broken, says):
    asked = authorization(
        role("shop", "reader", broken, rule("get", "pods")), binding("shop", "b", "Role reader", "User jane")
    )

    decision = asked.review(JANE, GET_PODS)

    assert (decision.allowed, len(asked.rbac.faults)) == (None, 1)
    assert says in str(asked.rbac.faults[0])
    assert "Role shop/reader" in decision.unknown[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"roleRef": None}, "roleRef is missing"),
        ({"roleRef": {"kind": "Role"}}, "roleRef.name is missing"),
        ({"roleRef": {"kind": "Widget", "name": "reader"}}, 'roleRef.kind "Widget"'),
        ({"roleRef": {"apiGroup": "x", "kind": "Role", "name": "reader"}}, f"roleRef.apiGroup must be {GROUP}"),
        ({"subjects": {"kind": "User"}}, "subjects is not a list"),
        ({"subjects": [{"kind": "Robot", "name": "jane"}]}, 'subjects[0].kind "Robot"'),
        ({"subjects": [{"kind": "User"}]}, "subjects[0].name is missing"),
        ({"subjects": [{"kind": "ServiceAccount", "name": "web", "namespace": 3}]}, "namespace is not a string"),
    ],
)
def test_a_binding_that_a_server_would_refuse_binds_nobody_and_is_named(changes, says):
    broken = {**binding("shop", "b", "Role reader", "User jane"), **changes}

    rbac = authorization(role("shop", "reader", rule("get", "pods")), broken).rbac

    assert rbac.grant(JANE, GET_PODS) is None
    assert says in str(rbac.faults[0])


def test_a_fault_elsewhere_does_not_make_an_answer_unknown():
    asked = authorization(role("stock", "broken", "no rule"))

    assert asked.review(JANE, GET_PODS).allowed is False
    assert asked.review(JANE, Attributes("get", "", "pods", namespace="stock")).allowed is None


@given(st.lists(JSON, max_size=2), JSON, JSON)
def test_no_shape_of_objects_raises_or_says_yes_to_the_wrong_one(rules, reference, subjects):
    items = [
        {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata("r", "shop"), "rules": rules},
        {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": metadata("r"), "aggregationRule": reference},
        {**binding("shop", "b", "Role r"), "subjects": subjects},
        {**binding("", "c", "ClusterRole r", "User jane"), "roleRef": reference},
    ]

    assert Rbac.of(snapshot(*items)).grant(Identity("nobody-else"), GET_PODS) is None


def test_a_role_of_a_hundred_thousand_rules_is_read_and_asked():
    rules = [rule("get", "pods", names=f"pod-{number}") for number in range(100_000)]
    asked = authorization(role("shop", "many", *rules), binding("shop", "b", "Role many", "User jane"))

    last = Attributes("get", "", "pods", namespace="shop", name="pod-99999")
    assert asked.review(JANE, last).allowed is True
    assert asked.review(JANE, Attributes("get", "", "pods", namespace="shop", name="pod-x")).allowed is False


def test_authored_manifests_get_the_rules_that_aggregation_would_write():
    asked = authorization(
        cluster_role("all", rule("delete", "nodes"), select={"part": "yes"}),
        cluster_role("b-part", rule("get", "pods"), labels={"part": "yes"}),
        cluster_role("a-part", rule("get", "services"), rule("get", "pods"), labels={"part": "yes"}),
        cluster_role("other", rule("get", "secrets"), labels={"part": "no"}),
    )

    rules = asked.rbac.roles["", "all"].rules
    assert [item.resources for item in rules] == [("services",), ("pods",)]


def test_what_a_server_stored_is_taken_as_it_is():
    stored = cluster_role("all", rule("delete", "nodes"), select={"part": "yes"}, uid="1")
    asked = authorization(stored, cluster_role("part", rule("get", "pods"), labels={"part": "yes"}))

    assert [item.resources for item in asked.rbac.roles["", "all"].rules] == [("nodes",)]


def test_aggregation_goes_through_chains_and_around_cycles():
    asked = authorization(
        cluster_role("one", select={"in": "one"}, labels={"in": "two"}),
        cluster_role("two", select={"in": "two"}, labels={"in": "one"}),
        cluster_role("leaf", rule("get", "pods"), labels={"in": "two"}),
        cluster_role("itself", rule("get", "nodes"), select={"in": "itself"}, labels={"in": "itself"}),
    )

    roles = asked.rbac.roles
    assert [len(roles["", name].rules) for name in ("one", "two", "itself")] == [1, 1, 0]
    assert asked.rbac.faults == ()


def test_rules_of_their_own_in_roles_that_aggregate_each_other_are_no_yes_and_no_no():
    asked = authorization(
        cluster_role("one", rule("get", "pods"), select={"in": "one"}, labels={"in": "two"}),
        cluster_role("two", ADMIN, select={"in": "two"}, labels={"in": "one"}),
        cluster_role("alone", ADMIN, select={"in": "alone"}),
        *(binding("", name, f"ClusterRole {name}", f"User {name}") for name in ("one", "two", "alone")),
    )

    answers = {name: asked.review(Identity(name), GET_PODS).allowed for name in ("one", "two")}
    assert answers == {"one": None, "two": None}
    assert [fault.resource for fault in asked.rbac.faults] == ["ClusterRole one", "ClusterRole two"]
    assert asked.rbac.roles["", "alone"].rules == ()


@pytest.mark.parametrize(
    "rule_of_aggregation",
    ["x", {"clusterRoleSelectors": "x"}, {"clusterRoleSelectors": ["x"]},
     {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "Like"}]}]}],
)  # fmt: skip
def test_an_aggregation_rule_that_is_none_is_named_and_its_role_grants_nothing(rule_of_aggregation):
    broken = {**cluster_role("all", ADMIN), "aggregationRule": rule_of_aggregation}
    asked = authorization(broken, binding("", "b", "ClusterRole all", "User jane"))

    assert asked.review(JANE, GET_PODS).allowed is None
    assert "aggregationRule" in str(asked.rbac.faults[0])


def test_a_notebook_knows_whose_cluster_it_is_so_that_no_means_no_only_where_it_can():
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "a", "labels": {"eks.amazonaws.com/nodegroup": "a"}},
    }
    for items, answer in (((), "no"), ((node,), "unknown")):
        asked = Investigation(snapshot(*items, observed=(NODE,)), NOW, "prod", None, SourceOptions(), ExitStack())
        assert answer in list(asked.can_i("list", "pods", who="jane").iloc[:, -1])


def test_a_notebook_takes_the_access_entries_of_eks_so_that_it_can_say_no(tmp_path):
    file = tmp_path / "entries.json"
    policy = {
        "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "accessScope": {"type": "cluster"},
    }
    principal = {"principalArn": "arn:aws:iam::1:role/ops", "username": "ops"}
    file.write_text(json.dumps([{"accessEntry": principal, "associatedAccessPolicies": [policy]}]))
    labels = {"eks.amazonaws.com/nodegroup": "a"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "labels": labels}}
    run = Investigation(snapshot(node, observed=(NODE,)), NOW, "prod", None, SourceOptions(), ExitStack())

    for who, answer in (("ops", "yes"), ("jane", "no")):
        assert answer in list(run.can_i("list", "pods", who=who, eks_access=str(file)).iloc[:, -1])
    assert "User ops" in run.who_can("list", "pods", eks_access=str(file)).to_string()
    assert "AmazonEKSClusterAdminPolicy" in run.permissions("ops", eks_access=str(file)).to_string()
