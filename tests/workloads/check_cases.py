"""For each check of workloads a cluster that passes it and the same one damaged so that it fails."""

from __future__ import annotations

from typing import Any

from k8srun.snapshot import Snapshot
from tests.workloads.cluster import (
    DIGEST,
    bounds,
    cluster,
    container,
    deployment,
    namespace,
    pod,
    pod_spec,
    registry_secret,
    service_account,
)

SECRET = registry_secret("registry", "registry.example")


def healthy() -> Snapshot:
    return cluster(
        namespace(), deployment(spec=pod_spec(imagePullSecrets=[{"name": "registry"}])), pod(), SECRET,
        service_account(), *bounds(),
    )  # fmt: skip


def broken(spec: dict[str, Any], **metadata: Any) -> Snapshot:
    return cluster(namespace(), deployment(spec=spec, **metadata), SECRET, service_account(), *bounds())


def context(**fields: Any) -> dict[str, Any]:
    """A pod of one hardened container with these fields of its security context."""
    hardened = container()
    hardened["securityContext"].update(fields)
    return pod_spec(hardened)


def with_env(*entries: dict[str, Any]) -> Snapshot:
    return broken(pod_spec(container(env=list(entries))))


CASES = {
    "W01-PRIVILEGED": (healthy, lambda: broken(context(privileged=True))),
    "W02-POD-SECURITY": (healthy, lambda: cluster(namespace("shop", audit="restricted"), pod(), *bounds())),
    "W03-HOST-NAMESPACES": (healthy, lambda: broken(pod_spec(hostNetwork=True))),
    "W04-HOST-PATH": (
        healthy,
        lambda: broken(pod_spec(volumes=[{"name": "logs", "hostPath": {"path": "/var/log"}}])),
    ),
    "W05-ROOT": (healthy, lambda: broken({**pod_spec(), "securityContext": {}})),
    "W05-ESCALATION": (healthy, lambda: broken(context(allowPrivilegeEscalation=None))),
    "W06-CAPABILITIES": (healthy, lambda: broken(context(capabilities={"drop": ["ALL"], "add": ["SYS_PTRACE"]}))),
    "W09-DIGEST": (healthy, lambda: broken(pod_spec(container(image="registry.example/shop/web:1.4")))),
    "W09-LATEST": (healthy, lambda: broken(pod_spec(container(image="registry.example/shop/web")))),
    "W10-REGISTRY": (healthy, lambda: broken(pod_spec(container(image=f"library/nginx@{DIGEST}")))),
    "W10-REFERENCE": (healthy, lambda: broken(pod_spec(container(image="registry.example/Shop/web")))),
    "W11-PULL-SECRET": (healthy, lambda: broken(pod_spec(imagePullSecrets=[{"name": "absent"}]))),
    "W12-BOUNDS": (healthy, lambda: cluster(namespace(), pod())),
    "W13-PROFILES": (healthy, lambda: broken(context(seccompProfile={"type": "Unconfined"}))),
    "W14-RUNTIME-CLASS": (healthy, lambda: broken(pod_spec(runtimeClassName="gvisor"))),
    "W15-SECRET-ENV": (
        healthy,
        lambda: with_env({"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}),
    ),
    "W15-SECRET-VALUE": (healthy, lambda: with_env({"name": "PASSWORD", "value": "<reduced: 12 characters>"})),
    "W18-DEFAULT-NAMESPACE": (healthy, lambda: cluster(deployment(namespace="default"))),
    "PSP-LEFTOVER": (
        healthy,
        lambda: cluster(pod(annotations={"kubernetes.io/psp": "restricted"})),
    ),
}
