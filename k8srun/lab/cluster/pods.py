"""Pods: the server's defaults, admission's additions, and the status that a kubelet reports."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from k8srun.lab.cluster.identity import JsonDict, suffix, timestamp, uid

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_EVICTION_TOLERATIONS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path


class Node:
    """A node that pods run on, and the pod addresses that it has given out."""

    def __init__(self, item: JsonDict) -> None:
        self.name: str = item["metadata"]["name"]
        self.address: str = next(
            entry["address"] for entry in item["status"]["addresses"] if entry["type"] == "InternalIP"
        )
        self.taints: list[JsonDict] = item["spec"].get("taints") or []
        network = item["spec"]["podCIDR"].rsplit(".", 1)[0]
        self._addresses = (f"{network}.{host}" for host in itertools.count(2))

    def next_address(self) -> str:
        return next(self._addresses)

    def admits(self, spec: JsonDict) -> bool:
        """Whether a pod of this spec tolerates the node's taints."""
        tolerations = spec.get("tolerations") or []
        return all(any(_tolerates(entry, taint) for entry in tolerations) for taint in self.taints)


def _tolerates(toleration: JsonDict, taint: JsonDict) -> bool:
    if toleration.get("effect") not in (None, taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, taint["key"])
    return (toleration.get("key"), toleration.get("value", "")) == (taint["key"], taint.get("value", ""))


def default_spec(spec: JsonDict, *, restart_policy: str = "Always") -> None:
    """Fill in the defaults that the server stores in every pod spec and pod template.

    Source: kubernetes `pkg/apis/core/v1/defaults.go`.
    """
    for name, value in (
        ("restartPolicy", restart_policy),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
    ):
        spec.setdefault(name, value)
    spec.setdefault("securityContext", {})
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]  # the old name of the same field
    for container in containers(spec):
        latest = ":" not in container["image"].rsplit("/", 1)[-1] or container["image"].endswith(":latest")
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")
        container.setdefault("resources", {})
        for port in container.get("ports") or []:
            port.setdefault("protocol", "TCP")
        for probe in _PROBES:
            if probe in container:
                container[probe] = {**_PROBE_DEFAULTS, **container[probe]}
    for volume in spec.get("volumes") or []:
        for kind in ("secret", "configMap", "projected"):
            if kind in volume:
                volume[kind].setdefault("defaultMode", 420)


def containers(spec: JsonDict) -> Iterable[JsonDict]:
    """Init containers, then the regular ones."""
    return itertools.chain(spec.get("initContainers") or [], spec["containers"])


def admit(pod: JsonDict, service_accounts: dict[tuple[str, str], JsonDict]) -> None:
    """What admission and the scheduler add: service account and its token, eviction tolerations, priority."""
    spec, metadata = pod["spec"], pod["metadata"]
    name = spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = name
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", _PRIORITIES.get(spec.get("priorityClassName", ""), 0))
    tolerations = spec.setdefault("tolerations", [])
    if not any(entry.get("operator") == "Exists" and "key" not in entry for entry in tolerations):
        tolerations.extend(
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in _EVICTION_TOLERATIONS
        )
    account = service_accounts.get((metadata["namespace"], name)) or {}
    automount = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if automount:
        _mount_token(spec, f"kube-api-access-{suffix('token' + uid(pod), 5)}")
    if "imagePullSecrets" in account:
        spec.setdefault("imagePullSecrets", account["imagePullSecrets"])


def _mount_token(spec: JsonDict, volume: str) -> None:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [{"fieldRef": field, "path": "namespace"}]}},
    ]
    spec.setdefault("volumes", []).append({"name": volume, "projected": {"defaultMode": 420, "sources": sources}})
    for container in containers(spec):
        container.setdefault("volumeMounts", []).append({"mountPath": _TOKEN_PATH, "name": volume, "readOnly": True})


def run(pod: JsonDict, node: Node, started: datetime, *, completed: bool = False) -> None:
    """Give a pod to a node and write the status that its kubelet reports: running and ready, or done."""
    spec = pod["spec"]
    spec["nodeName"] = node.name
    address = node.address if spec.get("hostNetwork") else node.next_address()
    at = timestamp(started)
    ready = "False" if completed else "True"
    done = {"reason": "PodCompleted"} if completed else {}
    conditions = [
        {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": at, **extra}
        for kind, status, extra in (
            ("PodReadyToStartContainers", ready, {}),
            ("Initialized", "True", done),
            ("Ready", ready, done),
            ("ContainersReady", ready, done),
            ("PodScheduled", "True", {}),
        )
    ]
    pod["status"] = {
        "phase": "Succeeded" if completed else "Running",
        "conditions": conditions,
        "hostIP": node.address,
        "hostIPs": [{"ip": node.address}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": at,
        "containerStatuses": [_container(entry, pod, started, completed=completed) for entry in spec["containers"]],
        "qosClass": _quality(spec),
    }
    if "initContainers" in spec:
        pod["status"]["initContainerStatuses"] = [
            _container(entry, pod, started, completed=True) for entry in spec["initContainers"]
        ]


def _container(container: JsonDict, pod: JsonDict, started: datetime, *, completed: bool) -> JsonDict:
    identity = f"containerd://{_sha256(container['name'] + uid(pod))}"
    begun = timestamp(started + timedelta(seconds=4))
    image = container["image"]
    repository, _, pinned = image.partition("@")
    if not pinned:
        repository = repository.rsplit(":", 1)[0] if ":" in repository.rsplit("/", 1)[-1] else repository
    state: JsonDict = {"running": {"startedAt": begun}}
    if completed:
        finished = timestamp(started + timedelta(seconds=41))
        state = {
            "terminated": {
                "exitCode": 0,
                "reason": "Completed",
                "startedAt": begun,
                "finishedAt": finished,
                "containerID": identity,
            }
        }
    return {
        "name": container["name"],
        "image": image,
        "imageID": f"{repository}@{pinned or 'sha256:' + _sha256(image)}",
        "containerID": identity,
        "ready": True
        if not completed
        else "initContainers" in pod["spec"] and container in pod["spec"]["initContainers"],
        "started": not completed,
        "restartCount": 0,
        "state": state,
        "lastState": {},
    }


def _sha256(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def _quality(spec: JsonDict) -> str:
    """The pod's quality-of-service class. Source: Kubernetes' documentation, "Pod Quality of Service Classes"."""
    given: list[tuple[Any, Any]] = []
    for container in containers(spec):
        resources = container["resources"]
        limits = resources.get("limits") or {}
        requests = {**limits, **(resources.get("requests") or {})}
        given.extend((limits.get(name), requests.get(name)) for name in ("cpu", "memory"))
    if all(limit is None and request is None for limit, request in given):
        return "BestEffort"
    return "Guaranteed" if all(limit is not None and limit == request for limit, request in given) else "Burstable"
