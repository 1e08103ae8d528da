"""Which Kubernetes distribution a cluster is, as far as it could be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from k8srun.findings import Confidence, Evidence


class DistributionName(StrEnum):
    """The distributions that are told apart. HAND_MADE: the control plane's programs were set up by hand."""

    KUBEADM = "kubeadm"
    EKS = "EKS"
    GKE = "GKE"
    AKS = "AKS"
    K3S = "k3s"
    RKE2 = "RKE2"
    OPENSHIFT = "OpenShift"
    KIND = "kind"
    MINIKUBE = "minikube"
    HAND_MADE = "hand-made"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a cluster was made with.

    Attributes:
        name: the distribution.
        managed: whether a provider runs the control plane, so that its files are out of reach; None = not known.
        version: the apiserver's version as it says it (`v1.34.1+k3s1`), empty if unknown.
        evidence: what it was told by.
        confidence: how sure that is.
    """

    name: DistributionName = DistributionName.UNKNOWN
    managed: bool | None = None
    version: str = ""
    evidence: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.TENTATIVE

    @property
    def minor(self) -> tuple[int, int] | None:
        """Major and minor version as numbers; None if unknown."""
        parts = self.version.lstrip("v").split(".")
        if len(parts) < 2 or not parts[0].isdigit():
            return None
        digits = "".join(char for char in parts[1] if char.isdigit())
        return (int(parts[0]), int(digits)) if digits else None

    @property
    def uses_kubeadm(self) -> bool:
        """Whether `kubeadm certs` and `/etc/kubernetes/pki` are what its operators work with."""
        return self.name in {DistributionName.KUBEADM, DistributionName.KIND}

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"{self.name}{version}"
