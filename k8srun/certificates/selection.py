"""Which of the connections that a snapshot shows a message is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from k8srun.certificates.case import Case, View, World, party_of, view_of
from k8srun.certificates.connection import Connection
from k8srun.certificates.connections import same_service
from k8srun.certificates.entry import Party
from k8srun.certificates.messages import Symptom, read
from k8srun.certificates.roles import CLIENT, PORTS, SERVER
from k8srun.certificates.shapes import at, entries, text
from k8srun.kinds import NODE
from k8srun.snapshot import object_key
from k8srun.tls import HandshakeOutcome

# People's tools: they trust what the kubeconfig or the command line tells them, and nothing else is known of them.
_TOOLS = frozenset({"", "kubectl", "curl", "Python", "openssl", "container runtime"})
_EXCLUDED = -1
# It is the API server that says so, of a client of its own.
_OF_THE_APISERVER = frozenset({"x509-client-rejected", "kubectl-unauthorized"})


def case_of(symptom: Symptom, world: World) -> Case:
    """The message with the likeliest connection of each side that it can be about."""
    party = party_of(symptom)
    server = None if party is Party.CLIENT else _likeliest(symptom, world, SERVER)
    client = None if party is Party.SERVER else _likeliest(symptom, world, CLIENT)
    if party is Party.NONE:
        client = None
    return Case(world, symptom, server, client)


def _likeliest(symptom: Symptom, world: World, usage: str) -> View | None:
    candidates = [view for view in world.views if view.connection.usage == usage]
    nodes = _addresses_of_nodes(world)
    scored = [(score, view) for view in candidates if (score := _score(symptom, view, nodes)) > 0]
    if not scored:
        return None
    best = max(score for score, _ in scored)
    chosen = next(view for score, view in scored if score == best)
    return _as_seen_by(symptom.wrapper.component, chosen, world)


def _as_seen_by(component: str, view: View, world: World) -> View:
    """The view without its trusted bundle where another program complains than the one whose bundle it is."""
    verifier = view.connection.verifier
    if component in _TOOLS or view.connection.usage == CLIENT or verifier in {"", component}:
        return view
    alike = (
        other
        for other in world.views
        if other.connection.verifier == component and other.connection.presenter == view.connection.presenter
    )
    trust = next((other.trust for other in alike if other.trust), None)
    return view_of(replace(view.connection, verifier=component, trust=trust), world.now)


def _score(symptom: Symptom, view: View, nodes: Mapping[str, frozenset[str]]) -> int:
    """How much speaks for a connection: 0 or less means that it is not the one."""
    if _contradicted(symptom, view.connection, nodes):
        return _EXCLUDED
    evidence = (
        (10, _same_service(symptom, view.connection)),
        (10, _same_address(symptom, view.connection, nodes)),
        (8, _same_certificate(symptom, view)),
        (6, _same_date(symptom, view)),
        (5, bool(symptom.valid_for) and _same_names(symptom, view)),
        (3, bool(symptom.wanted) and symptom.wanted.lower() == view.connection.name.lower()),
        (3, _same_program(symptom, view.connection)),
        (2, _says_the_same(symptom, view)),
        (2, view.fails or _attempt_failed(view.connection)),
        (1, view.connection.observation is not None),
        (1, bool(view.connection.config and view.connection.config.current)),
        # The text names another address: only the same certificate or the same failure makes it the same server.
        (-6, _elsewhere(symptom, view.connection, nodes)),
    )
    return sum(points for points, holds in evidence if holds) + 1


def _contradicted(symptom: Symptom, connection: Connection, nodes: Mapping[str, frozenset[str]]) -> bool:
    """Whether the text says that the connection went elsewhere."""
    wrapper = symptom.wrapper
    if wrapper.service:
        return not (connection.caller and same_service(connection.caller, wrapper.service, wrapper.namespace))
    if wrapper.webhook or connection.caller:
        return connection.caller is None or connection.caller.name != wrapper.webhook
    if symptom.family in _OF_THE_APISERVER:
        return connection.verifier != "kube-apiserver"
    if symptom.family.startswith("etcd-"):
        return "etcd" not in {connection.presenter, connection.verifier}
    expected = PORTS.get(wrapper.port, "")
    listens = connection.presenter if connection.usage == SERVER else connection.verifier
    if expected and listens:
        return expected != listens
    ours = wrapper.component in {"kubectl", "curl", "Python", "openssl"}
    return ours and connection.presenter in {"etcd", "kubelet"} and not _same_address(symptom, connection, nodes)


def _same_service(symptom: Symptom, connection: Connection) -> bool:
    wrapper = symptom.wrapper
    if connection.caller is None:
        return False
    by_name = bool(wrapper.webhook) and connection.caller.name == wrapper.webhook
    return by_name or bool(wrapper.service and same_service(connection.caller, wrapper.service, wrapper.namespace))


def _same_address(symptom: Symptom, connection: Connection, nodes: Mapping[str, frozenset[str]]) -> bool:
    host, port = symptom.wrapper.host, symptom.wrapper.port
    if not host:
        return False
    seen = connection.observation
    hosts = {connection.name.lower(), *((seen.host.lower(), seen.server_name.lower()) if seen else ())}
    hosts |= nodes.get(connection.name, frozenset())
    return host in hosts and port in {0, connection.port, seen.port if seen else connection.port}


def _elsewhere(symptom: Symptom, connection: Connection, nodes: Mapping[str, frozenset[str]]) -> bool:
    """Whether the text names another address. A kubelet's file does not tell at which address it serves."""
    if not symptom.wrapper.host or _same_address(symptom, connection, nodes):
        return False
    untold = connection.presenter == "kubelet" and connection.observation is None and connection.name not in nodes
    return not (untold and symptom.wrapper.port == connection.port)


def _addresses_of_nodes(world: World) -> dict[str, frozenset[str]]:
    """Name of a node → its addresses and host names."""
    return {
        object_key(node)[1]: frozenset(
            text(entry.get("address")).lower() for entry in entries(at(node, "status", "addresses"))
        )
        for node in world.snapshot.of(NODE)
    }


def _same_certificate(symptom: Symptom, view: View) -> bool:
    leaf = view.leaf
    return leaf is not None and bool(symptom.serial) and str(leaf.serial) == symptom.serial


def _same_date(symptom: Symptom, view: View) -> bool:
    chain = (*view.connection.chain, *(view.trust.certificates if view.trust else ()))
    return symptom.bound is not None and any(symptom.bound in {item.not_before, item.not_after} for item in chain)


def _same_names(symptom: Symptom, view: View) -> bool:
    leaf = view.leaf
    own = {*leaf.dns_names, *leaf.ip_addresses} if leaf else set()
    return set(symptom.valid_for) <= own


def _same_program(symptom: Symptom, connection: Connection) -> bool:
    component = symptom.wrapper.component
    return bool(component) and component in {connection.verifier, connection.presenter}


def _says_the_same(symptom: Symptom, view: View) -> bool:
    """Whether Go's answer to the connection belongs to the message's family, or to one within the same text."""
    said = {found.family for found in _messages(view)}
    return bool(said & {symptom.family, *symptom.also})


def _messages(view: View) -> Iterable[Symptom]:
    return (found for problem in view.problems if (found := read(problem.message)))


def _attempt_failed(connection: Connection) -> bool:
    seen = connection.observation
    return seen is not None and seen.outcome is not HandshakeOutcome.COMPLETED
