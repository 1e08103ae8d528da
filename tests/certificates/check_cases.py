"""For each check of the certificates a cluster that passes it and the same one broken so that it fails."""

from __future__ import annotations

from datetime import timedelta

from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.pem import PemBlock
from k8srun.snapshot import Snapshot
from tests.certificates import der
from tests.certificates.cluster import PKI, Cluster, etcd, user
from tests.certificates.model import NOW, SAN, authority, key
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


CASES = {
    "CERT-EXPIRED": (healthy, expired),
    "CERT-EXPIRES-SOON": (healthy, expiring),
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
}
