"""Why a certificate does not verify, as causes of the catalogue: one for every problem that is found.

What kind of problem it is and whose certificate it concerns tells most causes. What a missing authority or a missing
name comes from is for the judges, who look at the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.certificates.case import Case, View, World
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.judges.registry import JUDGES
from k8srun.certificates.messages import read
from k8srun.certificates.roles import CLIENT
from k8srun.certificates.verification import ErrorKind, Problem
from k8srun.diagnosis import CauseStatus
from k8srun.findings import Evidence

_OF_KIND = {
    ErrorKind.MALFORMED: "pem-truncated",
    ErrorKind.UNHANDLED_CRITICAL: "critical-extension",
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
    """One problem: its cause in the catalogue, Go's message for it alone, and the facts. `id` is empty if none fits."""

    id: str
    title: str
    message: str
    kind: ErrorKind
    evidence: tuple[Evidence, ...]


def explained(world: World, view: View) -> tuple[Explained, ...]:
    """The cause of every problem of a view, in the order in which Go would report them. `world` holds its files."""
    return tuple(_explained(world, view, problem) for problem in view.problems)


def _explained(world: World, view: View, problem: Problem) -> Explained:
    cause, facts = _cause(world, view, problem)
    evidence = tuple(dict.fromkeys((*problem.evidence, *facts)))
    return Explained(cause, CAUSES.get(cause, ""), problem.message, problem.kind, evidence)


def _cause(world: World, view: View, problem: Problem) -> tuple[str, tuple[Evidence, ...]]:
    is_client = view.connection.usage == CLIENT
    if problem.kind is ErrorKind.HOSTNAME:
        return _judged(world, view, problem, _NAMES, "san-missing")
    if problem.kind is ErrorKind.CA_NOT_AUTHORIZED_TO_SIGN:
        return _judged(world, view, problem, ("leaf-as-ca", "ca-cannot-sign"), "ca-cannot-sign")
    if problem.kind is ErrorKind.UNKNOWN_AUTHORITY:
        other = "client-certificate-of-another-ca" if is_client else "wrong-ca-bundle"
        cause, facts = _judged(world, view, problem, _TRUST, other)
        return (other if cause == "wrong-ca-bundle" else cause), facts
    return _of_certificate(view, problem, is_client=is_client), ()


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


def _judged(
    world: World, view: View, problem: Problem, causes: tuple[str, ...], otherwise: str
) -> tuple[str, tuple[Evidence, ...]]:
    symptom = read(problem.message)
    if symptom is None:
        return otherwise, ()
    # The judges of trust ask for the server's side; whose certificate it is makes no difference to them.
    case = Case(world, symptom, view)
    for cause in causes:
        judgement = JUDGES[cause](case)
        if judgement.status is CauseStatus.CONFIRMED:
            return cause, judgement.evidence
    return otherwise, ()
