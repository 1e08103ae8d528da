"""Which Kubernetes distribution a cluster is, and whether a provider manages its control plane.

Told by what each leaves behind: the version's suffix, labels and provider ids of nodes, CRDs, kubeadm's ConfigMap and
annotations, files of a node. Sources: the providers' documentation of their node labels; kubeadm `constants.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.distribution import Distribution
from k8srun.findings import Confidence, Evidence
from k8srun.hostfiles import Topic
from k8srun.kinds import CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION, NODE
from k8srun.snapshot import Snapshot

__all__ = ["Distribution", "distribution"]

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Mark:
    """What one distribution leaves: any of these is enough."""

    name: str
    managed: bool | None
    version: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    provider_ids: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    crds: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    os_images: tuple[str, ...] = ()


# In order of how special they are: kind, minikube and some providers are kubeadm underneath.
_MARKS = (
    _Mark("EKS", True, ("-eks-",), ("eks.amazonaws.com/",), servers=(".eks.amazonaws.com",)),
    _Mark("GKE", True, ("-gke.",), ("cloud.google.com/gke-",)),
    _Mark("AKS", True, (), ("kubernetes.azure.com/cluster",), servers=(".azmk8s.io",)),
    _Mark("DOKS", True, (), ("doks.digitalocean.com/",), ("digitalocean://",), (".k8s.ondigitalocean.com",)),
    # OpenShift is run by its users or, as ROSA and ARO, by a provider: the same marks.
    _Mark("OpenShift", None, (), ("node.openshift.io/",), crds=("clusterversions.config.openshift.io",)),
    _Mark("RKE2", False, ("+rke2",), files=("/var/lib/rancher/rke2/", "/etc/rancher/rke2/")),
    _Mark("k3s", False, ("+k3s",), ("k3s.io/",), ("k3s://",), files=("/var/lib/rancher/k3s/", "/etc/rancher/k3s/")),
    _Mark("MicroK8s", False, (), ("microk8s.io/",), files=("/var/snap/microk8s/",)),
    _Mark("Talos", False, os_images=("Talos",)),
    _Mark("kind", False, provider_ids=("kind://",)),
    _Mark("minikube", False, (), ("minikube.k8s.io/",), files=("/var/lib/minikube/",)),
)
_KUBEADM_ANNOTATIONS = "kubeadm."


def distribution(snapshot: Snapshot) -> Distribution:
    """The distribution that the marks in a snapshot name; `unknown` when there are none."""
    version = _version(snapshot)
    for mark in _MARKS:
        evidence = tuple(_found(mark, snapshot, version))
        if evidence:
            return Distribution(mark.name, mark.managed, version, evidence)
    evidence = tuple(_kubeadm(snapshot))
    if evidence:
        return Distribution("kubeadm", False, version, evidence)
    if next(snapshot.files_of(Topic.MANIFEST, Topic.PKI), None):
        fact = Evidence("control-plane files without any mark of kubeadm or another distribution")
        return Distribution("hand-made", False, version, (fact,), Confidence.TENTATIVE)
    return Distribution(UNKNOWN, None, version, (), Confidence.TENTATIVE)


def _version(snapshot: Snapshot) -> str:
    if snapshot.server and snapshot.server.version:
        return snapshot.server.version
    versions = (_at(node, "status", "nodeInfo").get("kubeletVersion") for node in snapshot.of(NODE))
    return next((version for version in versions if isinstance(version, str)), "")


def _found(mark: _Mark, snapshot: Snapshot, version: str) -> Iterator[Evidence]:
    if any(part in version for part in mark.version):
        yield Evidence(f"version {version}")
    url = snapshot.server.url if snapshot.server else ""
    if any(part in url for part in mark.servers):
        yield Evidence(f"server {url}")
    yield from _on_nodes(mark, snapshot)
    for crd in snapshot.of(CUSTOM_RESOURCE_DEFINITION):
        if _at(crd, "metadata").get("name") in mark.crds:
            yield Evidence("custom resource definition", str(_at(crd, "metadata")["name"]))
    files = (file for file in snapshot.files if mark.files and file.path.startswith(mark.files))
    if file := next(files, None):
        yield Evidence("file", file.place)


def _on_nodes(mark: _Mark, snapshot: Snapshot) -> Iterator[Evidence]:
    """Of the first node that bears a mark: all nodes of one cluster bear the same."""
    for node in snapshot.of(NODE):
        where = f"Node {_at(node, 'metadata').get('name')}"
        found = [
            *(
                f"label {name}"
                for name in _at(node, "metadata", "labels")
                if mark.labels and name.startswith(mark.labels)
            ),
            *_starting(_at(node, "spec").get("providerID"), mark.provider_ids, "provider id"),
            *_starting(_at(node, "status", "nodeInfo").get("osImage"), mark.os_images, "image"),
        ]
        if found:
            yield Evidence(found[0], where)
            return


def _starting(value: object, beginnings: tuple[str, ...], what: str) -> Iterator[str]:
    if isinstance(value, str) and beginnings and value.startswith(beginnings):
        yield f"{what} {value}"


def _kubeadm(snapshot: Snapshot) -> Iterator[Evidence]:
    if snapshot.find(CONFIG_MAP, "kubeadm-config", "kube-system"):
        yield Evidence("kubeadm's configuration", "ConfigMap kube-system/kubeadm-config")
    for node in snapshot.of(NODE):
        if any(name.startswith(_KUBEADM_ANNOTATIONS) for name in _at(node, "metadata", "annotations")):
            yield Evidence("kubeadm's annotation", f"Node {_at(node, 'metadata').get('name')}")
            break
    for file in snapshot.files_of(Topic.MANIFEST):
        annotations = _at(file.document or {}, "metadata", "annotations")
        if any(name.startswith(_KUBEADM_ANNOTATIONS) for name in annotations):
            yield Evidence("kubeadm's annotation", file.place)
            break


def _at(value: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path; empty where something on the way is missing or of another type."""
    for name in path:
        inner = value.get(name)
        value = inner if isinstance(inner, Mapping) else {}
    return value
