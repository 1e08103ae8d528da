"""Causes of a server's certificate that is not valid for the name it is reached by."""

from __future__ import annotations

import ipaddress

from k8srun.certificates.case import Case, Judgement, View, confirmed, issuer, names, ruled_out, undecided, who
from k8srun.certificates.verification import ErrorKind
from k8srun.findings import Evidence
from k8srun.text import visible
from k8srun.x509 import Certificate

# What a certificate of the program holds whatever the cluster is called: by this one sees who really answers.
_APISERVER_NAMES = frozenset({"kubernetes", "kubernetes.default", "kubernetes.default.svc"})
_FOREIGN = ("Kubernetes Ingress Controller Fake Certificate", "TRAEFIK DEFAULT CERT", "cattle", "rancher")


def san_missing(case: Case) -> Judgement:
    """The right server's certificate does not hold the name."""
    view = case.server
    if view is None or view.leaf is None:
        return undecided(*_said(case))
    wanted = _wanted(case, view)
    if not _misses(case, view):
        return ruled_out(f"the certificate is valid for {visible(wanted, limit=200)}", view.connection.place)
    for other in (_other_server(case, view), _as_dns_name(view, wanted), _nameless(view.leaf), _kubelet_own(view.leaf)):
        if other:
            return ruled_out(f"what is wrong is more than a name: {other}", view.connection.place)
    return confirmed(
        view.presents(f"valid for {names(view.leaf)}"),
        Evidence(f"reached as {visible(wanted, limit=200)}", _reached_by(view)),
    )


def wrong_endpoint(case: Case) -> Judgement:
    """Another server's certificate is presented at this address."""
    view = case.server
    if view is None or view.leaf is None:
        return undecided(*_said(case))
    other = _other_server(case, view)
    if other:
        return confirmed(view.presents(other), view.presents(f"valid for {names(view.leaf)}"))
    if _is_expected(case, view):
        return ruled_out(f"it is the certificate of the {_expected(view)}: {who(view.leaf)}", view.connection.place)
    return undecided(view.presents(f"{who(view.leaf)}, issued by {issuer(view.leaf)}, answers"))


def ip_as_dns_name(case: Case) -> Judgement:
    """An address that was written as a DNS name: no client looks for it there."""
    view = case.server
    if view is None or view.leaf is None:
        return undecided()
    found = _as_dns_name(view, _wanted(case, view))
    if found:
        return confirmed(view.presents(found))
    return ruled_out("no DNS name of the certificate is an IP address that is wanted", view.connection.place)


def kubelet_serving_self_signed(case: Case) -> Judgement:
    """The kubelet's own certificate, which it makes where nobody gives it one: for its name alone."""
    view = case.server
    if view is None or view.leaf is None:
        return undecided()
    found = _kubelet_own(view.leaf)
    if found:
        return confirmed(view.presents(found))
    return ruled_out(f"issued by {issuer(view.leaf)}, which is no kubelet's own CA", view.connection.place)


def no_san(case: Case) -> Judgement:
    """No subject alternative name at all, or none of the kind that is wanted."""
    view = case.server
    if view is None or view.leaf is None:
        return undecided(*_said(case))
    found, other = _nameless(view.leaf), _other_server(case, view)
    if found and other:
        return ruled_out(f"what is wrong is more than a name: {other}", view.connection.place)
    if found:
        return confirmed(view.presents(found))
    return ruled_out(f"valid for {names(view.leaf)}", view.connection.place)


def etcd_peer_san_missing(case: Case) -> Judgement:
    """etcd checks the address that a peer connects from against the names in the peer's certificate."""
    wanted = case.symptom.wanted
    peers = case.inventory.of_role("etcd-peer")
    if not peers or not wanted:
        return undecided(*_said(case))
    lacking = [held for held in peers if wanted not in (*held.certificate.dns_names, *held.certificate.ip_addresses)]
    if len(lacking) < len(peers):
        having = next(held for held in peers if held not in lacking)
        return ruled_out(f"the peer's certificate is valid for {visible(wanted, limit=200)}", having.place)
    return confirmed(
        *(
            Evidence(f"valid for {names(held.certificate)}, not for {visible(wanted, limit=200)}", held.place)
            for held in lacking
        )
    )


