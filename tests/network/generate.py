"""Random small clusters with every field of the policy APIs in play, dense enough that rules meet and overlap."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from k8srun.kinds import (
    ADMIN_NETWORK_POLICY,
    BASELINE_ADMIN_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
)
from k8srun.snapshot import Need, Snapshot
from tests.network.naive import INVALID_CIDRS, INVALID_OPERATOR, INVALID_PORTS

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KINDS = {
    "pods": POD,
    "namespaces": NAMESPACE,
    "policies": NETWORK_POLICY,
    "anps": ADMIN_NETWORK_POLICY,
    "banps": BASELINE_ADMIN_NETWORK_POLICY,
    "cnps": CLUSTER_NETWORK_POLICY,
    "nodes": NODE,
}
CIDRS = ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.7/24", "10.1.2.3/32", "0.0.0.0/0", "192.168.0.0/16", "192.168.7.0/24",
         "fd00::/8", "fd00:1::/32", "::/0", "fd00:1::3/128")  # fmt: skip
HOST_BITS = "10.1.2.7/24"
HOLES = {
    "10.0.0.0/8": ("10.1.0.0/16", "10.1.2.0/24"),
    "10.1.0.0/16": ("10.1.2.0/25",),
    "0.0.0.0/0": ("10.0.0.0/8", "192.168.7.0/24"),
    "::/0": ("fd00:1::/32",),
    "fd00::/8": ("fd00:1::2/127",),
}
OUTSIDE = ("10.1.2.200", "10.200.0.1", "8.8.8.8", "192.168.7.9", "192.168.9.9", "fd00:1::ff", "2001:db8::1",
           "172.16.0.1")  # fmt: skip
PROTOCOLS = ("TCP", "UDP", "SCTP")
PORTS = (53, 80, 443, 8080, 8081)
PROBES = (1, 53, 80, 442, 443, 444, 8080, 8081, 8082, 65535)
NAMES = ("http", "dns", "metrics")
NAMESPACES = ("red", "green", "blue")


class Generator:
    """One cluster from one seed. `odd`: also what a server would refuse, what is unread, and the host's network."""

    def __init__(self, seed, *, odd=True, kinds=("policies", "anps", "banps", "cnps"), unaddressed_in_dual_stack=0.0):
        self.random = random.Random(seed)
        self.unaddressed_in_dual_stack = unaddressed_in_dual_stack
        self.odd = odd
        self.kinds = kinds
        self.families = self.random.choice([(4,), (4,), (6,), (4, 6)])

    def chance(self, likely):
        return self.random.random() < likely

    def cluster(self):
        made = {
            "namespaces": [self.namespace(name) for name in NAMESPACES if not (self.odd and self.chance(0.1))],
            "nodes": [self.node(number) for number in range(2)],
            "pods": [self.pod(number) for number in range(self.random.randint(2, 6))],
            "policies": [self.policy(number) for number in range(self.random.randint(0, 5))],
            "anps": [self.admin(number) for number in range(self.some())],
            "banps": [self.baseline()] if self.chance(0.25) else [],
            "cnps": [self.cnp(number) for number in range(self.some())],
        }
        return {name: items if name in (*self.kinds, "pods", "nodes", "namespaces") else []
                for name, items in made.items()}  # fmt: skip

    def some(self):
        return self.random.choice((0, 0, 1, 2, 3))

    def namespace(self, name):
        return {"metadata": {"name": name, "labels": self.labels()}}

    def labels(self):
        return {key: self.random.choice("ab") for key in ("app", "tier") if self.chance(0.7)}

    def node(self, number):
        ips = {4: f"192.168.7.{number + 1}", 6: f"fd00:7::{number + 1}"}
        return {
            "metadata": {"name": f"node-{number}", "labels": self.labels()},
            "spec": {},
            "status": {"addresses": [{"type": "InternalIP", "address": ips[f]} for f in self.families]},
        }

    def pod(self, number):
        host = self.odd and self.chance(0.1)
        on = self.random.randint(0, 1)
        ips = {4: f"10.1.2.{number + 1}", 6: f"fd00:1::{number + 1}"}
        if host:
            ips = {4: f"192.168.7.{on + 1}", 6: f"fd00:7::{on + 1}"}
        chosen = self.families if len(self.families) == 1 or self.chance(0.7) else self.families[:1]
        ports = [
            {"name": name, "containerPort": self.random.choice(PORTS), "protocol": self.random.choice(PROTOCOLS)}
            for name in NAMES
            if self.chance(0.6)
        ]
        likely = self.unaddressed_in_dual_stack if len(self.families) == 2 else 0.1
        known = number == 0 or not (self.odd and self.chance(likely))
        return {
            "metadata": {
                "name": f"pod-{number}", "namespace": self.random.choice(NAMESPACES), "labels": self.labels(),
            },
            "spec": {
                "nodeName": f"node-{on}",
                "containers": [{"name": "main", "image": "x", "ports": ports}],
                **({"hostNetwork": True} if host else {}),
            },
            "status": {"podIPs": [{"ip": ips[family]} for family in chosen] if known else []},
        }  # fmt: skip

    def selector(self, *, breakable=False):
        if self.chance(0.25):
            return {}
        wanted = {}
        if self.chance(0.6):
            wanted["matchLabels"] = {self.random.choice(("app", "tier")): self.random.choice("ab")}
        if self.chance(0.4):
            operator = self.random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
            entry = {"key": self.random.choice(("app", "tier", "other")), "operator": operator}
            if operator in {"In", "NotIn"}:
                entry["values"] = self.random.sample("abc", self.random.randint(1, 2))
            wanted["matchExpressions"] = [entry]
        if breakable and self.odd and self.chance(0.08):
            wanted["matchExpressions"] = [{"key": "app", "operator": INVALID_OPERATOR}]
        return wanted

    def namespace_selector(self, *, breakable=False):
        if self.chance(0.4):
            return {"matchLabels": {"kubernetes.io/metadata.name": self.random.choice(NAMESPACES)}}
        return self.selector(breakable=breakable)

    # NetworkPolicy

    def policy(self, number):
        spec = {"podSelector": self.selector(breakable=True)}
        types = [kind for kind in ("Ingress", "Egress") if self.chance(0.6)]
        if self.chance(0.7):
            spec["policyTypes"] = types or ["Ingress"]
        for direction, side in (("ingress", "from"), ("egress", "to")):
            if self.chance(0.7):
                spec[direction] = [self.np_rule(side) for _ in range(self.random.choice((0, 1, 1, 2)))]
        return {
            "metadata": {"name": f"np-{number}", "namespace": self.random.choice(NAMESPACES)},
            "spec": spec,
        }

    def np_rule(self, side):
        rule = {}
        if self.chance(0.8):
            rule[side] = [self.np_peer() for _ in range(self.random.choice((0, 1, 1, 2)))]
        if self.chance(0.6):
            rule["ports"] = [self.np_port() for _ in range(self.random.choice((0, 1, 1, 2)))]
        return rule

    def np_peer(self):
        match self.random.randrange(4):
            case 0:
                return {"podSelector": self.selector(breakable=True)}
            case 1:
                return {"namespaceSelector": self.namespace_selector(breakable=True)}
            case 2:
                return {"namespaceSelector": self.namespace_selector(), "podSelector": self.selector()}
            case _:
                if self.odd and self.chance(0.1):
                    return {"ipBlock": {"cidr": self.random.choice(INVALID_CIDRS)}}
                # Servers of today refuse host bits in new objects; older ones have stored them.
                cidr = self.random.choice([cidr for cidr in CIDRS if self.odd or cidr != HOST_BITS])
                holes = HOLES.get(cidr, ())
                block = {"cidr": cidr}
                if holes and self.chance(0.5):
                    block["except"] = self.random.sample(holes, self.random.randint(1, len(holes)))
                return {"ipBlock": block}

    def np_port(self):
        entry = {"protocol": self.random.choice(PROTOCOLS)} if self.chance(0.7) else {}
        if self.odd and self.chance(0.05):
            return {**entry, "port": self.random.choice(INVALID_PORTS)}
        match self.random.randrange(4):
            case 0:
                return entry
            case 1:
                return {**entry, "port": self.random.choice(NAMES)}
            case 2:
                return {**entry, "port": self.random.choice(PORTS)}
            case _:
                first = self.random.choice(PORTS)
                return {**entry, "port": first, "endPort": first + self.random.choice((0, 1, 400, 8000))}

    # AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy

    def api_pods(self):
        if self.chance(0.5):
            return {"namespaces": self.namespace_selector()}
        return {"pods": {"namespaceSelector": self.namespace_selector(), "podSelector": self.selector()}}

    def api_peer(self, side, actions):
        if self.odd and self.chance(0.04):
            return {"fromTheFuture": {}}
        if side == "from" or self.chance(0.5):
            return self.api_pods()
        match self.random.randrange(3):
            case 0:
                return {"nodes": self.selector()}
            case 1:
                return {"networks": self.random.sample(CIDRS, self.random.randint(1, 2))}
            case _:
                return {"domainNames": ["*.example.org"]} if len(actions) > 2 else {"networks": ["8.0.0.0/8"]}

    def api_rules(self, actions, ports):
        rules = {}
        for direction, side in (("ingress", "from"), ("egress", "to")):
            rules[direction] = []
            for _ in range(self.random.choice((0, 1, 2, 3))):
                peers = [self.api_peer(side, actions) for _ in range(self.random.choice((1, 1, 2)))]
                rule = {"action": self.random.choice(actions), side: peers}
                if self.chance(0.5):
                    makes = self.api_port if ports == "ports" else self.cnp_protocol
                    rule[ports] = [makes() for _ in range(self.random.choice((1, 2)))]
                rules[direction].append(rule)
        return rules

    def api_port(self):
        protocol = {"protocol": self.random.choice(PROTOCOLS)} if self.chance(0.7) else {}
        match self.random.randrange(3):
            case 0:
                return {"portNumber": {**protocol, "port": self.random.choice(PORTS)}}
            case 1:
                first = self.random.choice(PORTS)
                return {"portRange": {**protocol, "start": first, "end": first + self.random.choice((1, 500))}}
            case _:
                return {"namedPort": self.random.choice(NAMES)}

    def cnp_protocol(self):
        if self.chance(0.3):
            return {"destinationNamedPort": self.random.choice(NAMES)}
        first = self.random.choice(PORTS)
        port = {"number": first} if self.chance(0.5) else {"range": {"start": first, "end": first + 500}}
        return {self.random.choice(PROTOCOLS).lower(): {"destinationPort": port}}

    def admin(self, number):
        spec = {"priority": self.random.randint(0, 2), "subject": self.api_pods()}
        return {
            "metadata": {"name": f"anp-{number}"},
            "spec": spec | self.api_rules(("Allow", "Deny", "Pass"), "ports"),
        }

    def baseline(self):
        spec = {"subject": self.api_pods()}
        return {"metadata": {"name": "default"}, "spec": spec | self.api_rules(("Allow", "Deny"), "ports")}

    def cnp(self, number):
        spec = {
            "tier": self.random.choice(("Admin", "Baseline")),
            "priority": self.random.randint(0, 2),
            "subject": self.api_pods(),
        }
        rules = self.api_rules(("Accept", "Deny", "Pass"), "protocols")
        return {"metadata": {"name": f"cnp-{number}"}, "spec": spec | rules}


def snapshot_of(cluster):
    """The cluster as a source would give it."""
    return Snapshot(
        NOW,
        objects={KINDS[name]: tuple(items) for name, items in cluster.items()},
        observed=frozenset(map(Need.objects, KINDS.values())),
    )
