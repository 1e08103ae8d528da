"""The plan that gives a container a directory to write to, so that its root file system can stay read-only."""

from __future__ import annotations

import posixpath
import re

from k8srun import steps
from k8srun.errors import InputError
from k8srun.jsonpatch import Operation, pointer
from k8srun.plan import Plan
from k8srun.pods import CONTAINER_FIELDS, TEMPLATE_PATHS, PodTemplate
from k8srun.snapshot import Snapshot
from k8srun.workloads.fixes import cluster_of, fields_set, planner_of, require_changeable, restart_of
from k8srun.workloads.standards.subject import read_subject

_OF_A_DIRECTORY = re.compile(r"mkdir|create directory|makedirs", re.IGNORECASE)


def directory_of(path: str, message: str) -> str:
    """The directory to mount: that which was to be made, or that of the file to be written; `/` if it is not known."""
    return posixpath.normpath(path if _OF_A_DIRECTORY.search(message) else posixpath.dirname(path) or "/")


def scratch_plan(snapshot: Snapshot, template: PodTemplate, container: str, directory: str) -> Plan:
    """Mount an emptyDir into a container.

    Args:
        container: its name.
        directory: where, an absolute path below `/`.

    Raises:
        InputError: there is no such container, it has a volume there already, or the pod spec cannot be read.
        RefusedError: the kind does not let its template change.
    """
    require_changeable(template)
    read_subject(template)
    if directory == "/" or not directory.startswith("/"):
        raise InputError(f"{directory!r} cannot be mounted over", where=template.ref, do="Name a directory below /.")
    name, index, mounts = _container(template, container)
    if any(posixpath.normpath(str(mount.get("mountPath"))) == directory for mount in mounts):
        raise InputError(f"has a volume at {directory} already", where=f"{template.ref}, container {container}")
    volumes = template.spec.get("volumes") or []
    volume = _free_name({str(one.get("name")) for one in volumes}, directory)
    root = (*TEMPLATE_PATHS[template.kind], "spec")
    operations: list[Operation] = [
        _appended(pointer(*root, "volumes"), volumes, {"name": volume, "emptyDir": {}}),
        _appended(pointer(*root, name, index, "volumeMounts"), mounts, {"name": volume, "mountPath": directory}),
    ]
    return Plan(
        title=f"Let container {container} of {template.ref} write to {directory}",
        cluster=cluster_of(snapshot),
        steps=(
            steps.patch(template.item, operations, f"it writes to {directory}, and its root file system is read-only"),
        ),
        impact=(
            restart_of(snapshot, template),
            f"What the image holds at {directory} is hidden, and what is written there is gone with the pod.",
        ),
        verify=tuple(fields_set(template.item, operations[:1])) if not volumes else (),
        planned_by=planner_of(snapshot),
    )


def _container(template: PodTemplate, wanted: str) -> tuple[str, int, list[dict[str, object]]]:
    """The list that a container is in, its index there, and its volume mounts."""
    for name in CONTAINER_FIELDS[:2]:
        for index, container in enumerate(template.spec.get(name) or ()):
            if container.get("name") == wanted:
                return name, index, container.get("volumeMounts") or []
    raise InputError(f"has no container {wanted!r}", where=template.ref)


def _free_name(taken: set[str], directory: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", f"scratch{directory}".lower()).strip("-")[:50]
    return next(
        name for number in range(len(taken) + 1) if (name := f"{stem}-{number}" if number else stem) not in taken
    )


def _appended(path: str, present: list[dict[str, object]], item: dict[str, object]) -> Operation:
    if present:
        return {"op": "add", "path": f"{path}/-", "value": item}
    return {"op": "add", "path": path, "value": [item]}
