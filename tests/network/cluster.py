"""Small clusters for tests, written as manifests are."""

from __future__ import annotations

from datetime import UTC, datetime

import yaml

from k8srun.kinds import RESOURCES, kind_of
from k8srun.network.needs import NEEDS
from k8srun.snapshot import Need, Snapshot

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def snapshot(*texts, gaps=(), unseen=()):
    """The objects of some YAML, as a source that could read everything but `unseen` would give them."""
    objects = {}
    for text in texts:
        for item in yaml.safe_load_all(text):
            if item:
                kind = kind_of(item["apiVersion"], item["kind"])
                if kind not in RESOURCES or RESOURCES[kind].namespaced:
                    item["metadata"].setdefault("namespace", "default")
                objects.setdefault(kind, []).append(item)
    observed = {need for need in NEEDS if need not in {Need.objects(kind) for kind in unseen}}
    return Snapshot(
        NOW,
        objects={kind: tuple(items) for kind, items in objects.items() if kind not in unseen},
        observed=frozenset(observed),
        gaps=tuple(gaps),
    )


def namespace(name, **labels):
    return (
        yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        + "---\n"
    )


def pod(name, ip="", ports=(), node="", ready=True, **labels):
    """`name` is namespace/name; ports are `http=8080/TCP`."""
    space, _, own = name.partition("/")
    declared = []
    for text in ports:
        called, _, rest = text.partition("=")
        number, _, protocol = rest.partition("/")
        declared.append({"name": called, "containerPort": int(number), "protocol": protocol or "TCP"})
    host = labels.pop("hostNetwork", False)
    item = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": own, "namespace": space, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "x", "ports": declared}], "nodeName": node},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": one} for one in ip.split(",") if one],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }
    if host:
        item["spec"]["hostNetwork"] = True
    return yaml.safe_dump(item) + "---\n"


def policy(name, spec):
    """`name` is namespace/name, `spec` YAML."""
    space, _, own = name.partition("/")
    item = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": own, "namespace": space},
        "spec": yaml.safe_load(spec),
    }
    return yaml.safe_dump(item) + "---\n"


def service(name, selector, port="80", target="8080", **spec):
    space, _, own = name.partition("/")
    item = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": own, "namespace": space},
        "spec": {
            "selector": selector,
            "clusterIP": "10.96.0.10",
            "ports": [{"port": int(port), "targetPort": int(target) if target.isdecimal() else target}],
            **spec,
        },
    }
    return yaml.safe_dump(item) + "---\n"


def daemon_set(name, *, image="agent:1", container="agent", args=(), env=()):
    space, _, own = name.partition("/")
    containers = [{"name": container, "image": image, "args": list(args),
                   "env": [{"name": key, "value": value} for key, value in env]}]  # fmt: skip
    item = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": own, "namespace": space, "uid": "1"},
        "spec": {"template": {"metadata": {"labels": {"app": own}}, "spec": {"containers": containers}}},
    }
    return yaml.safe_dump(item) + "---\n"


DENY = "{podSelector: {}, policyTypes: [Ingress, Egress]}"
CALICO = daemon_set("kube-system/calico-node")
DNS = (
    namespace("kube-system")
    + pod("kube-system/coredns", "10.1.0.2", ["dns=53/UDP", "dns-tcp=53/TCP"], **{"k8s-app": "kube-dns"})
    + service(
        "kube-system/kube-dns", {"k8s-app": "kube-dns"}, ports=[{"port": 53, "protocol": "UDP", "targetPort": 53}]
    )
)
SHOP = (
    namespace("shop")
    + pod("shop/web", "10.1.0.3", ["http=8080"], app="web")
    + pod("shop/db", "10.1.0.4", ["sql=5432"], app="db")
)
