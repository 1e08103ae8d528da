"""What the workload controllers make: ReplicaSets, Jobs and pods, and the status of their owners."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from k8srun.lab.cluster.identity import JsonDict, age, digest, owner, register, suffix, timestamp, uid
from k8srun.lab.cluster.pods import Node, admit, default_spec, run
from k8srun.lab.cluster.state import State

_OLDEST_POD = timedelta(days=20)
_MIRROR = "kubernetes.io/config.mirror"


def run_workloads(state: State, static_pods: Iterable[tuple[JsonDict, str]]) -> None:
    """Let every workload of the state make its pods, and mirror the static pods (each with its hash)."""
    for item in list(state.objects):
        match item["kind"]:
            case "Deployment":
                _deployment(state, item)
            case "StatefulSet":
                _stateful_set(state, item)
            case "DaemonSet":
                _daemon_set(state, item)
            case "CronJob":
                _cron_job(state, item)
    for pod, config_hash in static_pods:
        _mirror(state, pod, config_hash)


def _deployment(state: State, item: JsonDict) -> None:
    spec = item["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("progressDeadlineSeconds", 600)
    spec.setdefault("revisionHistoryLimit", 10)
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    spec.setdefault("strategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
    default_spec(spec["template"]["spec"])
    metadata, count = item["metadata"], spec["replicas"]
    replica_set = _replica_set(item)
    rolled_out = age(replica_set, state.now, at_most=_OLDEST_POD)
    state.add(replica_set, timestamp(rolled_out))
    for index in range(count):
        name = f"{replica_set['metadata']['name']}-{suffix(uid(replica_set) + str(index), 5)}"
        _pod(state, replica_set, name, rolled_out, index=index)
    metadata.setdefault("generation", 1)
    metadata.setdefault("annotations", {}).setdefault("deployment.kubernetes.io/revision", "1")
    item["status"] = {
        "observedGeneration": 1,
        "replicas": count,
        "updatedReplicas": count,
        "readyReplicas": count,
        "availableReplicas": count,
        "conditions": [
            _condition("Available", "MinimumReplicasAvailable", "Deployment has minimum availability.", rolled_out),
            _condition(
                "Progressing",
                "NewReplicaSetAvailable",
                f'ReplicaSet "{replica_set["metadata"]["name"]}" has successfully progressed.',
                rolled_out,
            ),
        ],
    }


def _replica_set(deployment: JsonDict) -> JsonDict:
    metadata, spec = deployment["metadata"], deployment["spec"]
    count, template = spec["replicas"], spec["template"]
    pod_hash = suffix(json.dumps(template, sort_keys=True), 10)
    labels = {**template["metadata"]["labels"], "pod-template-hash": pod_hash}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{pod_hash}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/desired-replicas": str(count),
                "deployment.kubernetes.io/revision": "1",
            },
            "generation": 1,
            "ownerReferences": [owner(deployment)],
        },
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": {**spec["selector"]["matchLabels"], "pod-template-hash": pod_hash}},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
        "status": {
            "replicas": count,
            "fullyLabeledReplicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
            "observedGeneration": 1,
        },
    }


def _stateful_set(state: State, item: JsonDict) -> None:
    spec = item["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})
    rolling = {"maxUnavailable": 1, "partition": 0}
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": rolling})
    default_spec(spec["template"]["spec"])
    name, count = item["metadata"]["name"], spec["replicas"]
    revision = f"{name}-{suffix(json.dumps(spec['template'], sort_keys=True), 10)}"
    started = age(item, state.now, at_most=_OLDEST_POD)
    for index in range(count):
        labels = {
            "apps.kubernetes.io/pod-index": str(index),
            "controller-revision-hash": revision,
            "statefulset.kubernetes.io/pod-name": f"{name}-{index}",
        }
        _pod(state, item, f"{name}-{index}", started, index=index, labels=labels)
    item["metadata"].setdefault("generation", 1)
    item["status"] = {
        "observedGeneration": 1,
        "replicas": count,
        "readyReplicas": count,
        "currentReplicas": count,
        "updatedReplicas": count,
        "availableReplicas": count,
        "currentRevision": revision,
        "updateRevision": revision,
        "collisionCount": 0,
    }


def _daemon_set(state: State, item: JsonDict) -> None:
    spec = item["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("updateStrategy", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}})
    default_spec(spec["template"]["spec"])
    labels = {
        "controller-revision-hash": suffix(json.dumps(spec["template"], sort_keys=True), 10),
        "pod-template-generation": "1",
    }
    nodes = [node for node in state.nodes if node.admits(spec["template"]["spec"])]
    started = age(item, state.now, at_most=_OLDEST_POD)
    for node in nodes:
        name = f"{item['metadata']['name']}-{suffix(uid(item) + node.name, 5)}"
        _pod(state, item, name, started, nodes=(node,), labels=labels)
    item["metadata"].setdefault("generation", 1)
    item["status"] = {
        "observedGeneration": 1,
        "currentNumberScheduled": len(nodes),
        "desiredNumberScheduled": len(nodes),
        "numberAvailable": len(nodes),
        "numberMisscheduled": 0,
        "numberReady": len(nodes),
        "updatedNumberScheduled": len(nodes),
    }


def _cron_job(state: State, item: JsonDict) -> None:
    """The last run, which is done: its pod still stands there with the address that it had."""
    spec = item["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    spec["jobTemplate"].setdefault("metadata", {})
    default_spec(spec["jobTemplate"]["spec"]["template"]["spec"])
    ran = age(item, state.now, at_most=timedelta(hours=12)).replace(second=0, microsecond=0)
    done = ran + timedelta(seconds=45)
    job = _job(item, ran, done)
    state.add(job, timestamp(ran))
    _pod(state, job, f"{job['metadata']['name']}-{suffix(uid(job), 5)}", ran, completed=True)
    item["metadata"].setdefault("generation", 1)
    item["status"] = {"lastScheduleTime": timestamp(ran), "lastSuccessfulTime": timestamp(done)}


def _job(cron_job: JsonDict, ran: datetime, done: datetime) -> JsonDict:
    metadata, template = cron_job["metadata"], cron_job["spec"]["jobTemplate"]["spec"]["template"]
    name = f"{metadata['name']}-{int(ran.timestamp()) // 60}"
    job: JsonDict = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
    }
    identity = uid(job)
    labels = {
        **(template.get("metadata") or {}).get("labels", {}),
        "batch.kubernetes.io/controller-uid": identity,
        "batch.kubernetes.io/job-name": name,
    }
    job["metadata"] |= {
        "generation": 1,
        "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": timestamp(ran)},
        "ownerReferences": [owner(cron_job)],
        "labels": labels,
    }
    job["spec"] = {
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "TerminatingOrFailed",
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": identity}},
        "suspend": False,
        "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
    }
    reached = {"reason": "CompletionsReached", "message": "Reached expected number of succeeded pods"}
    times = {"lastProbeTime": timestamp(done), "lastTransitionTime": timestamp(done)}
    job["status"] = {
        "conditions": [
            {"type": kind, "status": "True", **times, **reached} for kind in ("SuccessCriteriaMet", "Complete")
        ],
        "startTime": timestamp(ran),
        "completionTime": timestamp(done),
        "succeeded": 1,
        "ready": 0,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
    return job


def _pod(
    state: State,
    controller: JsonDict,
    name: str,
    started: datetime,
    *,
    index: int = 0,
    nodes: Sequence[Node] = (),
    labels: JsonDict | None = None,
    completed: bool = False,
) -> None:
    """One pod of a controller's template, on a node that takes it."""
    template = state.copy(controller["spec"]["template"])
    metadata = template.get("metadata") or {}
    pod: JsonDict = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "name": name,
            "namespace": controller["metadata"]["namespace"],
            "labels": {**(metadata.get("labels") or {}), **(labels or {})},
            "ownerReferences": [owner(controller)],
        },
        "spec": template["spec"],
    }
    admit(pod, state.service_accounts)
    candidates = nodes or [node for node in state.nodes if node.admits(pod["spec"])]
    run(pod, candidates[(digest(uid(controller)) + index) % len(candidates)], started, completed=completed)
    state.add(pod, timestamp(started))


