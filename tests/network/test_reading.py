"""Reading policies: defaults, and whatever the server would refuse, which is unknown and never a wrong answer."""

from __future__ import annotations

import pytest
import yaml

from k8srun.kinds import ADMIN_NETWORK_POLICY, BASELINE_ADMIN_NETWORK_POLICY, CLUSTER_NETWORK_POLICY
from k8srun.network.asking import ask
from k8srun.network.cluster import read_network
from k8srun.network.cluster_reading import parse_cluster_policy
from k8srun.network.decision import Verdict
from k8srun.network.policy import Action, Direction, Tier
from k8srun.network.ports import NamedPort, PortRange
from k8srun.network.reading import parse_network_policy
from k8srun.network.world import World
from tests.network.cluster import SHOP, pod, snapshot


def np(spec):
    return {"metadata": {"name": "p", "namespace": "shop"}, "spec": yaml.safe_load(spec)}


def read(spec):
    return parse_network_policy(np(spec))


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        ("{podSelector: {}}", {"ingress"}),
        ("{podSelector: {}, egress: [{}]}", {"ingress", "egress"}),
        ("{podSelector: {}, egress: []}", {"ingress"}),
        ("{podSelector: {}, policyTypes: [], egress: [{}]}", {"ingress", "egress"}),
        ("{podSelector: {}, policyTypes: [Egress]}", {"egress"}),
        ("{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", {"ingress"}),
        ("{}", {"ingress"}),
        ("null", {"ingress"}),
    ],
)
def test_policy_types_default_as_the_server_defaults_them(spec, directions):
    assert {str(direction) for direction in read(spec).rules} == directions


def test_ports_default_to_tcp_and_a_protocol_alone_means_all_of_its_ports():
    (rule,) = read("{ingress: [{ports: [{port: 80}, {protocol: UDP}, {port: http}, {port: 1, endPort: 9}]}]}").rules[
        Direction.INGRESS
    ]
    assert rule.ports == (
        PortRange("TCP", 80, 80), PortRange("UDP", 1, 65535), NamedPort("http", "TCP"), PortRange("TCP", 1, 9),
    )  # fmt: skip


BROKEN = {
    "a CIDR that is too long": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}",
    "an address without a length": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.1}}]}]}",
    "a number for a CIDR": "{ingress: [{from: [{ipBlock: {cidr: 10}}]}]}",
    "an exception outside of the block": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}",
    "an exception as large as the block": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}",
    "a block and a selector in one element": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}",
    "an empty element": "{ingress: [{from: [{}]}]}",
    "port 0": "{ingress: [{ports: [{port: 0}]}]}",
    "port 65536": "{ingress: [{ports: [{port: 65536}]}]}",
    "a port of the wrong type": "{ingress: [{ports: [{port: true}]}]}",
    "a number as a string": "{ingress: [{ports: [{port: '80'}]}]}",
    "an endPort without a port": "{ingress: [{ports: [{endPort: 80}]}]}",
    "an endPort with a name": "{ingress: [{ports: [{port: http, endPort: 80}]}]}",
    "an endPort below the port": "{ingress: [{ports: [{port: 80, endPort: 79}]}]}",
    "a protocol of another kind": "{ingress: [{ports: [{protocol: ICMP}]}]}",
    "a list for a selector": "{podSelector: [a]}",
    "a number for a label": "{podSelector: {matchLabels: {a: 1}}}",
    "labels without matchLabels": "{podSelector: {app: db}}",
    "an operator that does not exist": "{podSelector: {matchExpressions: [{key: a, operator: Is}]}}",
    "In without values": "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
    "Exists with values": "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
    "an expression without a key": "{podSelector: {matchExpressions: [{operator: Exists}]}}",
    "an expression with another field": "{podSelector: {matchExpressions: [{key: a, operator: Exists, x: b}]}}",
    "a key that no label can have": "{ingress: [{from: [{podSelector: {matchLabels: {a b: c}}}]}]}",
    "a value that no label can have": "{podSelector: {matchLabels: {app: not valid}}}",
    "a listed value that no label can have": "{podSelector: {matchExpressions: [{key: a, operator: In, values: [-]}]}}",
    "a misspelt field of the spec": "{podselector: {matchLabels: {app: other}}}",
    "a misspelt field of a rule": "{ingress: [{form: [{podSelector: {matchLabels: {app: other}}}]}]}",
    "a misspelt field of a peer": "{ingress: [{from: [{podSelector: {}, nameSpaceSelector: {}}]}]}",
    "a misspelt field of a block": "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, excepts: [10.1.0.0/16]}}]}]}",
    "a misspelt field of a port": "{ingress: [{ports: [{port: 1, endport: 9000}]}]}",
    "a policyType that does not exist": "{policyTypes: [ingress]}",
    "a mapping for the rules": "{ingress: {from: []}}",
    "a string for a rule": "{ingress: [all]}",
    "a string for the peers": "{ingress: [{from: all}]}",
    "a string for the spec": "all",
}


