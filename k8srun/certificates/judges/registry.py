"""Every cause with its judge: the one place where a new cause is entered."""

from __future__ import annotations

from collections.abc import Callable

from k8srun.certificates.case import Case, Judgement
from k8srun.certificates.judges import channels, clients, dates, files, names, proxies, usages
from k8srun.certificates.judges.trust import judge_trust
from k8srun.certificates.verification import ErrorKind

Judge = Callable[[Case], Judgement]

JUDGES: dict[str, Judge] = {
    **{
        cause: judge_trust(cause)
        for cause in (
            "wrong-ca-bundle",
            "ca-rebuilt",
            "intermediate-not-sent",
            "self-signed",
            "ca-not-configured",
            "ca-name-encoding",
            "leaf-as-ca",
            "ca-cannot-sign",
            "signature-damaged",
            "weak-signature",
        )
    },
    "issuer-mismatch": usages.issuer_mismatch,
    "weak-key": usages.weak_key,
    "certificate-expired": dates.certificate_expired,
    "intermediate-expired": dates.intermediate_expired,
    "ca-expired": dates.ca_expired,
    "certificate-not-yet-valid": dates.certificate_not_yet_valid,
    "process-not-restarted": dates.process_not_restarted,
    "loopback-expired": dates.loopback_expired,
    "clock-skew": dates.clock_skew,
    "san-missing": names.san_missing,
    "wrong-endpoint": names.wrong_endpoint,
    "ip-as-dns-name": names.ip_as_dns_name,
    "kubelet-serving-self-signed": names.kubelet_serving_self_signed,
    "no-san": names.no_san,
    "etcd-peer-san-missing": names.etcd_peer_san_missing,
    "key-usage-wrong": usages.key_usage_wrong,
    "ca-usage-wrong": usages.ca_usage_wrong,
    "etcd-client-usage-missing": usages.etcd_client_usage_missing,
    "name-constraint": usages.by_kind(ErrorKind.NAME_CONSTRAINTS, "no CA of the chain forbids the name"),
    "path-length-exceeded": usages.by_kind(ErrorKind.PATH_LENGTH, "the chain is as long as its CAs allow"),
    "critical-extension": usages.by_kind(ErrorKind.UNHANDLED_CRITICAL, "every critical extension is understood"),
    "policy-constraint": usages.by_kind(ErrorKind.INVALID_POLICIES, "the chain's policies are in order"),
    "strict-verifier": usages.strict_verifier,
    "key-mismatch": files.key_mismatch,
    "pem-missing": files.pem_missing,
    "pem-double-encoded": files.pem_double_encoded,
    "pem-swapped": files.pem_swapped,
    "pem-truncated": files.pem_truncated,
    "certificate-refused": files.certificate_refused,
    "file-missing": files.file_missing,
    "client-certificate-expired": dates.client_certificate_expired,
    "client-certificate-not-yet-valid": dates.client_certificate_not_yet_valid,
    "client-certificate-of-another-ca": clients.client_certificate_of_another_ca,
    "client-certificate-not-sent": clients.client_certificate_not_sent,
    "client-certificate-usage": usages.client_certificate_usage,
    "front-proxy-name-not-allowed": proxies.front_proxy_name_not_allowed,
    "front-proxy-ca-shared": proxies.front_proxy_ca_shared,
    "kubelet-client-certificate-expired": clients.kubelet_client_certificate_expired,
    "kubelet-bootstrap-missing": clients.kubelet_bootstrap_missing,
    "kubelet-serving-csr-pending": clients.kubelet_serving_csr_pending,
    "plain-http": channels.plain_http,
    "http-scheme": channels.http_scheme,
    "proxy-answered": channels.proxy_answered,
    "connection-closed": channels.connection_closed,
    "protocol-version": channels.protocol_version,
}

CLIENT_CAUSES = frozenset(
    cause for cause in JUDGES if cause.startswith(("client-", "kubelet-client-", "kubelet-bootstrap-", "token-"))
)
"""What only the client's side can be to blame for."""
SERVER_CAUSES = frozenset(
    {
        "certificate-expired",
        "certificate-not-yet-valid",
        "process-not-restarted",
        "loopback-expired",
        "san-missing",
        "no-san",
        "ip-as-dns-name",
        "kubelet-serving-self-signed",
        "key-usage-wrong",
        "wrong-endpoint",
        "wrong-ca-bundle",
        "ca-rebuilt",
        "self-signed",
        "intermediate-not-sent",
        "ca-not-configured",
    }
)
"""What only the server's side, or the client's trust in it, can be to blame for."""
