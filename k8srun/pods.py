"""Pods as the API has them: the pod specs of whatever kind carries one, and which workload a pod belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from k8srun.errors import InputError
from k8srun.kinds import (
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    STATEFUL_SET,
    Kind,
    kind_of,
)
from k8srun.snapshot import JsonObject, Snapshot, object_key, resource_name
from k8srun.text import visible

POD_TEMPLATE = Kind("", "PodTemplate")

_TEMPLATE = ("spec", "template")
TEMPLATE_PATHS: Mapping[Kind, tuple[str, ...]] = {
    POD: (),
    POD_TEMPLATE: ("template",),
    REPLICATION_CONTROLLER: _TEMPLATE,
    REPLICA_SET: _TEMPLATE,
    DEPLOYMENT: _TEMPLATE,
    STATEFUL_SET: _TEMPLATE,
    DAEMON_SET: _TEMPLATE,
    JOB: _TEMPLATE,
    CRON_JOB: ("spec", "jobTemplate", "spec", "template"),
}
"""Where the kinds that carry a pod spec have it. Source: pod-security-admission, DefaultPodSpecExtractor."""

CONTAINER_FIELDS = ("initContainers", "containers", "ephemeralContainers")
"""The lists of containers of a pod spec, in the order in which admission visits them."""

MIRROR = "kubernetes.io/config.mirror"
"""The annotation of the pods by which the API shows the static pods of nodes."""

ENDED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that runs no more."""


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod, or the template from which a controller makes pods.

    Attributes:
        kind, item: the object that carries it.
        metadata, spec: of the pod or template, as the API has them; secrets are reduced.
        path: where the pod or template stands within the object, `spec.template`; empty for a pod.
    """

    kind: Kind
    item: JsonObject = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    spec: Mapping[str, Any] = field(repr=False)
    path: str = ""

    @property
    def ref(self) -> str:
        """`Pod shop/web-0`, `Deployment.apps shop/web`; of one that gets its name from the server the beginning."""
        metadata = self.item.get("metadata") or {}
        return f"{resource_name(self.kind, self.item)}{'' if self.name else metadata.get('generateName') or ''}"

    @property
    def namespace(self) -> str:
        return object_key(self.item)[0]

    @property
    def name(self) -> str:
        return object_key(self.item)[1]

    @property
    def is_pod(self) -> bool:
        return self.kind == POD

    @property
    def service_account(self) -> str:
        """The ServiceAccount that its pods run as: the default one where it names none."""
        return str(self.spec.get("serviceAccountName") or self.spec.get("serviceAccount") or "default")

    def field(self, *path: str) -> str:
        """The path of a field of the pod spec within the object: `spec.template.spec.hostNetwork`."""
        return ".".join((*((self.path,) if self.path else ()), "spec", *path))


def pod_template(kind: Kind, item: JsonObject) -> PodTemplate | None:
    """The pod or pod template of an object; None for a kind that carries none, and where the field is optional.

    Raises:
        InputError: the object has no mapping where its kind has the template, or no pod spec; the path is named.
    """
    path = TEMPLATE_PATHS.get(kind)
    if path is None:
        return None
    node: Any = item
    for depth, key in enumerate(path, start=1):
        node = node.get(key)
        if node is None and kind == REPLICATION_CONTROLLER:
            return None  # the one kind whose template may be absent
        node = _mapping(node, ".".join(path[:depth]), kind, item)
    place = ".".join(path)
    spec = _mapping(node.get("spec"), f"{place}.spec".lstrip("."), kind, item)
    metadata = node.get("metadata")
    if metadata is not None:
        metadata = _mapping(metadata, f"{place}.metadata".lstrip("."), kind, item)
        for name in ("labels", "annotations"):
            _require_strings(metadata.get(name), f"{place}.metadata.{name}".lstrip("."), kind, item)
    return PodTemplate(kind, item, metadata or {}, spec, place)


def _mapping(value: object, path: str, kind: Kind, item: JsonObject) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    what = "is missing" if value is None else f"is not a mapping but {json_type(value)}"
    raise InputError(f"{path} {what}", where=resource_name(kind, item), do="Write it as the API has it.")


def _require_strings(value: object, path: str, kind: Kind, item: JsonObject) -> None:
    for key, entry in (_mapping(value, path, kind, item) if value is not None else {}).items():
        if not isinstance(entry, str):
            raise InputError(
                f"{path}[{visible(str(key), limit=100)}] is not a string but {json_type(entry)}",
                where=resource_name(kind, item),
                do="Put numbers and booleans in quotes.",
            )


def json_type(value: object) -> str:
    """What a JSON value is, in words: `a mapping`, `null`."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Mapping):
        return "a mapping"
    return {str: "a string", list: "a list", tuple: "a list", int: "a number", float: "a number"}.get(
        type(value), "null"
    )