def _mirror(state: State, static_pod: JsonDict, config_hash: str) -> None:
    """The mirror pod by which the API shows what a kubelet runs from a file."""
    node = next(entry for entry in state.nodes if entry.taints)
    pod = state.copy(static_pod)
    at = age(pod, state.now, at_most=_OLDEST_POD)
    metadata = pod["metadata"]
    metadata["name"] = f"{metadata['name']}-{node.name}"
    metadata.setdefault("annotations", {}).update(
        {
            "kubernetes.io/config.hash": config_hash,
            _MIRROR: config_hash,
            "kubernetes.io/config.seen": timestamp(at),
            "kubernetes.io/config.source": "file",
        }
    )
    node_object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name}}
    metadata["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": uid(node_object), "controller": True}
    ]
    default_spec(pod["spec"])
    pod["spec"]["enableServiceLinks"] = True
    pod["spec"]["preemptionPolicy"] = "PreemptLowerPriority"
    pod["spec"]["tolerations"] = [{"effect": "NoExecute", "operator": "Exists"}]
    run(pod, node, at)
    state.objects.append(register(pod, timestamp(at)))


def _condition(kind: str, reason: str, message: str, at: datetime) -> JsonDict:
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastUpdateTime": timestamp(at),
        "lastTransitionTime": timestamp(at),
    }
