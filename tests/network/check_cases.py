"""For each check of network policies a cluster that passes it and the same one broken so that it fails."""

from __future__ import annotations

import yaml

from tests.network.cluster import CALICO, DNS, SHOP, daemon_set, namespace, policy, snapshot

ALLOWING_DNS = policy(
    "shop/dns",
    """
    podSelector: {}
    policyTypes: [Egress]
    egress:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
      ports: [{port: 53, protocol: UDP}, {port: 53}]
    - to: [{podSelector: {}}]
    """,
)
DENY = policy("shop/deny", "{podSelector: {}, policyTypes: [Ingress]}")
DATABASE = policy(
    "shop/db",
    """
    podSelector: {matchLabels: {app: db}}
    ingress:
    - from: [{podSelector: {matchLabels: {app: web}}}]
      ports: [{port: sql}]
    """,
)
GOOD = (SHOP, DNS, CALICO, DENY, ALLOWING_DNS, DATABASE)


def healthy():
    return snapshot(*GOOD, node(), cluster_policy(status={"conditions": [{"type": "Accepted", "status": "True"}]}))


def broken(*more, without=""):
    return lambda: snapshot(*(text for text in GOOD if text != without), *more, node())


def node(provider="aws:///eu/i-1"):
    item = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "spec": {"providerID": provider}}
    return yaml.safe_dump(item) + "---\n"


def cluster_policy(**fields):
    item = {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "kept-apart", "uid": "7"},
        "spec": {
            "tier": "Admin",
            "priority": 1,
            "subject": {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
            "egress": [{"action": "Deny", "to": [{"networks": ["169.254.169.254/32"]}]}],
        },
        **fields,
    }
    return yaml.safe_dump(item) + "---\n"


CASES = {
    "NP-INVALID": (healthy, broken(policy("shop/x", "{podSelector: {}, ingress: [{ports: [{port: 70000}]}]}"))),
    "NP-SELECTS-NOTHING": (healthy, broken(policy("shop/x", "{podSelector: {matchLabels: {app: wbe}}}"))),
    "NP-PEER-MATCHES-NOTHING": (
        healthy,
        broken(policy("shop/x", "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}")),
    ),
    "NP-PORT-MATCHES-NOTHING": (
        healthy,
        broken(policy("shop/x", "{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: htpt}]}]}")),
    ),
    "NP-REDUNDANT": (healthy, broken(policy("shop/again", "{podSelector: {matchLabels: {app: db}}}"))),
    "NP-AND-OR": (
        healthy,
        broken(
            namespace("ops", team="ops"),
            policy(
                "shop/x",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}},"
                " {podSelector: {matchLabels: {app: web}}}]}]}",
            ),
        ),
    ),
    "NP-NAMESPACE-LABEL": (
        healthy,
        broken(
            policy(
                "shop/x",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {name: kube-system}}}]}]}",
            )
        ),
    ),
    "NP-INERT": (healthy, broken(daemon_set("kube-flannel/kube-flannel-ds"), without=CALICO)),
    "NP-NOT-IMPLEMENTED": (healthy, broken(cluster_policy())),
    "NP-EGRESS-DNS": (
        healthy,
        broken(policy("shop/closed", "{podSelector: {}, policyTypes: [Egress]}"), without=ALLOWING_DNS),
    ),
    "NP-DEFAULT-DENY": (healthy, broken(without=DENY)),
    "NP-METADATA": (
        healthy,
        broken(without=ALLOWING_DNS),
    ),
}
