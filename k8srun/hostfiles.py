"""Files of a node or of the workstation, reduced: what they are, who may read them, what they say without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from k8srun.kubeconfig import Kubeconfig
from k8srun.pem import PemBlock


class Topic(StrEnum):
    """What a host file is about; checks declare their needs by topic."""

    PKI = "PKI"
    KUBECONFIG = "kubeconfigs"
    MANIFEST = "static-pod manifests"
    KUBELET = "kubelet files"
    ETCD = "etcd data"
    CONFIG = "control-plane configuration"
    LOG = "container logs"
    SSH = "sshd configuration"
    CNI = "CNI files"


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file. At most one of `pem`, `kubeconfig`, `document` and `text` is set: what could be read of it, reduced.

    Attributes:
        path: as on its host, absolute (`/etc/kubernetes/pki/ca.crt`).
        topic: what it is about.
        host: the host's name; empty when it is not known.
        mode: permission bits (0o600), None when unknown.
        owner, group: names, or numbers as text where the host's names are not known; empty when unknown.
        size: bytes; None when unknown.
        modified: time of the last change; None when unknown.
        target: where a symbolic link points, as written; empty for a regular file.
        pem: the certificates, public keys and (as hashes) private keys of a PEM or DER file.
        kubeconfig: the file read as a kubeconfig.
        document: the file read as YAML or JSON (a static pod, a KubeletConfiguration), secrets reduced.
        text: lines of a log or of a configuration file, secrets reduced.
        error: why its content could not be read; empty when it could.
    """

    path: str
    topic: Topic
    host: str = ""
    mode: int | None = None
    owner: str = ""
    group: str = ""
    size: int | None = None
    modified: datetime | None = None
    target: str = ""
    pem: tuple[PemBlock, ...] = ()
    kubeconfig: Kubeconfig | None = None
    document: Mapping[str, Any] | None = None
    text: str | None = None
    error: str = ""

    @property
    def place(self) -> str:
        """How findings name it: `/etc/kubernetes/pki/ca.crt on node-1`."""
        return f"{self.path} on {self.host}" if self.host else self.path
