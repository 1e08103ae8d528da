"""The files of the cluster's nodes, as kubeadm, the kubelet and the platform team leave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from k8srun.lab.catalogue import DATA
from k8srun.lab.cluster.identity import config_hash
from k8srun.lab.files import Tree, dump
from k8srun.lab.kubeconfigs import by_path
from k8srun.pki.issuing import Pair, Pki, private_pem
from k8srun.pki.kubeconfigs import cluster_entry, embedded, kubeconfig

JsonDict = dict[str, Any]

CONTROL_PLANE = "cp-1"
CONTROL_PLANE_ENDPOINT = "https://api.marlow.example:6443"
PKI = "/etc/kubernetes/pki"
_LOCAL_ENDPOINT = "https://192.0.2.11:6443"
_KUBELET_PKI = "/var/lib/kubelet/pki"
_AUTHORITIES = ("ca", "front-proxy-ca", "etcd/ca")
_LEAVES = (
    "apiserver",
    "apiserver-kubelet-client",
    "apiserver-etcd-client",
    "front-proxy-client",
    "etcd/server",
    "etcd/peer",
    "etcd/healthcheck-client",
)
_KUBECONFIGS = {
    "admin.conf": CONTROL_PLANE_ENDPOINT,
    "super-admin.conf": CONTROL_PLANE_ENDPOINT,
    "controller-manager.conf": _LOCAL_ENDPOINT,
    "scheduler.conf": _LOCAL_ENDPOINT,
}


def write_control_plane(
    root: Path, pki: Pki, static_pods: Iterable[JsonDict], logs: Mapping[str, Iterable[str]], now: datetime
) -> None:
    """Everything of the control-plane node.

    Args:
        static_pods: as authored; kubeadm's manifests.
        logs: container → the lines that it wrote last.
    """
    tree = Tree(root)
    for name in (*_AUTHORITIES, *_LEAVES):
        _write_pair(tree, f"{PKI}/{name}", pki[name])
    _write_service_account_keys(tree, pki)
    for name, server in _KUBECONFIGS.items():
        pair = pki[name]
        user = pair.certificate.subject.rdns[-1].rfc4514_string().removeprefix("CN=")
        cluster = cluster_entry(server, pki["ca"].certificate_pem)
        document = kubeconfig(cluster, embedded(pair.certificate_pem, pair.key_pem), name=user)
        _write_kubeconfig(tree, name, document, pair.issued)
    upgraded = pki["apiserver-kubelet-client"].issued
    for pod in static_pods:
        name = pod["metadata"]["name"]
        tree.write(f"/etc/kubernetes/manifests/{name}.yaml", dump(pod), mode=0o600, modified=upgraded)
        if name in logs:
            _write_log(tree, pod, logs[name], now)
    tree.folder("/var/lib/etcd/member", 0o700)
    tree.folder("/var/lib/etcd", 0o700)
    _write_kubelet(tree, pki, CONTROL_PLANE)


def write_worker(root: Path, pki: Pki, name: str) -> None:
    """Everything of a worker."""
    tree = Tree(root)
    ca = pki.trusted_by(name)
    tree.write(f"{PKI}/ca.crt", ca.certificate_pem, modified=ca.issued)
    tree.folder("/etc/kubernetes/manifests")
    _write_kubelet(tree, pki, name)


def _write_pair(tree: Tree, stem: str, pair: Pair) -> None:
    tree.write(f"{stem}.crt", pair.certificate_pem, modified=pair.issued)
    tree.write(f"{stem}.key", pair.key_pem, mode=0o600, modified=pair.issued)


def _write_service_account_keys(tree: Tree, pki: Pki) -> None:
    made = pki["front-proxy-ca"].issued
    tree.write(f"{PKI}/sa.key", private_pem(pki.service_account_key), mode=0o600, modified=made)
    tree.write(f"{PKI}/sa.pub", pki.service_account_public_pem, mode=0o600, modified=made)


def _write_kubeconfig(tree: Tree, name: str, document: JsonDict, modified: datetime) -> None:
    tree.write(f"/etc/kubernetes/{name}", dump(document), mode=0o600, modified=modified)


def _write_kubelet(tree: Tree, pki: Pki, node: str) -> None:
    client, server = pki[f"{node}/kubelet-client"], pki[f"{node}/kubelet-server"]
    for kind, pair in (("client", client), ("server", server)):
        rotated = f"{_KUBELET_PKI}/kubelet-{kind}-{pair.issued.strftime('%Y-%m-%d-%H-%M-%S')}.pem"
        tree.write(rotated, pair.certificate_pem + pair.key_pem, mode=0o600, modified=pair.issued)
        tree.link(f"{_KUBELET_PKI}/kubelet-{kind}-current.pem", rotated)
    names = {"name": f"system:node:{node}"}
    if node != CONTROL_PLANE:  # `kubeadm join` names them so
        names = {"name": "default-auth", "cluster_name": "default-cluster", "context": "default-context"}
    cluster = cluster_entry(CONTROL_PLANE_ENDPOINT, pki.trusted_by(node).certificate_pem)
    document = kubeconfig(cluster, by_path(f"{_KUBELET_PKI}/kubelet-client-current.pem"), **names)
    made = pki.trusted_by(node).issued
    _write_kubeconfig(tree, "kubelet.conf", document, made)
    tree.write("/var/lib/kubelet/config.yaml", _data("kubelet-config.yaml"), mode=0o600, modified=made)
    tree.write("/etc/cni/net.d/10-calico.conflist", _data("10-calico.conflist"), mode=0o600, modified=made)
    tree.write("/etc/ssh/sshd_config", _data("sshd_config"), mode=0o600, modified=made)
    tree.write("/etc/hostname", f"{node}\n", modified=made)


def _write_log(tree: Tree, pod: JsonDict, lines: Iterable[str], now: datetime) -> None:
    """A container's log where the kubelet keeps it, in the format of the CRI, one line a second up to now."""
    container = pod["spec"]["containers"][0]["name"]
    name = f"{pod['metadata']['name']}-{CONTROL_PLANE}"
    path = f"/var/log/pods/{pod['metadata']['namespace']}_{name}_{config_hash(pod)}/{container}/0.log"
    written = tuple(lines)
    stamps = (now.astimezone(UTC) - timedelta(seconds=len(written) - 1 - number) for number in range(len(written)))
    text = "".join(
        f"{stamp.strftime('%Y-%m-%dT%H:%M:%S.%f000Z')} stderr F {line}\n"
        for stamp, line in zip(stamps, written, strict=True)
    )
    tree.write(path, text, mode=0o640, modified=now)


def _data(name: str) -> str:
    return (DATA / "company" / "node" / name).read_text()
