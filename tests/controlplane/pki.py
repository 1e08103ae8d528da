"""A PKI of the shape that kubeadm lays out under /etc/kubernetes/pki, and client certificates of any identity.

Source of the names, subjects and alternative names: kubeadm's "PKI certificates and requirements". The keys are ECDSA
P-256 (kubeadm's ``encryptionAlgorithm: ECDSA-P256``) because twenty RSA keys would cost seconds in every test session.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.pki.issuing import general_names, key_usage, private_pem

SERVICE_IP = "10.96.0.1"  # the first address of kubeadm's default service range
ADVERTISED_IP = "192.0.2.10"  # TEST-NET-1: believable as a node's address, and nothing can be reached there
SERVING_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority that signs leaves."""

    def __init__(self, common_name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = dt.datetime.now(dt.UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=365))  # so that it was valid when an expired leaf was
            .not_valid_after(now + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pair(self) -> Pair:
        """The authority's own certificate and key."""
        return Pair(self._certificate.public_bytes(serialization.Encoding.PEM), private_pem(self._key))

    def issue(
        self,
        common_name: str,
        organizations: Iterable[str] = (),
        *,
        usages: tuple[x509.ObjectIdentifier, ...] = CLIENT,
        sans: Iterable[str] = (),
        expires: dt.datetime | None = None,
    ) -> Pair:
        """Sign a leaf for a new key.

        `sans` are host names and IP addresses. `expires` is the end of validity, a year from now when left out; one in
        the past gives a certificate that was valid for the day before it.
        """
        now = dt.datetime.now(dt.UTC)
        end = expires or now + dt.timedelta(days=365)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, end) - dt.timedelta(days=1))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        names = general_names(sans)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), private_pem(key))


@dataclass(frozen=True)
class ClusterPki:
    """The authorities of one cluster and the folder that holds every file of its PKI."""

    folder: Path
    cluster: Authority

    @classmethod
    def create(cls, folder: Path, *, serving_sans: Iterable[str]) -> ClusterPki:
        """Write a whole PKI into `folder`; `serving_sans` are what the API server is reached by."""
        cluster, etcd, front_proxy = Authority("kubernetes"), Authority("etcd-ca"), Authority("front-proxy-ca")
        both = (*SERVER, *CLIENT)
        loopback = ("localhost", "127.0.0.1")
        sans = (*SERVING_NAMES, SERVICE_IP, ADVERTISED_IP, *serving_sans)
        pairs = {
            "ca": cluster.pair,
            "apiserver": cluster.issue("kube-apiserver", usages=SERVER, sans=sans),
            "apiserver-kubelet-client": cluster.issue("kube-apiserver-kubelet-client", ["kubeadm:cluster-admins"]),
            "front-proxy-ca": front_proxy.pair,
            "front-proxy-client": front_proxy.issue("front-proxy-client"),
            "etcd/ca": etcd.pair,
            "etcd/server": etcd.issue("etcd", usages=both, sans=loopback),
            "etcd/peer": etcd.issue("etcd", usages=both, sans=loopback),
            "apiserver-etcd-client": etcd.issue("kube-apiserver-etcd-client"),
        }
        (folder / "etcd").mkdir(parents=True)
        for name, pair in pairs.items():
            write_private(folder / f"{name}.key", pair.key)
            (folder / f"{name}.crt").write_bytes(pair.certificate)
        service_accounts = ec.generate_private_key(ec.SECP256R1())
        write_private(folder / "sa.key", private_pem(service_accounts))
        (folder / "sa.pub").write_bytes(
            service_accounts.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        return cls(folder, cluster)

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the cluster's authority."""
        return self.cluster.pair.certificate


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, as kubeadm does with keys and kubeconfigs."""
    path.touch(mode=0o600)
    path.write_bytes(content)
