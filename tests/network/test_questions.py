"""One question: the verdict of each end, the culprit, what nearly matched, and everything else on the way."""

from __future__ import annotations

import pytest

from k8srun.errors import InputError
from k8srun.kinds import NETWORK_POLICY
from k8srun.network.asking import ask
from k8srun.network.cluster import IpBlocks
from k8srun.network.decision import Verdict
from k8srun.network.explaining import Cause
from k8srun.network.world import World
from k8srun.snapshot import Area, Gap, GapReason
from tests.network.cluster import CALICO, DENY, DNS, SHOP, daemon_set, namespace, pod, policy, service, snapshot

OPS = namespace("ops", team="ops") + pod("ops/probe", "10.1.0.9", app="probe")


def asked(*texts, source="shop/web", destination="shop/db", port="5432/TCP", ip_blocks=IpBlocks.PODS, **how):
    return ask(World(snapshot(*texts, **how), ip_blocks=ip_blocks), source, destination, port=port)


def owned(kind, name):
    return f"ownerReferences: [{{kind: {kind}, name: {name}, apiVersion: apps/v1, controller: true}}]\n  labels:"


def ids(answer):
    return {obstacle.id for obstacle in answer.obstacles}


def allowing(rule, name="shop/db"):
    return policy(name, f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{rule}]}}")


def test_without_policies_everything_is_allowed_and_no_policy_is_named():
    answer = asked(SHOP)
    assert (answer.verdict, answer.egress.policy, answer.ingress.policy) == (Verdict.ALLOWED, "", "")


def test_a_denial_names_every_policy_that_isolates_and_each_direction_apart():
    answer = asked(SHOP, policy("shop/deny", "{podSelector: {matchLabels: {app: db}}}"))
    assert (answer.verdict, answer.egress.verdict, answer.ingress.verdict) == ("denied", "allowed", "denied")
    assert answer.ingress.isolated_by == ("NetworkPolicy shop/deny",)


def test_an_allowance_names_the_policy_and_the_rule():
    answer = asked(SHOP, allowing("{from: [{podSelector: {matchLabels: {app: other}}}]}, {}"))
    assert (answer.ingress.policy, answer.ingress.rule) == ("NetworkPolicy shop/db", "spec.ingress[1]")


@pytest.mark.parametrize(
    ("rule", "source", "cause", "field"),
    [
        (
            "{from: [{podSelector: {matchLabels: {app: wbe}}}]}",
            "shop/web",
            Cause.LABEL,
            "spec.ingress[0].from[0].podSelector.matchLabels[app]",
        ),
        (
            "{from: [{podSelector: {matchLabels: {app: probe}}}]}",
            "ops/probe",
            Cause.NAMESPACE_SELECTOR,
            "spec.ingress[0].from[0]",
        ),
        (
            "{from: [{namespaceSelector: {matchLabels: {team: dev}}}]}",
            "ops/probe",
            Cause.NAMESPACE_LABEL,
            "spec.ingress[0].from[0].namespaceSelector.matchLabels[team]",
        ),
        ("{ports: [{port: sqll}]}", "shop/web", Cause.PORT_NAME, "spec.ingress[0].ports[0]"),
        ("{ports: [{port: 5433}]}", "shop/web", Cause.PORT, "spec.ingress[0].ports[0]"),
        ("{ports: [{port: 5432, protocol: UDP}]}", "shop/web", Cause.PORT, "spec.ingress[0].ports[0]"),
        (
            "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}",
            "shop/web",
            Cause.EXCEPTED,
            "spec.ingress[0].from[0].ipBlock.except",
        ),
        (
            "{from: [{ipBlock: {cidr: 10.2.0.0/16}}]}",
            "shop/web",
            Cause.BLOCK,
            "spec.ingress[0].from[0].ipBlock.cidr",
        ),
    ],
)
def test_the_rule_that_nearly_matched_is_named_with_the_one_field_that_failed(rule, source, cause, field):
    answer = asked(SHOP, OPS, allowing(rule), source=source)
    assert answer.verdict is Verdict.DENIED
    (failed,) = answer.ingress.near_misses[0].failed
    assert (failed.cause, failed.field) == (cause, field)