def _wanted(case: Case, view: View) -> str:
    return view.connection.name or case.symptom.wanted


def _misses(case: Case, view: View) -> bool:
    """Whether the wanted name is missing; a name that the connection does not tell is taken from the message."""
    if view.problem(ErrorKind.HOSTNAME):
        return True
    leaf = view.leaf
    if view.connection.name or leaf is None or not case.symptom.wanted:
        return False
    wanted = case.symptom.wanted.lower()
    return wanted not in {*(name.lower() for name in leaf.dns_names), *leaf.ip_addresses}


def _reached_by(view: View) -> str:
    return view.connection.config.label if view.connection.config else view.connection.verifier


def _expected(view: View) -> str:
    return {"kube-apiserver": "API server"}.get(view.connection.presenter, view.connection.presenter or "server")


def _looks_like(leaf: Certificate) -> str:
    """Which program's certificate this is, by what such certificates hold everywhere; empty if it cannot be told."""
    if _APISERVER_NAMES & set(leaf.dns_names) or "apiserver" in leaf.common_name:
        return "kube-apiserver"
    if leaf.common_name.startswith("system:node:") or _kubelet_own(leaf):
        return "kubelet"
    return "etcd" if "etcd" in leaf.common_name or "etcd" in leaf.issuer else ""


def _is_expected(case: Case, view: View) -> bool:
    leaf = view.leaf
    if leaf is None:
        return False
    if _looks_like(leaf) == view.connection.presenter:
        return True
    roles = {held.role for held in case.inventory.held if held.certificate == leaf and held.role}
    return view.connection.role in roles or (view.trusted is True and not _looks_like(leaf))


def _other_server(case: Case, view: View) -> str:
    """Whose certificate it is, if it is not that of the program which is expected here; empty if it may be its own."""
    leaf, expected = view.leaf, view.connection.presenter
    if leaf is None or expected not in {"kube-apiserver", "kubelet", "etcd"} or _is_expected(case, view):
        return ""
    looks = _looks_like(leaf)
    if looks:
        return f"{who(leaf)} is the certificate of a {looks}, where a {expected} is expected"
    if any(word in f"{leaf.subject} {leaf.issuer}" for word in _FOREIGN):
        return f"{who(leaf)} is the default certificate of an ingress controller or proxy"
    if view.trusted is False and view.problem(ErrorKind.HOSTNAME):
        return f"{who(leaf)} is neither for this name nor signed by the CA that is trusted here"
    return ""


def _as_dns_name(view: View, wanted: str) -> str:
    if view.leaf is None or not _is_address(wanted) or wanted in view.leaf.ip_addresses:
        return ""
    return f"the DNS names hold the address {wanted}" if wanted in view.leaf.dns_names else ""


def _nameless(leaf: Certificate) -> str:
    if leaf.dns_names or leaf.ip_addresses:
        return ""
    return f"no subject alternative name; the common name is {visible(leaf.common_name, limit=200) or 'empty'}"


def _kubelet_own(leaf: Certificate) -> str:
    head, at, digits = leaf.issuer.rpartition("@")
    own = at and digits.isdigit() and len(digits) >= 9 and head.startswith("CN=")
    return f"issued by {issuer(leaf)}, as a kubelet names the CA it makes for itself" if own else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _said(case: Case) -> tuple[Evidence, ...]:
    """What the message itself tells of the names."""
    found = []
    if case.symptom.valid_for:
        found.append(Evidence(f"valid for {', '.join(case.symptom.valid_for[:12])}", "the message"))
    if case.symptom.wanted:
        found.append(Evidence(f"reached as {case.symptom.wanted}", "the message"))
    if _APISERVER_NAMES & set(case.symptom.valid_for):
        found.append(Evidence("the names are those of an API server", "the message"))
    return tuple(found)
