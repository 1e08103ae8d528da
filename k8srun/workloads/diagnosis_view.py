"""What a snapshot shows of pods in trouble: statuses, conditions and events, each read as a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from k8srun.errors import InputError
from k8srun.kinds import DEPLOYMENT, EVENT, REPLICA_SET, Kind, kind_of
from k8srun.pods import TEMPLATE_PATHS, Owners, PodTemplate, containers, controller_of, pod_template, pods
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.text import visible
from k8srun.workloads.diagnosis_shapes import mapping, mappings, text
from k8srun.workloads.symptoms import Symptom, read

_OUT_OF_MEMORY = 137


@dataclass(frozen=True, slots=True)
class Trouble:
    """One sign of a pod in trouble.

    Attributes:
        symptom: what it says.
        template: the pod, or the workload whose pods are refused.
        container: its name; empty where the whole pod is meant.
        where: where it was read: `event Failed of Pod shop/web-1`.
        since: RFC 3339; empty where the snapshot does not tell.
    """

    symptom: Symptom
    template: PodTemplate
    container: str = ""
    where: str = ""
    since: str = ""


@dataclass(frozen=True)
class View:
    """A snapshot as this domain's diagnosis looks at it."""

    snapshot: Snapshot

    @cached_property
    def owners(self) -> Owners:
        return Owners(self.snapshot)

    @cached_property
    def troubles(self) -> tuple[Trouble, ...]:
        """Every sign of trouble, each pod's and container's most telling first."""
        found: dict[tuple[str, str, str], Trouble] = {}
        for trouble in (*self._of_pods(), *self._of_events(), *self._of_conditions()):
            key = (trouble.template.ref, trouble.container, trouble.symptom.row.family)
            found.setdefault(key, trouble)
        return tuple(sorted(found.values(), key=lambda trouble: trouble.symptom.row.state))

    def workload_of(self, template: PodTemplate) -> str:
        """The workload that a pod belongs to, as people name it: `Deployment.apps shop/web`."""
        kind, namespace, name = self.owners.workload_of(template.kind, template.item)
        return f"{kind} {namespace}/{name}"

    def workload_template(self, template: PodTemplate) -> PodTemplate:
        """The workload whose template makes the pod; the pod itself where the snapshot has none."""
        kind, namespace, name = self.owners.workload_of(template.kind, template.item)
        item = self.snapshot.find(kind, name, namespace)
        return (_template(kind, item) if item else None) or template

    def pods_of(self, workload: str) -> tuple[PodTemplate, ...]:
        """The pods that belong to a workload."""
        return tuple(self._pods_by_workload.get(workload, ()))

    @cached_property
    def _pods_by_workload(self) -> dict[str, list[PodTemplate]]:
        found: dict[str, list[PodTemplate]] = {}
        for pod in pods(self.snapshot):
            found.setdefault(self.workload_of(pod), []).append(pod)
        return found

    def _of_pods(self) -> Iterator[Trouble]:
        for pod in pods(self.snapshot):
            status = mapping(pod.item.get("status"))
            evicted = status.get("reason") == "Evicted" and controller_of(pod.item) is not None
            if status.get("phase") == "Succeeded" or evicted:  # its controller has made another in its place
                continue
            yield from _trouble(pod, "", _said(status), f"status of {pod.ref}", text(status, "startTime"))
            for condition in mappings(status.get("conditions")):
                if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
                    where = f"condition PodScheduled of {pod.ref}"
                    yield from _trouble(pod, "", _said(condition), where, text(condition, "lastTransitionTime"))
            for entry in (
                *mappings(status.get("initContainerStatuses")),
                *mappings(status.get("containerStatuses")),
            ):
                yield from _of_container(pod, entry)

    def _of_events(self) -> Iterator[Trouble]:
        """Warnings, the newest first: the last `Failed` tells why an image is not pulled."""
        warnings = [event for event in self.snapshot.of(EVENT) if event.get("type") == "Warning"]
        for event in sorted(warnings, key=_last_seen, reverse=True):
            about = mapping(event.get("involvedObject"))
            kind = kind_of(text(about, "apiVersion"), text(about, "kind"))
            item = self.snapshot.find(kind, text(about, "name"), text(about, "namespace"))
            template = _template(kind, item) if item else None
            if template is None or (template.is_pod and not _in_trouble(item or {})):
                continue  # what the event is about has gone, or has recovered
            if not template.is_pod and _has_all_pods(item or {}):
                continue
            path = text(about, "fieldPath")
            container = path.partition("{")[2].rstrip("}")
            where = f"event {text(event, 'reason')} of {template.ref}"
            since = text(event, "firstTimestamp") or text(event, "eventTime")
            yield from _trouble(self._top(template), container, _said(event), where, since)

    def _of_conditions(self) -> Iterator[Trouble]:
        """A workload whose pods are refused says so itself."""
        for kind in (DEPLOYMENT, REPLICA_SET):
            for item in self.snapshot.of(kind):
                for condition in mappings(mapping(item.get("status")).get("conditions")):
                    if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                        template = _template(kind, item)
                        if template is not None:
                            where = f"condition ReplicaFailure of {template.ref}"
                            since = text(condition, "lastTransitionTime")
                            yield from _trouble(self._top(template), "", _said(condition), where, since)

    def _top(self, template: PodTemplate) -> PodTemplate:
        return template if template.is_pod else self.workload_template(template)


