"""The network plugin and whether it enforces, told apart, for every row of the table."""

from __future__ import annotations

import pytest
import yaml

from k8srun.kinds import CONFIG_MAP, DAEMON_SET
from k8srun.network.cni import detect
from tests.network.cluster import daemon_set, namespace, snapshot


def node(version="v1.37.0", **metadata):
    item = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", **metadata},
            "status": {"nodeInfo": {"kubeletVersion": version}}}  # fmt: skip
    return yaml.safe_dump(item) + "---\n"


def config(name, **data):
    metadata = {"name": name, "namespace": "kube-system"}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}) + "---\n"


def agent(name, **how):
    return daemon_set(f"kube-system/{name}", **how)


AKS = "kubernetes.azure.com/network-policy"
FLANNEL = {"flannel.alpha.coreos.com/backend-type": "vxlan"}
ROWS = {
    "flannel": ([agent("kube-flannel-ds")], "Flannel", "inert"),
    "flannel by its annotation alone": ([node(annotations=FLANNEL)], "Flannel", "inert"),
    "flannel with netpol": ([agent("kube-flannel-ds", image="kube-network-policies:1")], "Flannel", "enforced"),
    "canal": ([agent("canal", container="calico-node"), node(annotations=FLANNEL)], "Canal", "enforced"),
    "nothing": ([namespace("x")], "unknown", "unknown"),
    "AKS none": ([node(labels={AKS: "none"})], "AKS", "inert"),
    "AKS calico": ([node(labels={AKS: "calico"})], "AKS", "enforced"),
    "AKS of another kind": ([node(labels={AKS: "new"})], "AKS", "unknown"),
    "VPC CNI": ([agent("aws-node", args=["--enable-network-policy=false"])], "AWS VPC CNI", "inert"),
    "VPC CNI, flag": ([agent("aws-node", args=["--enable-network-policy=true"])], "AWS VPC CNI", "enforced"),
    "VPC CNI, config": (
        [agent("aws-node"), config("amazon-vpc-cni", **{"enable-network-policy-controller": "true"})],
        "AWS VPC CNI",
        "enforced",
    ),
    "VPC CNI beside Calico": ([agent("calico-node"), agent("aws-node")], "Calico", "enforced"),
    "Cilium": ([agent("cilium")], "Cilium", "enforced"),
    "Cilium never": ([agent("cilium"), config("cilium-config", **{"enable-policy": "never"})], "Cilium", "inert"),
    "Cilium without": (
        [agent("cilium"), config("cilium-config", **{"enable-k8s-networkpolicy": "false"})],
        "Cilium",
        "inert",
    ),
    "Calico": ([agent("calico-node")], "Calico", "enforced"),
    "GKE Dataplane V2": ([agent("anetd"), agent("netd")], "GKE Dataplane V2", "enforced"),
    "GKE alone": ([agent("netd")], "GKE without network policy", "inert"),
    "k3s": ([node("v1.33.1+k3s1")], "k3s", "enforced"),
    "k3s without": (
        [node("v1.33.1+k3s1", annotations={"k3s.io/node-args": '["server","--disable-network-policy"]'})],
        "k3s",
        "inert",
    ),
    "old kind": ([agent("kindnet", image="kindest/kindnetd:v20230511-dc714da8")], "kindnet", "inert"),
    "new kind": ([agent("kindnet", image="kindest/kindnetd:v20241108-5c6d2daf")], "kindnet", "enforced"),
    "kind of no version": ([agent("kindnet", image="mirror/kindnetd:latest")], "kindnet", "unknown"),
    "kube-router": ([agent("kube-router", args=["--run-firewall=true"])], "kube-router", "enforced"),
    "kube-router without": ([agent("kube-router", args=["--run-firewall", "false"])], "kube-router", "inert"),
    "OVN-Kubernetes": ([agent("ovnkube-node")], "OVN-Kubernetes", "enforced"),
    "Antrea": ([agent("antrea-agent")], "Antrea", "enforced"),
    "Kube-OVN": ([agent("kube-ovn-cni")], "Kube-OVN", "enforced"),
    "Kube-OVN without": ([agent("kube-ovn-cni", args=["--enable-np=false"])], "Kube-OVN", "inert"),
    "Weave": ([agent("weave-net", container="weave-npc")], "Weave Net", "enforced"),
    "Weave without": (
        [agent("weave-net", container="weave-npc", env=[("EXPECT_NPC", "0")])], "Weave Net", "inert",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "name", "enforcement"), ROWS.values(), ids=ROWS)
def test_the_plugin_and_whether_it_enforces_are_told_apart(texts, name, enforcement):
    found = detect(snapshot(*texts))
    assert (found.name, found.enforcement) == (name, enforcement)
    assert found.evidence or name == "unknown"


def test_pods_with_further_interfaces_are_named():
    pod = (
        "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: a, annotations: {k8s.v1.cni.cncf.io/networks: x}}}"
    )
    assert detect(snapshot(pod)).secondary == ("a/p",)


@pytest.mark.parametrize(
    ("objects", "unseen"),
    [
        ([agent("cilium")], CONFIG_MAP),
        ([agent("aws-node")], CONFIG_MAP),
        ([node(annotations=FLANNEL)], DAEMON_SET),
    ],
    ids=["Cilium", "VPC CNI", "Flannel"],
)
def test_enforcement_is_unknown_where_what_decides_about_it_was_not_read(objects, unseen):
    assert detect(snapshot(*objects)).enforcement != "unknown"
    assert detect(snapshot(*objects, unseen=[unseen])).enforcement == "unknown"
