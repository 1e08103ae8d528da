"""Fixes on the server's side: its certificate, its names, its files, its process, its clock."""

from __future__ import annotations

from k8srun.certificates.case import Case
from k8srun.certificates.fixes.commands import (
    CONTROL_PLANE,
    add_tls_san,
    by_hand,
    handshake,
    is_hand_made,
    quote,
    reissue,
    renewal,
    restart,
)
from k8srun.certificates.fixes.webhooks import restart_pods, webhook_certificate
from k8srun.certificates.inventory import Holder
from k8srun.certificates.judges.clients import pending_requests
from k8srun.certificates.roles import BY_ID
from k8srun.diagnosis import Fix
from k8srun.distribution import Distribution
from k8srun.text import visible


def role_of(case: Case) -> str:
    """The role of the certificate that the message is about, as far as connection, date or serial number tell."""
    for view in (case.server, case.client):
        if view and view.connection.role:
            return view.connection.role
    symptom = case.symptom
    found = (
        held.role
        for held in case.inventory.held
        if held.role
        and (
            (symptom.bound and held.certificate.not_after == symptom.bound)
            or str(held.certificate.serial) == symptom.serial
        )
    )
    return next(found, "")


def renew(case: Case) -> Fix:
    """The server's leaf, issued again."""
    role = role_of(case) or "apiserver"
    if case.server and case.server.connection.caller:
        return webhook_certificate(case, "Issue the webhook's certificate again")
    if role == "kubelet-server":
        return approve_kubelet_requests(case)
    summary, commands = renewal(role, case.world.distribution, _path(case, role))
    return Fix(summary, commands, CONTROL_PLANE)


def restart_process(case: Case) -> Fix:
    """The file is renewed already: only the process must read it."""
    role = role_of(case) or "apiserver"
    program = BY_ID[role].program
    if case.server and case.server.connection.caller:
        return Fix(
            "Restart the webhook's pods, so that they read the renewed Secret",
            restart_pods(case),
        )
    return Fix(
        f"Restart {program}: it still serves the certificate it read at its start",
        restart(program, case.world.distribution),
        CONTROL_PLANE,
    )


def restart_apiserver(case: Case) -> Fix:
    """The loopback certificate is made anew at every start."""
    return Fix(
        "Restart kube-apiserver: it makes its loopback certificate at its start, for a year",
        restart("kube-apiserver", case.world.distribution),
        CONTROL_PLANE,
    )


def add_name(case: Case) -> Fix:
    """The name that is missing, added to the certificate where its names come from."""
    view = case.server
    wanted = quote((view.connection.name if view else "") or case.symptom.wanted or "NAME")
    if view and view.connection.caller:
        return webhook_certificate(case, f"Issue the webhook's certificate again with the DNS name {wanted}")
    role = role_of(case) or "apiserver"
    if role == "kubelet-server":
        return approve_kubelet_requests(case)
    distribution = case.world.distribution
    if role == "apiserver" and distribution.name in {"k3s", "RKE2"}:
        return Fix(f"Add {wanted} to tls-san, and restart", add_tls_san(wanted, distribution), CONTROL_PLANE)
    if is_hand_made(distribution, _path(case, role)):
        return _by_hand_with(case, role, wanted)
    if role != "apiserver" or not _kubeadm_like(distribution):
        summary, commands = renewal(role, distribution)
        return Fix(f"Add {wanted} to {BY_ID[role].title}. {summary}", commands, CONTROL_PLANE)
    return Fix(
        f"Add {wanted} to apiServer.certSANs of kubeadm's configuration, and make the API server's certificate again",
        reissue("apiserver", distribution, f"apiServer.certSANs: [..., {wanted}]"),
        CONTROL_PLANE,
    )


def approve_kubelet_requests(case: Case) -> Fix:
    """Kubelets ask for serving certificates only with serverTLSBootstrap, and somebody must approve them."""
    names = " ".join(quote(name) for name, _ in pending_requests(case)[:20]) or "NAME"
    return Fix(
        "Let kubelets ask for serving certificates (serverTLSBootstrap: true in the kubelet's configuration), look at"
        " each request (its user must be the node, its names the node's own), and approve it",
        (
            "kubectl get csr --field-selector spec.signerName=kubernetes.io/kubelet-serving",
            f"kubectl certificate approve {names}",
        ),
        "from a workstation with the right to approve; the setting on each node",
    )


def bootstrap_serving(case: Case) -> Fix:
    """A kubelet that signs its own serving certificate is told to ask for one; somebody approves what it asks."""
    node = case.server.connection.name if case.server and case.server.connection.presenter == "kubelet" else ""
    configuration = "/var/lib/kubelet/config.yaml"
    return Fix(
        "Let the kubelet ask for a serving certificate (serverTLSBootstrap: true), and approve the request that it"
        " makes (its user must be the node, its names the node's own)",
        (
            f"sudo sed -i '/^serverTLSBootstrap:/d; $ a serverTLSBootstrap: true' {configuration}",
            *restart("kubelet", case.world.distribution),
            "k8srun diagnose 'no serving certificate available for the kubelet' --context --plan approve.json",
        ),
        f"on {visible(node, limit=200)}" if node else "on each node",
    )


