"""What a plan brings about, computed anew: the domains' sentences are fresh, a person's stay."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from k8srun import steps
from k8srun.assessment.impact import impact_again
from k8srun.authorization.fixes.impact import impact
from k8srun.plan import Plan
from k8srun.sources.files import read_files
from tests.apply.clusters import binding, named, role

BY_A_PERSON = "critical: the batch of the night must have ended."


@pytest.fixture
def cluster(tmp_path):
    """Takes a snapshot of manifests."""

    def snapshot(*items):
        (tmp_path / "all.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)}))
        return read_files([str(tmp_path)], now=datetime(2026, 3, 1, tzinfo=UTC))

    return snapshot


def test_what_was_computed_of_an_earlier_cluster_gives_way_to_what_is_so_now(cluster):
    grant = steps.create(binding("shop"), "jane must read pods")
    before = cluster(role("shop"))
    plan = Plan("Grant it", "uid", (grant,), impact=(*impact((grant,), before), BY_A_PERSON))
    assert plan.impact[0] == "User jane gains in namespace shop: get pods."
    assert impact_again(plan, lambda _needs: before) == plan.impact
    wider = cluster(role("shop", verbs=("get", "create", "delete")))
    again = impact_again(plan, lambda _needs: wider)
    assert again == (*impact((grant,), wider), BY_A_PERSON)
    assert not any("shop: get pods." in line for line in again)
    unread = impact_again(plan, lambda _needs: replace(before, objects={}, observed=frozenset()))
    assert unread != plan.impact
    assert BY_A_PERSON in unread


def test_nothing_is_read_for_a_plan_that_changes_neither_access_nor_traffic():
    plan = Plan("Make it", "uid", (steps.create(named("ConfigMap", "a", "shop"), "x"),), impact=(BY_A_PERSON,))

    def read(_needs):
        raise AssertionError("a snapshot was taken")

    assert impact_again(plan, read) == (BY_A_PERSON,)
