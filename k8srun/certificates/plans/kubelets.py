"""Requests of kubelets for serving certificates: approved where they are what they say, and left alone elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8srun import steps
from k8srun.certificates.plans.remedy import Remedy, check_passes
from k8srun.certificates.request_risks import Risk
from k8srun.certificates.requests import KUBELET_SERVING_SIGNER, SigningRequest
from k8srun.certificates.reviews import reviews
from k8srun.findings import Severity
from k8srun.kinds import NODE
from k8srun.plan import Question
from k8srun.snapshot import Snapshot
from k8srun.text import visible

_NODE_USER = "system:node:"
_NODES = "system:nodes"


def approval_remedy(snapshot: Snapshot, cause: str) -> Remedy | None:
    """The approval of every pending request of a kubelet that is proved to be the node's own.

    A request counts as the node's own if the node itself sent it, the node exists, and every name and address that it
    asks for is one of the node's. The others are named in the impact with the reason, and are not approved.

    Returns:
        None if none can be approved.
    """
    approved, questions, left = [], [], []
    for review in reviews(snapshot):
        request = review.request
        if request.signer != KUBELET_SERVING_SIGNER or not request.is_open:
            continue
        against = tuple(_against(request, snapshot)) or tuple(_serious(review.risks))
        if against:
            left.append(f"Not approved: {visible(request.name, limit=80)}: {'; '.join(against)}.")
            continue
        node = request.user.removeprefix(_NODE_USER)
        reason = f"{_NODE_USER}{node} asked for it itself, and its names are those of Node {node}"
        approved.append(steps.approve(request.item, visible(reason, limit=300), answers=cause))
        questions.append(Question("certificate-issued", {"name": request.name}))
    if not approved:
        return None
    impact = "The kubelets can be verified: kubectl logs, exec and metrics-server reach their pods."
    return Remedy(tuple(approved), (impact, *left), (*questions, check_passes("KUBELET-SERVING")))


def _against(request: SigningRequest, snapshot: Snapshot) -> Iterator[str]:
    """Why a request is not proved to be the node's own."""
    if request.request is None:
        yield f"it cannot be read: {request.error}"
        return
    user = visible(request.user, limit=120)
    node = snapshot.find(NODE, request.user.removeprefix(_NODE_USER))
    if not request.user.startswith(_NODE_USER) or request.for_groups != (_NODES,):
        yield f"it is for {user or 'no name'}, which is no node"
    elif request.username != request.user or _NODES not in request.groups:
        by = visible(request.username, limit=120) or "nobody that the object names"
        yield f"{by} asks for a certificate of {user}"
    elif node is None:
        yield f"there is no Node {user.removeprefix(_NODE_USER)}, or the nodes were not read"
    elif not request.request.is_signed:
        yield "it is not signed with its own key"


def _serious(found: Iterable[Risk]) -> Iterator[str]:
    # A kubelet never says how long: the signer's year is what every kubelet gets.
    return (risk.message for risk in found if risk.severity.rank >= Severity.MEDIUM.rank and risk.id != "lifetime")
