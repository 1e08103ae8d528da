"""What LimitRanges and quotas make of a pod, held to the real server's admission on generated cases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from k8srun.workloads.quantities import parse_quantity
from k8srun.workloads.resources import container_resources, obstacles
from tests.controlplane.cluster import ControlPlane
from tests.workloads.cluster import cluster, template_of
from tests.workloads.server import Answer, PodSecurityServer, at_once, pod_security_server

Json = dict[str, Any]
_AMOUNTS = {
    "cpu": ("50m", "0.2", "1", "2"),
    "memory": ("16Mi", "100M", "1Gi", "2e9"),
    "ephemeral-storage": ("1Gi", "2Gi"),
}
_CHANCES = {"ephemeral-storage": 0.3}
_SCOPES = (
    {"scopes": ["BestEffort"]}, {"scopes": ["NotTerminating"]}, {"scopes": ["Terminating"]},
    {"scopes": ["PriorityClass"]}, {"scopes": ["CrossNamespacePodAffinity"]},
    {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "DoesNotExist"}]}},
    {
        "scopeSelector": {
            "matchExpressions": [
                {"scopeName": "PriorityClass", "operator": "NotIn", "values": ["system-node-critical"]}
            ]
        }
    },
)  # fmt: skip
CLUSTERS, PODS = 23, 25


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodSecurityServer]:
    with pod_security_server(control_plane, tmp_path_factory.mktemp("bounds")) as running:
        yield running


def amounts(rng: random.Random, chance: float) -> Json:
    return {
        name: rng.choice(texts) for name, texts in _AMOUNTS.items() if rng.random() < chance * _CHANCES.get(name, 1)
    }


def ordered(*given: Json) -> bool:
    """Whether amounts that all name a resource do not decrease, which the API asks for."""
    names = {name for one in given for name in one}
    return all(
        (found := [parse_quantity(one[name]) for one in given if name in one]) == sorted(found) for name in names
    )


def draw_bounds(rng: random.Random, namespace: str) -> list[Json]:
    items = []
    while not items:
        entry = {name: amounts(rng, 0.4) for name in ("min", "defaultRequest", "default", "max")}
        if ordered(*entry.values()):
            spec = {"limits": [{"type": "Container", **{name: value for name, value in entry.items() if value}}]}
            if rng.random() < 0.4:
                spec["limits"].append({"type": "Pod", "max": {"cpu": "3"}, "min": {"memory": "64Mi"}})
            if rng.random() < 0.4:
                spec["limits"][0]["maxLimitRequestRatio"] = {"cpu": rng.choice(("1", "2.5", "10"))}
            items.append(_object("LimitRange", namespace, spec))
    if rng.random() < 0.6:
        names = rng.sample(
            ("requests.cpu", "limits.cpu", "requests.memory", "limits.memory", "cpu", "pods", "ephemeral-storage"), 2
        )
        hard = {name: "3" if name.endswith("cpu") else "3Gi" if "." in name else "5" for name in names}
        if "ephemeral-storage" in hard:
            hard["ephemeral-storage"] = "1500M"
        items.append(_object("ResourceQuota", namespace, {"hard": hard}))
    return items


def _object(kind: str, namespace: str, spec: Json) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "all", "namespace": namespace}, "spec": spec}


def draw_pod(rng: random.Random, namespace: str) -> Json:
    containers = []
    chance = rng.choice((0.5, 0.5, 0))
    while len(containers) < rng.choice((1, 2, 2, 3)):
        requests, limits = amounts(rng, chance), amounts(rng, chance)
        if ordered(requests, limits):
            resources = {name: value for name, value in (("requests", requests), ("limits", limits)) if value}
            containers.append({"name": f"c{len(containers)}", "image": "i", "resources": resources})
    spec: Json = {"containers": containers}
    if len(containers) > 1 and rng.random() < 0.6:
        sidecar = {"restartPolicy": "Always"} if rng.random() < 0.5 else {}
        spec = {"initContainers": [{**containers[0], **sidecar}], "containers": containers[1:]}
    spec |= _of_the_whole_pod(rng)
    metadata = {"name": "pod", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _of_the_whole_pod(rng: random.Random) -> Json:
    """What decides whether a quota with scopes counts a pod, and what a pod states for all of its containers."""
    spec: Json = {}
    if rng.random() < 0.3:
        spec["activeDeadlineSeconds"] = 60
    if rng.random() < 0.3:
        spec["priorityClassName"] = rng.choice(("system-cluster-critical", "system-node-critical"))
    if rng.random() < 0.3:
        term = {"topologyKey": "zone", "labelSelector": {}, "namespaces": ["other"] if rng.random() < 0.5 else []}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    if rng.random() < 0.3:
        spec["resources"] = rng.choice(
            (
                {"limits": {"cpu": "4"}},
                {"requests": {"memory": "6Gi"}},
                {"requests": {"cpu": "6"}, "limits": {"cpu": "8"}},
            )
        )
    return spec


def test_generated_pods_are_completed_and_refused_as_the_server_does(control_plane, server):
    refused = completed = 0
    scopes = iter(_SCOPES)
    for seed in range(CLUSTERS):
        rng = random.Random(seed)
        namespace = server.namespace({"enforce": "privileged", "enforce-version": f"v1.{seed}"})
        bounds = []
        scope = next(scopes, None)
        full = {"hard": {"pods": "0"}, **(scope or {})}
        for item in [_object("ResourceQuota", namespace, full)] if scope else draw_bounds(rng, namespace):
            plural = f"{item['kind'].lower()}s"
            created = control_plane.create(f"/api/v1/namespaces/{namespace}/{plural}", item)
            bounds.append({**created, "apiVersion": "v1", "kind": item["kind"]})
        pods = [draw_pod(rng, namespace) for _ in range(PODS)]

        answers: list[Answer] = []

        def agree(namespace=namespace, pods=pods, bounds=bounds, answers=answers) -> bool:
            answers[:] = at_once(lambda pod: server.create(namespace, pod), pods)
            return all(_agrees(pod, bounds, answer) for pod, answer in zip(pods, answers, strict=True))

        # Admission has caches of its own: until they know the bounds, it lets in what it will refuse.
        control_plane.wait_until(f"the server's admission to agree on the pods of cluster {seed}", agree)
        refused += sum(answer.status == 403 for answer in answers)
        completed += sum(answer.status == 201 for answer in answers)
    assert refused > 40
    assert completed > 40


def _agrees(pod: Json, bounds: list[Json], answer: Answer) -> bool:
    """Whether a pod is refused as ours says, and else gets the resources that ours says."""
    if answer.status == 422:
        return True  # a default that is below what the pod asks for: the API refuses the pod itself
    snapshot = cluster(pod, *bounds)
    if answer.status != 201:
        return answer.status == 403 and bool(obstacles(snapshot, template_of(pod)))
    spec = answer.body["spec"]
    theirs = [_resources(container) for container in [*spec.get("initContainers", ()), *spec["containers"]]]
    ours = [(one.requests, one.limits) for one in container_resources(snapshot, template_of(pod))]
    return not obstacles(snapshot, template_of(pod)) and theirs == ours


def _resources(container: Json) -> tuple[Json, Json]:
    given = container["resources"]
    requests, limits = (
        {key: parse_quantity(value) for key, value in given.get(name, {}).items()} for name in ("requests", "limits")
    )
    return requests, limits
