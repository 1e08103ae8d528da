"""Checks and the one place that decides their verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from k8srun.findings import Confidence, Evidence, Finding, Severity, Verdict
from k8srun.snapshot import Gap, Need, Snapshot


class NotApplicable(Exception):  # noqa: N818 - not an error: the question does not arise
    """Raised by a check's `run` when the snapshot shows that the question does not arise, with the reason."""


class Undecided(Exception):  # noqa: N818 - not an error: an answer
    """Raised by a check's `run` when what was read does not suffice for an answer, with the reason."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of a snapshot.

    Attributes:
        id: stable name, `CERT-EXPIRED`.
        title: the rule, as a sentence that is true when the check passes.
        severity: of its findings, unless one says otherwise.
        needs: what must be readable for a PASS.
        remediation: how to mend it, in a sentence or a command.
        references: addresses of the documentation and numbers of a benchmark.
        run: pure; yields the findings of a snapshot at a time, or raises `NotApplicable` or `Undecided`.
        instead: what suffices for a PASS in place of `needs`, seen from elsewhere; empty = nothing does.
        needs_all: its findings rest on something being absent, so it is asked only where everything could be read.
    """

    id: str
    title: str
    severity: Severity
    needs: tuple[Need, ...]
    remediation: str
    references: tuple[str, ...]
    run: Callable[[Check, Snapshot, datetime], Iterable[Finding]]
    needs_all: bool = False
    instead: tuple[Need, ...] = ()

    @property
    def reads(self) -> tuple[Need, ...]:
        """Everything that it looks at."""
        return (*self.needs, *self.instead)

    def finding(
        self,
        resource: str,
        message: str,
        *evidence: Evidence,
        key: str = "",
        severity: Severity | None = None,
        confidence: Confidence = Confidence.CERTAIN,
        remediation: str = "",
    ) -> Finding:
        """A finding of this check, with what all of its findings share filled in."""
        return Finding(
            check=self.id,
            resource=resource,
            severity=severity or self.severity,
            message=message,
            evidence=evidence,
            confidence=confidence,
            remediation=remediation or self.remediation,
            references=self.references,
            key=key,
        )


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict of one check. `gaps` is what kept it from a PASS, `reason` says so in a sentence."""

    check: str
    title: str
    severity: Severity
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    reason: str = ""


def evaluate(check: Check, snapshot: Snapshot, now: datetime) -> CheckResult:
    """Run one check. Findings make it FAIL whatever is missing; without any, a gap in what it needs makes it UNKNOWN.

    Args:
        now: the time to judge dates by, with time zone.
    """
    gaps = _gaps(check.needs, snapshot)
    if check.instead and not _gaps(check.instead, snapshot):
        gaps = ()
    unseen = check.needs and all(need not in snapshot.observed for need in check.reads)
    if unseen or (check.needs_all and gaps):
        return _result(check, Verdict.UNKNOWN, gaps=gaps, reason=_because(gaps))
    try:
        findings = tuple(check.run(check, snapshot, now))
    except NotApplicable as reason:
        # That the question does not arise may itself rest on what could not be read.
        verdict = Verdict.UNKNOWN if gaps else Verdict.NOT_APPLICABLE
        return _result(check, verdict, gaps=gaps, reason=_because(gaps) if gaps else str(reason))
    except Undecided as reason:
        return _result(check, Verdict.UNKNOWN, gaps=gaps, reason=str(reason))
    if findings:
        return _result(check, Verdict.FAIL, findings=findings, gaps=gaps)
    if gaps:
        return _result(check, Verdict.UNKNOWN, gaps=gaps, reason=_because(gaps))
    return _result(check, Verdict.PASS)


def _gaps(needs: Iterable[Need], snapshot: Snapshot) -> tuple[Gap, ...]:
    return tuple(dict.fromkeys(gap for need in needs for gap in snapshot.unmet(need)))


def evaluate_all(checks: Iterable[Check], snapshot: Snapshot, now: datetime) -> tuple[CheckResult, ...]:
    """The results of several checks, in their order."""
    return tuple(evaluate(check, snapshot, now) for check in checks)


def _result(
    check: Check,
    verdict: Verdict,
    *,
    findings: tuple[Finding, ...] = (),
    gaps: tuple[Gap, ...] = (),
    reason: str = "",
) -> CheckResult:
    return CheckResult(check.id, check.title, check.severity, verdict, findings, gaps, reason)


def _because(gaps: tuple[Gap, ...]) -> str:
    shown = "; ".join(str(gap) for gap in gaps[:3])
    return shown if len(gaps) <= 3 else f"{shown}; and {len(gaps) - 3} more"
