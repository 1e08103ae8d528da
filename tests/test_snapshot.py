"""Snapshots: what was observed, what was not, and several sources as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from k8srun.hostfiles import Topic
from k8srun.kinds import CONFIG_MAP, DEPLOYMENT, NODE, POD, RESOURCES, kind_of
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot, merge, resource_name

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def pod(name, namespace="shop", **extra):
    return {"metadata": {"name": name, "namespace": namespace}, **extra}


def test_objects_are_found_by_kind_namespace_and_name():
    snapshot = Snapshot(NOW, objects={POD: (pod("a"), pod("a", "pay")), NODE: ({"metadata": {"name": "n"}},)})
    assert snapshot.find(POD, "a", "pay")["metadata"]["namespace"] == "pay"
    assert snapshot.find(NODE, "n") is not None
    assert snapshot.find(POD, "a") is None, "a namespaced object is not found without its namespace"
    assert snapshot.of(CONFIG_MAP) == ()


def test_what_was_not_looked_at_is_a_gap_and_what_was_found_empty_is_none():
    snapshot = Snapshot(NOW, observed=frozenset({Need.objects(POD)}))
    assert snapshot.unmet(Need.objects(POD)) == ()
    assert [gap.reason for gap in snapshot.unmet(Need.host(Topic.PKI))] == [GapReason.NOT_SUPPLIED]


def test_merging_keeps_the_first_of_an_object_that_two_sources_hold_and_all_gaps():
    gap = Gap(Area.OBJECTS, "Pod", GapReason.TIMEOUT)
    live = Snapshot(NOW, ("live",), objects={POD: (pod("a", source=1),)}, observed=frozenset({Need.objects(POD)}))
    dump = Snapshot(NOW - timedelta(hours=1), ("dump",), objects={POD: (pod("a", source=2), pod("b"))}, gaps=(gap,))
    both = merge([live, dump])
    assert [(item["metadata"]["name"], item.get("source")) for item in both.of(POD)] == [("a", 1), ("b", None)]
    assert (both.taken_at, both.origin) == (NOW - timedelta(hours=1), ("live", "dump"))
    assert both.unmet(Need.objects(POD)) == (gap,)


def test_merging_nothing_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="nothing"):
        merge([])


def test_one_lab_among_the_sources_makes_the_whole_a_lab():
    assert merge([Snapshot(NOW), Snapshot(NOW, lab=True)]).lab


def test_names_and_paths_are_the_servers_own():
    assert resource_name(POD, pod("a")) == "Pod shop/a"
    assert (str(DEPLOYMENT), str(POD)) == ("Deployment.apps", "Pod")
    assert kind_of("apps/v1", "Deployment") == DEPLOYMENT
    assert kind_of("v1", "Pod") == POD
    assert RESOURCES[DEPLOYMENT].path("v1", "shop") == "/apis/apps/v1/namespaces/shop/deployments"
    assert RESOURCES[POD].path("v1") == "/api/v1/pods"


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (
            Gap(Area.OBJECTS, "*", GapReason.TLS, "bad", "/version"),
            "objects of any kind at /version: TLS failure (bad)",
        ),
        (Gap(Area.HOST, "*", GapReason.MALFORMED), "host files of any topic: malformed"),
        (Gap(Area.HOST, "PKI", GapReason.FORBIDDEN, where="/x"), "host files (PKI) at /x: forbidden"),
        (Gap(Area.ENDPOINT, "", GapReason.TIMEOUT), "a TLS endpoint: timeout"),
        (Gap(Area.SERVER, "cluster uid", GapReason.FORBIDDEN), "the server's cluster uid: forbidden"),
    ],
)
def test_a_gap_says_what_could_not_be_read_where_and_why(gap, said):
    assert str(gap) == said


@pytest.mark.parametrize("name", ["", None, {"a": 1}, ["a"]])
def test_what_is_no_name_finds_nothing_and_hides_nothing(name):
    nameless = {"metadata": {"name": name}}
    snapshot = Snapshot(
        taken_at=NOW,
        objects={NODE: (nameless, {"metadata": {"name": "n"}}, {"metadata": {"name": "n", "second": True}})},
    )

    assert snapshot.find(NODE, name) is None
    assert snapshot.find(NODE, "n") == {"metadata": {"name": "n"}}, "of two the first counts"