@pytest.mark.parametrize("spec", BROKEN.values(), ids=BROKEN)
def test_what_the_server_would_refuse_is_a_problem_and_the_answer_unknown(spec):
    assert read(spec).problems
    broken = yaml.safe_dump({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **np(spec)})
    answer = ask(World(snapshot(SHOP, broken)), "shop/web", "shop/db", port="5432")
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.ingress.unknowns
    assert any(problem in answer.ingress.reason for problem in read(spec).problems)


NO_PORT = """
priority: 1
tier: Admin
subject: {namespaces: {}}
ingress:
- action: Deny
  from: [{namespaces: {}}]
  ports: [{portNumber: {port: 0}}]
  protocols: [{tcp: {destinationPort: {number: 0}}}]
"""


@pytest.mark.parametrize("kind", [ADMIN_NETWORK_POLICY, BASELINE_ADMIN_NETWORK_POLICY, CLUSTER_NETWORK_POLICY])
@pytest.mark.parametrize(
    "spec",
    [
        "all",
        "{}",
        "{priority: 1, tier: Admin, subject: {}}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}, pods: {podSelector: {}}}}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, ingress: [{action: Maybe, from: [{namespaces: {}}]}]}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, ingress: [{action: Deny, from: []}]}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [ten]}]}]}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, egress: deny}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: 1}]}]}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: []}]}]}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, Egress: []}",
        "{priority: 1, tier: Admin, subject: {pods: {podSelector: {}, nameSpaceSelector: {}}}}",
        "{priority: 1, tier: Admin, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{pods: {}}], x: 1}]}",
        "{priority: 1, tier: Admin, subject: {namespaces: {sameLabels: [team]}}}",
        NO_PORT,
    ],
)
def test_cluster_wide_policies_that_the_server_would_refuse_are_problems(kind, spec):
    body = in_the_words_of(kind, yaml.safe_load(spec))
    assert parse_cluster_policy({"metadata": {"name": "default"}, "spec": body}, kind).problems


FOREIGN = {
    ADMIN_NETWORK_POLICY: {"tier", "protocols"},
    BASELINE_ADMIN_NETWORK_POLICY: {"tier", "priority", "protocols"},
    CLUSTER_NETWORK_POLICY: {"ports"},
}


