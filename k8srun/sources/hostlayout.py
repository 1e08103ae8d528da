"""Where a node keeps what a runbook asks for: kubeadm, k3s, RKE2, kubespray, EKS and clusters made by hand.

`collect.sh` holds the same tables for nodes without Python; a test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from k8srun.hostfiles import Topic


class Form(StrEnum):
    """How a file is read. `stat`: mode and owner only, its content stays where it is."""

    PEM = "pem"
    KUBECONFIG = "kubeconfig"
    DOCUMENT = "document"
    TEXT = "text"
    LOG = "log"
    STAT = "stat"


@dataclass(frozen=True, slots=True)
class Place:
    """One pattern of paths: `*` stands for part of a name, a last component `**` for all files below."""

    form: Form
    topic: Topic
    pattern: str


PEM_SUFFIXES = (".crt", ".cert", ".cer", ".pem", ".key", ".pub", ".csr", ".der")
"""Below a PKI folder only such files are read; of the others mode and owner are kept."""

_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
_RANCHER = ("k3s", "rke2")


def _places(form: Form, topic: Topic, *patterns: str) -> tuple[Place, ...]:
    return tuple(Place(form, topic, pattern) for pattern in patterns)


# A path belongs to the first pattern that it matches.
PLACES = (
    *_places(
        Form.KUBECONFIG,
        Topic.KUBECONFIG,
        "/etc/kubernetes/*.conf",
        "/etc/kubernetes/*.kubeconfig",
        "/var/lib/kubelet/kubeconfig",
        "/var/lib/kubelet/*.kubeconfig",
        "/var/lib/kube-proxy/*kubeconfig*",
        "/var/lib/kubernetes/*.kubeconfig",
        "/root*/.kube/config",
        *(f"/etc/rancher/{name}/{name}.yaml" for name in _RANCHER),
        *(f"/var/lib/rancher/{name}/{part}/*.kubeconfig" for name in _RANCHER for part in ("agent", "server/cred")),
    ),
    *_places(Form.KUBECONFIG, Topic.CNI, "/etc/cni/net.d/*kubeconfig*"),
    *_places(
        Form.PEM,
        Topic.PKI,
        "/etc/kubernetes/pki/**",
        "/etc/kubernetes/ssl/**",
        "/etc/ssl/etcd/**",
        "/etc/etcd/**",
        "/var/lib/kubernetes/**",
        "/var/lib/kubelet/pki/**",
        *(f"/var/lib/rancher/{name}/{part}" for name in _RANCHER for part in ("server/tls/**", "agent/*.crt")),
        *(f"/var/lib/rancher/{name}/agent/*.key" for name in _RANCHER),
    ),
    *_places(
        Form.DOCUMENT,
        Topic.MANIFEST,
        "/etc/kubernetes/manifests/*",
        *(f"/var/lib/rancher/{name}/agent/pod-manifests/*" for name in _RANCHER),
    ),
    *_places(
        Form.DOCUMENT,
        Topic.KUBELET,
        "/var/lib/kubelet/config.yaml",
        "/var/lib/kubelet/kubelet-config.yaml",
        "/etc/kubernetes/kubelet/*.json",
        "/etc/kubernetes/kubelet/*.yaml",
    ),
    *_places(
        Form.TEXT,
        Topic.KUBELET,
        "/var/lib/kubelet/kubeadm-flags.env",
        "/etc/default/kubelet",
        "/etc/sysconfig/kubelet",
        "/etc/systemd/system/kubelet.service",
        "/etc/systemd/system/kubelet.service.d/*.conf",
        "/usr/lib/systemd/system/kubelet.service",
        "/usr/lib/systemd/system/kubelet.service.d/*.conf",
    ),
    *_places(Form.TEXT, Topic.CONFIG, *(f"/etc/systemd/system/{name}.service" for name in _CONTROL_PLANE)),
    *_places(Form.DOCUMENT, Topic.CONFIG, *(f"/etc/rancher/{name}/config.yaml" for name in _RANCHER)),
    *_places(Form.STAT, Topic.ETCD, "/var/lib/etcd", *(f"/var/lib/rancher/{name}/server/db/etcd" for name in _RANCHER)),
    *_places(Form.DOCUMENT, Topic.CNI, "/etc/cni/net.d/*.conf", "/etc/cni/net.d/*.conflist", "/etc/cni/net.d/*.json"),
    *_places(Form.STAT, Topic.CNI, "/etc/cni/net.d/*"),
    *_places(Form.TEXT, Topic.SSH, "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"),
    *_places(Form.LOG, Topic.LOG, *(f"/var/log/pods/kube-system_{name}-*/*/*.log" for name in _CONTROL_PLANE)),
    *_places(Form.LOG, Topic.LOG, *(f"/var/lib/rancher/{name}/agent/logs/kubelet.log" for name in _RANCHER)),
)


@dataclass(frozen=True, slots=True)
class FlagRule:
    """Flags that name a file to be read as well. `names` is a regular expression that Python and grep -E both read."""

    form: Form
    topic: Topic
    names: str


# A flag belongs to the first rule that it matches.
FLAGS = (
    FlagRule(Form.KUBECONFIG, Topic.KUBECONFIG, "([a-z-]+-)?kubeconfig"),
    FlagRule(Form.KUBECONFIG, Topic.CONFIG, "(audit|authorization|authentication-token)-webhook-config-file"),
    FlagRule(
        Form.DOCUMENT,
        Topic.CONFIG,
        "(experimental-)?encryption-provider-config|audit-policy-file|authorization-config|authentication-config"
        "|admission-control-config-file|egress-selector-config-file|tracing-config-file|config",
    ),
    FlagRule(Form.TEXT, Topic.CONFIG, "authorization-policy-file"),
    FlagRule(Form.STAT, Topic.CONFIG, "token-auth-file|basic-auth-file"),
    FlagRule(Form.STAT, Topic.ETCD, "data-dir|wal-dir"),
    FlagRule(
        Form.PEM,
        Topic.PKI,
        "([a-z-]+-)?(cert-file|key-file|certfile|keyfile|cafile|ca-file|certificate-authority)"
        "|kubelet-client-(certificate|key)|tls-sni-cert-key",
    ),
)

KUBELET_FIELDS = {
    ("authentication", "x509", "clientCAFile"): "client-ca-file",
    ("tlsCertFile",): "tls-cert-file",
    ("tlsPrivateKeyFile",): "tls-private-key-file",
}
"""What a KubeletConfiguration calls what used to be flags."""
