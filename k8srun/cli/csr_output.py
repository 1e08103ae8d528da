"""How `k8srun csr list` prints requests and their risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from k8srun.certificates.reviews import Review
from k8srun.cli.options import console
from k8srun.findings import Severity
from k8srun.snapshot import Gap
from k8srun.text import visible

LIST_SCHEMA = "k8srun.dev/csr-list/v1"
_STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow"}


def review_document(review: Review) -> dict[str, Any]:
    """One request as `-o json` gives it."""
    request, asked = review.request, review.request.request
    return {
        "name": request.name,
        "uid": request.uid,
        "created": request.created,
        "state": request.state,
        "reason": request.reason,
        "signer": request.signer,
        "usages": request.usages,
        "expiration_seconds": request.expiration_seconds or None,
        "requested_by": {"user": request.username, "groups": request.groups},
        "requested_for": {"user": request.user, "groups": request.for_groups},
        "names": asked.names if asked else (),
        "key_type": asked.key_type if asked else "",
        "public_key_sha256": asked.public_key_sha256 if asked else "",
        "severity": review.severity,
        "risks": review.risks,
        "error": request.error,
    }


def print_reviews(found: Sequence[Review], gaps: Sequence[Gap]) -> None:
    """A table of the requests, and below it the risks of those that have any."""
    from rich.table import Table  # noqa: PLC0415 - not needed for -o json

    out = console()
    if not found:
        out.print("There are no certificate signing requests." if not gaps else "No request could be read.")
    else:
        table = Table(box=None, pad_edge=False)
        for column in ("Name", "State", "For", "Groups", "Asked by", "Signer", "Risk"):
            table.add_column(column, overflow="fold")
        for review in found:
            request = review.request
            cells = (
                request.name,
                request.state.value,
                request.user,
                ", ".join(request.for_groups),
                request.username,
                request.signer.removeprefix("kubernetes.io/"),
            )
            severity = review.severity.value if review.severity else "none"
            style = _STYLES.get(review.severity, "") if review.severity else ""
            table.add_row(*(visible(cell, limit=200) for cell in cells), severity, style=style)
        out.print(table)
    for review in found:
        if review.risks:
            out.print(f"\n{visible(review.request.name, limit=200)}:")
            for risk in review.risks:
                out.print(f"  {risk.severity.value}: {risk.message}", style=_STYLES.get(risk.severity, ""))
    for gap in gaps:
        out.print(f"Not read: {visible(str(gap))}", style="yellow")
