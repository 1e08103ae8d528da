"""Objects of whatever shape: an answer or a clear error, never a crash."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8srun.checks import evaluate_all
from k8srun.errors import K8srunError
from k8srun.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INGRESS,
    NETWORK_POLICY,
    NODE,
    POD,
    SERVICE,
)
from k8srun.network.asking import ask
from k8srun.network.checks import CHECKS
from k8srun.network.cluster import CLUSTER_POLICIES
from k8srun.network.connectivity import By, rows
from k8srun.network.needs import NEEDS
from k8srun.network.reach import reach
from k8srun.network.reasons import reasons
from k8srun.network.world import World
from k8srun.snapshot import Snapshot
from tests.network.cluster import CALICO, DENY, DNS, NOW, SHOP, daemon_set, policy, service, snapshot

# The names of fields that are read anywhere, so that what is generated is looked at.
FIELDS = (
    "addresses", "allowed", "args", "cidr", "clusterIP", "clusterIPs", "command", "conditions", "containerPort",
    "containers", "data", "defaultBackend", "domainNames", "egress", "endPort", "endpoints", "env", "except",
    "externalName", "from", "hostNetwork", "http", "image", "ingress", "ip", "ipBlock", "key", "labels",
    "matchExpressions", "matchLabels", "metadata", "name", "namedPort", "namespaceSelector", "namespaces",
    "networks", "nodeInfo", "nodeName", "nodes", "operator", "ownerReferences", "paths", "phase", "podIP",
    "podIPs", "podSelector", "pods", "policyTypes", "port", "portNumber", "portRange", "ports", "priority",
    "protocol", "protocols", "providerID", "replicas", "rules", "selector", "service", "spec", "status",
    "subject", "targetPort", "tcp", "template", "tier", "to", "type", "values",
)  # fmt: skip
VALUES = ("", "Ingress", "TCP", "In", "10.0.0.0/8", "10.1.0.3", "web", "db", "None", "Admin", "Allow", "Deny", "http")
KINDS = (
    POD, SERVICE, INGRESS, ENDPOINT_SLICE, DAEMON_SET, DEPLOYMENT, CONFIG_MAP, NODE, NETWORK_POLICY, *CLUSTER_POLICIES,
)  # fmt: skip

leaves = st.none() | st.booleans() | st.integers(-1, 70000) | st.sampled_from(VALUES)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
)
mappings = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=5)
names = st.sampled_from(["web", "db", "default", "aws-node", "cilium-config", "calico-node", "odd"])


@st.composite
def objects(draw):
    kind = draw(st.sampled_from(KINDS))
    space = draw(st.sampled_from(["shop", "kube-system", "other"]))
    # Sources see to it that metadata is a mapping with a name, and spec and status mappings or absent.
    return kind, {
        "metadata": {"name": draw(names), "namespace": space, "labels": {"app": "web"}},
        "spec": draw(st.none() | mappings),
        "status": draw(st.none() | mappings),
        "data": draw(st.none() | st.dictionaries(st.sampled_from(["enable-policy"]), anything)),
        "endpoints": draw(anything),
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(objects(), min_size=1, max_size=4))
def test_no_shape_of_any_object_makes_a_question_the_map_or_a_check_fail(given_objects):
    world = Snapshot(NOW, objects=together(given_objects), observed=frozenset(NEEDS))
    network = World(world).network
    list(rows(reach(network), By.WORKLOAD, reasons(World(world).policies)))
    evaluate_all(CHECKS, world, NOW)
    for destination, port in (
        ("shop/db", "5432"),
        ("svc/shop/web", "80"),
        ("ingress/shop/web", ""),
        ("10.1.0.3", "80"),
    ):
        with contextlib.suppress(K8srunError):
            ask(World(world), "shop/web", destination, port=port)


def together(more):
    base = snapshot(SHOP, DNS, CALICO, service("shop/web", {"app": "web"}), policy("shop/d", DENY)).objects
    joined = {kind: list(items) for kind, items in base.items()}
    for kind, item in more:
        joined.setdefault(kind, []).append(item)
    return {kind: tuple(items) for kind, items in joined.items()}


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\x1b[31mred", "a\u202eb"])
def test_strings_of_the_cluster_cannot_act_in_a_terminal(name):
    from click.testing import CliRunner

    from k8srun.cli.options import console
    from k8srun.cli.reach_output import print_answer

    hostile = daemon_set("kube-flannel/kube-flannel-ds")
    rule = f"{{podSelector: {{}}, ingress: [{{from: [{{podSelector: {{matchLabels: {{app: {name!r}}}}}}}]}}]}}"
    answer = ask(
        World(snapshot(SHOP, hostile, policy("shop/d", rule.replace("'", '"')))), "shop/web", "shop/db", port="80"
    )
    with CliRunner().isolation() as (out, *_):
        print_answer(console(), answer)
        shown = out.getvalue().decode()
    assert "\x1b" not in shown
    assert "\u202e" not in shown
