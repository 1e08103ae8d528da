"""What the checks of certificate requests look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from k8srun.certificates.request_risks import MASTERS
from k8srun.certificates.reviews import reviews
from k8srun.checks import Check
from k8srun.findings import Evidence, Finding, Severity
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.snapshot import Snapshot, resource_name
from k8srun.text import visible


def risky_request_pending(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Open requests whose approval would do much harm."""
    for review in reviews(snapshot):
        grave = [risk for risk in review.risks if risk.severity.rank >= Severity.HIGH.rank]
        if review.request.is_open and grave:
            place = resource_name(CERTIFICATE_SIGNING_REQUEST, review.request.item)
            by = visible(review.request.username, limit=120) or "an unknown user"
            yield check.finding(
                place,
                f"waits for approval, asked for by {by}: {grave[0].message}",
                *(Evidence(f"{risk.severity}: {risk.message}", place) for risk in review.risks),
                severity=grave[0].severity,
            )


def masters_approved(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Approved requests whose certificate nothing but another CA takes back."""
    for review in reviews(snapshot):
        request = review.request
        if request.is_granted and MASTERS in request.for_groups:
            place = resource_name(CERTIFICATE_SIGNING_REQUEST, request.item)
            user = visible(request.user, limit=120) or "no name"
            yield check.finding(
                place,
                f"was approved: {user} is in {MASTERS}, past RBAC, for as long as the certificate lasts",
                Evidence(f"signer {visible(request.signer, limit=120)}", place),
                Evidence(f"asked for by {visible(request.username, limit=120)}", place),
            )
