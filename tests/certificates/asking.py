"""A small PKI, and one question as the tests of verification ask it."""

from __future__ import annotations

from k8srun.certificates.verification import ErrorKind, Verification, verify
from tests.certificates import der
from tests.certificates.model import CLIENT_AUTH, NOW, Entry, authority, key, leaf

HOST = "kubernetes.default.svc"


def ca(number: int = 0) -> Entry:
    return authority("kubernetes", key("P-256", number))


def server(issuer: Entry | None) -> Entry:
    return leaf("kube-apiserver", key("P-256", 3), issuer, der.dns(HOST), der.ip(bytes((10, 96, 0, 1))))


def client(issuer: Entry) -> Entry:
    return leaf("kubernetes-admin", key("P-256", 3), issuer, usages=(CLIENT_AUTH,))


def apiserver() -> Entry:
    names = (
        der.dns("kubernetes"),
        der.dns("*.example.com"),
        der.ip(bytes((10, 96, 0, 1))),
        der.ip(bytes(15) + b"\x01"),
    )
    return leaf("kube-apiserver", key("P-256"), authority("kubernetes", key("RSA")), *names)


def admin() -> Entry:
    entry = leaf("kubernetes-admin", key("RSA", 1), authority("kubernetes", key("RSA")), usages=(CLIENT_AUTH,))
    entry.subject = der.name((der.ORGANIZATION, "kubeadm:cluster-admins"), (der.COMMON_NAME, "kubernetes-admin"))
    return entry


def check(
    end: Entry, *roots: Entry, sent: tuple[Entry, ...] = (), name: str = HOST, usage: str = "server"
) -> Verification:
    return verify(
        end.certificate(),
        roots=[root.certificate() for root in roots],
        intermediates=[entry.certificate() for entry in sent],
        name=name,
        usage=usage,
        now=NOW,
    )


def kinds(answer: Verification) -> list[ErrorKind]:
    return [problem.kind for problem in answer.problems]


def facts(answer: Verification) -> str:
    return "\n".join(fact.fact for problem in answer.problems for fact in problem.evidence)
