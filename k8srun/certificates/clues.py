"""What to look at to close a cause that is still open: for each, the commands whose output tells."""

from __future__ import annotations

from collections.abc import Callable

from k8srun.certificates.case import Case
from k8srun.certificates.fixes.commands import handshake, quote
from k8srun.certificates.roles import PKI

_CLUSTER = "kubectl config view --raw --minify -o jsonpath='{.clusters[0].cluster.certificate-authority-data}'"
_USER = "kubectl config view --raw --minify -o jsonpath='{.users[0].user.client-certificate-data}'"
_READ = "base64 -d | openssl x509 -noout -subject -issuer -dates -ext subjectKeyIdentifier,authorityKeyIdentifier"


def address_of(case: Case) -> str:
    """Where the failing connection goes, as far as it is known."""
    for view in (case.server, case.client):
        if view and view.connection.address:
            return view.connection.address
    return case.symptom.wrapper.address or "HOST:PORT"


def _presented(case: Case) -> tuple[str, ...]:
    return (handshake(address_of(case)),)


def _trust(case: Case) -> tuple[str, ...]:
    webhook = case.symptom.wrapper.webhook
    if webhook:
        bundles = "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml"
        return (f"{bundles} | grep -B8 -A3 {quote(webhook)}", *_service(case))
    return (f"{_CLUSTER} | {_READ}", *_presented(case))


def _service(case: Case) -> tuple[str, ...]:
    wrapper = case.symptom.wrapper
    if not wrapper.service:
        return ()
    return (
        f"kubectl -n {quote(wrapper.namespace)} get service {quote(wrapper.service)} -o wide",
        f"kubectl -n {quote(wrapper.namespace)} get secret --field-selector type=kubernetes.io/tls",
    )


def _dates(case: Case) -> tuple[str, ...]:
    return (*_presented(case), "sudo kubeadm certs check-expiration")


def _process(case: Case) -> tuple[str, ...]:
    return (*_presented(case), f"openssl x509 -in {PKI}/apiserver.crt -noout -dates  # on the control-plane node")


def _loopback(_case: Case) -> tuple[str, ...]:
    return ("sudo crictl ps --name kube-apiserver -o json | grep createdAt  # has it run for a year?",)


def _clock(_case: Case) -> tuple[str, ...]:
    return ("date -u; timedatectl status  # on the host that printed the message",)


def _client(_case: Case) -> tuple[str, ...]:
    return (
        f"{_USER} | {_READ}",
        "sudo crictl logs $(sudo crictl ps --name kube-apiserver -q) 2>&1 | grep 'Unable to authenticate'",
    )


def _kubelet(_case: Case) -> tuple[str, ...]:
    return (
        "openssl x509 -in /var/lib/kubelet/pki/kubelet-client-current.pem -noout -subject -dates  # on the node",
        "sudo ls -l /etc/kubernetes/*.conf; sudo journalctl -u kubelet -n 50 --no-pager",
    )


def _requests(_case: Case) -> tuple[str, ...]:
    return ("kubectl get csr --field-selector spec.signerName=kubernetes.io/kubelet-serving",)


def _files(case: Case) -> tuple[str, ...]:
    path = case.symptom.file
    if path:
        return (f"sudo ls -l {quote(path)} && sudo head -1 {quote(path)}",)
    return (
        "openssl x509 -in FILE.crt -noout -pubkey | openssl sha256; openssl pkey -in FILE.key -pubout | openssl sha256",
        "head -1 FILE.crt FILE.key  # on the host, of the pair that the program is configured with",
    )


def _channel(case: Case) -> tuple[str, ...]:
    address = quote(address_of(case))
    return (f"curl -skv https://{address}/version", f"curl -sv http://{address}/ -o /dev/null", "env | grep -i _proxy")


def _proxy(_case: Case) -> tuple[str, ...]:
    return (
        "kubectl -n kube-system get configmap extension-apiserver-authentication -o yaml",
        "sudo grep -e requestheader -e proxy-client -e client-ca /etc/kubernetes/manifests/kube-apiserver.yaml",
        f"openssl x509 -in {PKI}/front-proxy-client.crt -noout -subject -issuer  # on the control-plane node",
    )


def _constraints(case: Case) -> tuple[str, ...]:
    return (
        f"openssl s_client -connect {quote(address_of(case))} -showcerts </dev/null | openssl x509 -noout -text",
        f"openssl x509 -in {PKI}/ca.crt -noout -text",
    )


def _etcd(_case: Case) -> tuple[str, ...]:
    return (
        f"openssl x509 -in {PKI}/etcd/server.crt -noout -ext extendedKeyUsage,subjectAltName  # on the etcd member",
        f"openssl x509 -in {PKI}/etcd/peer.crt -noout -ext extendedKeyUsage,subjectAltName",
    )


Clue = Callable[[Case], tuple[str, ...]]

CLUES: dict[str, Clue] = {
    **dict.fromkeys(
        (
            "wrong-ca-bundle",
            "ca-rebuilt",
            "ca-not-configured",
            "leaf-as-ca",
            "ca-name-encoding",
            "ca-cannot-sign",
            "signature-damaged",
            "self-signed",
            "intermediate-not-sent",
            "issuer-mismatch",
        ),
        _trust,
    ),
    **dict.fromkeys(
        ("certificate-expired", "intermediate-expired", "ca-expired", "certificate-not-yet-valid"),
        _dates,
    ),
    "process-not-restarted": _process,
    "loopback-expired": _loopback,
    "clock-skew": _clock,
    **dict.fromkeys(
        ("san-missing", "no-san", "ip-as-dns-name", "wrong-endpoint", "kubelet-serving-self-signed"),
        _presented,
    ),
    **dict.fromkeys(("etcd-peer-san-missing", "etcd-client-usage-missing"), _etcd),
    **dict.fromkeys(
        (
            "client-certificate-expired",
            "client-certificate-not-yet-valid",
            "client-certificate-of-another-ca",
            "client-certificate-not-sent",
            "client-certificate-usage",
        ),
        _client,
    ),
    **dict.fromkeys(("kubelet-client-certificate-expired", "kubelet-bootstrap-missing"), _kubelet),
    "kubelet-serving-csr-pending": _requests,
    **dict.fromkeys(
        ("key-mismatch", "pem-missing", "pem-double-encoded", "pem-swapped", "pem-truncated", "file-missing"),
        _files,
    ),
    "certificate-refused": _constraints,
    **dict.fromkeys(("front-proxy-name-not-allowed", "front-proxy-ca-shared"), _proxy),
    **dict.fromkeys(
        ("plain-http", "http-scheme", "proxy-answered", "connection-closed", "protocol-version"),
        _channel,
    ),
    **dict.fromkeys(
        (
            "key-usage-wrong",
            "ca-usage-wrong",
            "name-constraint",
            "path-length-exceeded",
            "critical-extension",
            "policy-constraint",
            "strict-verifier",
            "weak-signature",
            "weak-key",
        ),
        _constraints,
    ),
}
