"""The API groups of a server: which versions of each it serves, and who answers for them.

A server keeps an APIService for every group and version that it serves, its own and those of others.
Source: kube-aggregator `pkg/apis/apiregistration/v1/types.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.authorization.apiresources import custom, resources, services_of, stability_of
from k8srun.snapshot import JsonObject, Snapshot

ITSELF, CUSTOM = "the API server", "CustomResourceDefinitions"


@dataclass(frozen=True, slots=True)
class ApiGroup:
    """One group.

    Attributes:
        name: empty for the core group.
        versions: the preferred one first.
        served_by: `the API server`, `CustomResourceDefinitions`, or the Service that requests are passed to.
        problem: why it cannot be reached; empty if it can, or if nothing tells.
    """

    name: str
    versions: tuple[str, ...]
    served_by: str
    problem: str = ""

    @property
    def stability(self) -> str:
        """Of the preferred version: `stable`, `beta` or `alpha`."""
        return stability_of(self.versions[0])


def api_groups(snapshot: Snapshot) -> tuple[ApiGroup, ...]:
    """By its APIServices, if they were read; else those of the built-in table and of CustomResourceDefinitions."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for version, served_by, problem, group in _served(snapshot):
        groups.setdefault(group, []).append((version, served_by, problem))
    return tuple(
        ApiGroup(
            name,
            tuple(dict.fromkeys(version for version, _, _ in found)),
            found[0][1],
            next((problem for _, _, problem in found if problem), ""),
        )
        for name, found in sorted(groups.items())
    )


def _served(snapshot: Snapshot) -> Iterator[tuple[str, str, str, str]]:
    defined = {item.group for item in custom(snapshot)}
    services = services_of(snapshot)
    if services is None:
        for one in resources(snapshot):
            yield from ((version, CUSTOM if one.custom else ITSELF, "", one.group) for version in one.versions)
        return
    for (group, version), item in sorted(services.items(), key=lambda one: -_priority(one[1])):
        service = item["spec"].get("service")
        if isinstance(service, Mapping):
            yield version, f"Service {service.get('namespace')}/{service.get('name')}", _problem(item), group
        else:
            yield version, CUSTOM if group in defined else ITSELF, _problem(item), group


def _priority(item: JsonObject) -> int:
    found = item["spec"].get("versionPriority")
    return found if isinstance(found, int) else 0


def _problem(item: JsonObject) -> str:
    status = item.get("status")
    conditions: Any = status.get("conditions") if isinstance(status, Mapping) else None
    for condition in conditions if isinstance(conditions, list) else ():
        if (
            isinstance(condition, Mapping)
            and condition.get("type") == "Available"
            and condition.get("status") != "True"
        ):
            return f"{condition.get('reason')}: {condition.get('message')}"
    return ""