def mend_clock(case: Case) -> Fix:
    """NTP on the side that complains."""
    who = case.symptom.wrapper.component or "the program that complains"
    return Fix(
        f"Set the clock by NTP where {who} runs, and find out why it was off (no certificate needs to change)",
        (
            "timedatectl status",
            "chronyc tracking || timedatectl timesync-status",
            "sudo chronyc makestep || sudo systemctl restart systemd-timesyncd",
        ),
        "on the host that printed the message",
    )


def await_begin(case: Case) -> Fix:
    """Nobody can use it before it begins: the former certificate until then, or another one."""
    role = role_of(case)
    title = "the certificate"
    commands: tuple[str, ...] = ()
    if role in BY_ID and not BY_ID[role].is_authority:
        title, commands = BY_ID[role].title, renewal(role, case.world.distribution)[1]
    return Fix(
        f"Put the former certificate back until this one begins, or issue {title} again with a begin in the past; see"
        " whether the clock of the host that issued it is ahead",
        ("timedatectl status  # on the host that issued it", *commands),
        "where the certificate is kept",
    )


def mend_endpoint(case: Case) -> Fix:
    """The address must lead to the API server."""
    view = case.server
    address = view.connection.address if view else case.symptom.wrapper.address or "HOST:PORT"
    use = view.connection.config if view else None
    commands: tuple[str, ...] = (handshake(address),)
    if use:
        commands = (
            *commands,
            f"kubectl config set-cluster {quote(use.cluster.name)} --kubeconfig {quote(use.file.path)} --server https://HOST:PORT",
        )
    return Fix(
        "Connect to the right address: mend the load balancer, the DNS name, or the client's configuration",
        commands,
    )


def mend_usage(case: Case) -> Fix:
    """Issue the certificate again with the usage its role needs."""
    role = role_of(case)
    if not role:
        return Fix("Issue the certificate again with the extended key usage that is needed (serverAuth or clientAuth)")
    return Fix(
        f"Issue {BY_ID[role].title} again with {' and '.join(f'{usage}Auth' for usage in BY_ID[role].usages)}",
        reissue(role, case.world.distribution)
        if BY_ID[role].path.endswith(".crt")
        else renewal(role, case.world.distribution)[1],
        CONTROL_PLANE,
    )


def mend_etcd_usage(case: Case) -> Fix:
    """etcd's gateway is a client of etcd itself, with the certificate that etcd serves."""
    return Fix(
        "Issue etcd's serving certificate again with serverAuth and clientAuth, one member at a time",
        reissue("etcd-server", case.world.distribution),
        CONTROL_PLANE,
    )


def reissue_peer(case: Case) -> Fix:
    """etcd's peer certificate with every address of the member."""
    wanted = quote(case.symptom.wanted or "ADDRESS")
    return Fix(
        f"Add {wanted} to etcd.local.peerCertSANs of kubeadm's configuration, make the peer's certificate again, and"
        " restart this member; one member at a time, so that the quorum holds",
        reissue("etcd-peer", case.world.distribution, f"etcd.local.peerCertSANs: [..., {wanted}]"),
        "on the etcd member whose certificate lacks the address",
    )


def _by_hand_with(case: Case, role: str, wanted: str) -> Fix:
    path = _path(case, role) or BY_ID[role].path
    first, sign, install = by_hand(path, _path(case, BY_ID[role].issuer) or BY_ID[BY_ID[role].issuer].path)
    present = f"openssl x509 -in {quote(path)} -noout -ext subjectAltName | tail -1 | sed 's/IP Address:/IP:/g; s/ //g'"
    kind = "IP" if wanted.replace(".", "").isdigit() or ":" in wanted else "DNS"
    return Fix(
        f"Issue {BY_ID[role].title} again with {wanted} among its subject alternative names",
        (
            first,
            f"echo subjectAltName=$({present}),{kind}:{wanted} > names.cnf",
            f"{sign} -extfile names.cnf",
            install,
            *restart(BY_ID[role].program, case.world.distribution),
        ),
        CONTROL_PLANE,
    )


def _path(case: Case, role: str) -> str:
    """Where the certificate of a role was read."""
    return next((held.bundle.path for held in case.inventory.of_role(role) if held.bundle.holder is Holder.FILE), "")


def _kubeadm_like(distribution: Distribution) -> bool:
    return distribution.name in {"kubeadm", "kind", "minikube", "hand-made", "unknown"}
