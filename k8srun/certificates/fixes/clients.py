"""Fixes on the client's side, and of connections that are no TLS at all."""

from __future__ import annotations

from k8srun.certificates.case import Case
from k8srun.certificates.connection import KubeconfigUse
from k8srun.certificates.fixes.commands import (
    BACKUP,
    CONTROL_PLANE,
    WORKSTATION,
    handshake,
    quote,
    reissue,
    renewal,
    restart,
)
from k8srun.certificates.fixes.servers import role_of
from k8srun.certificates.roles import BY_ID
from k8srun.diagnosis import Fix
from k8srun.text import visible
from k8srun.x509 import Certificate

_REQUEST = """\
kubectl apply -f - <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: client}
spec:
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
  request: $(base64 < client.csr | tr -d '\\n')
END"""
_KUBECONFIG_ROLES = frozenset({"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"})


def renew_client(case: Case) -> Fix:
    """A client's certificate: kubeadm's own by kubeadm, a kubelet's by its own rules, a person's by a request."""
    role = role_of(case)
    if role == "kubelet.conf":
        return renew_kubelet(case)
    if role in _KUBECONFIG_ROLES or (role in BY_ID and not BY_ID[role].is_authority and role != "apiserver"):
        summary, commands = renewal(role, case.world.distribution)
        return Fix(summary, commands, CONTROL_PLANE)
    view = case.client
    use = view.connection.config if view else None
    return Fix(
        "Have a new client certificate signed by the cluster's CA, and put it and its key into the user's"
        " client-certificate-data and client-key-data",
        _request(view.leaf if view else None, use),
        f"{WORKSTATION}; the approval by an administrator",
    )


def renew_kubelet(case: Case) -> Fix:
    """The kubelet renews its own certificate, not kubeadm. When it cannot, its kubeconfig is made anew."""
    expired = next(iter(case.inventory.of_role("kubelet.conf")), None)
    node = expired.certificate.common_name.removeprefix("system:node:") if expired else "NODE"
    quoted = quote(node)
    return Fix(
        "Make the kubelet's kubeconfig anew on a control-plane node, take it to the node, and restart the kubelet: it"
        " then fetches a certificate of its own (or: kubeadm reset and join)",
        (
            f"sudo kubeadm kubeconfig user --org system:nodes --client-name system:node:{quoted} > kubelet.conf",
            "sudo mv kubelet.conf /etc/kubernetes/kubelet.conf && sudo chmod 600 /etc/kubernetes/kubelet.conf",
            "sudo rm -f /var/lib/kubelet/pki/kubelet-client-*",
            *restart("kubelet", case.world.distribution),
        ),
        f"on a control-plane node, then on {visible(node, limit=200)}",
    )


def send_certificate(case: Case) -> Fix:
    """The server demands a certificate: give the client one, or none is the wrong server."""
    view = case.client
    use = view.connection.config if view else None
    return Fix(
        "Give the client a certificate that the server's client CA signed (for etcd: etcd/ca.crt and"
        " apiserver-etcd-client or healthcheck-client)",
        _request(None, use),
        WORKSTATION,
    )


def mend_proxy_name(case: Case) -> Fix:
    """Aggregated APIs accept the names that the API server publishes: its own must be among them."""
    return Fix(
        "Issue front-proxy-client.crt again with the name front-proxy-client, or add its name to"
        " --requestheader-allowed-names, and restart the API server",
        reissue("front-proxy-client", case.world.distribution),
        CONTROL_PLANE,
    )


def part_proxy_authority(case: Case) -> Fix:
    """The aggregation layer gets a CA that signs nothing else; aggregated APIs fail until both sides have it."""
    client = reissue("front-proxy-client", case.world.distribution)
    return Fix(
        "Make a CA for the aggregation layer alone, name it in --requestheader-client-ca-file, and have it sign"
        " front-proxy-client.crt: as long as it signs clients too, each of them could speak in the name of any user",
        (*reissue("front-proxy-ca", case.world.distribution)[:-1], *(line for line in client if line != BACKUP)),
        CONTROL_PLANE,
    )


