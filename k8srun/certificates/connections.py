"""Who shows which certificate to whom: every TLS connection of a cluster that a snapshot lets one judge.

A connection joins what one side presents with what the other side trusts, wherever the two were read: an observed
handshake with a kubeconfig, etcd's file with the API server's flag, a webhook's Secret with its caBundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from k8srun.certificates.callers import Caller, ca_bundle_of, callers
from k8srun.certificates.connection import Connection, KubeconfigUse, Trust
from k8srun.certificates.inventory import Bundle, Holder, Inventory
from k8srun.certificates.roles import (
    BY_ID,
    CERTIFICATE_FLAGS,
    CLIENT,
    PAIRINGS,
    PORTS,
    SERVER,
    SERVING_ROLES,
    Pairing,
)
from k8srun.certificates.shapes import at, mapping, text
from k8srun.certificates.wrappers import address_of
from k8srun.hostfiles import HostFile
from k8srun.kinds import CONFIG_MAP
from k8srun.pem import PemBlock
from k8srun.snapshot import Snapshot, resource_name
from k8srun.tls import TlsObservation
from k8srun.x509 import Certificate, certificates_of


def connections(snapshot: Snapshot, inventory: Inventory) -> tuple[Connection, ...]:
    """Every connection that can be judged, or whose attempt was observed; those of the current context first."""
    uses = tuple(use for file in snapshot.files if file.kubeconfig for use in _uses(file))
    found = [
        *(item for use in uses for item in _to_apiserver(use, snapshot, inventory)),
        *_unclaimed(snapshot, inventory, uses),
        *(item for use in uses for item in _as_client(use, snapshot, inventory)),
        *(item for pairing in PAIRINGS for item in _paired(pairing, inventory)),
        *_to_kubelets(inventory),
        *(item for caller in callers(snapshot) for item in _called(caller, snapshot, inventory)),
    ]
    return tuple(sorted(found, key=lambda item: not (item.config and item.config.current)))


def _uses(file: HostFile) -> Iterator[KubeconfigUse]:
    config = file.kubeconfig
    if config is None:
        return
    joined = set()
    for context in config.contexts:
        cluster, user = config.resolve(context.name)
        if cluster:
            joined.add(cluster.name)
            yield KubeconfigUse(file, context.name, cluster, user, context.name == config.current_context)
    for cluster in config.clusters:
        if cluster.name not in joined:
            yield KubeconfigUse(file, "", cluster, None)


def _observed_by(use: KubeconfigUse, snapshot: Snapshot) -> Iterator[TlsObservation]:
    address = address_of(use.cluster.server)
    for seen in snapshot.endpoints:
        if (seen.host.lower(), seen.port) == address and seen.server_name in {"", use.cluster.tls_server_name}:
            yield seen


def _trust_of(use: KubeconfigUse, inventory: Inventory) -> Trust | None:
    place = f"{use.file.place}, cluster {use.cluster.name}"
    bundle = inventory.at(place)
    if bundle is None or use.cluster.insecure_skip_tls_verify:
        return None
    return Trust(bundle, configured=bool(bundle.blocks or bundle.error or use.cluster.ca_path))


def _to_apiserver(use: KubeconfigUse, snapshot: Snapshot, inventory: Inventory) -> Iterator[Connection]:
    """The server's side of what a kubeconfig connects to: as observed, else from the file that it is served from."""
    host, port = address_of(use.cluster.server)
    common = Connection(
        SERVER,
        presenter="kube-apiserver",
        verifier=_program_of(use),
        trust=_trust_of(use, inventory),
        name=use.cluster.tls_server_name or host,
        port=port,
        role="apiserver",
        config=use,
    )
    seen = tuple(_observed_by(use, snapshot))
    for observation in seen:
        yield _observed(common, observation)
    if not seen and _of_this_cluster(use):
        for held in inventory.of_role("apiserver", use.file.host):
            yield replace(common, chain=held.bundle.certificates, place=held.place)


def _unclaimed(snapshot: Snapshot, inventory: Inventory, uses: Iterable[KubeconfigUse]) -> Iterator[Connection]:
    """Endpoints that no kubeconfig leads to; they are held against the cluster's own CA if that is at hand."""
    addresses = {address_of(use.cluster.server) for use in uses}
    called = {_target(caller)[0] for caller in callers(snapshot)}
    for seen in snapshot.endpoints:
        if (seen.host.lower(), seen.port) in addresses or seen.name.lower() in called:
            continue
        program = PORTS.get(seen.port, "")
        role = SERVING_ROLES.get(program, "")
        authorities = inventory.of_role(BY_ID[role].issuer) if role else ()
        yield Connection(
            SERVER,
            presenter=program,
            verifier="",
            chain=_presented(seen),
            place=f"endpoint {seen.address}",
            trust=Trust(authorities[0].bundle) if authorities else None,
            name=seen.name,
            port=seen.port,
            role=role,
            observation=seen,
        )


def _as_client(use: KubeconfigUse, snapshot: Snapshot, inventory: Inventory) -> Iterator[Connection]:
    """The client's side of a kubeconfig: its certificate before the API server's client CA."""
    if use.user is None or not (_of_this_cluster(use) or any(_observed_by(use, snapshot))):
        return
    place = f"{use.file.place}, user {use.user.name}"
    bundle = inventory.at(place)
    program = _program_of(use)
    yield Connection(
        CLIENT,
        presenter=program,
        verifier="kube-apiserver",
        chain=bundle.certificates if bundle else (),
        place=place,
        trust=_client_ca(snapshot, inventory),
        port=address_of(use.cluster.server)[1],
        role=bundle.role if bundle else "",
        observation=next(_observed_by(use, snapshot), None),
        config=use,
    )


