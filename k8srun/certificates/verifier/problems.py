"""What a verification finds wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from k8srun.checks import Undecided
from k8srun.findings import Evidence
from k8srun.x509 import Certificate


class ErrorKind(StrEnum):
    """What is wrong, by the error of Go that says so."""

    MALFORMED = "malformed"
    UNHANDLED_CRITICAL = "unhandled_critical"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    HOSTNAME = "hostname"
    UNKNOWN_AUTHORITY = "unknown_authority"
    INSECURE_SIGNATURE = "insecure_signature"  # Go's words are those of an unknown authority, with a hint
    CA_NOT_AUTHORIZED_TO_SIGN = "ca_not_authorized_to_sign"
    PATH_LENGTH = "path_length"
    SIGNATURE_LIMIT = "signature_limit"
    INVALID_POLICIES = "invalid_policies"
    INCOMPATIBLE_USAGE = "incompatible_usage"
    NAME_CONSTRAINTS = "name_constraints"


_OF_A_CHAIN = frozenset({ErrorKind.INVALID_POLICIES, ErrorKind.INCOMPATIBLE_USAGE, ErrorKind.NAME_CONSTRAINTS})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, by itself: what Go would say if it were the first thing wrong.

    Attributes:
        kind: what is wrong.
        message: Go's, word for word.
        certificate: the one that is wrong; for an unknown authority and a weak signature the one that was signed, for
            name constraints the one whose names are not allowed.
        candidate: for these, the authority that was tried: the first of the right name, the one that sets the limits.
        evidence: the facts, read off the certificates.
    """

    kind: ErrorKind
    message: str
    certificate: Certificate
    candidate: Certificate | None = None
    evidence: tuple[Evidence, ...] = ()


def parse_error(certificate: Certificate) -> str:
    """Go's message when `x509.ParseCertificate` refuses `certificate`; empty when it reads it.

    Raises:
        Undecided: something in it cannot be read here, and Go may read it.
    """
    if certificate.unreadable and not certificate.refused:
        raise Undecided(f"{certificate.subject or 'a certificate'} cannot be read in full: {certificate.unreadable[0]}")
    return certificate.refused


class Rejected(Exception):  # noqa: N818 - an answer, not a failure
    """Go would reject, because of `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Waivers:
    """Problems to be passed over, so that what they hide comes to light.

    Those of one certificate are known by its fingerprint; those of a chain as a whole by their kind alone.
    """

    waived: frozenset[tuple[ErrorKind, str]] = frozenset()

    def covers(self, kind: ErrorKind, certificate: Certificate | None = None) -> bool:
        return (kind, certificate.sha256 if certificate else "") in self.waived

    def adding(self, problem: Problem) -> Waivers:
        fingerprint = "" if problem.kind in _OF_A_CHAIN else problem.certificate.sha256
        return Waivers(self.waived | {(problem.kind, fingerprint)})
