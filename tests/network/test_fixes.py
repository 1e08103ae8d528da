"""The explanation's proof: what a fix proposes makes a denied flow allowed, and opens nothing else than it says."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from dataclasses import replace

import pytest

from k8srun.errors import RefusedError
from k8srun.jsonpatch import patched
from k8srun.network.cluster import read_network
from k8srun.network.decision import Policies
from k8srun.network.fixes import Wanted, allow_steps
from k8srun.network.question import flow
from k8srun.plan import Action, Plan
from k8srun.planfile import require_valid
from tests.network.generate import PROTOCOLS, Generator, snapshot_of
from tests.network.naive import Naive
from tests.network.test_agreement import name, own, sampled, sides

CLUSTERS = 240
BATCHES = 6


def as_served(cluster):
    """The cluster with what a server gives every object."""
    made = copy.deepcopy(cluster)
    for number, policy in enumerate(made["policies"]):
        policy |= {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        policy["metadata"]["uid"] = f"uid-{number}"
    return made


def after(cluster, steps):
    """The cluster once the steps were done."""
    changed = copy.deepcopy(cluster)
    for step in steps:
        if step.action is Action.CREATE:
            changed["policies"].append(copy.deepcopy(step.body))
            continue
        for index, policy in enumerate(changed["policies"]):
            if policy["metadata"]["uid"] == step.target.uid:
                changed["policies"][index] = patched(policy, step.patch)
    return changed


def opened(before, changed, cluster, protocol, port):
    """Who reaches whom on which port now and did not, by the naive evaluator; and what is closed."""
    old, new = Naive(before), Naive(changed)
    probed = {*itertools.product(PROTOCOLS, (1, 53, 80, 8080)), *((protocol, port + near) for near in (-1, 0, 1))}
    found = {
        (name(a), name(b), protocol, port): (old.verdict(a, b, protocol, port), new.verdict(a, b, protocol, port))
        for a, b in sides(cluster)
        for protocol, port in probed
    }
    return {case for case, (was, now) in found.items() if now not in {was, "denied"}}, {
        case for case, (was, now) in found.items() if was == "allowed" != now
    }


def alike(cluster, side):
    """The pods that no label tells apart from a pod in its namespace."""
    if not isinstance(side, dict):
        return {name(side)}
    meta = side["metadata"]
    return {
        name(pod) for pod in cluster["pods"]
        if pod["metadata"]["namespace"] == meta["namespace"]
        and (pod["metadata"]["labels"] or {}) == (meta["labels"] or {})
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_fix_makes_a_denied_flow_allowed_and_opens_nothing_else_than_it_says(batch):
    seen, others = Counter(), []
    for seed in range(batch * CLUSTERS // BATCHES, (batch + 1) * CLUSTERS // BATCHES):
        kinds = ("policies",) if seed % 3 else ("policies", "anps", "banps", "cnps")
        cluster = as_served(Generator(seed, odd=False, kinds=kinds).cluster())
        snapshot = snapshot_of(cluster)
        policies = Policies(read_network(snapshot))
        for source, destination, protocol, port in sampled(cluster, seed, 4):
            asked = (own(policies.network, source), own(policies.network, destination), protocol, port)
            answered = flow(policies, *asked)
            if answered.verdict != "denied":
                continue
            case = f"seed {seed}: {name(source)} → {name(destination)} {port}/{protocol}"
            try:
                steps = allow_steps(snapshot, policies, Wanted((asked[0],), (asked[1],), ((protocol, port),)))
            except RefusedError as error:
                seen["refused"] += 1
                others.append((case, answered, str(error)))
                continue
            assert steps, case
            changed = after(cluster, steps)
            new, closed = opened(cluster, changed, cluster, protocol, port)
            meant = set(itertools.product(alike(cluster, source), alike(cluster, destination), [protocol], [port]))
            assert Naive(changed).verdict(source, destination, protocol, port) != "denied", case
            assert new <= meant, f"{case} opens {sorted(new - meant)[:3]}"
            assert closed == set(), f"{case} closes {sorted(closed)[:3]}"
            seen.update(step.action.value for step in steps)
    assert min(seen["create"], seen["patch"], seen["refused"]) > 2, seen
    assert [case for case, answered, refused in others if not decided_elsewhere(answered, refused)] == []


def decided_elsewhere(answered, refused):
    """A NetworkPolicy can do nothing where another kind denies, or where both ends have no address in common."""
    reasons = (answered.egress, answered.ingress)
    other = any(one.policy and not one.policy.startswith("NetworkPolicy ") for one in reasons)
    return other or "no family of addresses" in refused


def test_what_no_networkpolicy_can_allow_is_refused_with_the_reason():
    cluster = as_served({"namespaces": [], "nodes": [], "policies": [], "banps": [], "cnps": [],
        "pods": [pod("a", "red"), pod("b", "blue", ip="10.1.2.2")],
        "anps": [{"metadata": {"name": "no"}, "spec": {"priority": 1, "subject": {"namespaces": {}}, "ingress": [
            {"action": "Deny", "from": [{"namespaces": {}}]}]}}]})  # fmt: skip
    snapshot = snapshot_of(cluster)
    policies = Policies(read_network(snapshot))
    one, other = policies.network.pods

    with pytest.raises(RefusedError, match="AdminNetworkPolicy no denies it"):
        allow_steps(snapshot, policies, Wanted((one,), (other,), (("TCP", 80),)))


def pod(name, namespace, labels=None, ip="10.1.2.1", ports=()):
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "x", "ports": list(ports)}], "nodeName": "node-0"},
        "status": {"podIPs": [{"ip": ip}]},
    }


def policy(name, spec, namespace="blue"):
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def steps_for(policies_, *, source=0, destination=1, ports=(("TCP", 80),), pods=None):
    cluster = as_served({
        "namespaces": [{"metadata": {"name": one}} for one in ("red", "blue")], "nodes": [], "policies": policies_,
        "anps": [], "banps": [], "cnps": [],
        "pods": pods or [pod("web", "red"), pod("db", "blue", ip="10.1.2.2", ports=[SQL])],
    })  # fmt: skip
    snapshot = snapshot_of(cluster)
    policies = Policies(read_network(snapshot))
    found = policies.network.pods
    return allow_steps(snapshot, policies, Wanted((found[source],), (found[destination],), ports))


DENY = policy("default-deny", {"podSelector": {}, "policyTypes": ["Ingress"]})
SQL = {"name": "sql", "containerPort": 80}
DB = {"matchLabels": {"app": "db"}}


def test_without_a_policy_about_the_pod_alone_a_new_one_is_made():
    (step,) = steps_for([DENY])

    assert step.action is Action.CREATE
    assert step.body["metadata"] == {"name": "allow-ingress-db", "namespace": "blue"}
    assert step.body["spec"] == {
        "podSelector": DB,
        "policyTypes": ["Ingress"],
        "ingress": [{
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "red"}},
                      "podSelector": {"matchLabels": {"app": "web"}}}],
            "ports": [{"protocol": "TCP", "port": 80}],
        }],
    }  # fmt: skip
    require_valid(Plan("t", "uid", (step,)))


def test_a_policy_about_the_same_pods_gets_a_rule_more():
    exists = policy("db", {"podSelector": DB, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 443}]}]})

    (step,) = steps_for([DENY, exists])

    assert (step.action, step.target.name) == (Action.PATCH, "db")
    assert [(one["op"], one["path"]) for one in step.patch if one["op"] != "test"] == [("add", "/spec/ingress/-")]


def test_a_policy_without_any_rule_gets_its_first_one():
    exists = policy("db", {"podSelector": DB, "policyTypes": ["Ingress"]})

    (step,) = steps_for([exists])

    assert [one["path"] for one in step.patch if one["op"] == "add"] == ["/spec/ingress"]


@pytest.mark.parametrize("port", [{"protocol": "TCP", "port": 80}, {"port": "sql"}])
def test_a_rule_for_exactly_this_port_gets_a_peer_more(port):
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "other"}}}], "ports": [port]}
    exists = policy("db", {"podSelector": DB, "policyTypes": ["Ingress"], "ingress": [rule]})

    (step,) = steps_for([exists])

    assert [one["path"] for one in step.patch if one["op"] == "add"] == ["/spec/ingress/0/from/-"]


def test_a_rule_for_exactly_this_peer_gets_a_port_more():
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "red"}}}
    exists = policy("db", {"podSelector": DB, "policyTypes": ["Ingress"], "ingress": [
        {"from": [peer], "ports": [{"protocol": "TCP", "port": 443}]}]})  # fmt: skip

    (step,) = steps_for([exists])

    (operation,) = [one for one in step.patch if one["op"] == "add"]
    assert operation == {"op": "add", "path": "/spec/ingress/0/ports/-", "value": {"protocol": "TCP", "port": 80}}


def test_pods_are_named_by_labels_of_people_not_by_those_of_controllers():
    pods = [
        pod("web-1", "red", {"app": "web", "pod-template-hash": "abc"}),
        pod("db", "blue", ip="10.1.2.2"),
        pod("web-2", "red", {"app": "web", "tier": "x"}, ip="10.1.2.3"),
    ]

    (step,) = steps_for([DENY], pods=pods)

    peer = step.body["spec"]["ingress"][0]["from"][0]["podSelector"]
    assert peer == {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}


def test_whom_no_label_tells_apart_is_said_in_the_reason():
    pods = [
        pod("web-1", "red", {"app": "web"}),
        pod("db", "blue", ip="10.1.2.2"),
        pod("web-2", "red", {"app": "web"}, ip="10.1.2.3"),
    ]

    (step,) = steps_for([DENY], pods=pods)

    assert "no label tells red/web-2[Pod] apart" in step.reason


def test_a_name_is_never_taken_that_another_policy_has():
    (step,) = steps_for([DENY, policy("allow-ingress-db", {"podSelector": {"matchLabels": {"app": "no"}}})])

    assert step.body["metadata"]["name"] == "allow-ingress-db-2"


def test_what_is_allowed_needs_no_step():
    assert steps_for([]) == ()


def test_a_pod_on_its_nodes_network_is_named_by_the_nodes_address():
    host = pod("agent", "red", ip="192.168.7.1")
    host["spec"]["hostNetwork"] = True

    (step,) = steps_for([DENY], pods=[host, pod("db", "blue", ip="10.1.2.2")])

    assert step.body["spec"]["ingress"][0]["from"] == [{"ipBlock": {"cidr": "192.168.7.1/32"}}]


def test_the_plan_of_a_fix_is_the_same_from_the_same_snapshot():
    plans = [Plan("t", "uid", steps_for([DENY])) for _ in range(2)]

    assert plans[0].digest == plans[1].digest
    assert replace(plans[0], title="u").digest != plans[0].digest
