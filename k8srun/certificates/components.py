"""The control plane's programs and the flags they run with: from static-pod manifests, or from their mirror pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from k8srun.apiservers import flags_of
from k8srun.certificates.shapes import at, entries, mapping, text
from k8srun.hostfiles import Topic
from k8srun.kinds import POD
from k8srun.pods import MIRROR
from k8srun.snapshot import JsonObject, Snapshot, resource_name

PROGRAMS = frozenset({"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "kubelet"})

# What a KubeletConfiguration calls what used to be flags.
_KUBELET_FIELDS = {
    "client-ca-file": ("authentication", "x509", "clientCAFile"),
    "tls-cert-file": ("tlsCertFile",),
    "tls-private-key-file": ("tlsPrivateKeyFile",),
    "rotate-server-certificates": ("serverTLSBootstrap",),
    "rotate-certificates": ("rotateCertificates",),
}


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the control plane on one host, and its flags without their dashes; the last of several counts."""

    program: str
    host: str
    place: str
    flags: Mapping[str, str] = field(default_factory=dict)


def components(snapshot: Snapshot) -> tuple[Component, ...]:
    """Every program whose flags the snapshot shows. A mirror pod is left out where its manifest itself was read."""
    found = [*_from_manifests(snapshot), *_from_kubelet_configurations(snapshot)]
    hosts = {(item.program, item.host) for item in found}
    programs = {item.program for item in found if not item.host}
    for item in _from_mirror_pods(snapshot):
        if (item.program, item.host) not in hosts and item.program not in programs:
            found.append(item)
    return tuple(found)


def _from_manifests(snapshot: Snapshot) -> Iterator[Component]:
    for file in snapshot.files_of(Topic.MANIFEST):
        if file.document:
            yield from _of_pod(file.document, file.host, file.place)


def _from_mirror_pods(snapshot: Snapshot) -> Iterator[Component]:
    for pod in snapshot.of(POD):
        if MIRROR in mapping(at(pod, "metadata", "annotations")):
            yield from _of_pod(pod, text(at(pod, "spec", "nodeName")), resource_name(POD, pod))


def _of_pod(pod: JsonObject, host: str, place: str) -> Iterator[Component]:
    for container in entries(at(pod, "spec", "containers")):
        words = [*_words(container.get("command")), *_words(container.get("args"))]
        program = next((word for word in map(_base_name, words[:3]) if word in PROGRAMS), "")
        if program:
            yield Component(program, host, place, flags_of(words))


def _from_kubelet_configurations(snapshot: Snapshot) -> Iterator[Component]:
    for file in snapshot.files_of(Topic.KUBELET):
        document = file.document
        if document and document.get("kind") == "KubeletConfiguration":
            flags = {flag: text(at(document, *path)) for flag, path in _KUBELET_FIELDS.items()}
            yield Component("kubelet", file.host, file.place, {flag: value for flag, value in flags.items() if value})


def _words(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _base_name(word: str) -> str:
    return word.rpartition("/")[2]
