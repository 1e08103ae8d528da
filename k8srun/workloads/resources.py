"""What a pod asks for against what its namespace allows: LimitRange and ResourceQuota.

Source: kubernetes `plugin/pkg/admission/limitranger`, `plugin/pkg/admission/resourcequota`, apimachinery `resource`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from k8srun.kinds import LIMIT_RANGE
from k8srun.pods import PodTemplate
from k8srun.snapshot import JsonObject, Snapshot, resource_name
from k8srun.text import visible
from k8srun.workloads.podfields import Container
from k8srun.workloads.podspec import read_spec
from k8srun.workloads.quantities import Amounts, Asked, ContainerResources, Obstacle, amounts, of_namespace, shown
from k8srun.workloads.quotas import beyond_quotas

_WHOLE_POD = frozenset({"cpu", "memory"})


def container_resources(snapshot: Snapshot, template: PodTemplate) -> tuple[ContainerResources, ...]:
    """What each container of a pod asks for, as the server completes it.

    Raises:
        InputError: the pod spec, a quantity or a LimitRange is not what the API takes.
    """
    spec = read_spec(template)
    defaults = [_amounts_of(entry) for entry in _limits(snapshot, template.namespace, "Container")]
    init = [(one, "sidecar" if one.restart_policy == "Always" else "init") for one in spec.init_containers or ()]
    regular = [(one, "container") for one in spec.containers or ()]
    return tuple(_completed(container, role, defaults, template) for container, role in (*init, *regular))


def obstacles(snapshot: Snapshot, template: PodTemplate) -> tuple[Obstacle, ...]:
    """Why the namespace's LimitRanges and quotas refuse one more pod of a template; empty where they do not.

    Raises:
        InputError: the pod spec, a quantity, a LimitRange or a quota is not what the API takes.
    """
    asked = _asked(snapshot, template)
    return (*_beyond_limits(snapshot, template, asked), *beyond_quotas(snapshot, template, asked))


def _asked(snapshot: Snapshot, template: PodTemplate) -> Asked:
    """What a pod asks for: its containers, and as a whole. What it says itself (`spec.resources`) overrules the sum."""
    containers = container_resources(snapshot, template)
    own = read_spec(template).resources
    stated = [
        {name: amount for name, amount in amounts(given, template.ref).items() if _of_whole_pod(name)}
        for given in ((own.requests, own.limits) if own else (None, None))
    ]
    requests, limits = _of_pod(containers, "requests"), _of_pod(containers, "limits")
    if stated[1]:
        summed = {name: amount for name, amount in requests.items() if name in _WHOLE_POD}
        stated[0] = {**stated[1], **summed, **stated[0]}
    return Asked(containers, {**requests, **stated[0]}, {**limits, **stated[1]}, (stated[0], stated[1]))


def _of_whole_pod(name: str) -> bool:
    """Whether a pod may state a resource for all of its containers. Source: `component-helpers/resource`."""
    return name in _WHOLE_POD or name.startswith("hugepages-")


def _completed(
    container: Container, role: str, defaults: list[dict[str, Amounts]], template: PodTemplate
) -> ContainerResources:
    own = container.resources
    where = f"{template.ref} container {visible(container.name, limit=63)}"
    requests = amounts(own.requests if own else None, where)
    limits = amounts(own.limits if own else None, where)
    filled = []
    requests = {**limits, **requests}  # the server's own default, before any LimitRange's
    for entry in defaults:
        for name, amount in entry["default"].items():
            if name not in limits:
                limits[name] = amount
                filled.append(f"limits.{name}")
        for name, amount in entry["defaultRequest"].items():
            if name not in requests:
                requests[name] = amount
                filled.append(f"requests.{name}")
    return ContainerResources(container.name, requests, limits, role, tuple(filled))


def _beyond_limits(snapshot: Snapshot, template: PodTemplate, asked: Asked) -> Iterator[Obstacle]:
    for item in of_namespace(snapshot, LIMIT_RANGE, template.namespace):
        for entry in _entries(item, "Container"):
            for one in asked.containers:
                yield from _outside(item, entry, f"container {one.container}", one.requests, one.limits)
        for entry in _entries(item, "Pod"):
            yield from _outside(item, entry, "the pod", asked.requests, asked.limits)


def _outside(
    item: JsonObject, entry: Mapping[str, Any], who: str, requests: Amounts, limits: Amounts
) -> Iterator[Obstacle]:
    """What of a container or pod is outside of an item of a LimitRange."""
    where = resource_name(LIMIT_RANGE, item)
    for name, least in amounts(entry.get("min"), where).items():
        said = [amounts[name] for amounts in (requests, limits) if name in amounts]
        if name not in requests or min(said) < least:
            yield _limit(item, f"{who} asks for less {name} than the minimum {shown(least)}")
    for name, most in amounts(entry.get("max"), where).items():
        said = [amounts[name] for amounts in (requests, limits) if name in amounts]
        if name not in limits or max(said) > most:
            yield _limit(item, f"{who} has no {name} limit up to the maximum {shown(most)}")
    for name, ratio in amounts(entry.get("maxLimitRequestRatio"), where).items():
        request, limit = requests.get(name), limits.get(name)
        if not request or not limit or limit / request > ratio:
            yield _limit(item, f"{who} has no {name} limit up to {shown(ratio)} times its request")


def _of_pod(containers: tuple[ContainerResources, ...], which: str) -> Amounts:
    """What a pod takes at most: its containers and sidecars together, or an init container beside the sidecars so far.

    Source: kubernetes `component-helpers/resource`, PodRequests.
    """
    total: Amounts = {}
    sidecars: Amounts = {}
    peak: Amounts = {}
    for one in containers:
        for name, amount in getattr(one, which).items():
            if one.role == "init":
                peak[name] = max(peak.get(name, Decimal(0)), sidecars.get(name, Decimal(0)) + amount)
                continue
            total[name] = total.get(name, Decimal(0)) + amount
            if one.role == "sidecar":
                sidecars[name] = sidecars.get(name, Decimal(0)) + amount
    return {name: max(total.get(name, Decimal(0)), peak.get(name, Decimal(0))) for name in {**total, **peak}}


def _limit(item: JsonObject, reason: str) -> Obstacle:
    return Obstacle(resource_name(LIMIT_RANGE, item), visible(reason, limit=300))


def _limits(snapshot: Snapshot, namespace: str, kind: str) -> Iterator[Mapping[str, Any]]:
    for item in of_namespace(snapshot, LIMIT_RANGE, namespace):
        yield from _entries(item, kind)


def _entries(item: JsonObject, kind: str) -> Iterator[Mapping[str, Any]]:
    limits = (item.get("spec") or {}).get("limits")
    for entry in limits if isinstance(limits, list | tuple) else ():
        if isinstance(entry, Mapping) and entry.get("type") == kind:
            yield entry


def _amounts_of(entry: Mapping[str, Any]) -> dict[str, Amounts]:
    """A LimitRange's item; what it does not say of requests it takes from the limits, as the server's defaults do."""
    read = {name: amounts(entry.get(name), "a LimitRange") for name in ("default", "defaultRequest", "min", "max")}
    read["default"] = {**read["max"], **read["default"]}
    read["defaultRequest"] = {**read["min"], **read["default"], **read["defaultRequest"]}
    return read
