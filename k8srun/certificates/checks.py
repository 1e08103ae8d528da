"""The checks of this domain: what is wrong with a cluster's certificates before anybody meets an error."""

from __future__ import annotations

from k8srun.certificates import (
    inspections,
    managed_inspections,
    request_inspections,
    role_inspections,
    serving_inspections,
)
from k8srun.certificates.expiry_checks import ExpiryWarning, expiry_checks
from k8srun.checks import Check
from k8srun.findings import Severity
from k8srun.hostfiles import Topic
from k8srun.kinds import (
    API_SERVICE,
    CERT_MANAGER_CERTIFICATE,
    CERTIFICATE_SIGNING_REQUEST,
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    MUTATING_WEBHOOK,
    SECRET,
    VALIDATING_WEBHOOK,
)
from k8srun.snapshot import Need

_CERTIFICATES = "https://kubernetes.io/docs/setup/best-practices/certificates/"
_KUBEADM = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"
_CHECKLIST = "https://kubernetes.io/docs/concepts/security/security-checklist/"
_KUBECONFIG = "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/"
_REQUESTS = "https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/"
_KUBELETS = "https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/"
_AGGREGATION = "https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/"
_GOOD_PRACTICES = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"
_CERT_MANAGER = "https://cert-manager.io/docs/troubleshooting/"
_WEBHOOKS = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/"

_PKI, _KUBECONFIGS, _ENDPOINT = Need.host(Topic.PKI), Need.host(Topic.KUBECONFIG), Need.endpoint()
_MANIFESTS = Need.host(Topic.MANIFEST)
_CALLERS = tuple(
    Need.objects(kind) for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK, CUSTOM_RESOURCE_DEFINITION, API_SERVICE)
)

