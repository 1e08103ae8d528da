"""Causes of a chain that does not end at a trusted certificate.

Such a chain has one fault. The tests below stand in the order in which one excludes the next, so that of all these
causes one at most is confirmed and the evidence rules the others out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from k8srun.certificates.case import Case, Judgement, View, confirmed, issued_by, issuer, ruled_out, undecided, who
from k8srun.certificates.inventory import Held
from k8srun.findings import Evidence
from k8srun.text import visible
from k8srun.x509 import Certificate, certificates_of

Facts = tuple[Evidence, ...]
# The authority that a kubelet makes for itself: `NODE-ca@1700000000`, and its certificate `NODE@1700000000`.
_KUBELET_OWN = re.compile(r"@\d{9,}$")


@dataclass(frozen=True, slots=True)
class Failure:
    """A chain without a trusted end: `top` is where it breaks off, `roots` are what is trusted."""

    case: Case
    view: View
    top: Certificate
    roots: tuple[Certificate, ...]

    @property
    def namesakes(self) -> tuple[Certificate, ...]:
        """The trusted certificates that have the missing issuer's name, byte for byte."""
        return tuple(root for root in self.roots if root.subject_der == self.top.issuer_der)

    @property
    def signers(self) -> tuple[Held, ...]:
        """Where the certificate lives that did sign, as far as the snapshot holds it."""
        return self.case.inventory.issuers_of(self.top)


@dataclass(frozen=True, slots=True)
class _Test:
    """`finds` gives the evidence that this is the fault, or nothing; `otherwise` says why it is not."""

    cause: str
    finds: Callable[[Failure], Facts]
    otherwise: Callable[[Failure], str]


def failure_of(case: Case, view: View) -> Failure | None:
    """How the chain of a view fails to end at a trusted certificate; None if it does not, or that is not known."""
    if view.trusted is not False or view.top is None or view.trust is None:
        return None
    return Failure(case, view, view.top, view.trust.certificates)


def judge_trust(cause: str) -> Callable[[Case], Judgement]:
    """The judge of one of the causes that are tested here, on the server's certificate."""
    otherwise = next(test.otherwise for test in _TESTS if test.cause == cause)

    def judge(case: Case) -> Judgement:
        view = case.server
        if view is None or view.leaf is None:
            return undecided()
        if view.trusted:
            return ruled_out("this certificate is signed by a CA that is trusted there", view.trusts("").where)
        failure = failure_of(case, view)
        found, facts = _fault(failure) if failure else ("", ())
        if failure is None or not found:
            signature = ", signed with its own key" if view.leaf.self_signed else ""
            return undecided(view.presents(f"issued by {issuer(view.leaf)}{signature}"))
        if found == cause:
            return confirmed(*facts)
        if cause == "intermediate-not-sent" and found == "wrong-ca-bundle" and not failure.signers:
            return undecided(Evidence(f"nothing at hand tells whether {issuer(failure.top)} is an intermediate"))
        return ruled_out(otherwise(failure), view.connection.place)

    return judge


def _fault(failure: Failure) -> tuple[str, Facts]:
    return next(((test.cause, facts) for test in _TESTS if (facts := test.finds(failure))), ("", ()))


def _not_configured(failure: Failure) -> Facts:
    trust = failure.view.trust
    if trust is None or trust.configured:
        return ()
    issued = failure.view.presents(f"the certificate is issued by {issuer(failure.top)}")
    return (failure.view.trusts("no CA is configured"), issued)


def _weak(failure: Failure) -> Facts:
    return tuple(
        failure.view.presents(f"{who(item)} is signed with {item.signature_algorithm}")
        for item in failure.view.connection.chain
        if is_weakly_signed(item) and not item.self_issued
    )


def is_weakly_signed(certificate: Certificate) -> bool:
    """Whether its signature is made with a digest that Go and today's OpenSSL refuse."""
    return any(digest in certificate.signature_algorithm for digest in ("SHA1", "MD5", "MD2"))


def is_kubelet_made(certificate: Certificate) -> bool:
    """Whether its issuer is named as the CA that a kubelet makes for itself and keeps from everybody."""
    return _KUBELET_OWN.search(certificate.issuer) is not None


def _kubelet_own(failure: Failure) -> Facts:
    if not is_kubelet_made(failure.top):
        return ()
    return (failure.view.presents(f"issued by {issuer(failure.top)}, as a kubelet names the CA it makes for itself"),)


def _self_signed(failure: Failure) -> Facts:
    leaf = failure.view.leaf
    if leaf is None or failure.top != leaf or not leaf.self_signed:
        return ()
    return (
        failure.view.presents(f"{who(leaf)} is signed with its own key"),
        failure.view.trusts("it is not among the trusted certificates"),
    )


def _leaf_as_ca(failure: Failure) -> Facts:
    view, roots = failure.view, failure.namesakes or failure.roots
    if not roots or any(root.is_ca or root.self_issued for root in roots):
        return ()
    place = view.trusts("").where
    elsewhere = (other for root in roots for other in failure.case.inventory.places(root, besides=place))
    return (
        *(view.trusts(f"trusted as a CA: {who(root)}, which is none (issued by {issuer(root)})") for root in roots[:3]),
        *(Evidence("the same certificate", other) for other in list(dict.fromkeys(elsewhere))[:3]),
        *_signed_by(failure),
    )


