"""Building chains from a leaf to a trusted root (`buildChains` and `isValid` of Go)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from k8srun.certificates.verifier.problems import ErrorKind, Problem, Rejected, Waivers, parse_error
from k8srun.certificates.verifier.signatures import INSECURE, signature_error
from k8srun.checks import Undecided
from k8srun.findings import Evidence
from k8srun.x509 import Certificate
from k8srun.x509.gotext import quote, rfc3339

Chain = tuple[Certificate, ...]

_MOST_SIGNATURE_CHECKS = 100


class Pool:
    """Certificates by subject, each once, in the order given."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self.certificates = tuple(dict.fromkeys(certificates))
        self._by_subject: dict[bytes, list[Certificate]] = {}
        for certificate in self.certificates:
            self._by_subject.setdefault(certificate.subject_der, []).append(certificate)

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate in self._by_subject.get(certificate.subject_der, ())

    def issuers_of(self, child: Certificate) -> list[Certificate]:
        """Those whose subject is the child's issuer by bytes: matching key identifier first, contradicting one last."""

        def rank(candidate: Certificate) -> int:
            if candidate.ski == child.aki:
                return 0
            return 1 if not candidate.ski or not child.aki else 2

        return sorted(self._by_subject.get(child.issuer_der, ()), key=rank)


