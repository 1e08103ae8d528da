"""Causes that have nothing to do with a certificate: no TLS, another scheme, something in between."""

from __future__ import annotations

from k8srun.certificates.case import Case, Judgement, confirmed, ruled_out, undecided
from k8srun.certificates.entry import Stage
from k8srun.findings import Evidence
from k8srun.kubeconfig import KubeconfigCluster
from k8srun.tls import HandshakeOutcome, TlsObservation

_NOBODY = frozenset(
    {
        HandshakeOutcome.CLOSED,
        HandshakeOutcome.RESET,
        HandshakeOutcome.REFUSED,
        HandshakeOutcome.TIMEOUT,
        HandshakeOutcome.UNREACHABLE,
        HandshakeOutcome.UNRESOLVED,
    }
)


def plain_http(case: Case) -> Judgement:
    """The port answers TLS with HTTP, or with something else that is not TLS."""
    seen = _seen(case)
    if seen is None:
        return undecided()
    if seen.outcome is HandshakeOutcome.PLAIN_HTTP:
        return confirmed(Evidence("answers a TLS greeting in plain HTTP", f"endpoint {seen.address}"))
    if seen.outcome is HandshakeOutcome.NOT_TLS:
        return undecided(Evidence(f"answers, but not in TLS: {seen.detail}", f"endpoint {seen.address}"))
    return ruled_out(_came_to(seen), f"endpoint {seen.address}")


def http_scheme(case: Case) -> Judgement:
    """The kubeconfig's server begins with http:// (or with nothing, which kubectl takes for http)."""
    cluster = _cluster(case)
    if cluster is None:
        said = case.symptom.wrapper.url
        return undecided(*((Evidence(f"the client uses {said}", "the message"),) if said.startswith("http:") else ()))
    if cluster.server.startswith("https://"):
        return ruled_out(f"the kubeconfig says {cluster.server}", _place(case))
    return confirmed(Evidence(f"the kubeconfig says {cluster.server or 'no server'}", _place(case)))


def proxy_answered(case: Case) -> Judgement:
    """Something between answers: the address itself, without a proxy, gives another answer than the client got."""
    cluster, seen = _cluster(case), _seen(case)
    through = f"the kubeconfig goes through the proxy {cluster.proxy_url}" if cluster and cluster.proxy_url else ""
    if seen and seen.outcome is HandshakeOutcome.PLAIN_HTTP:
        return ruled_out("the address itself gave this answer, without a proxy", f"endpoint {seen.address}")
    if seen and seen.outcome is HandshakeOutcome.COMPLETED and case.symptom.entry.stage is Stage.CONNECTION:
        speaks = Evidence("the address itself speaks TLS, without a proxy", f"endpoint {seen.address}")
        return confirmed(speaks, Evidence(through, _place(case))) if through else undecided(speaks)
    return undecided(*((Evidence(through, _place(case)),) if through else ()))


def connection_closed(case: Case) -> Judgement:
    """Nobody shakes hands behind the address."""
    seen = _seen(case)
    if seen is None:
        return undecided()
    if seen.outcome in _NOBODY:
        return confirmed(
            Evidence(f"{seen.outcome}{f': {seen.detail}' if seen.detail else ''}", f"endpoint {seen.address}")
        )
    return ruled_out(_came_to(seen), f"endpoint {seen.address}")


def protocol_version(case: Case) -> Judgement:
    """The handshake ends at the version or the cipher."""
    seen = _seen(case)
    if seen is None:
        return undecided()
    if seen.outcome is HandshakeOutcome.INCOMPATIBLE or seen.alert == "protocol version not supported":
        return confirmed(Evidence(seen.detail or str(seen.outcome), f"endpoint {seen.address}"))
    if seen.protocol:
        return ruled_out(f"{seen.protocol} was negotiated", f"endpoint {seen.address}")
    return undecided()


def _seen(case: Case) -> TlsObservation | None:
    view = case.server or case.client
    return view.connection.observation if view else None


def _cluster(case: Case) -> KubeconfigCluster | None:
    view = case.server or case.client
    return view.connection.config.cluster if view and view.connection.config else None


def _place(case: Case) -> str:
    view = case.server or case.client
    return view.connection.config.label if view and view.connection.config else ""


def _came_to(seen: TlsObservation) -> str:
    if seen.outcome is HandshakeOutcome.COMPLETED:
        return f"a TLS handshake completed ({seen.protocol})"
    return f"the attempt ended with: {seen.outcome}{f' ({seen.alert})' if seen.alert else ''}"
