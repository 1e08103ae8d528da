"""Verdicts, evidence and findings: what an analyzer says of a snapshot."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The answer of one check. What meets a gap is UNKNOWN, never PASS; `k8srun.checks.evaluate` decides that."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Severity(StrEnum):
    """How much harm a finding can do, least first; `rank` orders them."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Confidence(StrEnum):
    """How sure a finding is: read off directly, inferred from several facts, or one explanation among others."""

    CERTAIN = "certain"
    FIRM = "firm"
    TENTATIVE = "tentative"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact and where it was read: an object's field, a file, an endpoint, a line of a log."""

    fact: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.fact} ({self.where})" if self.where else self.fact


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with one resource.

    `resource` names it so that a person finds it (`Secret shop/web-tls`, `/etc/kubernetes/pki/ca.crt on node-1`).
    `fingerprint` is the same from run to run as long as check, resource and `key` are: `key` tells apart several
    findings of one check on one resource and must not hold what changes by itself (dates, counts).
    """

    check: str
    resource: str
    severity: Severity
    message: str
    evidence: tuple[Evidence, ...] = ()
    confidence: Confidence = Confidence.CERTAIN
    remediation: str = ""
    references: tuple[str, ...] = ()
    key: str = ""
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if not self.fingerprint:
            identity = "\0".join((self.check, self.resource, self.key))
            object.__setattr__(self, "fingerprint", hashlib.sha256(identity.encode()).hexdigest()[:16])
