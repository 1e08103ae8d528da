"""Whether a certificate verifies, answered as Go's `crypto/x509` does, since kubectl, kubelet and apiserver are Go.

The facts are those of Go 1.26 (`crypto/x509/verify.go`, `constraints.go`, `cert_pool.go`); a differential test holds
the answers against Go's own. Only the roots that are given are trusted, never those of the system.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from k8srun.certificates.verifier.chains import Chain, ChainBuilder, Pool
from k8srun.certificates.verifier.constraints import name_constraint_violation
from k8srun.certificates.verifier.hostnames import hostname_error
from k8srun.certificates.verifier.policies import policies_valid
from k8srun.certificates.verifier.problems import ErrorKind, Problem, Rejected, Waivers, parse_error
from k8srun.certificates.verifier.signatures import signature_error
from k8srun.certificates.verifier.usages import usage_violator
from k8srun.checks import Undecided
from k8srun.findings import Evidence
from k8srun.x509 import Certificate

__all__ = [
    "ErrorKind",
    "Problem",
    "Usage",
    "Verification",
    "VerificationVerdict",
    "find_issuers",
    "signed_by",
    "verify",
]

Usage = Literal["server", "client"]

_EXTENDED_KEY_USAGE = {"server": "serverAuth", "client": "clientAuth"}
_NAME_CONSTRAINTS = "x509: a root or intermediate certificate is not authorized to sign for this name: "
# Nothing can be said about what these hide.
_FINAL = frozenset({ErrorKind.MALFORMED, ErrorKind.SIGNATURE_LIMIT})


class VerificationVerdict(StrEnum):
    """Go accepts, Go rejects, or it cannot be told what Go does."""

    OK = "ok"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer.

    Attributes:
        verdict: ok, invalid, or unknown.
        message: Go's error, word for word; empty when ok; the reason when unknown.
        chains: every chain that verifies, leaf first, trusted root last (those alone whose certificates can be read).
        problems: everything that is wrong, in the order in which Go would report it as one after the other is mended.
            The first is `message`; the rest is what that one hides, as far as it can be told.
    """

    verdict: VerificationVerdict
    message: str = ""
    chains: tuple[Chain, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def kind(self) -> ErrorKind | None:
        """The kind of the first problem; None when ok or unknown."""
        return self.problems[0].kind if self.problems else None


@dataclass(frozen=True, slots=True)
class _Question:
    leaf: Certificate
    roots: Pool
    intermediates: Pool
    name: str
    usage: Usage
    now: datetime


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
            As Go does when it loads a bundle, those that Go cannot parse are passed over.
        intermediates: what the peer sent after the leaf.
        name: the host name or IP address that was dialled; empty = not checked (client certificates).
        now: the clock, with time zone; the zone shows in messages as it does in Go's.
    """
    trusted = Pool(root for root in roots if not root.refused)
    question = _Question(leaf, trusted, Pool(intermediates), name, usage, now)
    waivers = Waivers()
    problems: list[Problem] = []
    while True:
        try:
            chains = _chains(question, waivers)
        except Undecided as reason:
            if problems:
                break
            return Verification(VerificationVerdict.UNKNOWN, str(reason))
        except Rejected as rejected:
            problems.append(rejected.problem)
            if rejected.problem.kind in _FINAL:
                break
            waivers = waivers.adding(rejected.problem)
        else:
            if problems:
                break
            return Verification(VerificationVerdict.OK, chains=tuple(chains))
    return Verification(VerificationVerdict.INVALID, problems[0].message, problems=tuple(problems))


def signed_by(child: Certificate, parent: Certificate) -> bool:
    """Whether `parent` signed `child`, may sign certificates, and the signature is one that Go takes.

    Names and dates are not looked at. False where the library cannot check the signature.
    """
    try:
        return not signature_error(child, parent)
    except Undecided:
        return False


def find_issuers(certificate: Certificate, candidates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The candidates that signed `certificate`, each once, the best match of key identifiers first."""
    named = Pool(candidates).issuers_of(certificate)
    return tuple(candidate for candidate in named if signed_by(certificate, candidate))


def _chains(question: _Question, waivers: Waivers) -> list[Chain]:
    """The chains that verify, in Go's order of checks; what is waived is passed over."""
    leaf = question.leaf
    for certificate in (leaf, *question.intermediates.certificates):
        if message := parse_error(certificate):
            raise Rejected(Problem(ErrorKind.MALFORMED, message, certificate))
    builder = ChainBuilder(question.roots, question.intermediates, question.now, waivers)
    if problem := builder.problem_of(leaf):
        raise Rejected(problem)
    if question.name and not waivers.covers(ErrorKind.HOSTNAME, leaf):
        _check_hostname(leaf, question.name)
    try:
        return _acceptable(question, builder.build(leaf), waivers)
    except Rejected:
        if builder.undecided:
            raise Undecided(builder.undecided) from None
        raise


def _check_hostname(leaf: Certificate, name: str) -> None:
    if message := hostname_error(leaf, name):
        names = ", ".join((*leaf.dns_names, *leaf.ip_addresses)) or "none"
        raise Rejected(
            Problem(ErrorKind.HOSTNAME, message, leaf, None, (Evidence(f"names in the certificate: {names}"),))
        )


def _acceptable(question: _Question, chains: list[Chain], waivers: Waivers) -> list[Chain]:
    """The chains whose policies, usages and names are in order. A name-constraint error wins over the others."""
    kept: list[Chain] = []
    problems: list[Problem] = []
    for chain in chains:
        problem = _chain_problem(question, chain, waivers)
        if problem is None:
            kept.append(chain)
        else:
            problems.append(problem)
    if kept:
        return kept
    first = {problem.kind: problem for problem in reversed(problems)}
    for kind in (ErrorKind.NAME_CONSTRAINTS, ErrorKind.INVALID_POLICIES, ErrorKind.INCOMPATIBLE_USAGE):
        if kind in first:
            raise Rejected(_summed_up(first[kind], [problem.kind for problem in problems]))
    raise AssertionError("a chain was rejected without a problem")


def _chain_problem(question: _Question, chain: Chain, waivers: Waivers) -> Problem | None:
    if not waivers.covers(ErrorKind.INVALID_POLICIES) and not policies_valid(chain):
        return Problem(ErrorKind.INVALID_POLICIES, "", question.leaf)
    wanted = _EXTENDED_KEY_USAGE[question.usage]
    violator = None if waivers.covers(ErrorKind.INCOMPATIBLE_USAGE) else usage_violator(chain, wanted)
    if violator is not None:
        fact = f"{violator.subject} allows only {', '.join(violator.extended_key_usages)}, not {wanted}"
        message = "x509: certificate specifies an incompatible key usage"
        return Problem(ErrorKind.INCOMPATIBLE_USAGE, message, violator, None, (Evidence(fact),))
    violation = None if waivers.covers(ErrorKind.NAME_CONSTRAINTS) else name_constraint_violation(chain)
    if violation is None:
        return None
    message = _NAME_CONSTRAINTS + violation.message
    authority = violation.authority.subject if violation.authority else "a CA"
    fact = f"{authority} limits the names below it, and {violation.certificate.subject} is outside of them"
    return Problem(ErrorKind.NAME_CONSTRAINTS, message, violation.certificate, violation.authority, (Evidence(fact),))


def _summed_up(problem: Problem, kinds: list[ErrorKind]) -> Problem:
    """`problem` with the message that Go makes of all chains together where policies are among the reasons."""
    if problem.kind is not ErrorKind.INVALID_POLICIES:
        return problem
    counts = []
    if usages := kinds.count(ErrorKind.INCOMPATIBLE_USAGE):
        counts.append(f"{usages} candidate chains with incompatible key usage")
    counts.append(f"{kinds.count(ErrorKind.INVALID_POLICIES)} candidate chains with invalid policies")
    fact = "a CA demands policies that the certificates below it do not have"
    return Problem(
        problem.kind, "x509: no valid chains built: " + ", ".join(counts), problem.certificate, None, (Evidence(fact),)
    )
