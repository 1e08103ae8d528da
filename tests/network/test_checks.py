"""Checks of network policies where neither pass nor fail is the truth."""

from __future__ import annotations

import pytest

from k8srun.checks import Undecided
from k8srun.network.checks import CHECKS
from tests.network.check_cases import broken, cluster_policy
from tests.network.cluster import NOW, SHOP, policy, snapshot

BY_ID = {check.id: check for check in CHECKS}


def test_a_cluster_wide_policy_in_a_manifest_is_not_called_unimplemented():
    check = BY_ID["NP-NOT-IMPLEMENTED"]
    authored = broken(cluster_policy(metadata={"name": "kept-apart"}))()
    with pytest.raises(Undecided, match="manifests"):
        list(check.run(check, authored, NOW))


def found_redundant(*policies: str) -> list[str]:
    check = BY_ID["NP-REDUNDANT"]
    return [finding.resource for finding in check.run(check, snapshot(SHOP, *policies), NOW)]


def test_the_policy_that_alone_isolates_the_pods_of_tomorrow_is_not_called_redundant():
    of_today = policy("shop/of-today", "{podSelector: {matchExpressions: [{key: app, operator: Exists}]}}")
    deny = policy("shop/deny", "{podSelector: {}}")

    assert found_redundant(deny, of_today) == ["NetworkPolicy shop/of-today"]
    assert found_redundant(deny, policy("shop/again", "{podSelector: {}}")) == [
        "NetworkPolicy shop/deny",
        "NetworkPolicy shop/again",
    ]


CILIUM = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: c, namespace: shop}\nspec: {}\n---\n"
ON_A_CLOUD = (
    "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {providerID: 'aws:///eu/i-1'}\n"
    "status: {addresses: [{type: InternalIP, address: 192.168.0.1}]}\n---\n"
)


def test_whether_metadata_is_reached_is_undecided_where_another_layer_may_deny_it():
    check = BY_ID["NP-METADATA"]
    assert list(check.run(check, snapshot(SHOP, ON_A_CLOUD), NOW))
    with pytest.raises(Undecided, match="Cilium"):
        list(check.run(check, snapshot(SHOP, ON_A_CLOUD, CILIUM), NOW))
    denied = policy("shop/deny", "{podSelector: {}, policyTypes: [Egress]}")
    assert not list(check.run(check, snapshot(SHOP, ON_A_CLOUD, CILIUM, denied), NOW))


def test_a_peer_that_matches_nothing_is_told_by_what_it_means_once_however_often_it_stands_there():
    nobody = "{podSelector: {matchLabels: {app: nobody}}}"
    rule = policy("shop/db", f"{{podSelector: {{}}, ingress: [{{from: [{nobody}, {nobody}, {{podSelector: {{}}}}]}}]}}")
    check = BY_ID["NP-PEER-MATCHES-NOTHING"]
    (finding,) = check.run(check, snapshot(SHOP, rule), NOW)
    assert "spec.ingress[0] has an element that matches no pod: it means pods with app=nobody" in finding.message
