"""The map as rows, what a change does to it, and what it says of the outside."""

from __future__ import annotations

import pytest

from k8srun.kinds import NETWORK_POLICY
from k8srun.network.cluster import read_network
from k8srun.network.connectivity import By, rows
from k8srun.network.decision import Policies
from k8srun.network.difference import difference, with_objects
from k8srun.network.exposure import coverage, exposure
from k8srun.network.policy import Direction
from k8srun.network.ports import EVERY_PORT, minus
from k8srun.network.reach import reach
from k8srun.network.reasons import reasons
from tests.network.cluster import CALICO, SHOP, namespace, pod, policy, snapshot
from tests.network.cluster import DENY as CLOSED
from tests.network.generate import Generator, snapshot_of
from tests.network.test_agreement import candidates, sides

ANYWHERE = "0.0.0.0-255.255.255.255"
DENY = policy("shop/deny", "{podSelector: {}}")


def mapped(*texts, by=By.POD, **how):
    network = read_network(snapshot(*texts, **how))
    return {(row.source, row.destination): row for row in rows(reach(network), by, reasons(Policies(network)))}


def replica(name, ip, label="web"):
    owner = "ownerReferences: [{kind: StatefulSet, name: web, apiVersion: apps/v1, controller: true}]\n  labels:"
    return pod(name, ip, app=label).replace("labels:", owner)


def test_without_policies_all_pods_reach_each_other_and_the_outside_but_no_row_is_a_pods_own():
    table = mapped(SHOP)
    assert set(table) == {
        ("shop/web[Pod]", "shop/db[Pod]"), ("shop/db[Pod]", "shop/web[Pod]"),
        ("shop/web[Pod]", ANYWHERE), ("shop/db[Pod]", ANYWHERE),
        (ANYWHERE, "shop/web[Pod]"), (ANYWHERE, "shop/db[Pod]"),
    }  # fmt: skip
    assert all(dict(row.connections) == EVERY_PORT for row in table.values())


def test_pairs_without_any_connection_are_left_out():
    assert ("shop/web[Pod]", "shop/db[Pod]") not in mapped(SHOP, DENY)


def test_ranges_of_ports_are_closed_and_merged():
    ports = "[{port: 80}, {port: 81, endPort: 90}, {port: 85, endPort: 100}, {port: 102}, {protocol: UDP, port: 53}]"
    table = mapped(
        SHOP, policy("shop/p", f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{ports: {ports}}}]}}")
    )
    row = table["shop/web[Pod]", "shop/db[Pod]"]
    assert dict(row.connections) == {"TCP": ((80, 100), (102, 102)), "UDP": ((53, 53),)}


def test_outside_addresses_are_exact_ranges_and_adjacent_ones_are_merged():
    blocks = (
        "[{ipBlock: {cidr: 172.16.0.0/24}}, {ipBlock: {cidr: 172.16.1.7/24}},"
        " {ipBlock: {cidr: 172.18.0.0/16, except: [172.18.1.0/24]}}]"
    )
    table = mapped(
        SHOP, policy("shop/p", f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: {blocks}}}]}}")
    )
    assert sorted(source for source, to in table if to == "shop/db[Pod]") == [
        "172.16.0.0-172.16.1.255", "172.18.0.0-172.18.0.255", "172.18.2.0-172.18.255.255",
    ]  # fmt: skip


def test_ipv6_and_dual_stack_pods_have_ranges_of_their_families():
    dual = namespace("a") + pod("a/x", "10.1.0.1,fd00::1") + pod("a/y", "fd00::2")
    table = mapped(dual)
    everything = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    assert {to for source, to in table if source == "a/x[Pod]"} == {"a/y[Pod]", ANYWHERE, everything}
    assert {to for source, to in table if source == "a/y[Pod]"} == {"a/x[Pod]", everything}


def test_pods_without_a_common_family_do_not_connect():
    assert ("a/x[Pod]", "a/y[Pod]") not in mapped(namespace("a") + pod("a/x", "10.1.0.1") + pod("a/y", "fd00::2"))


