"""What a person sees of the verdicts of checks."""

from __future__ import annotations

from k8srun.checks import CheckResult
from k8srun.display.html import fragment
from k8srun.findings import Finding, Severity, Verdict


def failed(check: str, severity: Severity, *found: Severity) -> CheckResult:
    findings = tuple(Finding(check, f"Role {one}", one, f"{check} {one} found", remediation="mend") for one in found)
    return CheckResult(check, check, severity, Verdict.FAIL, findings)


def test_the_worst_findings_come_first_whichever_check_they_are_of():
    results = (
        failed("A", Severity.HIGH, Severity.LOW, Severity.CRITICAL),
        failed("B", Severity.HIGH, Severity.HIGH, Severity.MEDIUM),
    )

    shown = fragment(results)

    order = ["A critical found", "B high found", "B medium found", "A low found"]
    assert sorted(order, key=shown.index) == order
