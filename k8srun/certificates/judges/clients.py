"""Causes of a client that the server does not accept: its certificate, its token, the kubelet's own credentials."""

from __future__ import annotations

from k8srun.certificates.case import Case, Judgement, View, confirmed, issuer, ruled_out, undecided, when, who
from k8srun.certificates.judges.trust import failure_of
from k8srun.certificates.roles import BY_ID
from k8srun.certificates.shapes import at, entries, text
from k8srun.findings import Evidence
from k8srun.hostfiles import Topic
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.snapshot import Need, object_key
from k8srun.text import plural

KUBELET_SERVING = "kubernetes.io/kubelet-serving"


def client_certificate_of_another_ca(case: Case) -> Judgement:
    """No CA that the server accepts signed the client's certificate."""
    view = case.client
    if view is None or view.leaf is None:
        return undecided(*_refused_certificate(case))
    if view.trusted:
        return ruled_out("it is signed by a CA that the server accepts", view.trusts("").where)
    failure = failure_of(case, view)
    if failure is None:
        return _by_advertised_names(case, view)
    leaf, signers = view.leaf, failure.signers[:2]
    accepted = ", ".join(who(root) for root in failure.roots[:4]) or "none"
    same = " (the same name, another key: rebuilt, or another cluster's)" if failure.namesakes else ""
    return confirmed(
        view.presents(f"{who(leaf)} is issued by {issuer(leaf)}, AKI {leaf.aki or 'none'}"),
        view.trusts(f"accepted: {accepted}{same}"),
        *(Evidence(f"the CA that did sign it: {who(held.certificate)}", held.place) for held in signers),
    )


def client_certificate_not_sent(case: Case) -> Judgement:
    """The kubeconfig gives its user no certificate."""
    view = case.client
    user = view.connection.config.user if view and view.connection.config else None
    if view is not None and view.leaf is not None:
        return ruled_out(f"there is a client certificate: {who(view.leaf)}", view.connection.place)
    if view is None or user is None:
        return undecided()
    return confirmed(view.presents(f"the user's credential: {user.credential}; no client certificate"))


def kubelet_client_certificate_expired(case: Case) -> Judgement:
    """Rotation stopped: the kubelet was off, or cut off, when its certificate ended."""
    held = case.inventory.of_role("kubelet.conf")
    if not held:
        return undecided(*_refused_certificate(case))
    expired = [item for item in held if item.certificate.not_after < case.now]
    if expired:
        return confirmed(
            *(
                Evidence(f"{who(item.certificate)} ended at {when(item.certificate.not_after)}", item.place)
                for item in expired
            )
        )
    return ruled_out(f"it is valid until {when(held[0].certificate.not_after)}", held[0].place)


def kubelet_bootstrap_missing(case: Case) -> Judgement:
    """Neither kubelet.conf nor bootstrap-kubelet.conf leads anywhere."""
    files = list(case.world.snapshot.files_of(Topic.KUBECONFIG))
    if not files:
        return undecided()
    bootstrap = next((file for file in files if file.path.endswith("/bootstrap-kubelet.conf")), None)
    if bootstrap:
        return ruled_out("there is a bootstrap kubeconfig", bootstrap.place)
    usable = [item for item in case.inventory.of_role("kubelet.conf") if item.certificate.not_after >= case.now]
    if usable:
        return ruled_out("the kubelet's certificate is valid, so that it needs no bootstrap", usable[0].place)
    expired = case.inventory.of_role("kubelet.conf")
    if expired:
        return ruled_out("it would only be needed because the kubelet's certificate has expired", expired[0].place)
    return confirmed(Evidence(f"no bootstrap-kubelet.conf beside {files[0].path}", files[0].host))


def kubelet_serving_csr_pending(case: Case) -> Judgement:
    """Nothing in Kubernetes approves requests for kubelets' serving certificates by itself."""
    snapshot = case.world.snapshot
    if Need.objects(CERTIFICATE_SIGNING_REQUEST) not in snapshot.observed:
        return undecided(Evidence("the certificate signing requests were not read"))
    waiting = pending_requests(case)
    if waiting:
        return confirmed(
            *(
                Evidence(f"{name} of {user} waits for approval", f"CertificateSigningRequest {name}")
                for name, user in waiting[:10]
            )
        )
    return ruled_out("no request for a kubelet's serving certificate waits for approval")


def pending_requests(case: Case) -> list[tuple[str, str]]:
    """Name and requester of each kubelet-serving request that is neither approved nor denied."""
    return [
        (object_key(item)[1], text(at(item, "spec", "username")))
        for item in case.world.snapshot.of(CERTIFICATE_SIGNING_REQUEST)
        if text(at(item, "spec", "signerName")) == KUBELET_SERVING
        and not {text(entry.get("type")) for entry in entries(at(item, "status", "conditions"))}
        & {"Approved", "Denied"}
    ]


def _by_advertised_names(case: Case, view: View) -> Judgement:
    """The server says in the handshake which CAs it accepts; by name alone, so that it can only speak against."""
    leaf, seen = view.leaf, view.connection.observation
    if leaf is None or seen is None or not seen.client_ca_names:
        return undecided(*((view.presents(f"issued by {issuer(leaf)}"),) if leaf else ()))
    known = {held.certificate.subject_der: who(held.certificate) for held in case.inventory.held}
    advertised = ", ".join(known.get(der, "one that is not at hand") for der in seen.client_ca_names[:4])
    if any(item.issuer_der in seen.client_ca_names for item in view.connection.chain):
        return undecided(Evidence("the server accepts a CA of the issuer's name, maybe with another key", seen.address))
    return confirmed(
        view.presents(f"{who(leaf)} is issued by {issuer(leaf)}"),
        Evidence(
            f"the server accepts {plural(len(seen.client_ca_names), 'CA')}: {advertised}", f"endpoint {seen.address}"
        ),
    )


def _refused_certificate(case: Case) -> tuple[Evidence, ...]:
    """What the API server's log says of the certificate, and whose it is."""
    symptom = case.symptom
    if not symptom.serial:
        return ()
    found = [held for held in case.inventory.held if str(held.certificate.serial) == symptom.serial]
    role = BY_ID.get(found[0].role) if found else None
    owner = f": {role.title}" if role else ""
    return (
        Evidence(f"refused: serial number {symptom.serial}, AKI {symptom.aki or 'none'}", "the message"),
        *(Evidence(f"it is {who(held.certificate)}{owner}", held.place) for held in found[:2]),
    )
