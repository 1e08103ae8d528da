"""A small cluster in memory: hardened, and every test damages what it is about."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from k8srun.kinds import (
    CLUSTER_ROLE,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    LIMIT_RANGE,
    NAMESPACE,
    POD,
    REPLICA_SET,
    RESOURCE_QUOTA,
    ROLE,
    RUNTIME_CLASS,
    SECRET,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    Kind,
    kind_of,
)
from k8srun.pods import PodTemplate, pod_template
from k8srun.snapshot import Gap, Need, Snapshot
from tests.certificates.model import NOW

Json = dict[str, Any]
DIGEST = "sha256:" + "ab" * 32
IMAGE = f"registry.example/shop/web@{DIGEST}"
READ = (
    POD, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, CRON_JOB, NAMESPACE, SECRET, SERVICE_ACCOUNT,
    RESOURCE_QUOTA, LIMIT_RANGE, RUNTIME_CLASS, ROLE, CLUSTER_ROLE,
)  # fmt: skip


def container(name: str = "web", **fields: Any) -> Json:
    """A container that restricted allows."""
    context = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    return {"name": name, "image": IMAGE, "securityContext": context, **fields}


def pod_spec(*containers: Json, **fields: Any) -> Json:
    """A pod spec that restricted allows."""
    context = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"containers": list(containers) or [container()], "securityContext": context, **fields}


def pod(name: str = "web", namespace: str = "shop", spec: Json | None = None, **metadata: Any) -> Json:
    return _object("Pod", name, namespace, {"spec": spec or pod_spec()}, metadata)


def deployment(name: str = "web", namespace: str = "shop", spec: Json | None = None, **metadata: Any) -> Json:
    template = {"metadata": {"labels": {"app": name}}, "spec": spec or pod_spec()}
    return _object("Deployment", name, namespace, {"spec": {"template": template}}, metadata)


def namespace(name: str = "shop", **labels: str) -> Json:
    """A namespace; its labels of Pod Security with `_` for `-`. By default restricted is enforced."""
    given = labels or {"enforce": "restricted"}
    prefixed = {f"pod-security.kubernetes.io/{key.replace('_', '-')}": value for key, value in given.items()}
    return _object("Namespace", name, "", {}, {"labels": prefixed})


def given_uid(item: Json) -> Json:
    """The object as a server would have made it: what plans change needs a uid."""
    item["metadata"]["uid"] = f"uid-{item['metadata']['name']}"
    return item


def service_account(name: str = "default", namespace: str = "shop", **fields: Any) -> Json:
    return _object("ServiceAccount", name, namespace, fields, {})


def registry_secret(
    name: str,
    *hosts: str,
    namespace: str = "shop",
    kind: str = "kubernetes.io/dockerconfigjson",
    error: str = "",
    usable: bool = True,
) -> Json:
    """A pull secret as sources reduce it."""
    registries = [{"host": host, "username": usable, "has_auth": usable} for host in hosts]
    value: Json = {"type": "registries", "bytes": 80, "registries": registries, **({"error": error} if error else {})}
    key = ".dockercfg" if kind == "kubernetes.io/dockercfg" else ".dockerconfigjson"
    return _object("Secret", name, namespace, {"type": kind, "data": {key: value}}, {})


def bounds(namespace: str = "shop") -> list[Json]:
    return [
        _object("ResourceQuota", "all", namespace, {"spec": {"hard": {"pods": "10"}}}, {}),
        _object(
            "LimitRange",
            "all",
            namespace,
            {"spec": {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}},
            {},
        ),
    ]


def cluster(*items: Json, gaps: tuple[Gap, ...] = ()) -> Snapshot:
    """A snapshot in which every kind could be read, holding these objects."""
    objects: dict[Kind, list[Json]] = {}
    for item in items:
        objects.setdefault(kind_of(item["apiVersion"], item["kind"]), []).append(copy.deepcopy(item))
    return Snapshot(
        taken_at=NOW,
        objects={kind: tuple(found) for kind, found in objects.items()},
        observed=frozenset(map(Need.objects, READ)),
        gaps=gaps,
    )


def template_of(item: Mapping[str, Any]) -> PodTemplate:
    found = pod_template(kind_of(item["apiVersion"], item["kind"]), item)
    assert found is not None
    return found


def _object(kind: str, name: str, namespace: str, fields: Json, metadata: Json) -> Json:
    api_version = "apps/v1" if kind == "Deployment" else "v1"
    identity = {"name": name, **({"namespace": namespace} if namespace else {}), **metadata}
    return {"apiVersion": api_version, "kind": kind, "metadata": identity, **fields}
