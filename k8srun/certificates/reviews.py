"""The CertificateSigningRequests of a snapshot, each with what approving it would risk."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from k8srun.certificates.inventory import Holder, inventory
from k8srun.certificates.request_risks import Risk, risks
from k8srun.certificates.requests import SigningRequest, signing_requests
from k8srun.certificates.shapes import at, entries, text
from k8srun.findings import Severity
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST, NODE
from k8srun.snapshot import Need, Snapshot, object_key
from k8srun.x509 import Certificate

NEEDS = (Need.objects(CERTIFICATE_SIGNING_REQUEST), Need.objects(NODE))
"""What a review rests on; without the nodes it knows less of kubelets' names."""


@dataclass(frozen=True, slots=True)
class Review:
    """One request and its risks, the worst first."""

    request: SigningRequest
    risks: tuple[Risk, ...]

    @property
    def severity(self) -> Severity | None:
        """That of the worst risk; None if there is none."""
        return self.risks[0].severity if self.risks else None


def reviews(snapshot: Snapshot) -> tuple[Review, ...]:
    """Every request of a snapshot, by name. Keys are compared with its other requests and all of its certificates, the
    names that kubelets ask for with its nodes."""
    requests = signing_requests(snapshot)
    asked: dict[str, list[SigningRequest]] = defaultdict(list)
    for request in requests:
        asked[_key(request)].append(request)
    held: dict[str, list[Certificate]] = defaultdict(list)
    for one in inventory(snapshot).held:
        # What was issued for a request is that request's own.
        if one.bundle.holder is not Holder.REQUEST and one.certificate not in held[one.certificate.public_key_sha256]:
            held[one.certificate.public_key_sha256].append(one.certificate)
    nodes = _nodes(snapshot)
    return tuple(
        Review(request, risks(request, asked[_key(request)], held.get(_key(request), ()), nodes))
        for request in requests
    )


def _key(request: SigningRequest) -> str:
    return request.request.public_key_sha256 if request.request else ""


def _nodes(snapshot: Snapshot) -> dict[str, frozenset[str]]:
    """By name, what each node is called and at which addresses it is reached."""
    return {
        name: frozenset({name, *(text(entry.get("address")) for entry in entries(at(item, "status", "addresses")))})
        for item in snapshot.of(NODE)
        for name in [object_key(item)[1]]
    }