def test_and_where_or_was_meant_is_said_beside_the_field_that_failed():
    rule = "{from: [{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {app: web}}}]}"
    miss = asked(SHOP, OPS, allowing(rule), source="ops/probe").ingress.near_misses[0]
    assert miss.failed[0].cause is Cause.LABEL
    assert "AND" in miss.hint


def test_the_nearest_rule_comes_first():
    rules = "{from: [{podSelector: {matchLabels: {a: b, c: d}}}]}, {from: [{podSelector: {matchLabels: {app: x}}}]}"
    misses = asked(SHOP, allowing(rules)).ingress.near_misses
    assert [miss.rule for miss in misses] == ["spec.ingress[1]", "spec.ingress[0]"]


def test_a_block_for_outside_alone_does_not_match_a_pod_and_says_so():
    rule = "{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}"
    assert asked(SHOP, allowing(rule)).verdict is Verdict.ALLOWED
    answer = asked(SHOP, allowing(rule), ip_blocks=IpBlocks.EXTERNAL)
    assert answer.verdict is Verdict.DENIED
    assert "outside alone" in answer.ingress.near_misses[0].failed[0].detail


def test_a_service_is_asked_by_its_port_and_judged_by_the_port_of_its_pods():
    given = (SHOP, service("shop/db", {"app": "db"}, "15432", "sql"), allowing("{ports: [{port: 5432}]}"))
    answer = asked(*given, destination="service/shop/db", port="15432/TCP")
    assert (answer.verdict, answer.port, answer.destination) == ("allowed", 5432, "shop/db[Service]")


@pytest.mark.parametrize("name", ["db.shop.svc", "db.shop.svc.cluster.local", "10.96.0.10", "svc/shop/db"])
def test_a_service_is_found_by_its_names_and_its_address(name):
    given = (SHOP, service("shop/db", {"app": "db"}, "15432", "sql"))
    assert asked(*given, destination=name, port="15432").destination == "shop/db[Service]"


@pytest.mark.parametrize(
    ("made", "port", "obstacle"),
    [
        (service("shop/s", {"app": "dbb"}), "80", "service-selector-matches-nothing"),
        (service("shop/s", {}), "80", "service-without-endpoints"),
        (service("shop/s", {"app": "db"}), "81", "service-port-not-found"),
        (service("shop/s", {"app": "db"}, target="nope"), "80", "target-port-not-found"),
    ],
)
def test_a_service_that_leads_nowhere_is_unknown_and_blocked_by_what_is_wrong(made, port, obstacle):
    answer = asked(SHOP, made, destination="shop/s", port=port)
    assert (answer.verdict, answer.obstacles[0].id, answer.obstacles[0].blocks) == ("unknown", obstacle, True)


def test_pods_that_are_not_ready_are_in_the_way_of_a_service_and_a_note_for_the_pod_itself():
    down = namespace("a") + pod("a/db", "10.1.0.5", ["sql=5432"], ready=False, app="db") + pod("a/web", "10.1.0.6")
    through = asked(
        down, service("a/db", {"app": "db"}, "80", "5432"), source="a/web", destination="svc/a/db", port="80"
    )
    assert [(one.id, one.blocks) for one in through.obstacles] == [("pods-not-ready", True)]
    direct = asked(down, source="a/web", destination="pod/a/db")
    assert [(one.id, one.blocks) for one in direct.obstacles] == [("pods-not-ready", False)]


