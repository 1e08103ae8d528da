"""What the checks look at that are about serving: the aggregation layer, processes not restarted, the kubelets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from k8srun.certificates.case import View, when, who
from k8srun.certificates.inspections import views_of
from k8srun.certificates.inventory import Held, Holder, inventory
from k8srun.certificates.judges.proxies import authorities, proxy_clients, shared
from k8srun.certificates.judges.trust import is_kubelet_made
from k8srun.certificates.requests import KUBELET_SERVING_SIGNER, signing_requests
from k8srun.checks import Check, NotApplicable, Undecided
from k8srun.findings import Evidence, Finding, Severity
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.snapshot import Snapshot, resource_name
from k8srun.text import visible

KUBELET = 10250
"""The port at which kubelets listen."""
_SERVED_FROM = frozenset({Holder.FILE, Holder.SECRET})


def front_proxy_ca(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Keys that the API server trusts both for clients and for who may speak in the name of any user."""
    trusted = authorities(snapshot, inventory(snapshot))
    if not trusted:
        raise Undecided("the CA of clients and the CA of the aggregation layer were not read together")
    for clients, proxies in trusted:
        for proxy, client in shared(clients, proxies):
            yield check.finding(
                proxies.place,
                f"{who(proxy)} signs clients too: each of them could speak in the name of any user",
                Evidence(f"trusted for the aggregation layer: {who(proxy)}", proxies.place),
                Evidence(f"trusted for clients, with the same key: {who(client)}", clients.place),
                key=proxy.subject,
            )


def front_proxy_name(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Client certificates of the aggregation layer whose common name the API server's own flag does not allow."""
    found = inventory(snapshot)
    programs = found.program("kube-apiserver")
    if not programs:
        raise Undecided("the API server's flags were not read")
    if not any(program.flags.get("proxy-client-cert-file") for program in programs):
        raise NotApplicable("the API server is told no client certificate for aggregated APIs")
    read = proxy_clients(found)
    if not read:
        raise Undecided("the client certificate of the aggregation layer was not read")
    for one in read:
        if not one.is_allowed:
            given = visible(", ".join(one.allowed), limit=200)
            name = visible(one.leaf.common_name, limit=120) or "without a name"
            yield check.finding(
                one.bundle.place,
                f"aggregated APIs refuse it: it is {name}, and allowed is {given}",
                Evidence(f"--requestheader-allowed-names={given}", one.program.place),
                Evidence(who(one.leaf), one.bundle.place),
            )


def not_reloaded(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Endpoints that present what was renewed where they serve it from."""
    held = [item for item in inventory(snapshot).held if item.bundle.holder in _SERVED_FROM and not item.position]
    pairs = {
        view.connection.address: (view, same)
        for view in views_of(snapshot, now)
        for same in [_same_certificate(view, held)]
        if same
    }
    if not pairs:
        raise Undecided("no endpoint was seen together with the file that it serves its certificate from")
    for address, (view, same) in pairs.items():
        leaf = view.leaf
        newest = max(same, key=lambda item: item.certificate.not_after)
        if leaf and all(item.certificate != leaf for item in same) and newest.certificate.not_after > leaf.not_after:
            yield check.finding(
                f"endpoint {address}",
                f"it still presents a certificate until {when(leaf.not_after)}, older than the one in its file",
                Evidence(f"served: {who(leaf)}, serial number {leaf.serial_hex}", f"endpoint {address}"),
                Evidence(
                    f"to be served: until {when(newest.certificate.not_after)},"
                    f" serial number {newest.certificate.serial_hex}",
                    newest.place,
                ),
            )


def kubelet_serving(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Kubelets whose certificate no client can verify, or who wait for one."""
    waiting = [
        request
        for request in signing_requests(snapshot)
        if request.signer == KUBELET_SERVING_SIGNER and request.is_open
    ]
    found = inventory(snapshot)
    seen = (found.at(f"endpoint {endpoint.address}") for endpoint in snapshot.endpoints if endpoint.port == KUBELET)
    presented = [Held(bundle.certificates[0], bundle) for bundle in seen if bundle and bundle.certificates]
    served = [*found.of_role("kubelet-server"), *presented]
    if not waiting and not served:
        raise Undecided("no kubelet's serving certificate was read")
    for held in served:
        if held.certificate.self_issued or is_kubelet_made(held.certificate):
            yield check.finding(
                held.place,
                "it is the kubelet's own, signed by nobody whom a client knows, as kubeadm leaves it by default",
                Evidence(f"{who(held.certificate)}, issued by {visible(held.certificate.issuer)}", held.place),
                Evidence("who verifies it (metrics-server, --kubelet-certificate-authority) refuses it; else the"
                         " connection to the kubelet is not protected against who stands between"),
            )  # fmt: skip
    for request in waiting:
        place = resource_name(CERTIFICATE_SIGNING_REQUEST, request.item)
        yield check.finding(
            place,
            f"{visible(request.username, limit=120)} waits for its serving certificate: nobody approves it by itself",
            Evidence(
                f"signer {request.signer}, created {visible(request.created, limit=40) or 'at no known time'}", place
            ),
            severity=Severity.MEDIUM,
            remediation="Compare its names with the node's, then approve it: k8srun csr list, k8srun csr approve NAME",
        )


def _same_certificate(view: View, held: list[Held]) -> list[Held]:
    """What is on disk for an observed endpoint: same role, same subject, and valid for all that is served.

    Another control-plane node behind the same address has a certificate of the same subject with names of its own.
    """
    leaf = view.leaf
    if leaf is None or view.connection.observation is None:
        return []
    served = {*leaf.dns_names, *leaf.ip_addresses}
    return [
        item
        for item in held
        if item.role == view.connection.role
        and item.certificate.subject_der == leaf.subject_der
        and served <= {*item.certificate.dns_names, *item.certificate.ip_addresses}
    ]
