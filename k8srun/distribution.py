"""Which Kubernetes distribution a cluster is, as far as it could be told."""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.findings import Confidence, Evidence


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a cluster is.

    Attributes:
        name: `kubeadm`, `EKS`, `GKE`, `AKS`, `DOKS`, `OpenShift`, `k3s`, `RKE2`, `kind`, `minikube`, `MicroK8s`,
            `Talos`, `hand-made` or `unknown`.
        managed: whether a provider runs the control plane, so that its files and flags are out of reach; None where
            the name does not tell.
        version: the apiserver's, else that of a node; empty when neither is known.
        evidence: by what it was recognised.
        confidence: CERTAIN by a mark that nothing else leaves, TENTATIVE when only told by what is missing.
    """

    name: str
    managed: bool | None = None
    version: str = ""
    evidence: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.CERTAIN

    @property
    def minor(self) -> tuple[int, int] | None:
        """Major and minor version as numbers; None if unknown."""
        parts = self.version.lstrip("v").split(".")
        if len(parts) < 2 or not parts[0].isdigit() or not parts[1].isdigit():
            return None
        return int(parts[0]), int(parts[1])