def _cannot_sign(failure: Failure) -> Facts:
    found = []
    for root in failure.namesakes:
        if root.version == 3 and not root.is_ca:
            found.append(failure.view.trusts(f"{who(root)} lacks CA:TRUE in its basic constraints"))
        elif root.key_usages and "keyCertSign" not in root.key_usages:
            usages = ", ".join(root.key_usages)
            found.append(failure.view.trusts(f"{who(root)} may not sign certificates; its key usages: {usages}"))
    return tuple(found)


def _name_encoding(failure: Failure) -> Facts:
    wanted = failure.top.issuer_der
    return tuple(
        failure.view.trusts(
            f"{who(root)} reads like the issuer's name, but its bytes differ: "
            f"{root.subject_der.hex()[:80]}, not {wanted.hex()[:80]}"
        )
        for root in failure.roots
        if root.subject_der != wanted and root.subject == failure.top.issuer
    )


def _intermediate(failure: Failure) -> Facts:
    for held in failure.signers:
        above = held.certificate
        root = next((root for root in failure.roots if root != above and issued_by(above, root)), None)
        if root:
            return (
                failure.view.presents(f"issued by {issuer(failure.top)}, which is not sent with it"),
                Evidence(f"{who(above)} is an intermediate, signed by {who(root)}", held.place),
                failure.view.trusts(f"{who(root)} is trusted"),
            )
    return ()


def _damaged(failure: Failure) -> Facts:
    return tuple(
        failure.view.trusts(f"{who(root)} has the key that the certificate names (AKI {root.ski}); the signature fails")
        for root in failure.namesakes
        if root.ski and root.ski == failure.top.aki
    )


def _of_another_cluster(failure: Failure) -> Facts:
    """The trusted CA is one that a kubeconfig has for another server: no rebuilt CA, but another cluster's."""
    own = failure.view.connection.config
    return tuple(
        Evidence(f"{who(root)} is the CA of another cluster, {visible(cluster.server, limit=200)}", file.place)
        for file in failure.case.world.snapshot.files
        for cluster in (file.kubeconfig.clusters if own and file.kubeconfig else ())
        for root in certificates_of(cluster.ca)
        if own and cluster.server != own.cluster.server and root in failure.namesakes
    )


def _rebuilt(failure: Failure) -> Facts:
    if not failure.namesakes:
        return ()
    trusted = (
        f"trusted is a {who(root)} with another key: SKI {root.ski or 'none'}, valid from {root.not_before:%Y-%m-%d}"
        for root in failure.namesakes
    )
    issued = f"the certificate is issued by {issuer(failure.top)} with AKI {failure.top.aki or 'none'}"
    return (*map(failure.view.trusts, trusted), failure.view.presents(issued), *_signed_by(failure))


def _wrong_bundle(failure: Failure) -> Facts:
    if not failure.roots:
        return ()
    trusted = ", ".join(map(who, failure.roots[:4]))
    issued = failure.view.presents(f"the certificate is issued by {issuer(failure.top)}")
    return (failure.view.trusts(f"trusted: {trusted}"), issued, *_signed_by(failure))


def _signed_by(failure: Failure) -> Facts:
    return tuple(
        Evidence(f"the CA that did sign it: {who(held.certificate)}, SKI {held.certificate.ski or 'none'}", held.place)
        for held in failure.signers[:2]
    )


def _other_signatures(failure: Failure) -> str:
    used = dict.fromkeys(item.signature_algorithm for item in failure.view.connection.chain)
    return f"the signatures use {', '.join(used)}"


def _other_issuer(failure: Failure) -> str:
    return f"it is issued by {issuer(failure.top)}"


def _other_trusted(failure: Failure) -> str:
    return f"trusted: {', '.join(map(who, failure.roots[:3])) or 'nothing'}"


def _no_intermediate(failure: Failure) -> str:
    if failure.signers:
        return "the issuer's certificate is at hand, and no trusted CA signed it"
    return f"a trusted certificate has the issuer's name, {issuer(failure.top)}"


def _namesake(failure: Failure) -> str:
    have = "has" if failure.namesakes else "lacks"
    return f"what is trusted {have} the issuer's name, {issuer(failure.top)}"


_TESTS: tuple[_Test, ...] = (
    _Test("ca-not-configured", _not_configured, lambda failure: f"a CA is configured: {failure.view.trusts('').where}"),
    _Test("weak-signature", _weak, _other_signatures),
    _Test("kubelet-serving-self-signed", _kubelet_own, _other_issuer),
    _Test("self-signed", _self_signed, _other_issuer),
    _Test("leaf-as-ca", _leaf_as_ca, _other_trusted),
    _Test(
        "ca-cannot-sign", _cannot_sign, lambda _: "no trusted certificate of the issuer's name lacks the right to sign"
    ),
    _Test("ca-name-encoding", _name_encoding, lambda _: "no trusted name reads like the issuer's with other bytes"),
    _Test("intermediate-not-sent", _intermediate, _no_intermediate),
    _Test("signature-damaged", _damaged, lambda _: "no trusted certificate has the key that the certificate names"),
    _Test("wrong-ca-bundle", _of_another_cluster, _namesake),
    _Test("ca-rebuilt", _rebuilt, _namesake),
    _Test("wrong-ca-bundle", _wrong_bundle, _namesake),
)
