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
