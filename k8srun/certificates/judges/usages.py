"""Causes that lie in what a certificate or its CA is allowed to do, and in clients that are stricter than Go."""

from __future__ import annotations

from collections.abc import Callable

from k8srun.certificates.case import Case, Judgement, View, confirmed, ruled_out, undecided, who
from k8srun.certificates.verification import ErrorKind, Problem
from k8srun.findings import Evidence
from k8srun.x509 import Certificate

_BASIC_CONSTRAINTS = "2.5.29.19"


def key_usage_wrong(case: Case) -> Judgement:
    """The server's leaf was issued for something else than serving."""
    return _usage_of_leaf(case.server, "serverAuth")


def client_certificate_usage(case: Case) -> Judgement:
    """The client's leaf was issued for something else than being a client."""
    return _usage_of_leaf(case.client, "clientAuth")


def ca_usage_wrong(case: Case) -> Judgement:
    """A CA of the chain is limited to usages without the one that is needed."""
    view = case.server or case.client
    if view is None or view.leaf is None:
        return undecided()
    problem = view.problem(ErrorKind.INCOMPATIBLE_USAGE)
    if problem is None:
        return ruled_out("the CAs of the chain may issue for this use", view.connection.place)
    if _lacks(view.leaf, _needed(view)):
        return ruled_out(f"what lacks the usage is the certificate itself: {who(view.leaf)}", view.connection.place)
    return confirmed(*_facts(problem, view))


def etcd_client_usage_missing(case: Case) -> Judgement:
    """etcd's gateway shows the server's certificate as a client: it must be good for both."""
    held = case.inventory.of_role("etcd-server")
    if not held:
        return undecided()
    lacking = [item for item in held if _lacks(item.certificate, "clientAuth")]
    if not lacking:
        return ruled_out("etcd's server certificate is good for clients too", held[0].place)
    return confirmed(
        *(Evidence(f"usages: {_usages(item.certificate)}, without clientAuth", item.place) for item in lacking)
    )


def by_kind(kind: ErrorKind, fine: str) -> Callable[[Case], Judgement]:
    """The judge of a cause that Go's error names by itself. `fine` is what holds when it is ruled out."""

    def judge(case: Case) -> Judgement:
        view = case.server or case.client
        if view is None or view.leaf is None:
            return undecided()
        problem = view.problem(kind)
        return confirmed(*_facts(problem, view)) if problem else ruled_out(fine, view.connection.place)

    return judge


def issuer_mismatch(case: Case) -> Judgement:
    """Something is sent along that issued nothing of the chain."""
    view = case.server or case.client
    if view is None or view.leaf is None:
        return undecided()
    chain = view.connection.chain
    strangers = [
        item for item in chain[1:] if not any(other.issuer_der == item.subject_der for other in chain if other != item)
    ]
    if not strangers:
        return ruled_out("everything that is sent along issued something of the chain", view.connection.place)
    return confirmed(*(view.presents(f"{who(item)} is sent, and issued none of the others") for item in strangers))


def strict_verifier(case: Case) -> Judgement:
    """Go accepts the chain, and it lacks what stricter clients demand."""
    view = case.server
    if view is None or view.leaf is None:
        return undecided()
    if view.fails:
        return ruled_out(f"Go refuses the chain too: {view.problems[0].message}", view.connection.place)
    lacking = [fact for item in (*view.connection.chain, *view.chain_roots) for fact in _unusual(item)]
    if not lacking:
        return ruled_out("the chain has everything that a strict client demands", view.connection.place)
    return confirmed(*(view.presents(fact) for fact in dict.fromkeys(lacking)), Evidence("Go accepts the chain"))


def weak_key(case: Case) -> Judgement:
    """An RSA key of the chain is shorter than today's clients take."""
    view = case.server or case.client
    if view is None or view.leaf is None:
        return undecided()
    weak = [item for item in (*view.connection.chain, *view.chain_roots) if is_short(item)]
    if not weak:
        return ruled_out("every key of the chain is long enough", view.connection.place)
    return confirmed(*(view.presents(f"{who(item)} has a key of type {item.key_type}") for item in weak))


def is_short(certificate: Certificate) -> bool:
    """Whether its key is RSA of less than 2048 bits (NIST SP 800-131A)."""
    kind, _, size = certificate.key_type.partition(" ")
    return kind in {"RSA", "DSA"} and size.isdigit() and int(size) < 2048


def _usage_of_leaf(view: View | None, needed: str) -> Judgement:
    if view is None or view.leaf is None:
        return undecided()
    if _lacks(view.leaf, needed):
        return confirmed(view.presents(f"{who(view.leaf)} is for {_usages(view.leaf)}, without {needed}"))
    return ruled_out(f"it is for {_usages(view.leaf)}", view.connection.place)


def _needed(view: View) -> str:
    return f"{view.connection.usage}Auth"


def _lacks(certificate: Certificate, usage: str) -> bool:
    usages = certificate.extended_key_usages
    return bool(usages) and not {usage, "any", "anyExtendedKeyUsage"} & set(usages)


def _usages(certificate: Certificate) -> str:
    return ", ".join(certificate.extended_key_usages) or "any use"


def _facts(problem: Problem, view: View) -> tuple[Evidence, ...]:
    return (view.presents(who(problem.certificate)), *problem.evidence)


def _unusual(certificate: Certificate) -> list[str]:
    """What RFC 5280 demands and Go does not. Source: OpenSSL `check_extensions`, X509_V_FLAG_X509_STRICT."""
    found = []
    if not certificate.aki and not certificate.self_issued:
        found.append(f"{who(certificate)} has no authority key identifier")
    if certificate.is_ca and not certificate.key_usages:
        found.append(f"{who(certificate)} is a CA without key usages")
    if certificate.is_ca and (_BASIC_CONSTRAINTS, True) not in certificate.extensions:
        found.append(f"{who(certificate)} is a CA whose basic constraints are not critical")
    if certificate.is_ca and not certificate.ski:
        found.append(f"{who(certificate)} is a CA without a subject key identifier")
    return found