def test_a_workload_talks_to_itself_only_where_it_has_two_pods():
    one, two = replica("shop/web-0", "10.1.0.1"), replica("shop/web-1", "10.1.0.2")
    own = ("shop/web[StatefulSet]", "shop/web[StatefulSet]")
    assert own not in mapped(namespace("shop"), one, by=By.WORKLOAD)
    assert own in mapped(namespace("shop"), one, two, by=By.WORKLOAD)
    apart = policy("shop/p", "{podSelector: {matchLabels: {app: web}}}")
    assert own not in mapped(namespace("shop"), one, two, apart, by=By.WORKLOAD)
    # Of two pods of which only one is isolated, the other can be reached.
    assert own in mapped(namespace("shop"), one, replica("shop/web-1", "10.1.0.2", "old"), apart, by=By.WORKLOAD)


def test_an_unknown_pair_has_its_ports_and_the_reason():
    new = SHOP + pod("shop/new")
    only = policy(
        "shop/p", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"
    )
    row = mapped(new, only)["shop/new[Pod]", "shop/db[Pod]"]
    assert (dict(row.connections), dict(row.unknown)) == ({}, EVERY_PORT)
    assert "the address of Pod shop/new is not in the snapshot" in row.reason


def test_what_could_not_be_read_makes_every_pair_unknown():
    table = mapped(SHOP, unseen=[NETWORK_POLICY])
    assert len(table) == 6
    assert all(not row.connections and "not supplied" in row.reason for row in table.values())


@pytest.mark.slow
def test_every_generated_change_opens_and_closes_what_the_two_maps_say():
    for seed in range(120):
        before, after = (read_network(snapshot_of(one)) for one in two_clusters(seed))
        old, new = (
            {(r.source, r.destination): r for r in rows(reach(n), By.POD, lambda *_: "")} for n in (before, after)
        )
        changed = {(c.source, c.destination): c for c in difference(before, after, By.POD).changes}
        # Nodes aside: no policy changes that a pod and its own talk, so comparisons leave it out.
        for pair in sides({**two_clusters(seed)[0], "nodes": []}):
            (was, doubt), (now, doubt_now) = (the_one(table, *pair) for table in (old, new))
            change = next(iter(candidates(changed, *pair)), None)
            assert (dict(change.opened) if change else {}) == dict(minus(minus(now, was), doubt)), (seed, pair)
            assert (dict(change.closed) if change else {}) == dict(minus(minus(was, now), doubt_now)), (seed, pair)


def the_one(table, *pair):
    """The sure and the unknown ports of the row about a pair."""
    found = candidates(table, *pair)
    return (found[0].connections, found[0].unknown) if found else ({}, {})


def two_clusters(seed):
    cluster = Generator(seed).cluster()
    return cluster, {**cluster, "policies": cluster["policies"][1:], "cnps": Generator(seed + 10_000).cluster()["cnps"]}


def test_a_policy_that_is_added_closes_and_one_that_allows_opens_exactly_its_ports():
    before = snapshot(SHOP)
    closed = with_objects(before, [item_of(DENY)])
    allowing = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}], ports: [{port: 5432}]}]}"
    opened = with_objects(closed, [item_of(policy("shop/db", allowing))])
    first = difference(read_network(before), read_network(closed), By.POD)
    assert not first.opens
    assert {(change.source, change.destination) for change in first.closes} == {
        ("shop/web[Pod]", "shop/db[Pod]"), ("shop/db[Pod]", "shop/web[Pod]"),
        (ANYWHERE, "shop/db[Pod]"), (ANYWHERE, "shop/web[Pod]"),
    }  # fmt: skip
    (change,) = difference(read_network(closed), read_network(opened), By.POD).changes
    assert (change.source, change.destination, dict(change.opened)) == (
        "shop/web[Pod]", "shop/db[Pod]", {"TCP": ((5432, 5432),)},
    )  # fmt: skip
    removed = with_objects(closed, remove=[(NETWORK_POLICY, "shop", "deny")])
    assert difference(read_network(before), read_network(removed)).changes == ()


def item_of(text):
    return snapshot(text).of(NETWORK_POLICY)[0]


