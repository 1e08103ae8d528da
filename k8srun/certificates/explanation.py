"""Why a certificate does not verify, as causes of the catalogue, for every problem that is found.

What kind of problem it is and whose certificate it concerns tells most causes. What a missing authority or a missing
name comes from is for the judges, who look at the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.certificates.case import Case, Judgement, View, World
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.judges.registry import JUDGES
from k8srun.certificates.messages import Symptom
from k8srun.certificates.roles import CLIENT
from k8srun.certificates.verification import ErrorKind, Problem
from k8srun.diagnosis import CauseStatus
from k8srun.findings import Evidence
from k8srun.x509 import Certificate

_OF_KIND = {
    ErrorKind.MALFORMED: "certificate-refused",
    ErrorKind.UNHANDLED_CRITICAL: "critical-extension",
    ErrorKind.CA_NOT_AUTHORIZED_TO_SIGN: "ca-cannot-sign",
    ErrorKind.PATH_LENGTH: "path-length-exceeded",
    ErrorKind.INVALID_POLICIES: "policy-constraint",
    ErrorKind.NAME_CONSTRAINTS: "name-constraint",
    ErrorKind.INSECURE_SIGNATURE: "weak-signature",
}
# What the judges are asked for, in this order, and what stands when none of them confirms.
_TRUST = (
    "weak-signature",
    "kubelet-serving-self-signed",
    "self-signed",
    "leaf-as-ca",
    "ca-cannot-sign",
    "ca-name-encoding",
    "intermediate-not-sent",
    "signature-damaged",
    "ca-rebuilt",
    "wrong-ca-bundle",
)
_NAMES = ("ip-as-dns-name", "no-san", "kubelet-serving-self-signed", "san-missing")


@dataclass(frozen=True, slots=True)
class Explained:
    """One cause of one problem.

    Attributes:
        id, title: in the catalogue; empty if it knows none.
        status: confirmed, or open where another cause would look the same.
        message: Go's for this problem alone.
        kind: the problem's.
        evidence: the facts, and where each was read.
    """

    id: str
    title: str
    status: CauseStatus
    message: str
    kind: ErrorKind
    evidence: tuple[Evidence, ...]


_Cause = tuple[str, CauseStatus, tuple[Evidence, ...]]


def explained(world: World, view: View) -> tuple[Explained, ...]:
    """The causes of every problem of a view, in the order in which Go would report them. `world` holds its files."""
    return tuple(
        Explained(
            cause,
            CAUSES.get(cause, ""),
            status,
            problem.message,
            problem.kind,
            facts or problem.evidence,
        )
        for problem in view.problems
        for cause, status, facts in _causes(world, view, problem)
    )


def _causes(world: World, view: View, problem: Problem) -> tuple[_Cause, ...]:
    is_client = view.connection.usage == CLIENT
    if problem.kind is ErrorKind.HOSTNAME:
        return (_judged(world, view, problem, _NAMES, "san-missing"),)
    if problem.kind is ErrorKind.UNKNOWN_AUTHORITY:
        return _untrusted(world, view, problem, is_client=is_client)
    cause = _of_certificate(view, problem, is_client=is_client)
    return ((cause, CauseStatus.CONFIRMED if cause else CauseStatus.OPEN, ()),)


def _untrusted(world: World, view: View, problem: Problem, *, is_client: bool) -> tuple[_Cause, ...]:
    cause, status, facts = _judged(world, view, problem, _TRUST, "wrong-ca-bundle")
    if cause != "wrong-ca-bundle":
        return ((cause, status, facts),)
    if problem.candidate:
        return ((_of_candidate(problem.certificate, problem.candidate), CauseStatus.CONFIRMED, ()),)
    name = "client-certificate-of-another-ca" if is_client else cause
    if _judgement(world, view, problem, "intermediate-not-sent").status is not CauseStatus.OPEN:
        return ((name, status, facts),)
    # Nothing at hand tells whether the issuer that is missing is an intermediate of a trusted CA.
    return ((name, CauseStatus.OPEN, facts), ("intermediate-not-sent", CauseStatus.OPEN, ()))


def _of_candidate(certificate: Certificate, candidate: Certificate) -> str:
    """Why an intermediate of the issuer's name did not do; the judges look at what is trusted alone."""
    if candidate.version == 3 and not candidate.is_ca:
        return "ca-cannot-sign"
    if candidate.key_usages and "keyCertSign" not in candidate.key_usages:
        return "ca-cannot-sign"
    return "signature-damaged" if candidate.ski and candidate.ski == certificate.aki else "ca-rebuilt"


def _of_certificate(view: View, problem: Problem, *, is_client: bool) -> str:
    """The cause of what is wrong with one certificate: with the leaf it is another than with a CA."""
    is_leaf = problem.certificate == view.leaf
    match problem.kind:
        case ErrorKind.EXPIRED:
            return _expired(view, problem, is_client=is_client)
        case ErrorKind.NOT_YET_VALID:
            return "client-certificate-not-yet-valid" if is_client and is_leaf else "certificate-not-yet-valid"
        case ErrorKind.INCOMPATIBLE_USAGE if is_leaf:
            return "client-certificate-usage" if is_client else "key-usage-wrong"
        case ErrorKind.INCOMPATIBLE_USAGE:
            return "ca-usage-wrong"
    return _OF_KIND.get(problem.kind, "")


def _expired(view: View, problem: Problem, *, is_client: bool) -> str:
    if problem.certificate == view.leaf:
        return "client-certificate-expired" if is_client else "certificate-expired"
    is_root = view.trust is not None and problem.certificate in view.trust.certificates
    return "ca-expired" if is_root else "intermediate-expired"


def _judged(world: World, view: View, problem: Problem, causes: tuple[str, ...], otherwise: str) -> _Cause:
    """The first of the causes that the evidence confirms, else `otherwise` as an open one."""
    for cause in causes:
        judgement = _judgement(world, view, problem, cause)
        if judgement.status is CauseStatus.CONFIRMED:
            return cause, judgement.status, judgement.evidence
    return otherwise, CauseStatus.OPEN, ()


def _judgement(world: World, view: View, problem: Problem, cause: str) -> Judgement:
    # The judges of trust and names ask for the server's side; whose certificate it is makes no difference to them.
    symptom = Symptom("x509-unknown-authority", problem.message, problem.message, spoken=False)
    return JUDGES[cause](Case(world, symptom, view))