@dataclass(frozen=True, slots=True)
class Case:
    """A symptom, and whom of the snapshot it is about, if that is known.

    Attributes:
        others: the same trouble of other pods.
        stated: whether somebody pasted it; False where the snapshot says it.
    """

    view: View
    symptom: Symptom
    trouble: Trouble | None = None
    others: tuple[Trouble, ...] = ()
    stated: bool = True

    @property
    def snapshot(self) -> Snapshot:
        return self.view.snapshot

    @property
    def template(self) -> PodTemplate | None:
        """The pod, or the workload whose pods are refused."""
        return self.trouble.template if self.trouble else None

    @property
    def namespace(self) -> str:
        return self.template.namespace if self.template else self.symptom.namespace

    @property
    def container(self) -> Mapping[str, Any]:
        """The container that it is about; the only one of the pod where nothing names it; else empty."""
        if self.template is None:
            return {}
        every = [container for _, container in containers(self.template.spec)]
        name = self.trouble.container if self.trouble else ""
        image = self.symptom.get("image")
        named = [one for one in every if (name and one.get("name") == name) or (image and one.get("image") == image)]
        return (named or every)[0] if named or len(every) == 1 else {}

    @property
    def place(self) -> str:
        """The path of the container within its object: `spec.template.spec.containers[0]`."""
        for path, container in containers(self.template.spec) if self.template else ():
            if container is self.container and self.template:
                return self.template.field(path)
        return self.template.field() if self.template else ""

    def effective(self, name: str) -> Any:
        """A field of the container's security context, else the pod's."""
        own = mapping(self.container.get("securityContext")).get(name)
        spec = self.template.spec if self.template else {}
        return own if own is not None else mapping(spec.get("securityContext")).get(name)


def _of_container(pod: PodTemplate, entry: Mapping[str, Any]) -> Iterator[Trouble]:
    name = text(entry, "name")
    state, last = mapping(entry.get("state")), mapping(entry.get("lastState"))
    if entry.get("ready") and not mapping(state.get("waiting")):
        return
    for place, ended in (("state", mapping(state.get("terminated"))), ("lastState", mapping(last.get("terminated")))):
        if ended and ended.get("exitCode") != 0:
            where = f"{place} of container {name} of {pod.ref}"
            yield from _trouble(pod, name, _said(ended), where, text(ended, "startedAt"))
            if ended.get("exitCode") == _OUT_OF_MEMORY and ended.get("reason") == "OOMKilled":
                return
    waiting = mapping(state.get("waiting"))
    if waiting and waiting.get("reason") not in {"ContainerCreating", "PodInitializing"}:
        yield from _trouble(pod, name, _said(waiting), f"state of container {name} of {pod.ref}", "")


def _trouble(template: PodTemplate, container: str, said: str, where: str, since: str) -> Iterator[Trouble]:
    symptom = read(said) if said else None
    if symptom:
        yield Trouble(symptom, template, container, where, visible(since, limit=40))


def _said(entry: Mapping[str, Any]) -> str:
    """Message, then reason: a message that tells the cause counts before the name of the state."""
    return "\n".join(filter(None, (text(entry, "message"), text(entry, "reason"))))


def _in_trouble(pod: JsonObject) -> bool:
    """Whether a pod has not come up: of one that runs and is ready, old warnings tell nothing."""
    status = mapping(pod.get("status"))
    ready = [one for one in mappings(status.get("conditions")) if one.get("type") == "Ready"]
    return status.get("phase") != "Succeeded" and not any(one.get("status") == "True" for one in ready)


def _has_all_pods(workload: JsonObject) -> bool:
    wanted, status = mapping(workload.get("spec")).get("replicas"), mapping(workload.get("status"))
    return isinstance(wanted, int) and wanted > 0 and status.get("replicas") == wanted


def _last_seen(event: JsonObject) -> str:
    return text(event, "lastTimestamp") or text(event, "eventTime") or text(event, "firstTimestamp")


def _template(kind: Kind, item: JsonObject) -> PodTemplate | None:
    if kind not in TEMPLATE_PATHS:
        return None
    try:
        return pod_template(kind, item)
    except InputError:
        return None  # without a readable template nothing can be said of its pods
