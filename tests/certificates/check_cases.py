"""For each check of the certificates a cluster that passes it and the same one broken so that it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CERT_MANAGER_CERTIFICATE, CERTIFICATE_SIGNING_REQUEST
from k8srun.pem import PemBlock
from k8srun.snapshot import Snapshot
from tests.certificates import der
from tests.certificates.cluster import APISERVER_FLAGS, PKI, Cluster, certificate, etcd, private, static_pod, user
from tests.certificates.model import CLIENT_AUTH, NOW, SAN, Entry, authority, key, leaf
from tests.certificates.signing import signing_request


def healthy() -> Snapshot:
    return Cluster().snapshot()


def expired() -> Snapshot:
    cluster = Cluster()
    cluster.etcd_server.not_after = NOW - timedelta(days=1)
    return cluster.snapshot()


def expiring() -> Snapshot:
    cluster = Cluster()
    cluster.admin.not_after = NOW + timedelta(days=29)
    return cluster.snapshot()


def expiring_in_cluster() -> Snapshot:
    cluster = Cluster()
    cluster.webhook.not_after = NOW + timedelta(days=29)
    return cluster.snapshot()


def not_yet_valid() -> Snapshot:
    cluster = Cluster()
    cluster.apiserver.not_before = NOW + timedelta(hours=1)
    return cluster.snapshot()


def expired_in_cluster() -> Snapshot:
    cluster = Cluster()
    cluster.webhook.not_after = NOW - timedelta(days=1)
    return cluster.snapshot()


def broken_chain() -> Snapshot:
    cluster = Cluster()
    cluster.etcd_server = etcd(cluster.ca)
    return cluster.snapshot()


def name_missing() -> Snapshot:
    cluster = Cluster()
    cluster.apiserver.extend(SAN, der.general_names(der.dns("kubernetes"), der.dns("api.example")))
    return cluster.snapshot()


def other_ca_in_kubeconfig() -> Snapshot:
    return Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot()


def other_ca_in_webhook() -> Snapshot:
    return Cluster(ca_bundle=(authority("staging", key("P-256", 20)),)).snapshot()


def other_key() -> Snapshot:
    return Cluster(keys={"apiserver": key("P-256", 20)}).snapshot()


def open_key() -> Snapshot:
    return Cluster(modes={f"{PKI}/ca.key": 0o644}).snapshot()


def weak() -> Snapshot:
    cluster = Cluster()
    cluster.admin = user(cluster.ca, pair=key("RSA1024", 0))
    return cluster.snapshot()


def file_missing() -> Snapshot:
    return Cluster(without={f"{PKI}/apiserver-etcd-client.key"}).snapshot()


def truncated() -> Snapshot:
    return Cluster(ca_blocks=(PemBlock("CERTIFICATE", 3, error="truncated: no END line"),)).snapshot()


def ordinary_requests() -> Snapshot:
    """One that waits and asks for nothing special, one that was approved, and a risky one that was denied."""
    waiting, approved = signing_request("jane", ["developers"]), signing_request("mara", ["developers"], approved=True)
    denied = signing_request("eve", ["system:masters"])
    denied["status"] = {"conditions": [{"type": "Denied", "status": "True"}]}
    return Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (waiting, approved, denied)}).snapshot()


def risky_request() -> Snapshot:
    return Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (signing_request("eve", ["system:masters"]),)}).snapshot()


def masters_approved() -> Snapshot:
    granted = signing_request("eve", ["system:masters"], approved=True)
    return Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (granted,)}).snapshot()


MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
KUBELET = "/var/lib/kubelet/pki/kubelet.crt"


def file_of(path: str, *entries: Entry) -> HostFile:
    return HostFile(path, Topic.PKI, host="node-1", mode=0o644, pem=certificate(*entries))


def of_another_role() -> Snapshot:
    """A person's certificate where the API server's own, for kubelets, belongs."""
    cluster = Cluster()
    cluster.more_files.append(file_of(f"{PKI}/apiserver-kubelet-client.crt", user(cluster.ca, pair=key("P-256", 18))))
    return cluster.snapshot()


def in_masters(issuer: Entry) -> Entry:
    entry = user(issuer, "eve", key("P-256", 18))
    entry.subject = der.name((der.ORGANIZATION, "system:masters"), (der.COMMON_NAME, "eve"))
    return entry


def masters() -> Snapshot:
    cluster = Cluster()
    cluster.admin = in_masters(cluster.ca)
    return cluster.snapshot()


def one_key_for_two() -> Snapshot:
    cluster = Cluster()
    cluster.etcd_peer = replace(etcd(cluster.etcd_ca, cluster.etcd_server.key), serial=2)
    return cluster.snapshot()


def aggregating(*, shared: bool = False, name: str = "front-proxy-client", allowed: str = "front-proxy-client"):
    """A cluster whose API server calls aggregated APIs, with the CA of clients or with one of its own."""
    cluster = Cluster(without={MANIFEST})
    proxy_ca = cluster.ca if shared else authority("front-proxy-ca", key("P-256", 18))
    client = leaf(name, key("P-256", 19), proxy_ca, usages=(CLIENT_AUTH,))
    # Places of a hand-made cluster: there only the flags tell what a certificate is for.
    flags = {
        **APISERVER_FLAGS,
        "requestheader-client-ca-file": f"{PKI}/ca.crt" if shared else f"{PKI}/proxy-ca.crt",
        "requestheader-allowed-names": allowed,
        **(
            {}
            if shared
            else {"proxy-client-cert-file": f"{PKI}/proxy.crt", "proxy-client-key-file": f"{PKI}/proxy.key"}
        ),
    }
    cluster.more_files += [
        HostFile(MANIFEST, Topic.MANIFEST, host="node-1", document=static_pod("kube-apiserver", flags)),
        *(() if shared else (file_of(f"{PKI}/proxy-ca.crt", proxy_ca), file_of(f"{PKI}/proxy.crt", client))),
        HostFile(f"{PKI}/proxy.key", Topic.PKI, host="node-1", mode=0o600, pem=(private(client.key),)),
    ]
    return cluster


def own_front_proxy() -> Snapshot:
    return aggregating().snapshot()


def shared_front_proxy() -> Snapshot:
    return aggregating(shared=True).snapshot()


def other_front_proxy_name() -> Snapshot:
    return aggregating(name="aggregator").snapshot()


def renewed_on_disk() -> Snapshot:
    cluster = Cluster()
    cluster.on_disk = replace(cluster.apiserver, not_after=cluster.apiserver.not_after + timedelta(days=365), serial=99)
    return cluster.snapshot()


def kubelet(issuer: Entry | None = None) -> Snapshot:
    """A kubelet that serves with a certificate of the cluster's CA, or with one of its own making."""
    cluster = Cluster()
    serving = leaf("node-1@1760000000", key("P-256", 18), issuer or cluster.ca, der.dns("node-1"))
    cluster.more_files.append(file_of(KUBELET, serving))
    return cluster.snapshot()