def _client_ca(snapshot: Snapshot, inventory: Inventory) -> Trust | None:
    """The CAs whose clients the API server accepts: its flag's file, else what it publishes."""
    for program in inventory.program("kube-apiserver"):
        bundle = inventory.file(program.flags.get("client-ca-file", ""), program.host)
        if bundle:
            return Trust(bundle)
    published = snapshot.find(CONFIG_MAP, "extension-apiserver-authentication", "kube-system")
    if published and text(at(published, "data", "client-ca-file")):
        place = f"{resource_name(CONFIG_MAP, published)}, client-ca-file"
        bundle = inventory.at(place)
        return Trust(bundle) if bundle else None
    authorities = inventory.of_role("ca")
    return Trust(authorities[0].bundle) if authorities else None


def _paired(pairing: Pairing, inventory: Inventory) -> Iterator[Connection]:
    """What two programs of the control plane show each other, by their flags, host by host."""
    for presenter in inventory.program(pairing.presenter):
        for verifier in inventory.program(pairing.verifier, presenter.host):
            shown = inventory.file(presenter.flags.get(pairing.certificate, ""), presenter.host)
            authority = inventory.file(verifier.flags.get(pairing.authority, ""), verifier.host)
            if shown is None or authority is None:
                continue
            urls = (verifier.flags.get(pairing.names) or presenter.flags.get(pairing.names) or "").split(",")
            for host, port in dict.fromkeys(map(address_of, urls)) if pairing.names else (("", 0),):
                yield Connection(
                    pairing.usage,
                    pairing.presenter,
                    pairing.verifier,
                    shown.certificates,
                    shown.place,
                    Trust(authority),
                    host or _own_name(pairing, presenter.host),
                    port,
                    CERTIFICATE_FLAGS.get((pairing.presenter, pairing.certificate), ""),
                )


def _own_name(pairing: Pairing, host: str) -> str:
    return host if pairing.usage == SERVER else ""


def _to_kubelets(inventory: Inventory) -> Iterator[Connection]:
    """The kubelets' serving certificates; the API server verifies them only if it is told a CA for that."""
    told = (
        inventory.file(program.flags.get("kubelet-certificate-authority", ""), program.host)
        for program in inventory.program("kube-apiserver")
    )
    authority = next((bundle for bundle in told if bundle), None)
    for held in inventory.of_role("kubelet-server"):
        yield Connection(
            SERVER,
            presenter="kubelet",
            verifier="kube-apiserver",
            chain=held.bundle.certificates,
            place=held.place,
            trust=Trust(authority) if authority else None,
            name=held.bundle.host,
            port=10250,
            role="kubelet-server",
        )


def _called(caller: Caller, snapshot: Snapshot, inventory: Inventory) -> Iterator[Connection]:
    """What the apiserver sees of a webhook or aggregated API: the Secret that its service serves from."""
    host, port = _target(caller)
    blocks = ca_bundle_of(caller.config)
    common = Connection(
        SERVER,
        presenter="webhook",
        verifier="kube-apiserver",
        trust=Trust(Bundle(Holder.CA_BUNDLE, f"{caller.place}, caBundle", blocks), configured=bool(blocks)),
        name=host,
        port=port,
        caller=caller,
    )
    seen = tuple(item for item in snapshot.endpoints if item.name.lower() == host)
    for observation in seen:
        yield _observed(common, observation)
    if not seen:
        served = _served_by(text(at(caller.config, "service", "namespace")), host, inventory)
        yield replace(common, chain=served.certificates if served else (), place=served.place if served else "")


def _target(caller: Caller) -> tuple[str, int]:
    """Host and port that the apiserver dials: of a service, its DNS name and its port, 443 unless it says another."""
    service = mapping(caller.config.get("service"))
    if not service:
        return address_of(text(caller.config.get("url")))
    port = service.get("port")
    return f"{text(service.get('name'))}.{text(service.get('namespace'))}.svc", port if isinstance(port, int) else 443


def _observed(connection: Connection, seen: TlsObservation) -> Connection:
    return replace(connection, chain=_presented(seen), place=f"endpoint {seen.address}", observation=seen)


def _served_by(namespace: str, host: str, inventory: Inventory) -> Bundle | None:
    """The TLS Secret of the service's namespace that is made for its name; with one alone, that one."""
    prefix = f"Secret {namespace}/"
    secrets = [
        bundle
        for bundle in inventory.bundles
        if bundle.holder is Holder.SECRET and bundle.place.startswith(prefix) and bundle.place.endswith(", tls.crt")
    ]
    named = [bundle for bundle in secrets if any(host in item.dns_names for item in bundle.certificates[:1])]
    return named[0] if named else (secrets[0] if len(secrets) == 1 else None)


def _presented(seen: TlsObservation) -> tuple[Certificate, ...]:
    return certificates_of(PemBlock("CERTIFICATE", der=der) for der in seen.presented)


def _of_this_cluster(use: KubeconfigUse) -> bool:
    """Whether the kubeconfig is a control-plane node's own, so that the node's PKI is what it meets."""
    return use.file.path.startswith(("/etc/kubernetes/", "/var/lib/"))


def _program_of(use: KubeconfigUse) -> str:
    """Which program uses a kubeconfig, by where it stands; people's are kubectl's."""
    role = BY_ID.get(use.file.path.rpartition("/")[2])
    return role.program if role and role.path == use.file.path else "kubectl"


def same_service(caller: Caller, service: str, namespace: str) -> bool:
    """Whether a caller calls this service."""
    given = mapping(caller.config.get("service"))
    return (text(given.get("name")), text(given.get("namespace"))) == (service, namespace)