def test_headless_and_external_names_are_said():
    headless = service("shop/s", {"app": "db"}, "5432", "5432", clusterIP="None")
    assert "headless-service" in ids(asked(SHOP, headless, destination="shop/s"))
    named = service("shop/s", {}, type="ExternalName", externalName="db.example.org", clusterIP="")
    answer = asked(SHOP, named, destination="shop/s")
    assert (answer.verdict, "external-name" in ids(answer)) == ("allowed", True)


def test_egress_that_is_closed_to_dns_is_in_the_way_of_whoever_asks_by_name_and_a_note_else():
    closed = policy("shop/e", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{podSelector: {}}]}]}")
    given = (SHOP, DNS, closed, service("shop/db", {"app": "db"}, "80", "5432"))
    by_name = asked(*given, destination="svc/shop/db", port="80")
    assert [(one.id, one.blocks) for one in by_name.obstacles] == [("dns-egress-closed", True)]
    by_pod = asked(*given, destination="pod/shop/db")
    assert [(one.id, one.blocks) for one in by_pod.obstacles] == [("dns-egress-closed", False)]


def test_a_pod_on_its_nodes_network_is_unknown_where_a_policy_would_matter_and_allowed_where_none_is():
    host = pod("shop/agent", "192.168.0.1", hostNetwork=True)
    assert asked(SHOP, host, source="shop/agent").verdict is Verdict.ALLOWED
    answer = asked(SHOP, host, allowing("{from: [{podSelector: {}}]}"), source="shop/agent")
    assert answer.verdict is Verdict.UNKNOWN
    assert "node's network" in answer.ingress.reason
    assert "host-network" in ids(answer)


def test_a_plugin_that_does_not_enforce_and_an_agent_that_is_not_ready_are_in_the_way():
    inert = asked(SHOP, daemon_set("kube-flannel/kube-flannel-ds"), policy("shop/d", DENY))
    assert (inert.verdict, inert.enforcement, "cni-does-not-enforce" in ids(inert)) == ("denied", "inert", True)
    agent = pod("kube-system/calico-node-1", "10.0.0.1", node="n1", ready=False).replace(
        "labels:",
        "ownerReferences: [{kind: DaemonSet, name: calico-node, apiVersion: apps/v1, controller: true}]\n  labels:",
    )
    there = namespace("shop") + pod("shop/web", "10.1.0.3", node="n1") + pod("shop/db", "10.1.0.4", node="n2")
    assert "cni-agent-not-ready" in ids(asked(there, CALICO, agent))
    assert "cni-agent-not-ready" not in ids(asked(there, CALICO, agent.replace("'False'", "'True'")))


def test_what_only_the_services_own_address_is_allowed_for_is_unknown():
    block = "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]}"
    answer = asked(
        SHOP,
        policy("shop/e", block),
        service("shop/db", {"app": "db"}, "80", "5432"),
        destination="svc/shop/db",
        port="80",
    )
    assert answer.verdict is Verdict.UNKNOWN
    assert "not defined" in answer.egress.reason


def test_workloads_whose_pods_differ_are_answered_by_the_worst_and_say_so():
    two = namespace("a") + "".join(
        pod(f"a/web-{number}", f"10.1.0.{number}", app=label).replace(
            "labels:", owned("StatefulSet", "web")
        )
        for number, label in ((1, "old"), (2, "new"))
    ) + pod("a/db", "10.1.0.9", app="db")  # fmt: skip
    only = policy(
        "a/p", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: new}}}]}]}"
    )
    answer = asked(two, only, source="a/web", destination="a/db")
    assert (answer.verdict, "differs-between-pods" in ids(answer)) == ("denied", True)


