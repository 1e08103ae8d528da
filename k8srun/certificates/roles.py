"""The kubeadm PKI as data: what each certificate is for, which CA signs it, who presents it and who is cut off without.

Source: kubeadm `certlist.go`, `manifests.go`, `etcd/local.go`, `kubeconfig.go`. Hand-made clusters keep the same roles
at other paths; there a component's flags tell the role.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SERVER: Final = "server"
CLIENT: Final = "client"
PKI = "/etc/kubernetes/pki"


@dataclass(frozen=True, slots=True)
class Role:
    """One row of the table.

    Attributes:
        id: kubeadm's name of the certificate (`apiserver`, `etcd-server`, `admin.conf`).
        title: what it is, as people say it.
        issuer: the role of the CA that signs it; its own for a CA.
        usages: what it must be good for; empty for a CA.
        program: what presents it, and is to be restarted after it changed.
        affected: who is cut off when it is not accepted.
        path: where kubeadm keeps it.
        common_name, organizations: what kubeadm writes; `*` at the end stands for anything.
    """

    id: str
    title: str
    issuer: str
    usages: tuple[str, ...]
    program: str
    affected: str
    path: str
    common_name: str = ""
    organizations: tuple[str, ...] = ()

    @property
    def is_authority(self) -> bool:
        return self.issuer == self.id

    @property
    def is_kubeconfig(self) -> bool:
        return self.path.endswith(".conf")


_ADMINS = ("kubeadm:cluster-admins",)
_EVERYBODY = "everybody who talks to the API server: kubectl, kubelets, controllers, pods"
_STORAGE = "the API server, and with it the whole cluster: it cannot reach etcd"

ROLES: tuple[Role, ...] = (
    Role("ca", "the cluster's CA", "ca", (), "kube-apiserver", _EVERYBODY, f"{PKI}/ca.crt", "kubernetes"),
    Role(
        "apiserver",
        "the API server's serving certificate",
        "ca",
        (SERVER,),
        "kube-apiserver",
        _EVERYBODY,
        f"{PKI}/apiserver.crt",
        "kube-apiserver",
    ),
    Role(
        "apiserver-kubelet-client",
        "the API server's client certificate for kubelets",
        "ca",
        (CLIENT,),
        "kube-apiserver",
        "kubectl logs, exec, attach, port-forward and top",
        f"{PKI}/apiserver-kubelet-client.crt",
        "kube-apiserver-kubelet-client",
        _ADMINS,
    ),
    Role(
        "front-proxy-ca",
        "the CA of the aggregation layer",
        "front-proxy-ca",
        (),
        "kube-apiserver",
        "calls of aggregated APIs (kubectl top, custom metrics)",
        f"{PKI}/front-proxy-ca.crt",
        "front-proxy-ca",
    ),
    Role(
        "front-proxy-client",
        "the API server's client certificate for aggregated APIs",
        "front-proxy-ca",
        (CLIENT,),
        "kube-apiserver",
        "calls of aggregated APIs (kubectl top, custom metrics)",
        f"{PKI}/front-proxy-client.crt",
        "front-proxy-client",
    ),
    Role("etcd-ca", "etcd's CA", "etcd-ca", (), "etcd", _STORAGE, f"{PKI}/etcd/ca.crt", "etcd-ca"),
    Role(
        "etcd-server",
        "etcd's serving certificate",
        "etcd-ca",
        (SERVER, CLIENT),
        "etcd",
        _STORAGE,
        f"{PKI}/etcd/server.crt",
        "*",
    ),
    Role(
        "etcd-peer",
        "etcd's certificate for its peers",
        "etcd-ca",
        (SERVER, CLIENT),
        "etcd",
        "this etcd member: its peers refuse it, and a cluster without quorum stops",
        f"{PKI}/etcd/peer.crt",
        "*",
    ),
    Role(
        "etcd-healthcheck-client",
        "the client certificate for etcd's health checks",
        "etcd-ca",
        (CLIENT,),
        "etcd",
        "etcdctl and kubeadm on this node",
        f"{PKI}/etcd/healthcheck-client.crt",
        "kube-etcd-healthcheck-client",
    ),
    Role(
        "apiserver-etcd-client",
        "the API server's client certificate for etcd",
        "etcd-ca",
        (CLIENT,),
        "kube-apiserver",
        _STORAGE,
        f"{PKI}/apiserver-etcd-client.crt",
        "kube-apiserver-etcd-client",
    ),
    Role(
        "admin.conf",
        "the administrator's kubeconfig",
        "ca",
        (CLIENT,),
        "kubectl",
        "whoever works with admin.conf",
        "/etc/kubernetes/admin.conf",
        "kubernetes-admin",
        _ADMINS,
    ),
    Role(
        "super-admin.conf",
        "the break-glass kubeconfig",
        "ca",
        (CLIENT,),
        "kubectl",
        "whoever works with super-admin.conf",
        "/etc/kubernetes/super-admin.conf",
        "kubernetes-super-admin",
        ("system:masters",),
    ),
    Role(
        "kubelet.conf",
        "the kubelet's client certificate",
        "ca",
        (CLIENT,),
        "kubelet",
        "this node: it turns NotReady, its pods are no longer managed",
        "/etc/kubernetes/kubelet.conf",
        "system:node:*",
        ("system:nodes",),
    ),
    Role(
        "controller-manager.conf",
        "the controller manager's kubeconfig",
        "ca",
        (CLIENT,),
        "kube-controller-manager",
        "every controller: nothing is scaled, replaced or cleaned up",
        "/etc/kubernetes/controller-manager.conf",
        "system:kube-controller-manager",
    ),
    Role(
        "scheduler.conf",
        "the scheduler's kubeconfig",
        "ca",
        (CLIENT,),
        "kube-scheduler",
        "new pods: they stay Pending",
        "/etc/kubernetes/scheduler.conf",
        "system:kube-scheduler",
    ),
    Role(
        "kubelet-server",
        "the kubelet's serving certificate",
        "ca",
        (SERVER,),
        "kubelet",
        "kubectl logs and exec on this node, and metrics-server",
        "/var/lib/kubelet/pki/kubelet.crt",
        "*",
    ),
)

BY_ID = {role.id: role for role in ROLES}

# Other places where a role's certificate stands.
PATHS = {
    **{role.path: role.id for role in ROLES},
    "/var/lib/kubelet/pki/kubelet-client-current.pem": "kubelet.conf",
    "/var/lib/kubelet/pki/kubelet-server-current.pem": "kubelet-server",
}

# (program, flag) → role of the certificate in the file that the flag names.
CERTIFICATE_FLAGS = {
    ("kube-apiserver", "client-ca-file"): "ca",
    ("kube-apiserver", "kubelet-certificate-authority"): "ca",
    ("kube-apiserver", "tls-cert-file"): "apiserver",
    ("kube-apiserver", "kubelet-client-certificate"): "apiserver-kubelet-client",
    ("kube-apiserver", "requestheader-client-ca-file"): "front-proxy-ca",
    ("kube-apiserver", "proxy-client-cert-file"): "front-proxy-client",
    ("kube-apiserver", "etcd-cafile"): "etcd-ca",
    ("kube-apiserver", "etcd-certfile"): "apiserver-etcd-client",
    ("kube-controller-manager", "client-ca-file"): "ca",
    ("kube-controller-manager", "root-ca-file"): "ca",
    ("kube-controller-manager", "cluster-signing-cert-file"): "ca",
    ("etcd", "cert-file"): "etcd-server",
    ("etcd", "peer-cert-file"): "etcd-peer",
    ("etcd", "trusted-ca-file"): "etcd-ca",
    ("etcd", "peer-trusted-ca-file"): "etcd-ca",
    ("kubelet", "client-ca-file"): "ca",
    ("kubelet", "tls-cert-file"): "kubelet-server",
}

# (program, flag of the certificate) → flag of its private key.
KEY_FLAGS = {
    ("kube-apiserver", "tls-cert-file"): "tls-private-key-file",
    ("kube-apiserver", "kubelet-client-certificate"): "kubelet-client-key",
    ("kube-apiserver", "proxy-client-cert-file"): "proxy-client-key-file",
    ("kube-apiserver", "etcd-certfile"): "etcd-keyfile",
    ("kube-controller-manager", "cluster-signing-cert-file"): "cluster-signing-key-file",
    ("etcd", "cert-file"): "key-file",
    ("etcd", "peer-cert-file"): "peer-key-file",
    ("kubelet", "tls-cert-file"): "tls-private-key-file",
}

# Flags that name a file, beside those above: service account keys and kubeconfigs.
OTHER_FILE_FLAGS = frozenset(
    {
        ("kube-apiserver", "service-account-key-file"),
        ("kube-apiserver", "service-account-signing-key-file"),
        ("kube-controller-manager", "service-account-private-key-file"),
        ("kube-controller-manager", "kubeconfig"),
        ("kube-controller-manager", "authentication-kubeconfig"),
        ("kube-controller-manager", "authorization-kubeconfig"),
        ("kube-scheduler", "kubeconfig"),
        ("kube-scheduler", "authentication-kubeconfig"),
        ("kube-scheduler", "authorization-kubeconfig"),
    }
)


@dataclass(frozen=True, slots=True)
class Pairing:
    """Who presents a certificate to whom, by the flags of both. `names` is the flag that says where it is reached."""

    presenter: str
    certificate: str
    verifier: str
    authority: str
    usage: Literal["server", "client"]
    names: str = ""


PAIRINGS: tuple[Pairing, ...] = (
    Pairing("etcd", "cert-file", "kube-apiserver", "etcd-cafile", SERVER, "etcd-servers"),
    Pairing("kube-apiserver", "etcd-certfile", "etcd", "trusted-ca-file", CLIENT, "etcd-servers"),
    Pairing("etcd", "peer-cert-file", "etcd", "peer-trusted-ca-file", CLIENT),
    Pairing("etcd", "peer-cert-file", "etcd", "peer-trusted-ca-file", SERVER, "initial-advertise-peer-urls"),
    Pairing("kube-apiserver", "kubelet-client-certificate", "kubelet", "client-ca-file", CLIENT),
    Pairing("kube-apiserver", "proxy-client-cert-file", "kube-apiserver", "requestheader-client-ca-file", CLIENT),
)

# Port → the program that listens there by default.
PORTS = {6443: "kube-apiserver", 443: "", 10250: "kubelet", 2379: "etcd", 2380: "etcd"}
SERVING_ROLES = {"kube-apiserver": "apiserver", "kubelet": "kubelet-server", "etcd": "etcd-server"}