class ChainBuilder:
    """Builds the chains of one verification."""

    def __init__(self, roots: Pool, intermediates: Pool, now: datetime, waivers: Waivers) -> None:
        self._roots = roots
        self._intermediates = intermediates
        self._now = now
        self._waivers = waivers
        self._checks = 0
        self.undecided = ""
        """Why a certificate was passed over that might have led to another chain; empty if none was."""

    def build(self, leaf: Certificate) -> list[Chain]:
        """Every chain from `leaf` to a root.

        Raises:
            Rejected: there is none.
        """
        if leaf in self._roots:
            return [(leaf,)]
        chains, problem = self._extend((leaf,))
        if problem:
            raise Rejected(problem)
        return chains

    def problem_of(
        self, certificate: Certificate, below: int | None = None, *, is_root: bool = False
    ) -> Problem | None:
        """What is wrong with `certificate` itself as the end of a chain.

        Args:
            below: how many certificates stand below it; None for the leaf.
        """
        for problem in self._own_problems(certificate, below, is_root=is_root):
            if not self._waivers.covers(problem.kind, certificate):
                return problem
        return None

    def _own_problems(self, certificate: Certificate, below: int | None, *, is_root: bool) -> Iterator[Problem]:
        if certificate.unhandled_critical:
            fact = f"critical extensions that Go does not process: {', '.join(certificate.unhandled_critical)}"
            yield _problem(ErrorKind.UNHANDLED_CRITICAL, "x509: unhandled critical extension", certificate, fact)
        yield from self._date_problems(certificate)
        if below is None:
            return
        if not is_root and not certificate.is_ca:
            message = "x509: certificate is not authorized to sign other certificates"
            yield _problem(ErrorKind.CA_NOT_AUTHORIZED_TO_SIGN, message, certificate, "it has no CA:TRUE")
        intermediates = below - 1
        if certificate.path_length is not None and intermediates > certificate.path_length:
            fact = f"it allows {certificate.path_length} intermediates below it, and there are {intermediates}"
            message = "x509: too many intermediates for path length constraint"
            yield _problem(ErrorKind.PATH_LENGTH, message, certificate, fact)

    def _date_problems(self, certificate: Certificate) -> Iterator[Problem]:
        text = "x509: certificate has expired or is not yet valid: current time " + rfc3339(self._now)
        fact = f"valid from {rfc3339(certificate.not_before)} to {rfc3339(certificate.not_after)}"
        if self._now < certificate.not_before:
            message = f"{text} is before {rfc3339(certificate.not_before)}"
            yield _problem(ErrorKind.NOT_YET_VALID, message, certificate, fact)
        elif self._now > certificate.not_after:
            message = f"{text} is after {rfc3339(certificate.not_after)}"
            yield _problem(ErrorKind.EXPIRED, message, certificate, fact)

    def _candidates(self, child: Certificate) -> Iterator[tuple[Certificate, bool]]:
        for candidate in self._roots.issuers_of(child):
            yield candidate, True
        for candidate in self._intermediates.issuers_of(child):
            yield candidate, False

    def _extend(self, chain: Chain) -> tuple[list[Chain], Problem | None]:
        """The chains that go on from here, or why there are none.

        Of the reasons Go gives that of the last candidate that did sign, else that no authority is known, with the
        first candidate's failure as a hint.
        """
        child = chain[-1]
        if self._waivers.covers(ErrorKind.UNKNOWN_AUTHORITY, child):
            return [chain], None
        found: list[Chain] = []
        problem: Problem | None = None
        hint: tuple[str, Certificate] | None = None
        for candidate, is_root in self._candidates(child):
            self._checks += 1
            if self._checks > _MOST_SIGNATURE_CHECKS:
                message = "x509: signature check attempts limit reached while verifying certificate chain"
                problem = _problem(ErrorKind.SIGNATURE_LIMIT, message, child, "too many candidates of the same name")
                break
            unfit = self._unfit(chain, candidate)
            if unfit is None:
                continue
            if unfit:
                hint = hint or (unfit, candidate)
                continue
            problem = self.problem_of(candidate, len(chain), is_root=is_root)
            if problem is None and is_root:
                found.append((*chain, candidate))
            elif problem is None:
                longer, problem = self._extend((*chain, candidate))
                found += longer
        if found:
            return found, None
        return [], problem or self._unknown_authority(child, hint)

    def _unfit(self, chain: Chain, candidate: Certificate) -> str | None:
        """Why `candidate` did not sign the end of the chain, empty if it did; None if it is passed over in silence."""
        child = chain[-1]
        try:
            parse_error(candidate)  # those that Go refuses are not in the pools; what matters is what it raises
            if not candidate.key_algorithm or _already_in(chain, candidate):
                return None
            failure = signature_error(child, candidate)
        except Undecided as reason:
            self.undecided = self.undecided or str(reason)
            return None
        # To see what a weak signature hides, it is passed over: re-issued, it would have the same issuer.
        waived = failure.startswith(INSECURE) and self._waivers.covers(ErrorKind.INSECURE_SIGNATURE, child)
        return "" if waived else failure

    def _unknown_authority(self, child: Certificate, hint: tuple[str, Certificate] | None) -> Problem:
        message = "x509: certificate signed by unknown authority"
        if hint is None:
            return Problem(ErrorKind.UNKNOWN_AUTHORITY, message, child, None, tuple(self._why_no_candidate(child)))
        reason, candidate = hint
        shown = candidate.common_name or next(iter(candidate.organizations), f"serial:{candidate.serial}")
        message += (
            f" (possibly because of {quote(reason)} while trying to verify"
            f" candidate authority certificate {quote(shown)})"
        )
        facts = [f"{candidate.subject} has the issuer's name and did not do: {reason.removeprefix('x509: ')}"]
        if child.aki and candidate.ski and child.aki != candidate.ski:
            facts.append(f"it was signed by the key {child.aki}, the candidate's key is {candidate.ski}")
        kind = ErrorKind.INSECURE_SIGNATURE if reason.startswith(INSECURE) else ErrorKind.UNKNOWN_AUTHORITY
        return Problem(kind, message, child, candidate, tuple(Evidence(fact) for fact in facts))

    def _why_no_candidate(self, child: Certificate) -> Iterator[Evidence]:
        yield Evidence(f"no trusted or sent certificate is named {child.issuer}")
        if child.self_issued:
            yield Evidence("it is its own issuer, and is not among the trusted certificates")
        for candidate in (*self._roots.certificates, *self._intermediates.certificates):
            if candidate.subject == child.issuer and candidate.subject_der != child.issuer_der:
                yield Evidence(
                    f"a certificate of the same name is there, with the name encoded otherwise: {child.issuer}"
                )
                return


def _problem(kind: ErrorKind, message: str, certificate: Certificate, fact: str) -> Problem:
    return Problem(kind, message, certificate, None, (Evidence(fact),))


def _already_in(chain: Chain, candidate: Certificate) -> bool:
    """Whether the chain holds the same subject, key and subject alternative names: cross-signed CAs make no loops."""
    for certificate in chain:
        if certificate.subject_der != candidate.subject_der:
            continue
        if certificate.public_key_sha256 != candidate.public_key_sha256:
            continue
        if certificate.has_san != candidate.has_san:
            return False
        if not candidate.has_san or _san_of(certificate.der) == _san_of(candidate.der):
            return True
    return False


@lru_cache(maxsize=4096)
def _san_of(der: bytes) -> bytes:
    extensions = x509.load_der_x509_certificate(der).extensions
    return extensions.get_extension_for_class(x509.SubjectAlternativeName).value.public_bytes()
