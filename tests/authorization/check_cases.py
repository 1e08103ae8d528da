"""For each check of this domain a cluster that passes it, and the same one with what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from k8srun.kinds import CONFIG_MAP, CRON_JOB, DEPLOYMENT, INGRESS, POD, SECRET, SERVICE_ACCOUNT
from k8srun.snapshot import Snapshot
from tests.authorization.cluster import ADMIN, binding, cluster_role, metadata, role, rule, snapshot, urls

DEFAULTS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
OBSERVED = (POD, SECRET, SERVICE_ACCOUNT, CONFIG_MAP, CRON_JOB, DEPLOYMENT, INGRESS)


def account(namespace: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name, namespace), **more}


def pod(namespace: str, name: str, account: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "registry.example/app:1"}]
    spec = {"serviceAccountName": account, "containers": containers, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata(name, namespace), "spec": spec}


def token_secret(namespace: str, name: str, account: str, **labels: str) -> dict[str, Any]:
    annotations = {"kubernetes.io/service-account.name": account}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": metadata(name, namespace, annotations=annotations, labels=labels),
        "data": {},
    }


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name, namespace), "data": data}


# What a cluster has by itself, and an application as it should be.
GOOD = (
    cluster_role("cluster-admin", ADMIN, urls("*", "*"), labels=DEFAULTS),
    binding("", "cluster-admin", "ClusterRole cluster-admin", "Group system:masters", labels=DEFAULTS),
    cluster_role("system:public-info-viewer", urls("get", "/healthz,/version"), labels=DEFAULTS),
    binding(
        "", "system:public-info-viewer", "ClusterRole system:public-info-viewer", "Group system:unauthenticated",
        labels=DEFAULTS,
    ),
    cluster_role("system:controller:job-controller", rule("create", "pods"), labels=DEFAULTS),
    binding(
        "", "system:controller:job-controller", "ClusterRole system:controller:job-controller",
        "ServiceAccount kube-system/job-controller", labels=DEFAULTS,
    ),
    role("shop", "reader", rule("get,list,watch", "configmaps,pods,pods/log")),
    binding("shop", "reader", "Role reader", "ServiceAccount shop/web", "User jane"),
    account("shop", "web"),
    account("shop", "default", automountServiceAccountToken=False),
    pod("shop", "web-0", "web"),
    config_map("kube-system", "coredns"),
)  # fmt: skip


def healthy() -> Snapshot:
    return snapshot(*GOOD, observed=OBSERVED)


def with_more(*items: Any) -> Callable[[], Snapshot]:
    return lambda: snapshot(*GOOD, *items, observed=OBSERVED)


def granted(*rules: Any, namespace: str = "", subject: str = "User eve") -> Callable[[], Snapshot]:
    """The healthy cluster, in which somebody holds these rules besides."""
    return with_more(cluster_role("extra", *rules), binding(namespace, "extra", "ClusterRole extra", subject))


RBAC = "rbac.authorization.k8s.io"
EXPIRED = {"annotations": {"k8srun.dev/expires": "2026-01-31T00:00:00Z"}}

BROKEN: dict[str, Callable[[], Snapshot]] = {
    "RBAC-CLUSTER-ADMIN": with_more(binding("", "ops", "ClusterRole cluster-admin", "Group ops")),
    "RBAC-ANONYMOUS": with_more(binding("shop", "all", "Role reader", "User system:anonymous")),
    "RBAC-ESCALATE": granted(rule("impersonate", "users")),
    "RBAC-WILDCARD": granted(rule("get", "*", group="apps"), namespace="shop"),
    "RBAC-SECRETS": granted(rule("list", "secrets"), namespace="shop"),
    "RBAC-NODES-PROXY": granted(rule("get", "nodes/proxy")),
    "RBAC-CSR-APPROVAL": granted(rule("update", "certificatesigningrequests/approval", group="certificates.k8s.io")),
    "RBAC-TOKEN-CREATE": granted(rule("create", "serviceaccounts/token"), namespace="shop"),
    "RBAC-WEBHOOKS": granted(rule("patch", "mutatingwebhookconfigurations", group="admissionregistration.k8s.io")),
    "RBAC-MASTERS": with_more(binding("shop", "masters", "Role reader", "Group system:masters")),
    "SA-LEGACY-TOKEN": with_more(token_secret("shop", "web-token", "web")),
    "RBAC-POD-CREATE": granted(rule("create", "deployments", group="apps"), namespace="shop"),
    "SA-DEFAULT": with_more(pod("stock", "app", "default")),
    "SA-AUTOMOUNT": with_more(account("shop", "idle"), pod("shop", "idle-0", "idle")),
    "RBAC-PV-CREATE": granted(rule("create", "persistentvolumes")),
    "RBAC-EXEC": granted(rule("create", "pods/exec"), namespace="shop"),
    "RBAC-WRITE": granted(rule("create", "rolebindings", group=RBAC), namespace="shop"),
    "RBAC-SIDE-EFFECTS": granted(rule("patch", "namespaces")),
    "RBAC-SYSTEM-CONFIG": granted(rule("update", "configmaps"), namespace="kube-system"),
    "RBAC-PATHS": with_more(
        binding("", "operator", "ClusterRole cluster-admin", "ServiceAccount shop/operator"),
        role("shop", "deployer", rule("create", "pods")),
        binding("shop", "deployer", "Role deployer", "User eve"),
    ),
    "RBAC-DRAIN": granted(rule("patch", "nodes"), rule("create", "pods/eviction")),
    "RBAC-MANY-ROLES": with_more(
        *(binding(f"team-{number}", "view", "ClusterRole view", "User eve") for number in range(11))
    ),
    "RBAC-DANGLING": with_more(binding("shop", "gone", "Role gone", "User eve")),
    "RBAC-CROSS-NAMESPACE": with_more(binding("shop", "other", "Role reader", "ServiceAccount stock/sync")),
    "RBAC-MALFORMED": with_more(role("shop", "broken", {"verbs": "get", "apiGroups": [""], "resources": ["pods"]})),
    "API-REMOVED": with_more({"apiVersion": "batch/v1beta1", "kind": "CronJob", "metadata": metadata("night", "shop")}),
    "RBAC-EXPIRED": with_more(binding("shop", "dated", "Role reader", "User eve", **EXPIRED)),
}

CASES = {name: (healthy, broken) for name, broken in BROKEN.items()}
