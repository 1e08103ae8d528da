"""The command lines of the servers, as kubeadm writes them into its static pods, on loopback ports."""

from __future__ import annotations

from pathlib import Path

from tests.controlplane.pki import ADVERTISED_IP


def etcd(pki: Path, data: Path, port: int, peer_port: int) -> list[str]:
    """etcd with TLS and client certificates on both ports."""
    client, peer = f"https://127.0.0.1:{port}", f"https://127.0.0.1:{peer_port}"
    return [
        "--name=k8srun",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=k8srun={peer}",
        "--client-cert-auth=true",
        f"--cert-file={pki}/etcd/server.crt",
        f"--key-file={pki}/etcd/server.key",
        f"--trusted-ca-file={pki}/etcd/ca.crt",
        "--peer-client-cert-auth=true",
        f"--peer-cert-file={pki}/etcd/peer.crt",
        f"--peer-key-file={pki}/etcd/peer.key",
        f"--peer-trusted-ca-file={pki}/etcd/ca.crt",
        "--unsafe-no-fsync",  # nothing has to survive a power cut
    ]


def apiserver(pki: Path, serving: Path, port: int, etcd_port: int) -> list[str]:
    """kube-apiserver; `serving` is the path of its certificate and key without their suffixes."""
    return [
        # An advertised loopback address is refused in the Endpoints of the `kubernetes` service.
        f"--advertise-address={ADVERTISED_IP}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-bootstrap-token-auth=true",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={serving}.crt",
        f"--tls-private-key-file={serving}.key",
        f"--etcd-servers=https://127.0.0.1:{etcd_port}",
        f"--etcd-cafile={pki}/etcd/ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
        f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-cluster-ip-range=10.96.0.0/12",
    ]


def controller_manager(pki: Path, kubeconfig: Path, port: int) -> list[str]:
    """kube-controller-manager with the identity in `kubeconfig`."""
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--client-ca-file={pki}/ca.crt",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/sa.key",
        "--service-cluster-ip-range=10.96.0.0/12",
        "--use-service-account-credentials=true",
        "--controllers=*,bootstrapsigner,tokencleaner",
        # Seconds at start without these: for the lease, and for forty controllers' tokens at 20 requests a second.
        "--leader-elect=false",
        "--kube-api-qps=1000",
        "--kube-api-burst=1000",
    ]