@pytest.mark.parametrize(
    ("source", "destination", "port", "said"),
    [
        ("shop/wbe", "shop/db", "5432", "Did you mean web?"),
        ("shp/web", "shop/db", "5432", "Did you mean shop?"),
        ("shop/web", "shop/db", "0", "is no port"),
        ("shop/web", "shop/db", "80/ICMP", "is no port"),
        ("shop/web", "ops/probe", "", "say which port"),
        ("svc/shop/db", "shop/web", "80", "cannot open connections"),
        ("", "shop/web", "80", "names no end"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_says_what_to_do(source, destination, port, said):
    with pytest.raises(InputError) as caught:
        asked(SHOP, OPS, service("shop/db", {"app": "db"}), source=source, destination=destination, port=port)
    assert said in str(caught.value)


def test_policies_that_could_not_be_read_make_every_answer_unknown_with_the_reason():
    gap = Gap(Area.OBJECTS, str(NETWORK_POLICY), GapReason.FORBIDDEN, "cannot list")
    answer = asked(SHOP, gaps=[gap])
    assert answer.verdict is Verdict.UNKNOWN
    assert "cannot list" in answer.ingress.reason
    assert asked(SHOP, unseen=[NETWORK_POLICY]).verdict is Verdict.UNKNOWN


def test_another_layer_turns_allowed_into_unknown_and_names_itself_but_leaves_a_denial():
    layer = (
        "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: l7, namespace: shop}, spec: {}}\n---\n"
    )
    answer = asked(SHOP, layer)
    assert (answer.verdict, "Cilium" in answer.egress.reason) == ("unknown", True)
    denied = asked(SHOP, layer, policy("shop/d", DENY))
    assert (denied.verdict, "other-layers" in ids(denied)) == (Verdict.DENIED, True)


def test_a_namespace_that_is_not_in_the_snapshot_is_unknown_by_label_and_known_by_name():
    lone = pod("lost/probe", "10.1.0.9", app="probe")
    by_label = allowing("{from: [{namespaceSelector: {matchLabels: {team: ops}}}]}")
    answer = asked(SHOP, lone, by_label, source="lost/probe")
    assert (answer.verdict, "namespace lost" in answer.ingress.reason) == ("unknown", True)
    by_name = allowing("{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: lost}}}]}")
    assert asked(SHOP, lone, by_name, source="lost/probe").verdict is Verdict.ALLOWED


def test_a_pod_without_an_address_is_unknown_to_a_block_and_known_to_a_label():
    new = SHOP + pod("shop/new", app="web")
    by_block = asked(new, allowing("{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}"), source="shop/new")
    assert (by_block.verdict, "address of Pod shop/new" in by_block.ingress.reason) == ("unknown", True)
    assert (
        asked(new, allowing("{from: [{podSelector: {matchLabels: {app: web}}}]}"), source="shop/new").verdict
        == "allowed"
    )


NODE = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{address: 192.168.0.1}]}\n---\n"


def test_a_pod_that_is_isolated_talks_with_its_own_node_all_the_same_and_not_with_another():
    shop = namespace("shop") + pod("shop/web", "10.1.0.3", ["http=8080"], node="n1", app="web")
    world = World(snapshot(shop, NODE, policy("shop/deny", DENY)))
    answer = ask(world, "192.168.0.1", "shop/web")
    assert (answer.verdict, [one.id for one in answer.obstacles]) == (Verdict.ALLOWED, ["own-node"])
    assert "NetworkPolicies" in answer.ingress.reason
    assert ask(world, "shop/web", "192.168.0.1", port="10250").verdict is Verdict.ALLOWED
    assert ask(world, "192.168.0.2", "shop/web").verdict is Verdict.DENIED


def test_a_port_by_name_that_stands_with_an_ip_block_is_told_for_what_keeps_the_rule_from_matching():
    block = "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}], ports: [%s]}]}"
    answer = asked(SHOP, policy("shop/out", block % "{port: 80}, {port: sql}"))
    (failed,) = answer.egress.near_misses[0].failed
    assert (answer.verdict, failed.cause, failed.field) == ("denied", Cause.PORT_NAME, "spec.egress[0].ports[1]")
    assert "give its number" in failed.detail
    assert asked(SHOP, policy("shop/out", block % "{port: 5432}")).verdict is Verdict.ALLOWED