def in_the_words_of(kind, value):
    """Without the fields that the kind does not have, of which alone it would be refused."""
    if isinstance(value, dict):
        return {name: in_the_words_of(kind, inner) for name, inner in value.items() if name not in FOREIGN[kind]}
    return [in_the_words_of(kind, inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_cluster_wide_policy_with_a_field_of_another_kind_alone_is_a_problem(kind):
    spec = {"priority": 1, "tier": "Admin", "subject": {"namespaces": {}}}
    rules = {"egress": [{"action": "Deny", "to": [{"namespaces": {}}], "ports": [], "protocols": []}]}
    for given in (spec, spec | rules):
        own = in_the_words_of(kind, given)
        assert not parse_cluster_policy({"metadata": {"name": "default"}, "spec": own}, kind).problems
        odd = own | {"domain": "x"}
        assert parse_cluster_policy({"metadata": {"name": "default"}, "spec": odd}, kind).problems


@pytest.mark.parametrize("priority", [-1, 1001, "1", None, True])
def test_a_priority_out_of_range_is_a_problem(priority):
    spec = {"priority": priority, "subject": {"namespaces": {}}}
    assert parse_cluster_policy({"metadata": {"name": "p"}, "spec": spec}, ADMIN_NETWORK_POLICY).problems


def test_a_baseline_policy_of_another_name_than_default_is_a_problem():
    item = {"metadata": {"name": "other"}, "spec": {"subject": {"namespaces": {}}}}
    assert parse_cluster_policy(item, BASELINE_ADMIN_NETWORK_POLICY).problems


def test_an_element_of_a_newer_version_fails_closed():
    spec = "{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: %s, to: [{galaxies: {}}]}]}"
    passing, denying, accepting = (
        parse_cluster_policy({"metadata": {"name": "p"}, "spec": yaml.safe_load(spec % action)}, CLUSTER_NETWORK_POLICY)
        for action in ("Pass", "Deny", "Accept")
    )
    for closed in (passing, denying):
        (rule,) = closed.rules[Direction.EGRESS]
        assert (rule.action, rule.peers, rule.ports) == (Action.DENY, None, None)
    (rule,) = accepting.rules[Direction.EGRESS]
    assert (accepting.problems, rule.action, rule.peers) == ((), Action.ALLOW, ())


def test_the_baseline_tier_of_cluster_network_policies_is_told_from_the_admin_tier():
    tiers = [
        parse_cluster_policy(
            {"metadata": {"name": "p"}, "spec": {"tier": tier, "priority": 1, "subject": {"namespaces": {}}}},
            CLUSTER_NETWORK_POLICY,
        ).tier
        for tier in ("Admin", "Baseline")
    ]
    assert tiers == [Tier.ADMIN, Tier.BASELINE]


def test_completed_pods_are_left_out_and_static_pods_stand_for_themselves():
    done = pod("shop/done", "10.1.0.7").replace("Running", "Succeeded")
    static = pod("shop/static", "10.1.0.8").replace(
        "labels:", "ownerReferences: [{kind: Node, name: n1, apiVersion: v1, controller: true}]\n  labels:"
    )
    assert [one.workload for one in read_network(snapshot(done, static)).pods] == ["shop/static[Pod]"]


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop%s}
spec: {replicas: 3, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: x}]}}}
---
"""


def test_a_deployment_without_pods_stands_for_them_in_manifests_and_for_nothing_on_a_server():
    authored = read_network(snapshot(DEPLOYMENT % "")).pods
    assert [(one.id, one.replicas) for one in authored] == [("shop/web[Deployment]", 3)]
    assert read_network(snapshot(DEPLOYMENT % ", uid: abc")).pods == ()


@pytest.mark.parametrize("kind", ["apps/v1 ReplicaSet", "apps/v1 DaemonSet", "v1 ReplicationController"])
def test_any_workload_that_is_written_without_pods_stands_for_them(kind):
    version, _, name = kind.partition(" ")
    manifest = (DEPLOYMENT % "").replace("apps/v1", version).replace("Deployment", name)
    (found,) = read_network(snapshot(manifest)).pods
    assert (found.workload, dict(found.labels.values)) == (f"shop/web[{name}]", {"app": "web"})


@pytest.mark.parametrize("reference", ["name: web-5d9c, kind: ReplicaSet", "name: web, kind: Deployment"])
def test_pods_are_called_by_their_topmost_owner_even_where_the_replica_set_was_not_read(reference):
    owned = pod("shop/web-5d9c-x", "10.1.0.3", **{"pod-template-hash": "5d9c"}).replace(
        "labels:", f"ownerReferences: [{{apiVersion: apps/v1, controller: true, {reference}}}]\n  labels:"
    )
    (found,) = read_network(snapshot(owned, DEPLOYMENT % "")).pods
    assert found.workload == "shop/web[Deployment]"


def test_pods_of_wrong_shapes_are_read_as_far_as_they_go():
    odd = "{apiVersion: v1, kind: Pod, metadata: {name: odd, namespace: shop}, spec: {containers: [1, {ports: x}]},"
    found = read_network(snapshot(odd + " status: {podIPs: [{ip: nonsense}, 3], podIP: 7}}")).pods
    assert [(one.addresses, one.ports) for one in found] == [((), ())]
