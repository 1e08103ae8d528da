"""What the checks of cert-manager's Certificates look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from k8srun.certificates.case import when
from k8srun.certificates.managed import Managed, managed_certificates
from k8srun.checks import Check, NotApplicable
from k8srun.findings import Evidence, Finding, Severity
from k8srun.snapshot import Snapshot
from k8srun.text import plural, visible

# A renewal that is due is made within minutes, unless something keeps it from being made.
_GRACE = timedelta(hours=1)


def managed_ready(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Certificates that cert-manager does not say are ready, and those whose renewal is overdue."""
    managed = managed_certificates(snapshot)
    if not managed:
        raise NotApplicable("there is no cert-manager Certificate")
    for one in managed:
        message = _complaint(one, now)
        if message:
            # As long as what was issued before is valid, nobody meets an error yet.
            valid = one.not_after is not None and one.not_after >= now
            yield check.finding(
                one.place, message, *_evidence(one), severity=Severity.MEDIUM if valid else check.severity
            )


def _complaint(one: Managed, now: datetime) -> str:
    if one.ready is False:
        return f"is not ready: {visible(one.said[0], limit=600) if one.said else 'cert-manager does not say why'}"
    if one.ready is None:
        return "cert-manager has not said whether it is ready: is it running?"
    if one.renewal is not None and one.renewal + _GRACE < now:
        return f"was to be renewed at {when(one.renewal)}, and was not: is cert-manager running?"
    return ""


def _evidence(one: Managed) -> Iterator[Evidence]:
    for said in one.said[1:]:
        yield Evidence(visible(said, limit=600), one.place)
    if one.failures:
        yield Evidence(f"{plural(one.failures, 'attempt')} in a row failed", one.place)
    until = f"what was issued last ends at {when(one.not_after)}" if one.not_after else "nothing was issued yet"
    yield Evidence(f"{until}; issuer {visible(one.issuer, limit=200)}", one.place)
    yield Evidence(f"it is written to Secret {visible(f'{one.namespace}/{one.secret}', limit=300)}", one.place)