def serve_tls(case: Case) -> Fix:
    """What answers in plain http is not what was meant: the address, or the listener behind it."""
    view = case.server
    address = view.connection.address if view and view.connection.address else "HOST:PORT"
    use = view.connection.config if view else None
    commands: tuple[str, ...] = (
        f"curl -sv http://{address}/ -o /dev/null  # who answers in plain http?",
        handshake(address),
    )
    if use:
        commands = (*commands, _set_server(use, "https://HOST:6443"))
    return Fix(
        "Let the address lead to the TLS port: mend the load balancer's or tunnel's listener (pass TLS through, not"
        " http), or the client's server address",
        commands,
        "at what listens on the address, or where the client is configured",
    )


def use_https(case: Case) -> Fix:
    """The scheme is the client's mistake."""
    view = case.server or case.client
    use = view.connection.config if view else None
    server = use.cluster.server.removeprefix("http://") if use else "HOST:PORT"
    return Fix(
        "Write https:// in place of http:// in the client's server address",
        (_set_server(use, f"https://{server}"),) if use else ("curl https://HOST:PORT/version",),
        WORKSTATION,
    )


def bypass_proxy(case: Case) -> Fix:
    """The client must reach the server itself."""
    view = case.server
    address = view.connection.address if view and view.connection.address else case.symptom.wrapper.address
    host = quote((address or "HOST").rpartition(":")[0] or "HOST")
    return Fix(
        "Keep the proxy away from this address: name it in NO_PROXY, or take proxy-url out of the kubeconfig",
        ("env | grep -i _proxy", f"NO_PROXY={host} kubectl version"),
        WORKSTATION,
    )


def bring_up(case: Case) -> Fix:
    """Nothing serves TLS: the process is down, or the load balancer has nobody behind it."""
    return Fix(
        "Find out why nothing serves there: the process (its container's log), or the load balancer's health checks",
        (
            "sudo crictl ps -a --name kube-apiserver",
            "sudo crictl logs --tail 50 $(sudo crictl ps -a --name kube-apiserver -q | head -1)",
            "sudo ss -ltnp",
        ),
        "on the host behind the address",
    )


def agree_on_version(case: Case) -> Fix:
    """Kubernetes' programs speak TLS 1.2 and 1.3."""
    address = case.server.connection.address if case.server else "HOST:PORT"
    return Fix(
        "Let both sides speak TLS 1.2 or 1.3: lower --tls-min-version or widen --tls-cipher-suites, or update the older"
        " side",
        (
            f"openssl s_client -connect {quote(address)} -tls1_2 </dev/null",
            f"openssl s_client -connect {quote(address)} -tls1_3 </dev/null",
        ),
        "on the side that is older or stricter",
    )


def relax_client(case: Case) -> Fix:
    """Kubernetes accepts these certificates: the strictness can be turned off without turning off verification."""
    return Fix(
        "Take the strict flag from the Python client, which leaves verification on"
        " (context.verify_flags &= ~ssl.VERIFY_X509_STRICT), or issue the certificates with what it demands",
        ("python3 -c 'import sys, ssl; print(sys.version, ssl.create_default_context().verify_flags)'",),
        "in the client that complains",
    )


def _set_server(use: KubeconfigUse, server: str) -> str:
    return (
        f"kubectl config set-cluster {quote(use.cluster.name)} --kubeconfig {quote(use.file.path)}"
        f" --server {server if server.endswith(':6443') else quote(server)}"
    )


def _request(leaf: Certificate | None, use: KubeconfigUse | None) -> tuple[str, ...]:
    """A certificate through the Certificates API: the key stays where it is made."""
    name = quote(leaf.common_name) if leaf else "USER"
    groups = "".join(f"/O={visible(group, limit=100)}" for group in leaf.organizations) if leaf else ""
    user = quote(use.user.name) if use and use.user else name
    file = f" --kubeconfig {quote(use.file.path)}" if use else ""
    pair = "--client-certificate client.crt --client-key client.key"
    subject = quote(f"{groups}/CN={leaf.common_name if leaf else 'USER'}")
    return (
        f"(umask 077; openssl req -new -newkey rsa:2048 -nodes -keyout client.key -subj {subject} -out client.csr)",
        _REQUEST,
        "kubectl certificate approve client",
        "kubectl get csr client -o jsonpath='{.status.certificate}' | base64 -d > client.crt",
        f"kubectl config set-credentials {user}{file} --embed-certs {pair}",
    )
