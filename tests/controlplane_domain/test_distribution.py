"""Which Kubernetes a cluster is, told by what each distribution leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.controlplane.distribution import distribution
from k8srun.findings import Confidence
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION, NODE
from k8srun.snapshot import ServerInfo, Snapshot

OPENSHIFT = {"metadata": {"name": "clusterversions.config.openshift.io"}}
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def node(*, labels=None, annotations=None, provider="", image="", version="v1.37.2"):
    return {
        "metadata": {"name": "n1", "labels": labels or {}, "annotations": annotations or {}},
        "spec": {"providerID": provider},
        "status": {"nodeInfo": {"kubeletVersion": version, "osImage": image}},
    }


def of(*nodes, version="", url="", files=(), objects=None):
    objects = {NODE: nodes, **(objects or {})}
    return distribution(Snapshot(NOW, server=ServerInfo(url=url, version=version), objects=objects, files=files))


@pytest.mark.parametrize(
    ("name", "managed", "found"),
    [
        ("EKS", True, of(version="v1.31.2-eks-7f9249a")),
        ("EKS", True, of(node(labels={"eks.amazonaws.com/nodegroup": "a"}))),
        ("GKE", True, of(version="v1.31.2-gke.1024000")),
        ("AKS", True, of(url="https://prod-dns-1234.hcp.westeurope.azmk8s.io:443")),
        ("DOKS", True, of(node(provider="digitalocean://1234"))),
        ("OpenShift", None, of(objects={CUSTOM_RESOURCE_DEFINITION: (OPENSHIFT,)})),
        ("k3s", False, of(version="v1.31.2+k3s1")),
        ("RKE2", False, of(node(version="v1.31.2+rke2r1"))),
        ("kind", False, of(node(provider="kind://docker/kind/kind-control-plane"))),
        ("minikube", False, of(node(labels={"minikube.k8s.io/name": "minikube"}))),
        ("Talos", False, of(node(image="Talos (v1.9.0)"))),
    ],
)  # fmt: skip
def test_a_distribution_is_known_by_its_mark(name, managed, found):
    assert (found.name, found.managed, found.confidence) == (name, managed, Confidence.CERTAIN)
    assert found.evidence


def test_kubeadm_is_known_by_its_configuration_its_nodes_or_its_manifests():
    config = {"metadata": {"name": "kubeadm-config", "namespace": "kube-system"}}
    annotated = {"kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock"}
    manifest = HostFile(
        "/etc/kubernetes/manifests/etcd.yaml", Topic.MANIFEST,
        document={"metadata": {"annotations": {"kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://…"}}},
    )  # fmt: skip
    for found in (of(objects={CONFIG_MAP: (config,)}), of(node(annotations=annotated)), of(files=(manifest,))):
        assert (found.name, found.managed) == ("kubeadm", False)


def test_kind_is_not_taken_for_the_kubeadm_that_is_inside_of_it():
    config = {"metadata": {"name": "kubeadm-config", "namespace": "kube-system"}}
    assert of(node(provider="kind://docker/a/b"), objects={CONFIG_MAP: (config,)}).name == "kind"


def test_control_plane_files_without_any_mark_are_hand_made_but_only_probably():
    found = of(files=(HostFile("/var/lib/kubernetes/ca.pem", Topic.PKI),))
    assert (found.name, found.confidence) == ("hand-made", Confidence.TENTATIVE)


def test_a_cluster_that_shows_nothing_is_unknown_and_so_is_who_manages_it():
    found = of(version="v1.37.2")
    assert (found.name, found.managed, found.version) == ("unknown", None, "v1.37.2")


def test_objects_of_a_wrong_shape_are_passed_over():
    assert of({"metadata": None, "spec": [], "status": "x"}).name == "unknown"