def test_pods_that_only_one_of_two_snapshots_has_are_named_and_not_called_opened():
    found = difference(read_network(snapshot(SHOP)), read_network(snapshot(SHOP, pod("shop/new", "10.1.0.8"))), By.POD)
    assert (found.changes, found.added, found.removed) == ((), ("shop/new[Pod]",), ())


def test_exposure_tells_what_is_open_to_everybody_and_who_reaches_the_metadata_service():
    blocked = policy(
        "shop/p",
        "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress], egress:"
        " [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]}], ingress: [{ports: [{port: 5432}]}]}",
    )
    found = {one.workload: one for one in exposure(reach(read_network(snapshot(SHOP, blocked, CALICO))))}
    db, web = found["shop/db[Pod]"], found["shop/web[Pod]"]
    assert (dict(db.from_anywhere), dict(db.to_anywhere), dict(db.metadata)) == ({"TCP": ((5432, 5432),)}, {}, {})
    assert dict(web.from_anywhere) == dict(web.to_anywhere) == dict(web.metadata) == EVERY_PORT


def test_coverage_counts_isolated_pods_and_knows_a_default_deny_from_a_policy_about_some():
    some = policy("shop/p", "{podSelector: {matchLabels: {app: db}}}")
    (partly,), (wholly,) = (coverage(read_network(snapshot(SHOP, text))) for text in (some, DENY))
    assert (partly.pods, partly.isolated[Direction.INGRESS], partly.default_deny[Direction.INGRESS]) == (2, 1, False)
    assert (wholly.isolated[Direction.INGRESS], wholly.default_deny[Direction.INGRESS]) == (2, True)
    assert (wholly.isolated[Direction.EGRESS], wholly.default_deny[Direction.EGRESS]) == (0, False)


def test_a_policy_that_isolates_every_pod_and_allows_everything_is_no_default_deny():
    opened = policy("shop/all", "{podSelector: {}, ingress: [{}]}")
    for texts in ((opened,), (opened, DENY)):
        (found,) = coverage(read_network(snapshot(SHOP, *texts)))
        assert not found.default_deny[Direction.INGRESS]


def test_a_pod_and_its_own_node_always_talk_and_only_the_address_of_that_node_is_cut_out():
    node = "apiVersion: v1\nkind: Node\nmetadata: {{name: {0}}}\nstatus: {{addresses: [{{address: {1}}}]}}\n---\n"
    nodes = node.format("n1", "192.168.0.1") + node.format("n2", "192.168.0.2")
    web = pod("shop/web", "10.1.0.3", node="n1", app="web")
    only = policy("shop/p", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: 80}]}]}")
    table = mapped(namespace("shop"), nodes, web, only)
    own = "192.168.0.1-192.168.0.1"
    assert set(table) == {
        ("shop/web[Pod]", own), (own, "shop/web[Pod]"),
        ("0.0.0.0-192.168.0.0", "shop/web[Pod]"), ("192.168.0.2-255.255.255.255", "shop/web[Pod]"),
    }  # fmt: skip
    assert dict(table[own, "shop/web[Pod]"].connections) == EVERY_PORT
    assert dict(table["0.0.0.0-192.168.0.0", "shop/web[Pod]"].connections) == {"TCP": ((80, 80),)}


def test_a_map_without_own_nodes_is_that_of_the_policies_alone():
    web = pod("shop/web", "10.1.0.3", app="web").replace("status:\n", "status:\n  hostIPs: [{ip: 192.168.0.9}]\n")
    network = read_network(snapshot(namespace("shop"), web, policy("shop/deny", CLOSED)))
    found = reach(network)
    assert not list(rows(found, By.POD, reasons(Policies(network)), own_nodes=False))
    assert len(list(rows(found, By.POD, reasons(Policies(network))))) == 2


def test_the_node_is_known_by_the_pods_status_where_nodes_were_not_read():
    web = pod("shop/web", "10.1.0.3", app="web").replace("status:\n", "status:\n  hostIPs: [{ip: 192.168.0.9}]\n")
    table = mapped(namespace("shop"), web, DENY)
    assert set(table) == {("192.168.0.9-192.168.0.9", "shop/web[Pod]"), ("shop/web[Pod]", ANYWHERE)}
