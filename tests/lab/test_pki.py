"""The PKI has the form that kubeadm gives it."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.errors import InputError
from k8srun.lab import Lab
from k8srun.pki.spec import moment

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

# File below /etc/kubernetes/pki, CN, O, extended key usages, issuing CA.
LEAVES = [
    ("apiserver", "kube-apiserver", [], {SERVER}, "ca"),
    ("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ["kubeadm:cluster-admins"], {CLIENT}, "ca"),
    ("front-proxy-client", "front-proxy-client", [], {CLIENT}, "front-proxy-ca"),
    ("etcd/server", "cp-1", [], {SERVER, CLIENT}, "etcd/ca"),
    ("etcd/peer", "cp-1", [], {SERVER, CLIENT}, "etcd/ca"),
    ("etcd/healthcheck-client", "kube-etcd-healthcheck-client", [], {CLIENT}, "etcd/ca"),
    ("apiserver-etcd-client", "kube-apiserver-etcd-client", [], {CLIENT}, "etcd/ca"),
]
AUTHORITIES = [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca"), ("etcd/ca", "etcd-ca")]
KUBECONFIGS = [
    ("admin.conf", "kubernetes-admin", ["kubeadm:cluster-admins"]),
    ("super-admin.conf", "kubernetes-super-admin", ["system:masters"]),
    ("controller-manager.conf", "system:kube-controller-manager", []),
    ("scheduler.conf", "system:kube-scheduler", []),
]


def pki(lab: Lab, name: str) -> Path:
    return lab.node_root / "etc/kubernetes/pki" / name


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [attribute.value for attribute in name.get_attributes_for_oid(oid)]


def extensions(found: x509.Certificate) -> dict[type, x509.Extension]:
    return {type(extension.value): extension for extension in found.extensions}


@pytest.mark.parametrize(("name", "common_name"), AUTHORITIES)
def test_an_authority_signs_itself_with_ski_and_critical_usages(healthy: Lab, name: str, common_name: str) -> None:
    ca = certificate(pki(healthy, f"{name}.crt"))
    found = extensions(ca)

    ca.verify_directly_issued_by(ca)
    assert values(ca.subject, NameOID.COMMON_NAME) == [common_name]
    assert found[x509.BasicConstraints].critical
    assert found[x509.BasicConstraints].value.ca
    assert found[x509.KeyUsage].critical
    assert found[x509.KeyUsage].value.key_cert_sign
    assert x509.SubjectKeyIdentifier in found
    assert isinstance(ca.public_key(), rsa.RSAPublicKey)
    assert ca.public_key().key_size == 2048


@pytest.mark.parametrize("row", LEAVES, ids=lambda row: row[0])
def test_a_leaf_has_the_names_usages_and_issuer_of_kubeadms_table(healthy: Lab, row: tuple) -> None:
    name, common_name, organizations, usages, issuer = row
    leaf, ca = certificate(pki(healthy, f"{name}.crt")), certificate(pki(healthy, f"{issuer}.crt"))
    found = extensions(leaf)

    leaf.verify_directly_issued_by(ca)
    assert values(leaf.subject, NameOID.COMMON_NAME) == [common_name]
    assert values(leaf.subject, NameOID.ORGANIZATION_NAME) == organizations
    assert set(found[x509.ExtendedKeyUsage].value) == usages
    assert not found[x509.BasicConstraints].value.ca
    assert not found[x509.KeyUsage].value.key_cert_sign
    assert (
        found[x509.AuthorityKeyIdentifier].value.key_identifier
        == extensions(ca)[x509.SubjectKeyIdentifier].value.key_identifier
    )
    assert x509.SubjectKeyIdentifier not in found
    assert leaf.not_valid_before_utc == ca.not_valid_before_utc


def test_names_are_encoded_as_go_encodes_them(healthy: Lab) -> None:
    # Go compares issuer and subject by their bytes, and writes PrintableString (0x13), not UTF8String (0x0c).
    assert b"\x13\x0akubernetes" in certificate(pki(healthy, "ca.crt")).subject.public_bytes()
    assert b"\x0c" not in certificate(pki(healthy, "apiserver-kubelet-client.crt")).subject.public_bytes()


@pytest.mark.parametrize(("file", "common_name", "organizations"), KUBECONFIGS)
def test_a_kubeconfig_holds_a_client_certificate_of_the_clusters_ca(
    healthy: Lab, file: str, common_name: str, organizations: list[str]
) -> None:
    document = yaml.safe_load((healthy.node_root / "etc/kubernetes" / file).read_text())
    user = document["users"][0]["user"]
    leaf = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    trusted = base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"])

    leaf.verify_directly_issued_by(certificate(pki(healthy, "ca.crt")))
    assert values(leaf.subject, NameOID.COMMON_NAME) == [common_name]
    assert values(leaf.subject, NameOID.ORGANIZATION_NAME) == organizations
    assert set(extensions(leaf)[x509.ExtendedKeyUsage].value) == {CLIENT}
    assert trusted == pki(healthy, "ca.crt").read_bytes()
    assert document["users"][0]["name"] == common_name
    assert document["contexts"][0]["context"] == {"cluster": "kubernetes", "user": common_name}
    assert document["contexts"][0]["name"] == document["current-context"]


@pytest.mark.parametrize("node", ["cp-1", "worker-1", "worker-2"])
def test_a_kubelet_is_a_node_to_the_api_server_and_serves_under_its_name_and_address(healthy: Lab, node: str) -> None:
    root = healthy.nodes[node]
    config = yaml.safe_load((root / "etc/kubernetes/kubelet.conf").read_text())
    current = config["users"][0]["user"]["client-certificate"]
    target = (root / current.lstrip("/")).readlink()
    client = certificate(root / str(target).lstrip("/"))
    server = certificate(next((root / "var/lib/kubelet/pki").glob("kubelet-server-2*.pem")))
    sans = extensions(server)[x509.SubjectAlternativeName].value

    assert values(client.subject, NameOID.COMMON_NAME) == [f"system:node:{node}"]
    assert values(client.subject, NameOID.ORGANIZATION_NAME) == ["system:nodes"]
    assert sans.get_values_for_type(x509.DNSName) == [node]
    assert len(sans.get_values_for_type(x509.IPAddress)) == 1


def test_every_certificate_lies_beside_its_own_key(healthy: Lab) -> None:
    pairs = [(path, path.with_suffix(".key")) for path in pki(healthy, "").rglob("*.crt")]

    assert len(pairs) == len(LEAVES) + len(AUTHORITIES)
    for path, key_path in pairs:
        key = load_pem_private_key(key_path.read_bytes(), password=None)
        assert public(certificate(path).public_key()) == public(key.public_key()), path


def public(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["-CAfile", f"{issuer}.crt", f"{name}.crt"] for name, _, _, _, issuer in LEAVES),
        ["-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_ip", "127.0.0.1", "apiserver.crt"],
        ["-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_ip", "10.96.0.1", "apiserver.crt"],
        ["-CAfile", "ca.crt", "-purpose", "sslserver", "-verify_hostname", "kubernetes.default.svc", "apiserver.crt"],
        ["-CAfile", "etcd/ca.crt", "-purpose", "sslserver", "-verify_ip", "::1", "etcd/peer.crt"],
    ],
    ids=lambda arguments: " ".join(arguments[1:]),
)
def test_openssl_accepts_the_healthy_chains(healthy: Lab, arguments: list[str]) -> None:
    assert openssl_verify(healthy, arguments) == ""


def test_openssl_refuses_a_chain_of_another_ca(healthy: Lab) -> None:
    assert "error 20" in openssl_verify(healthy, ["-CAfile", "etcd/ca.crt", "apiserver.crt"])


def openssl_verify(lab: Lab, arguments: list[str]) -> str:
    """What `openssl verify -x509_strict` complains of."""
    command = ["openssl", "verify", "-x509_strict", *arguments]
    done = subprocess.run(command, cwd=pki(lab, ""), capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("offset", "delta"),
    [
        ("-2d", timedelta(days=-2)),
        ("+36h", timedelta(hours=36)),
        ("-30m", timedelta(minutes=-30)),
        ("+0d", timedelta()),
    ],
)
def test_times_are_offsets_in_days_hours_or_minutes(offset: str, delta: timedelta) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)

    assert moment(offset, now) - now == delta


@pytest.mark.parametrize("offset", ["", "2d", "-2", "-2y", "-2d ", "yesterday"])
def test_what_is_no_offset_is_refused_with_an_example(offset: str) -> None:
    with pytest.raises(InputError, match=r"is not an offset(?s:.*)-2d"):
        moment(offset, datetime.now(UTC))
