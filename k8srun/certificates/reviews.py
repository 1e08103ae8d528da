"""The CertificateSigningRequests of a snapshot, each with what approving it would risk."""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.certificates.inventory import Holder, inventory
from k8srun.certificates.request_risks import Risk, risks
from k8srun.certificates.requests import SigningRequest, signing_requests
from k8srun.findings import Severity
from k8srun.snapshot import Snapshot


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
    """Every request of a snapshot, by name. Keys are compared with its other requests and all of its certificates."""
    requests = signing_requests(snapshot)
    # What was issued for a request is that request's own.
    held = [one.certificate for one in inventory(snapshot).held if one.bundle.holder is not Holder.REQUEST]
    certificates = tuple(dict.fromkeys(held))
    return tuple(Review(request, risks(request, requests, certificates)) for request in requests)