def pods(snapshot: Snapshot) -> Iterator[PodTemplate]:
    """Every pod of the snapshot that can be read as one, in its order."""
    return _templates(snapshot, (POD,))


def workloads(snapshot: Snapshot) -> Iterator[PodTemplate]:
    """Everything with a pod template that no other workload of the snapshot owns, and the pods that nobody owns.

    A Deployment stands for its ReplicaSets and their pods, a CronJob for its Jobs. A ReplicaSet whose Deployment is not
    in the snapshot stands for itself.
    """
    known = {_uid(item) for kind in TEMPLATE_PATHS for item in snapshot.of(kind)} - {""}
    for template in _templates(snapshot, tuple(TEMPLATE_PATHS)):
        if _owner_uid(template.item) not in known:
            yield template


def made_pods(snapshot: Snapshot) -> Iterator[tuple[str, PodTemplate]]:
    """The pods that have not ended and that `workloads` leaves to the workload that made them, each with its `ref`.

    A pod is often more than its template: webhooks change it, `kubectl debug` adds containers, the template has been
    changed since. And who its owner is, is only what it says: one whose owners go round in a ring is named by itself.
    """
    owners = {uid: (kind, item) for kind in TEMPLATE_PATHS for item in snapshot.of(kind) if (uid := _uid(item))}
    for template in _templates(snapshot, (POD,)):
        phase = (template.item.get("status") or {}).get("phase")
        top, seen = (template.kind, template.item), set[str]()
        while (uid := _owner_uid(top[1])) in owners and uid not in seen:
            seen.add(uid)
            top = owners[uid]
        if seen and phase not in ENDED:
            yield template.ref if _owner_uid(top[1]) in owners else resource_name(*top), template


def _owner_uid(item: JsonObject) -> str:
    return str((controller_of(item) or {}).get("uid") or "")


def unreadable(snapshot: Snapshot) -> Iterator[tuple[PodTemplate, InputError]]:
    """What should carry a pod spec and has none that can be read, and why: `pods` and `workloads` pass it over.

    Its `metadata` and `spec` are empty.
    """
    for kind, path in TEMPLATE_PATHS.items():
        for item in snapshot.of(kind):
            try:
                pod_template(kind, item)
            except InputError as error:
                yield PodTemplate(kind, item, {}, {}, ".".join(path)), error


class Owners:
    """Who owns what in a snapshot, read once: which workload a pod belongs to."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._items = {(kind, *object_key(item)): item for kind, items in snapshot.objects.items() for item in items}

    def workload_of(self, kind: Kind, item: JsonObject) -> tuple[Kind, str, str]:
        """The kind, namespace and name of the workload at the top of an object's owners; its own where it has none.

        An owner that is not in the snapshot is still named by the reference. A ring of owners ends where it closes.
        """
        namespace, name = object_key(item)
        seen = {(kind, name)}
        while (owner := controller_of(item)) is not None:
            kind = kind_of(str(owner.get("apiVersion") or ""), str(owner.get("kind") or ""))
            name = str(owner.get("name") or "")
            found = self._items.get((kind, namespace, name))
            if found is None or (kind, name) in seen:
                break
            seen.add((kind, name))
            item = found
        return kind, namespace, name


def controller_of(item: JsonObject) -> Mapping[str, Any] | None:
    """The owner reference of the object's controller; None where it has none."""
    references = (item.get("metadata") or {}).get("ownerReferences")
    for reference in references if isinstance(references, list | tuple) else ():
        if isinstance(reference, Mapping) and reference.get("controller"):
            return reference
    return None


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The containers of a pod spec, init, regular, ephemeral, each with its path: `containers[0]`.

    What is not a mapping is passed over: reading a spec strictly is `k8srun.workloads.podspec`'s affair.
    """
    for name in CONTAINER_FIELDS:
        entries = spec.get(name)
        for index, container in enumerate(entries if isinstance(entries, list | tuple) else ()):
            if isinstance(container, Mapping):
                yield f"{name}[{index}]", container


def _templates(snapshot: Snapshot, kinds: tuple[Kind, ...]) -> Iterator[PodTemplate]:
    for kind in kinds:
        for item in snapshot.of(kind):
            try:
                found = pod_template(kind, item)
            except InputError:
                continue  # `unreadable` names it
            if found is not None:
                yield found


def _uid(item: JsonObject) -> str:
    return str((item.get("metadata") or {}).get("uid") or "")
