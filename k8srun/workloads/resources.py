"""What a pod asks for against what its namespace allows: LimitRange and ResourceQuota.

Source: kubernetes `plugin/pkg/admission/limitranger`, `plugin/pkg/admission/resourcequota`, apimachinery `resource`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from k8srun.errors import InputError
from k8srun.kinds import LIMIT_RANGE, RESOURCE_QUOTA, Kind
from k8srun.pods import PodTemplate
from k8srun.snapshot import JsonObject, Snapshot, object_key, resource_name
from k8srun.text import visible
from k8srun.workloads.podfields import Container
from k8srun.workloads.podspec import read_spec

_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?))", re.ASCII
)
_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_COMPUTE = ("cpu", "memory", "ephemeral-storage")

Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class ContainerResources:
    """What a container asks for once the namespace's LimitRanges have filled in what it leaves out.

    Attributes:
        role: `container`, `init` (runs to its end before the next), `sidecar` (an init container that goes on running).
        defaulted: the fields that were filled in, `limits.cpu`.
    """

    container: str
    requests: Amounts
    limits: Amounts
    role: str = "container"
    defaulted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a LimitRange or quota refuses a pod: the object, and the reason in a sentence."""

    resource: str
    reason: str


def parse_quantity(value: object, *, where: str = "") -> Decimal:
    """`100m`, `1.5Gi`, `1e3` → the number, in units, bytes or cores.

    Raises:
        InputError: it is no quantity.
    """
    found = _QUANTITY.fullmatch(str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise InputError(f"{visible(str(value), limit=80)!r} is no quantity", where=where, do="Write 250m, 1.5Gi or 2.")
    number, exponent, unit = found.groups()
    return Decimal(f"{number}{exponent}") if exponent else Decimal(number) * _FACTORS[unit]


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

    Quotas with scopes are left out: whether they count a pod depends on more than what it asks for. So is what a pod
    asks for as a whole (`spec.resources`).
    """
    containers = container_resources(snapshot, template)
    return (*_beyond_limits(snapshot, template, containers), *_beyond_quota(snapshot, template, containers))


def _completed(
    container: Container, role: str, defaults: list[dict[str, Amounts]], template: PodTemplate
) -> ContainerResources:
    own = container.resources
    where = f"{template.ref} container {visible(container.name, limit=63)}"
    requests = _amounts(own.requests if own else None, where)
    limits = _amounts(own.limits if own else None, where)
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


def _beyond_limits(
    snapshot: Snapshot, template: PodTemplate, containers: tuple[ContainerResources, ...]
) -> Iterator[Obstacle]:
    for item in _of_namespace(snapshot, LIMIT_RANGE, template.namespace):
        for entry in _entries(item, "Container"):
            for one in containers:
                yield from _outside(item, entry, f"container {one.container}", one.requests, one.limits)
        for entry in _entries(item, "Pod"):
            requests, limits = (_of_pod(containers, which) for which in ("requests", "limits"))
            yield from _outside(item, entry, "the pod", requests, limits)


def _outside(
    item: JsonObject, entry: Mapping[str, Any], who: str, requests: Amounts, limits: Amounts
) -> Iterator[Obstacle]:
    """What of a container or pod is outside of an item of a LimitRange."""
    where = resource_name(LIMIT_RANGE, item)
    for name, least in _amounts(entry.get("min"), where).items():
        said = [amounts[name] for amounts in (requests, limits) if name in amounts]
        if name not in requests or min(said) < least:
            yield _limit(item, f"{who} asks for less {name} than the minimum {_shown(least)}")
    for name, most in _amounts(entry.get("max"), where).items():
        said = [amounts[name] for amounts in (requests, limits) if name in amounts]
        if name not in limits or max(said) > most:
            yield _limit(item, f"{who} has no {name} limit up to the maximum {_shown(most)}")
    for name, ratio in _amounts(entry.get("maxLimitRequestRatio"), where).items():
        request, limit = requests.get(name), limits.get(name)
        if not request or not limit or limit / request > ratio:
            yield _limit(item, f"{who} has no {name} limit up to {_shown(ratio)} times its request")


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


def _beyond_quota(
    snapshot: Snapshot, template: PodTemplate, containers: tuple[ContainerResources, ...]
) -> Iterator[Obstacle]:
    for item in _of_namespace(snapshot, RESOURCE_QUOTA, template.namespace):
        spec, status = item.get("spec") or {}, item.get("status") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        name = resource_name(RESOURCE_QUOTA, item)
        hard = _amounts(status.get("hard") or spec.get("hard"), name)
        used = _amounts(status.get("used"), name)
        for resource, most in hard.items():
            needed = _needed(resource, containers)
            if isinstance(needed, str):
                yield Obstacle(name, f"container {visible(needed, limit=63)} must say {resource}")
            elif needed is not None and used.get(resource, Decimal(0)) + needed > most:
                left = most - used.get(resource, Decimal(0))
                told = f"one pod needs {_shown(needed)}, {_shown(left)} of {_shown(most)} is left"
                yield Obstacle(name, f"{visible(resource, limit=200)}: {told}")


def _needed(resource: str, containers: tuple[ContainerResources, ...]) -> Decimal | str | None:
    """What one pod adds to a quota; the container that does not say it, where a quota asks all of them to."""
    if resource == "pods":
        return Decimal(1)
    kind, _, name = resource.rpartition(".")
    if name not in _COMPUTE or kind not in ("", "requests", "limits"):
        return None
    which = "limits" if kind == "limits" else "requests"
    silent = next((one.container for one in containers if name not in getattr(one, which)), "")
    return silent or _of_pod(containers, which)[name]


def _limits(snapshot: Snapshot, namespace: str, kind: str) -> Iterator[Mapping[str, Any]]:
    for item in _of_namespace(snapshot, LIMIT_RANGE, namespace):
        yield from _entries(item, kind)


def _entries(item: JsonObject, kind: str) -> Iterator[Mapping[str, Any]]:
    limits = (item.get("spec") or {}).get("limits")
    for entry in limits if isinstance(limits, list | tuple) else ():
        if isinstance(entry, Mapping) and entry.get("type") == kind:
            yield entry


def _amounts_of(entry: Mapping[str, Any]) -> dict[str, Amounts]:
    """A LimitRange's item; what it does not say of requests it takes from the limits, as the server's defaults do."""
    read = {name: _amounts(entry.get(name), "a LimitRange") for name in ("default", "defaultRequest", "min", "max")}
    read["default"] = {**read["max"], **read["default"]}
    read["defaultRequest"] = {**read["min"], **read["default"], **read["defaultRequest"]}
    return read


def _amounts(value: object, where: str) -> Amounts:
    return (
        {str(name): parse_quantity(amount, where=where) for name, amount in value.items()}
        if isinstance(value, Mapping)
        else {}
    )


def _shown(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _of_namespace(snapshot: Snapshot, kind: Kind, namespace: str) -> Iterator[JsonObject]:
    return (item for item in snapshot.of(kind) if object_key(item)[0] == namespace)
