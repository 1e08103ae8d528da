"""Without any message: what fails in a snapshot, found by trying every connection as Go would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from k8srun.certificates.case import Case, View, World
from k8srun.certificates.diagnosis import diagnose_case, nothing_found, with_others
from k8srun.certificates.judges.clients import pending_requests
from k8srun.certificates.judges.files import key_pairs, missing_files, pem_swapped
from k8srun.certificates.judges.proxies import proxy_clients
from k8srun.certificates.messages import Symptom, read
from k8srun.certificates.roles import CLIENT, ROLES, SERVER
from k8srun.certificates.wrappers import Side, Wrapper
from k8srun.diagnosis import CauseStatus, Diagnosis
from k8srun.snapshot import GapReason
from k8srun.text import visible
from k8srun.tls import HandshakeOutcome, TlsObservation

_RANK = {role.id: number for number, role in enumerate(ROLES)}
_SWAPPED = "tls: PEM inputs may have been switched"
_SAID = {
    HandshakeOutcome.PLAIN_HTTP: "http: server gave HTTP response to HTTPS client",
    HandshakeOutcome.NOT_TLS: "tls: first record does not look like a TLS handshake",
    HandshakeOutcome.INCOMPATIBLE: "remote error: tls: protocol version not supported",
    HandshakeOutcome.CLOSED: "EOF",
    HandshakeOutcome.RESET: "EOF",
    HandshakeOutcome.REFUSED: "EOF",
    HandshakeOutcome.TIMEOUT: "EOF",
    HandshakeOutcome.UNREACHABLE: "EOF",
    HandshakeOutcome.UNRESOLVED: "EOF",
}


def survey(world: World) -> Diagnosis:
    """The most harmful fault, and after its causes what else is confirmed; or that nothing was found."""
    found = tuple(diagnose_case(case) for case in cases(world))
    telling = [diagnosis for diagnosis in found if diagnosis.confirmed] or list(found)
    if not telling:
        return nothing_found(world)
    return with_others(telling[0], telling[1:])


def cases(world: World) -> Iterator[Case]:
    """What fails, as the message that it would give: observed connections first, then by how much hangs on them."""
    failing = [view for view in world.views if view.fails]
    for view in world.views:
        said = _failed_attempt(view)
        if said:
            case = _case(world, view, said)
            yield replace(case, symptom=replace(case.symptom, line=_attempt(view) or case.symptom.line))
    for view in sorted(failing, key=_harm):
        yield _case(world, view, view.problems[0].message)
    yield from _refusals(world)
    yield from _of_files(world)


def _failed_attempt(view: View) -> str:
    """What Go would say of an attempt that did not come to a certificate, or after it to an end."""
    seen = view.connection.observation
    if seen is None or view.connection.usage != SERVER or view.fails:
        return ""
    if seen.outcome is HandshakeOutcome.ALERT:
        return f"remote error: tls: {seen.alert}" if _concerns_certificates(seen) else ""
    return _SAID.get(seen.outcome, "")


def _attempt(view: View) -> str:
    """What came of an attempt that never reached TLS, in its own words: Go's would only say `EOF`."""
    seen = view.connection.observation
    if seen is None or _SAID.get(seen.outcome) != "EOF":
        return ""
    return f"no TLS connection to {seen.address}: {seen.outcome}"


def _concerns_certificates(seen: TlsObservation) -> bool:
    """A probe without a certificate is refused by whoever demands one: that tells nothing of a client that has one."""
    return bool(seen.client_certificate) or seen.alert not in {"certificate required", "bad certificate"}


def _case(world: World, view: View, message: str) -> Case:
    symptom = replace(read(message) or Symptom("x509-malformed", message, message), spoken=False)
    connection = view.connection
    address = connection.observation.host if connection.observation else connection.name
    wrapper = replace(symptom.wrapper, host=address, port=connection.port)
    if connection.usage == CLIENT:
        # The server judges a client's certificate, and its log says so; the client sees a 401 or an alert.
        inner = (symptom.family, *symptom.also)
        symptom = replace(symptom, family="x509-client-rejected", also=inner)
        return Case(world, replace(symptom, wrapper=replace(wrapper, side=Side.SERVER)), None, view)
    return Case(world, replace(symptom, wrapper=replace(wrapper, side=Side.CLIENT)), view, None)


def _harm(view: View) -> tuple[bool, bool, bool, int]:
    """The least is the most harmful."""
    connection = view.connection
    current = bool(connection.config and connection.config.current)
    rank = _RANK.get(connection.role, len(_RANK))
    return connection.observation is None, not current, connection.usage == CLIENT, rank


def _refusals(world: World) -> Iterator[Case]:
    """The API server answered 401: the credential of the context that was used."""
    refused = next((gap for gap in world.snapshot.gaps if gap.reason is GapReason.UNAUTHORIZED), None)
    if refused is None:
        return
    message = f"error: You must be logged in to the server (Unauthorized) {refused.where}".strip()
    symptom = read(message)
    clients = [view for view in world.views if view.connection.usage == CLIENT and view.connection.config]
    if symptom:
        yield Case(world, replace(symptom, spoken=False), None, clients[0] if clients else None)


def _of_files(world: World) -> Iterator[Case]:
    """Faults that need no connection: pairs that do not fit, content that cannot be read, requests that wait."""
    if pem_swapped(_plain(world, _SWAPPED)).status is CauseStatus.CONFIRMED:
        yield _plain(world, _SWAPPED)
    pair = next((pair for pair in key_pairs(world.inventory) if pair.matches is False), None)
    if pair:
        yield _plain(world, f"tls: private key does not match public key {pair.certificate.path}")
    if any(bundle.broken for bundle in world.inventory.bundles):
        yield _plain(world, "x509: malformed certificate")
        yield _plain(world, "tls: failed to find any PEM data in certificate input")
    refused = next((item.certificate.refused for item in world.inventory.held if item.certificate.refused), "")
    if refused:
        yield _plain(world, refused)
    clients = proxy_clients(world.inventory)
    denied = next((one.leaf.common_name for one in clients if not one.is_allowed), None)
    if denied is not None:
        yield _plain(world, f"x509: subject with cn={visible(denied, limit=120)} is not in the allowed list")
    if next(iter(missing_files(world.snapshot, world.inventory)), None):
        yield _plain(world, "tls: failed to find any PEM data in certificate input")
    waiting = _plain(world, "no serving certificate available for the kubelet")
    if pending_requests(waiting):
        yield waiting


def _plain(world: World, message: str) -> Case:
    symptom = read(message)
    if symptom is None:
        raise AssertionError(f"the catalogue must know its own message: {message}")
    return Case(world, replace(symptom, wrapper=Wrapper(), spoken=False))