CHECKS: tuple[Check, ...] = (
    Check(
        "CERT-EXPIRED",
        "No certificate of the control plane, its clients and its endpoints has expired",
        Severity.CRITICAL,
        (_PKI, _KUBECONFIGS, _ENDPOINT),
        "Renew it (kubeadm certs renew NAME) and restart what serves it; k8srun diagnose prints the exact commands.",
        (_KUBEADM, _CHECKLIST),
        inspections.expired,
    ),
    *expiry_checks(ExpiryWarning()),
    Check(
        "CERT-NOT-YET-VALID",
        "Every certificate of the control plane, its clients and its endpoints is valid already",
        Severity.HIGH,
        (_PKI, _KUBECONFIGS, _ENDPOINT),
        "Set the clocks by NTP, that of the machine which issued the certificate first; then issue it again.",
        (_CERTIFICATES,),
        inspections.not_yet_valid,
    ),
    Check(
        "CERT-IN-CLUSTER-EXPIRED",
        "No TLS Secret and no caBundle holds an expired certificate",
        Severity.HIGH,
        (Need.objects(SECRET), *_CALLERS),
        "Have it issued again (cert-manager: delete the Secret) and keep the caBundle of its callers in step.",
        (_WEBHOOKS, "https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets"),
        inspections.expired_in_cluster,
    ),
    Check(
        "CERT-CHAIN",
        "What control plane and clients present verifies against the CA of its role",
        Severity.HIGH,
        (_PKI, _KUBECONFIGS, _MANIFESTS),
        "Issue the certificate again from the CA of its role (kubeadm init phase certs NAME), or mend the CA file.",
        (_CERTIFICATES,),
        inspections.chain,
    ),
    Check(
        "CERT-SAN-APISERVER",
        "The API server's certificate is valid for every name and address that clients use",
        Severity.MEDIUM,
        (_PKI, _MANIFESTS),
        "Add the name to apiServer.certSANs, remove the old pair, and run kubeadm init phase certs apiserver.",
        (_CERTIFICATES, _KUBEADM),
        inspections.apiserver_names,
    ),
    Check(
        "KUBECONFIG-CA",
        "The CA of every kubeconfig signed the certificate that its server presents",
        Severity.HIGH,
        (_KUBECONFIGS,),
        "Put the right ca.crt into it: kubectl config set-cluster NAME --embed-certs --certificate-authority ca.crt",
        (_KUBECONFIG, _CERTIFICATES),
        inspections.kubeconfig_ca,
    ),
    Check(
        "WEBHOOK-CA",
        "The caBundle of every webhook, conversion and aggregated API verifies what its service serves",
        Severity.HIGH,
        (Need.objects(SECRET), *_CALLERS),
        "Put the CA that signed the service's certificate into the caBundle, or let cert-manager's injector do it.",
        (_WEBHOOKS,),
        inspections.webhook_ca,
    ),
    Check(
        "KEY-MISMATCH",
        "Every private key belongs to the certificate that it is configured with",
        Severity.HIGH,
        (_PKI,),
        "Put the right key back from a backup, or remove the pair and make it again (kubeadm init phase certs NAME).",
        (_CERTIFICATES,),
        inspections.key_mismatch,
    ),
    Check(
        "KEY-MODE",
        "Only its owner may open a file that holds a private key",
        Severity.HIGH,
        (_PKI, _KUBECONFIGS),
        "chmod 600 FILE && chown root:root FILE",
        ("CIS Kubernetes 1.12: 1.1.13, 1.1.14, 1.1.21", _CERTIFICATES),
        inspections.key_mode,
    ),
    Check(
        "CERT-WEAK",
        "No certificate has a short RSA key or a signature with SHA-1 or MD5",
        Severity.MEDIUM,
        (_PKI, _KUBECONFIGS, _ENDPOINT),
        "Issue it again with RSA 2048 or ECDSA P-256 and SHA-256: Go refuses SHA-1 signatures.",
        (_CERTIFICATES, _CHECKLIST),
        inspections.weak,
    ),
    Check(
        "FLAG-FILE-MISSING",
        "Every certificate, key and kubeconfig that a program's flag names is there",
        Severity.HIGH,
        (_MANIFESTS, _PKI),
        "Put the file back, make it again, or mend the flag: the program does not start without it.",
        (_CERTIFICATES,),
        inspections.flag_file_missing,
    ),
    Check(
        "CERT-UNREADABLE",
        "Every certificate and key that was found can be read",
        Severity.MEDIUM,
        (_PKI, _KUBECONFIGS),
        "Write the whole PEM block again from where it was issued; in data fields it is base64-encoded once.",
        (_CERTIFICATES,),
        inspections.unreadable,
    ),
    Check(
        "CSR-RISKY-PENDING",
        "No certificate request that waits for approval asks for a privileged user or group, or is otherwise unusual",
        Severity.HIGH,
        (Need.objects(CERTIFICATE_SIGNING_REQUEST),),
        "Find out who asked, and deny it unless it is explained: k8srun csr list, k8srun csr deny NAME",
        (_REQUESTS, "https://kubernetes.io/docs/concepts/security/rbac-good-practices/#csrs-and-certificate-issuing"),
        request_inspections.risky_request_pending,
    ),
    Check(
        "CSR-MASTERS-APPROVED",
        "No approved certificate request puts its holder into the group system:masters",
        Severity.CRITICAL,
        (Need.objects(CERTIFICATE_SIGNING_REQUEST),),
        "A certificate cannot be revoked: find who holds the key, and replace the CA if that is nobody whom you trust.",
        (_REQUESTS, _CERTIFICATES, "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
        request_inspections.masters_approved,
    ),
    Check(
        "CERT-ROLE",
        "Every certificate of the control plane has the name, groups, usages and CA of its role",
        Severity.MEDIUM,
        (_PKI, _KUBECONFIGS, _MANIFESTS),
        "Move it away, with its key, and make it again: kubeadm init phase certs NAME, or init phase kubeconfig NAME",
        (_CERTIFICATES, _KUBEADM),
        role_inspections.role_profile,
    ),
    Check(
        "CERT-MASTERS",
        "No client certificate but that of super-admin.conf is in the group system:masters",
        Severity.HIGH,
        (_PKI, _KUBECONFIGS),
        "Issue another one with a group of your own, bound by RBAC, and destroy this key: nothing takes the certificate"
        " back but its end or another CA.",
        ("CIS Kubernetes 1.12: 5.1.7", _GOOD_PRACTICES, _KUBEADM),
        role_inspections.masters,
    ),
    Check(
        "KEY-REUSED",
        "No two certificates have the same key, unless one is the other renewed",
        Severity.MEDIUM,
        (_PKI, _KUBECONFIGS),
        "Issue all of them but one again, each with a new key: who steals the key steals every one of them.",
        (_CERTIFICATES,),
        role_inspections.key_reused,
    ),
    Check(
        "FRONT-PROXY-CA",
        "The CA of the aggregation layer is not a CA of clients",
        Severity.HIGH,
        (_MANIFESTS, _PKI),
        "Make a CA for it alone (kubeadm init phase certs front-proxy-ca, then front-proxy-client), and name it in"
        " --requestheader-client-ca-file.",
        (_AGGREGATION, _CERTIFICATES),
        serving_inspections.front_proxy_ca,
        instead=(Need.objects(CONFIG_MAP),),  # the API server publishes both CAs
    ),
    Check(
        "FRONT-PROXY-NAME",
        "The client certificate of the aggregation layer has a name that --requestheader-allowed-names allows",
        Severity.MEDIUM,
        (_MANIFESTS, _PKI),
        "Add its common name to --requestheader-allowed-names, or issue it again as front-proxy-client.",
        (_AGGREGATION,),
        serving_inspections.front_proxy_name,
    ),
    Check(
        "CERT-NOT-RELOADED",
        "Every endpoint presents the newest certificate of the file that it is served from",
        Severity.MEDIUM,
        (_PKI, _ENDPOINT),
        "Restart what serves it: move its static-pod manifest away until the pod is gone, or restart the kubelet.",
        (_KUBEADM,),
        serving_inspections.not_reloaded,
    ),
    Check(
        "KUBELET-SERVING",
        "Every kubelet serves with a certificate of the cluster's CA, and none waits for one",
        Severity.LOW,
        (_PKI, Need.objects(CERTIFICATE_SIGNING_REQUEST)),
        "Set serverTLSBootstrap: true in the kubelet's configuration, restart it, and approve the request it makes.",
        ("CIS Kubernetes 1.12: 1.2.5", f"{_KUBEADM}#kubelet-serving-certs", _KUBELETS),
        serving_inspections.kubelet_serving,
    ),
    Check(
        "CERT-MANAGER-READY",
        "Every cert-manager Certificate is ready, and was renewed when its time came",
        Severity.HIGH,
        (Need.objects(CERT_MANAGER_CERTIFICATE),),
        "Follow it down to its CertificateRequest, Order and Challenge: cmctl status certificate NAME --namespace NS;"
        " then mend the issuer, and look at the log of cert-manager.",
        (_CERT_MANAGER, "https://cert-manager.io/docs/usage/certificate/"),
        managed_inspections.managed_ready,
    ),
)
