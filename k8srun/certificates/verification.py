"""Whether a certificate verifies, answered as Go's `crypto/x509` answers it, since kubectl, kubelet and apiserver are Go.

The facts are those of Go 1.26 (`crypto/x509/verify.go`, `constraints.go`, `cert_pool.go`); a differential test holds
the answers against Go's own. Only the roots that are given are trusted, never those of the system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from k8srun.findings import Evidence
from k8srun.x509 import Certificate

Usage = Literal["server", "client"]


class VerificationOutcome(StrEnum):
    """The verdict: Go accepts, Go rejects, or it cannot be told what Go does."""

    OK = "ok"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class ErrorKind(StrEnum):
    """What is wrong, by the error of Go that says so."""

    NONE = ""
    MALFORMED = "malformed"
    UNHANDLED_CRITICAL = "unhandled_critical"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    HOSTNAME = "hostname"
    UNKNOWN_AUTHORITY = "unknown_authority"
    CA_NOT_AUTHORIZED_TO_SIGN = "ca_not_authorized_to_sign"
    PATH_LENGTH = "path_length"
    SIGNATURE_LIMIT = "signature_limit"
    INVALID_POLICIES = "invalid_policies"
    INCOMPATIBLE_USAGE = "incompatible_usage"
    NAME_CONSTRAINTS = "name_constraints"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, by itself: what Go would say if it were the first thing wrong.

    Attributes:
        kind: what is wrong.
        message: Go's, word for word.
        certificate: the one that is wrong; None when it is not a matter of one certificate.
        candidate: for an unknown authority, the authority certificate of the right name that was tried and failed.
        evidence: the facts, read off the certificates.
    """

    kind: ErrorKind
    message: str
    certificate: Certificate | None = None
    candidate: Certificate | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer.

    Attributes:
        verdict: ok, invalid, or unknown.
        message: Go's error, word for word; empty when ok; the reason when unknown.
        kind: the kind of the first problem; empty when ok or unknown.
        chains: every chain that verifies, leaf first, trusted root last.
        problems: everything that is wrong, in the order in which Go would report it as one after the other is mended.
            The first is `message`; the rest is what that one hides.
    """

    verdict: VerificationOutcome
    message: str = ""
    kind: ErrorKind = ErrorKind.NONE
    chains: tuple[tuple[Certificate, ...], ...] = ()
    problems: tuple[Problem, ...] = ()


def verify(
    leaf: Certificate,
    *,
    roots: Iterable[Certificate],
    intermediates: Iterable[Certificate] = (),
    name: str = "",
    usage: Usage = "server",
    now: datetime,
) -> Verification:
    """Verify `leaf` as a Go client (`usage="server"`) or kube-apiserver (`usage="client"`) does.

    Args:
        roots: the trusted bundle: a kubeconfig's CA data, a webhook's caBundle, the apiserver's client-ca-file.
        intermediates: what the peer sent after the leaf.
        name: the host name or IP address that was dialled; empty = not checked (client certificates).
        now: the clock, with time zone; the zone shows in messages as it does in Go's.
    """
    raise NotImplementedError


def signed_by(child: Certificate, parent: Certificate) -> bool:
    """Whether `parent` signed `child` and may sign certificates at all; dates are not looked at."""
    raise NotImplementedError


def find_issuers(certificate: Certificate, candidates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The candidates that signed `certificate`, each once, in their order."""
    raise NotImplementedError
