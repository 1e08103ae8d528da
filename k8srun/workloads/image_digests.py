"""Which digests run under which tag: a tag that stands for several images at once has moved.

Source: k8s.io/api core/v1, ContainerStatus.imageID, which the container runtime fills in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from k8srun.errors import InputError
from k8srun.pods import PodTemplate, containers, pods
from k8srun.snapshot import Snapshot
from k8srun.workloads.images import ImageReference, parse_image

_DIGEST = re.compile(r"@(sha256:[a-f0-9]{64})$")
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")


@dataclass(frozen=True, slots=True)
class RunningImage:
    """A container that runs, or ran, and the image of it.

    Attributes:
        image: as its spec asks for it.
        digest: of what the runtime pulled; empty where the runtime does not say: an image that was put on the node.
    """

    pod: PodTemplate
    container: str
    image: ImageReference
    digest: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A tag under which several digests run: which pods a restart would change cannot be known from their specs.

    Attributes:
        image: registry, repository and tag.
        digests: each with the pods and containers that run it, `shop/web-1 (web)`, the most frequent first.
    """

    image: str
    digests: tuple[tuple[str, tuple[str, ...]], ...]


def running_images(snapshot: Snapshot) -> Iterator[RunningImage]:
    """Every container of every pod whose image reference can be read, with what runs."""
    for pod in pods(snapshot):
        digests = _digests(pod)
        for _, container in containers(pod.spec):
            name = str(container.get("name") or "")
            try:
                image = parse_image(str(container.get("image") or ""))
            except InputError:
                continue  # a pod with such a name runs nothing; the check of references names it
            yield RunningImage(pod, name, image, digests.get(name, ""))


def drifts(snapshot: Snapshot) -> tuple[Drift, ...]:
    """The tags under which pods of the snapshot run more than one digest, by name."""
    seen: dict[str, dict[str, list[str]]] = {}
    for running in running_images(snapshot):
        if running.digest and not running.image.digest:
            places = seen.setdefault(running.image.canonical, {}).setdefault(running.digest, [])
            places.append(f"{running.pod.namespace}/{running.pod.name} ({running.container})")
    return tuple(
        Drift(image, tuple(sorted(((one, tuple(places)) for one, places in digests.items()), key=_frequency)))
        for image, digests in sorted(seen.items())
        if len(digests) > 1
    )


def _frequency(entry: tuple[str, tuple[str, ...]]) -> tuple[int, str]:
    return -len(entry[1]), entry[0]


def _digests(pod: PodTemplate) -> dict[str, str]:
    status = pod.item.get("status")
    found = {}
    for field in _STATUSES:
        entries = status.get(field) if isinstance(status, Mapping) else None
        for entry in entries if isinstance(entries, list | tuple) else ():
            if isinstance(entry, Mapping) and (match := _DIGEST.search(str(entry.get("imageID") or ""))):
                found[str(entry.get("name") or "")] = match[1]
    return found