def self_signed_kubelet() -> Snapshot:
    return kubelet(authority("node-1-ca@1760000000", key("P-256", 19)))


def managed(**status: Any) -> dict[str, Any]:
    """A Certificate as cert-manager writes it: ready, issued, to be renewed in a month."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "policy", "namespace": "platform"},
        "spec": {
            "secretName": "policy-tls",
            "dnsNames": ["policy.platform.svc"],
            "issuerRef": {"name": "internal", "kind": "ClusterIssuer", "group": "cert-manager.io"},
        },
        "status": {
            "conditions": [{"type": "Ready", "status": "True", "reason": "Ready", "message": "it is up to date"}],
            "notBefore": (NOW - timedelta(days=30)).isoformat(),
            "notAfter": (NOW + timedelta(days=60)).isoformat(),
            "renewalTime": (NOW + timedelta(days=30)).isoformat(),
            **status,
        },
    }


def kept() -> Snapshot:
    return Cluster(objects={CERT_MANAGER_CERTIFICATE: (managed(),)}).snapshot()


def not_kept() -> Snapshot:
    conditions = [
        {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "Secret does not exist"},
        {"type": "Issuing", "status": "False", "reason": "Failed", "message": "the order was refused"},
    ]
    failed = managed(conditions=conditions, notAfter=None, renewalTime=None, failedIssuanceAttempts=3)
    return Cluster(objects={CERT_MANAGER_CERTIFICATE: (failed,)}).snapshot()


CASES = {
    "CERT-EXPIRED": (healthy, expired),
    "CERT-EXPIRES-SOON": (healthy, expiring),
    "CERT-IN-CLUSTER-EXPIRES-SOON": (healthy, expiring_in_cluster),
    "CERT-NOT-YET-VALID": (healthy, not_yet_valid),
    "CERT-IN-CLUSTER-EXPIRED": (healthy, expired_in_cluster),
    "CERT-CHAIN": (healthy, broken_chain),
    "CERT-SAN-APISERVER": (healthy, name_missing),
    "KUBECONFIG-CA": (healthy, other_ca_in_kubeconfig),
    "WEBHOOK-CA": (healthy, other_ca_in_webhook),
    "KEY-MISMATCH": (healthy, other_key),
    "KEY-MODE": (healthy, open_key),
    "CERT-WEAK": (healthy, weak),
    "FLAG-FILE-MISSING": (healthy, file_missing),
    "CERT-UNREADABLE": (healthy, truncated),
    "CSR-RISKY-PENDING": (ordinary_requests, risky_request),
    "CSR-MASTERS-APPROVED": (ordinary_requests, masters_approved),
    "CERT-ROLE": (healthy, of_another_role),
    "CERT-MASTERS": (healthy, masters),
    "KEY-REUSED": (healthy, one_key_for_two),
    "FRONT-PROXY-CA": (own_front_proxy, shared_front_proxy),
    "FRONT-PROXY-NAME": (own_front_proxy, other_front_proxy_name),
    "CERT-NOT-RELOADED": (healthy, renewed_on_disk),
    "KUBELET-SERVING": (kubelet, self_signed_kubelet),
    "CERT-MANAGER-READY": (kept, not_kept),
}
