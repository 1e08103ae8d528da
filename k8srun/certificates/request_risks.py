"""What approving a CertificateSigningRequest would risk: who would become whom, for how long, and what is unusual.

Source of the signers' rules: Kubernetes' "Certificates and Certificate Signing Requests"; of the users and groups:
the default ClusterRoleBindings, and kubeadm's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from k8srun.certificates.requests import (
    CLIENT_SIGNER,
    KUBELET_CLIENT_SIGNER,
    KUBELET_SERVING_SIGNER,
    LEGACY_SIGNER,
    SigningRequest,
)
from k8srun.findings import Severity
from k8srun.text import plural, visible
from k8srun.x509 import Certificate, CertificateRequest

MASTERS = "system:masters"
NODES = "system:nodes"
_NODE_USER = "system:node:"
_ACCOUNT_USER = "system:serviceaccount:"
# Who may do as good as everything.
_MIGHTY_GROUPS = {
    MASTERS: "may do everything: the API server asks no authorizer, and nothing but another CA takes it back",
    "kubeadm:cluster-admins": "is bound to cluster-admin by kubeadm",
}
_MIGHTY_USERS = {
    "system:kube-controller-manager": "may read every Secret and issue tokens of every ServiceAccount",
}
_COMMON_USAGES = {"digital signature", "key encipherment"}
_SIGNING_USAGES = {"cert sign", "crl sign", "signing", "any"}
_EXPECTED_USAGES = {
    CLIENT_SIGNER: _COMMON_USAGES | {"client auth"},
    KUBELET_CLIENT_SIGNER: _COMMON_USAGES | {"client auth"},
    KUBELET_SERVING_SIGNER: _COMMON_USAGES | {"server auth"},
}
LONG = timedelta(days=366)
_SHORTEST_RSA = 2048


@dataclass(frozen=True, slots=True)
class Risk:
    """One thing to know before a request is approved.

    Attributes:
        id: stable: `masters`, `mighty-user`, `node`, `system-user`, `system-group`, `other-subject`, `no-user`,
            `signer`, `usages`, `names`, `lifetime`, `key-reuse`, `weak-key`, `not-signed`, `unreadable`, `authority`.
        severity: how much harm it can do; what is critical must be allowed by name.
        subject: what it is about, and the name by which it is allowed: a user, a group, a signer.
        message: a sentence.
    """

    id: str
    severity: Severity
    subject: str
    message: str


def risks(
    request: SigningRequest,
    others: Iterable[SigningRequest] = (),
    certificates: Iterable[Certificate] = (),
    nodes: Mapping[str, Collection[str]] | None = None,
) -> tuple[Risk, ...]:
    """What is to be known of a request, the worst first; empty when nothing about it is unusual.

    Args:
        others: the other requests of the cluster, to recognise a key that is used twice.
        certificates: those that exist already, likewise.
        nodes: the names and addresses of each node, as far as they are known.
    """
    asked = request.request
    if asked is None:
        return (Risk("unreadable", Severity.CRITICAL, "request", f"what is asked for cannot be read: {request.error}"),)
    found = (
        *_of_groups(request, asked),
        *_of_user(request, asked),
        *_of_request(request, asked),
        *_of_signer(request, asked),
        *_of_names(request, asked, nodes or {}),
        *_of_key(request, asked, others, certificates),
    )
    return tuple(sorted(found, key=lambda risk: -risk.severity.rank))


def _of_groups(request: SigningRequest, asked: CertificateRequest) -> Iterator[Risk]:
    for group in dict.fromkeys(asked.organizations):
        shown = visible(group, limit=120)
        if group in _MIGHTY_GROUPS:
            yield Risk("masters", Severity.CRITICAL, group, f"the group {shown} {_MIGHTY_GROUPS[group]}")
        elif group.startswith("system:") and group != NODES:
            yield Risk("system-group", Severity.HIGH, group, f"{shown} is one of the cluster's own groups")


def _of_user(request: SigningRequest, asked: CertificateRequest) -> Iterator[Risk]:
    user, shown = asked.common_name, visible(asked.common_name, limit=120)
    if not user:
        yield Risk("no-user", Severity.MEDIUM, "CN", "it names no user (no CN): the API server takes it for nobody")
    elif user in _MIGHTY_USERS:
        yield Risk("mighty-user", Severity.CRITICAL, user, f"{shown} {_MIGHTY_USERS[user]}")
    elif user.startswith(_NODE_USER) or NODES in asked.organizations:
        yield from _of_node(request, asked)
    elif user.startswith(_ACCOUNT_USER):
        yield Risk("system-user", Severity.CRITICAL, user, f"{shown} is a ServiceAccount: the holder would be it, past"
                   " the tokens that can be revoked")  # fmt: skip
    elif user.startswith("system:"):
        yield Risk("system-user", Severity.HIGH, user, f"{shown} is one of the cluster's own users")
    if user and user != request.username and not _is_bootstrapping(request):
        by = visible(request.username, limit=120) or "nobody that the object names"
        severity = Severity.LOW if MASTERS in request.groups else Severity.MEDIUM
        yield Risk("other-subject", severity, user, f"{by} asks for a certificate of {shown}")


def _of_node(request: SigningRequest, asked: CertificateRequest) -> Iterator[Risk]:
    user, shown = asked.common_name, visible(asked.common_name, limit=120)
    by = visible(request.username, limit=120) or "nobody that the object names"
    of_kubelet = request.signer in {KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER}
    if (of_kubelet and request.username == user) or _is_bootstrapping(request):
        return  # the kubelet itself: that is what these signers are for
    why = "may read the Secrets of the pods on its node"
    if request.username != user:
        why += f", and it is not the node that asks but {by}"
    yield Risk("node", Severity.HIGH, user or NODES, f"{shown or 'whoever holds it'} is a node: it {why}")


def _is_bootstrapping(request: SigningRequest) -> bool:
    """Whether it is the first request of a new node: by its bootstrap token, to the signer that is there for that."""
    by_token = "system:bootstrappers" in request.groups and request.username.startswith("system:bootstrap:")
    return by_token and request.signer == KUBELET_CLIENT_SIGNER and request.user.startswith(_NODE_USER)


def _of_request(request: SigningRequest, asked: CertificateRequest) -> Iterator[Risk]:
    for reason in asked.unreadable:
        said = visible(reason, limit=200)
        # The API server may read it: a group that stands there would be granted unseen.
        yield Risk("unreadable", Severity.CRITICAL, "request", f"a part of it cannot be read: {said}")
    if not asked.is_signed:
        yield Risk(
            "not-signed", Severity.HIGH, "request", "it is not signed with its own key: the key may be another's"
        )
    if asked.is_ca or "keyCertSign" in asked.key_usages:
        yield Risk("authority", Severity.HIGH, "CA", "it asks to become a CA itself")
    if 0 < asked.key_bits < _SHORTEST_RSA:
        yield Risk("weak-key", Severity.MEDIUM, asked.key_type, f"its key is short: {asked.key_type}")
    seconds = request.expiration_seconds
    if not seconds:
        yield Risk("lifetime", Severity.MEDIUM, "expirationSeconds", "it says no expirationSeconds: the certificate is"
                   " valid for as long as the signer decides, a year by default")  # fmt: skip
    elif seconds > LONG.total_seconds():
        days = seconds // 86400
        yield Risk("lifetime", Severity.LOW, "expirationSeconds", f"it asks for {plural(days, 'day')}")


def _of_signer(request: SigningRequest, asked: CertificateRequest) -> Iterator[Risk]:
    signer, shown = request.signer, visible(request.signer, limit=120)
    expected = _EXPECTED_USAGES.get(signer)
    if signer == LEGACY_SIGNER:
        yield Risk("signer", Severity.HIGH, signer, f"{shown} signs for any usage and any name, with the cluster's CA")
    elif expected is None:
        yield Risk("signer", Severity.LOW, signer, f"{shown or 'no signer'} is none of Kubernetes' own: what its"
                   " certificates are good for, its controller decides")  # fmt: skip
    unusual = [
        usage for usage in request.usages if usage not in (expected or _COMMON_USAGES | {"client auth", "server auth"})
    ]
    if unusual:
        named = ", ".join(visible(usage, limit=40) for usage in unusual)
        severity = Severity.HIGH if _SIGNING_USAGES & set(unusual) else Severity.MEDIUM
        yield Risk("usages", severity, named, f"it asks for unusual usages: {named}")
    if expected and not expected - _COMMON_USAGES <= set(request.usages):
        wanted = ", ".join(sorted(expected - _COMMON_USAGES))
        yield Risk("usages", Severity.LOW, wanted, f"without the usage {wanted} the signer refuses it")


def _of_names(
    request: SigningRequest, asked: CertificateRequest, nodes: Mapping[str, Collection[str]]
) -> Iterator[Risk]:
    if request.signer in {CLIENT_SIGNER, KUBELET_CLIENT_SIGNER} and asked.names:
        named = ", ".join(visible(name, limit=80) for name in asked.names[:5])
        yield Risk("names", Severity.MEDIUM, named, f"a client needs no names, and it asks for {named}")
    if request.signer != KUBELET_SERVING_SIGNER:
        return
    node = asked.common_name.removeprefix(_NODE_USER)
    known = nodes.get(node)
    for name in asked.names:
        shown = visible(name, limit=120)
        if _is_services(name):
            why = f"with {shown} the node could pass itself off as a service"
            yield Risk("names", Severity.HIGH, name, why)
        elif known is not None and name not in known:
            why = f"{shown} is no name or address of the node {visible(node, limit=120)}"
            yield Risk("names", Severity.HIGH, name, why)
        elif known is None and name in asked.dns_names and name != node:
            why = f"{shown} is not the node's name; whether it is an address of it was not seen"
            yield Risk("names", Severity.MEDIUM, name, why)


def _is_services(name: str) -> bool:
    """Whether it is a name by which a Service, the API server's among them, is reached."""
    labels = name.lower().rstrip(".").split(".")
    return labels[0] == "kubernetes" or "svc" in labels


def _of_key(
    request: SigningRequest,
    asked: CertificateRequest,
    others: Iterable[SigningRequest],
    certificates: Iterable[Certificate],
) -> Iterator[Risk]:
    key = asked.public_key_sha256
    itself = (request.name, request.uid)
    same = [
        other
        for other in others
        if other.request and other.request.public_key_sha256 == key and (other.name, other.uid) != itself
    ]
    held = [one for one in certificates if one.public_key_sha256 == key]
    of = [(f"the request {visible(other.name, limit=80)}", other.user, other.for_groups) for other in same]
    of += [
        (f"the certificate of {visible(one.subject, limit=120)}", one.common_name, one.organizations) for one in held
    ]
    for what, user, groups in of:
        alike = (user, set(groups)) == (asked.common_name, set(asked.organizations))
        said = "the same key was used before" if alike else "the same key is another user's too"
        yield Risk("key-reuse", Severity.LOW if alike else Severity.HIGH, "key", f"{said}: {what}")
