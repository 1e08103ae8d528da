"""The aggregation layer: whom the API server, and every server behind it, believes to speak in another's name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k8srun.certificates.case import Case, Judgement, confirmed, ruled_out, undecided, who
from k8srun.certificates.components import Component
from k8srun.certificates.inventory import Bundle, Inventory
from k8srun.findings import Evidence
from k8srun.kinds import CONFIG_MAP
from k8srun.snapshot import Snapshot, resource_name
from k8srun.text import visible
from k8srun.x509 import Certificate

AUTHENTICATION = ("extension-apiserver-authentication", "kube-system")
"""The ConfigMap in which the API server publishes both CAs."""


@dataclass(frozen=True, slots=True)
class ProxyClient:
    """What an API server shows to aggregated APIs, and the names that it tells them to accept; none = every name."""

    program: Component
    bundle: Bundle
    allowed: tuple[str, ...]

    @property
    def leaf(self) -> Certificate:
        return self.bundle.certificates[0]

    @property
    def is_allowed(self) -> bool:
        return not self.allowed or self.leaf.common_name in self.allowed


def proxy_clients(found: Inventory) -> tuple[ProxyClient, ...]:
    """The client certificates of the aggregation layer that were read, by the API servers' flags."""
    return tuple(
        ProxyClient(program, bundle, _names(program.flags.get("requestheader-allowed-names", "")))
        for program in found.program("kube-apiserver")
        if (bundle := found.file(program.flags.get("proxy-client-cert-file", ""), program.host)) and bundle.certificates
    )


def authorities(snapshot: Snapshot, found: Inventory) -> list[tuple[Bundle, Bundle]]:
    """What is trusted for clients beside what is trusted for the aggregation layer: by flags, else as published."""
    pairs = [
        (
            found.file(flags.get("client-ca-file", ""), host),
            found.file(flags.get("requestheader-client-ca-file", ""), host),
        )
        for flags, host in ((program.flags, program.host) for program in found.program("kube-apiserver"))
    ]
    published = snapshot.find(CONFIG_MAP, *AUTHENTICATION)
    if published and not any(clients and proxies for clients, proxies in pairs):
        place = resource_name(CONFIG_MAP, published)
        pairs = [(found.at(f"{place}, client-ca-file"), found.at(f"{place}, requestheader-client-ca-file"))]
    return [(clients, proxies) for clients, proxies in pairs if clients and proxies]


def shared(clients: Bundle, proxies: Bundle) -> Iterator[tuple[Certificate, Certificate]]:
    """Of two bundles the certificates with one key: of the aggregation layer, of the clients."""
    keys = {item.public_key_sha256: item for item in clients.certificates if item.public_key_sha256}
    for certificate in proxies.certificates:
        if certificate.public_key_sha256 in keys:
            yield certificate, keys[certificate.public_key_sha256]


def front_proxy_ca_shared(case: Case) -> Judgement:
    """Any client's certificate is then taken for the aggregation layer's, and its name held against the list."""
    pairs = authorities(case.world.snapshot, case.inventory)
    found = [(clients, proxies, one) for clients, proxies in pairs for one in shared(clients, proxies)]
    if found:
        clients, proxies, (proxy, client) = found[0]
        return confirmed(
            Evidence(f"trusted for the aggregation layer: {who(proxy)}", proxies.place),
            Evidence(f"trusted for clients, with the same key: {who(client)}", clients.place),
        )
    if pairs:
        return ruled_out("the CA of the aggregation layer signs no clients", pairs[0][1].place)
    return undecided()


def front_proxy_name_not_allowed(case: Case) -> Judgement:
    """The API server itself is not on the list that it hands out."""
    shown = proxy_clients(case.inventory)
    refused = [one for one in shown if not one.is_allowed]
    if refused:
        return confirmed(
            *(
                Evidence(
                    f"it is {visible(one.leaf.common_name, limit=120) or 'without a name'}, and allowed is"
                    f" {visible(', '.join(one.allowed), limit=200)}",
                    one.bundle.place,
                )
                for one in refused
            )
        )
    if shown:
        return ruled_out("the aggregation layer's client certificate has a name that is allowed", shown[0].bundle.place)
    return undecided()


def _names(given: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",") if name.strip())
