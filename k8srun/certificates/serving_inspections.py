"""What the checks look at that are about serving: the aggregation layer, processes not restarted, the kubelets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from k8srun.certificates.case import View, when, who
from k8srun.certificates.inspections import views_of
from k8srun.certificates.inventory import Bundle, Held, Holder, Inventory, inventory
from k8srun.certificates.judges.trust import is_kubelet_made
from k8srun.certificates.requests import KUBELET_SERVING_SIGNER, signing_requests
from k8srun.checks import Check, NotApplicable, Undecided
from k8srun.findings import Evidence, Finding, Severity
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST, CONFIG_MAP
from k8srun.snapshot import Snapshot, resource_name
from k8srun.text import visible

_AUTHENTICATION = ("extension-apiserver-authentication", "kube-system")
_SERVED_FROM = frozenset({Holder.FILE, Holder.SECRET})


def front_proxy_ca(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Keys that the API server trusts both for clients and for who may speak in the name of any user."""
    trusted = _client_and_proxy_authorities(snapshot, inventory(snapshot))
    if not trusted:
        raise Undecided("the CA of clients and the CA of the aggregation layer were not read together")
    for clients, proxies in trusted:
        keys = {item.public_key_sha256: item for item in clients.certificates if item.public_key_sha256}
        for certificate in proxies.certificates:
            shared = keys.get(certificate.public_key_sha256)
            if shared:
                yield check.finding(
                    proxies.place,
                    f"{who(certificate)} signs clients too: each of them could speak in the name of any user",
                    Evidence(f"trusted for the aggregation layer: {who(certificate)}", proxies.place),
                    Evidence(f"trusted for clients, with the same key: {who(shared)}", clients.place),
                    key=certificate.subject,
                )


def front_proxy_name(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Client certificates of the aggregation layer whose common name the API server's own flag does not allow."""
    found = inventory(snapshot)
    programs = found.program("kube-apiserver")
    if not programs:
        raise Undecided("the API server's flags were not read")
    flagged = [program for program in programs if program.flags.get("proxy-client-cert-file")]
    if not flagged:
        raise NotApplicable("the API server is told no client certificate for aggregated APIs")
    shown = [(program, found.file(program.flags["proxy-client-cert-file"], program.host)) for program in flagged]
    read = [(program, bundle) for program, bundle in shown if bundle and bundle.certificates]
    if not read:
        raise Undecided("the client certificate of the aggregation layer was not read")
    for program, bundle in read:
        leaf, given = bundle.certificates[0], program.flags.get("requestheader-allowed-names", "")
        allowed = [name.strip() for name in given.split(",") if name.strip()]
        # Without any name every certificate of the CA is accepted.
        if allowed and leaf.common_name not in allowed:
            name = visible(leaf.common_name, limit=120) or "without a name"
            yield check.finding(
                bundle.place,
                f"aggregated APIs refuse it: it is {name}, and allowed is {visible(', '.join(allowed), limit=200)}",
                Evidence(f"--requestheader-allowed-names={visible(given, limit=200)}", program.place),
                Evidence(who(leaf), bundle.place),
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
    served = inventory(snapshot).of_role("kubelet-server")
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


def _client_and_proxy_authorities(snapshot: Snapshot, found: Inventory) -> list[tuple[Bundle, Bundle]]:
    """What is trusted for clients beside what is trusted for the aggregation layer: by flags, else as published."""
    pairs = [
        (
            found.file(flags.get("client-ca-file", ""), host),
            found.file(flags.get("requestheader-client-ca-file", ""), host),
        )
        for flags, host in ((program.flags, program.host) for program in found.program("kube-apiserver"))
    ]
    published = snapshot.find(CONFIG_MAP, *_AUTHENTICATION)
    if published and not any(clients and proxies for clients, proxies in pairs):
        place = resource_name(CONFIG_MAP, published)
        pairs = [(found.at(f"{place}, client-ca-file"), found.at(f"{place}, requestheader-client-ca-file"))]
    return [(clients, proxies) for clients, proxies in pairs if clients and proxies]


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
