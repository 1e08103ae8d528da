"""Cause → the check that passes once it is mended."""

from __future__ import annotations

_CHECKS: dict[str, tuple[str, ...]] = {
    "CERT-EXPIRED": (
        "certificate-expired",
        "intermediate-expired",
        "ca-expired",
        "client-certificate-expired",
        "kubelet-client-certificate-expired",
        "kubelet-bootstrap-missing",
    ),
    "CERT-NOT-YET-VALID": ("certificate-not-yet-valid", "client-certificate-not-yet-valid", "clock-skew"),
    "CERT-NOT-RELOADED": ("process-not-restarted", "loopback-expired"),
    "CERT-SAN-APISERVER": ("san-missing", "ip-as-dns-name", "no-san"),
    "CERT-CHAIN": (
        "ca-cannot-sign",
        "issuer-mismatch",
        "intermediate-not-sent",
        "signature-damaged",
        "ca-usage-wrong",
        "etcd-peer-san-missing",
        "name-constraint",
        "path-length-exceeded",
        "critical-extension",
        "policy-constraint",
        "client-certificate-of-another-ca",
    ),
    "CERT-ROLE": (
        "key-usage-wrong",
        "etcd-client-usage-missing",
        "client-certificate-usage",
        "client-certificate-not-sent",
        "self-signed",
        "strict-verifier",
    ),
    "CERT-WEAK": ("weak-signature", "weak-key"),
    "KEY-MISMATCH": ("key-mismatch",),
    "CERT-UNREADABLE": (
        "pem-missing",
        "pem-double-encoded",
        "pem-swapped",
        "pem-truncated",
        "certificate-refused",
    ),
    "FRONT-PROXY-NAME": ("front-proxy-name-not-allowed",),
    "FRONT-PROXY-CA": ("front-proxy-ca-shared",),
    "FLAG-FILE-MISSING": ("file-missing",),
    "KUBELET-SERVING": ("kubelet-serving-self-signed", "kubelet-serving-csr-pending"),
    "KUBECONFIG-CA": (
        "wrong-ca-bundle",
        "ca-rebuilt",
        "ca-not-configured",
        "ca-name-encoding",
        "leaf-as-ca",
        "wrong-endpoint",
        "plain-http",
        "http-scheme",
        "proxy-answered",
        "connection-closed",
        "protocol-version",
    ),
}

PROOFS = {cause: check for check, causes in _CHECKS.items() for cause in causes}
