"""A CA that is new while others still hold the old one: both are trusted until nobody needs the old one any more.

Source: Kubernetes, "Manual rotation of CA certificates". The signer of the controller manager reads one certificate
alone, so that both stand in a bundle beside ca.crt and never in ca.crt itself.
"""

from __future__ import annotations

from k8srun import steps
from k8srun.certificates.case import Case
from k8srun.certificates.fixes.commands import embed_authority, restart
from k8srun.certificates.fixes.registry import FIXES
from k8srun.certificates.inventory import Holder
from k8srun.certificates.plans.hosts import control_plane_nodes, fix_remedy, healthy
from k8srun.certificates.plans.remedy import Remedy, joined
from k8srun.certificates.roles import PKI

_WORKERS = "each worker node"
_MANIFESTS = "/etc/kubernetes/manifests"
_BUNDLE = f"{PKI}/ca-bundle.crt"
_BACK = f"Put --client-ca-file={PKI}/ca.crt back, and remove {_BUNDLE}."
_CLEAN = "The bundle is kept beside ca.crt until the last line is run."


def overlap_remedy(case: Case, cause: str) -> Remedy | None:
    """The API server accepts clients of the old CA beside those of the new one, until all of them are issued again.

    Returns:
        None unless kubeadm made the cluster and a CA that others still trust differs from the one on disk.
    """
    view = case.server
    current = [item for item in case.inventory.of_role("ca") if item.bundle.holder is Holder.FILE]
    former = view.trust.certificates if view and view.trust else ()
    kept = [item for item in former if item.not_after >= case.now and current and item != current[0].certificate]
    if case.world.distribution.name not in {"kubeadm", "kind"} or not kept or view is None or view.trust is None:
        return None
    nodes = control_plane_nodes(case.world)
    both = (
        f"# OLD-CA.crt: the CA in {view.trust.place}, {kept[0].subject}, SHA-256 {kept[0].sha256[:16]}…",
        f"sudo sh -c 'cat {PKI}/ca.crt OLD-CA.crt > {_BUNDLE}'",
        f"sudo sed -i 's#--client-ca-file=.*#--client-ca-file={_BUNDLE}#' {_MANIFESTS}/kube-apiserver.yaml",
        *healthy(case.world),
    )
    reason = "clients that the old CA signed are accepted until they have a certificate of the new one"
    made = [
        steps.on_host(node, both, reason, answers=cause, irreversible=_BACK)
        for node in nodes or ("each control-plane node, one after the other",)
    ]
    end = (
        "kubectl get csr  # and every kubeconfig and kubelet has a certificate of the new CA",
        f"sudo sed -i 's#--client-ca-file=.*#--client-ca-file={PKI}/ca.crt#' {_MANIFESTS}/kube-apiserver.yaml",
        f"sudo rm {_BUNDLE}",
    )
    return Remedy(tuple(made), (f"Once nobody needs the old CA, on each node: {'; '.join(end[1:])}.",))


def authority_remedy(case: Case, cause: str) -> Remedy:
    """An expired CA made again on the control plane, and then given to the kubelets of all other nodes."""
    made = fix_remedy(case, cause, FIXES[cause](case))
    if case.world.distribution.managed is True or case.world.distribution.name in {"k3s", "RKE2"}:
        return made  # their agents fetch the CA from the server
    commands = (
        f"# copy {PKI}/ca.crt from a control-plane node to the same place",
        *embed_authority(f"{PKI}/ca.crt"),
        *restart("kubelet", case.world.distribution),
    )
    reason = "its kubelet verifies the API server, and the API server's client certificate, by this CA"
    workers = steps.on_host(_WORKERS, commands, reason, answers=cause, irreversible="The former ca.crt is in a backup.")
    return joined((made, Remedy((workers,))))
