"""Inventory and full inspection of 10,000 certificates, against the library's bare load-and-read, and openssl.

Ours is the whole way: a bundle from disk, the inventory, of each certificate what `openssl x509 -text` shows, and which
key belongs to it. The library loads the same bundle from memory and looks at the same fields. Then both find out who
signed each certificate, too, and prove it by the signature. They take turns, so that a slow moment of the machine hits
both; no certificate is read twice.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.certificates.card import details
from k8srun.certificates.contents import Contents
from k8srun.certificates.inventory import Inventory, inventory
from k8srun.snapshot import Snapshot
from k8srun.sources.certificates import read_certificates

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
NOW = datetime(2026, 1, 1, tzinfo=UTC)

CERTIFICATES = 10_000
PART = 1_000
PROCESSES = 50
NAME_TYPES = (x509.DNSName, x509.IPAddress, x509.UniformResourceIdentifier, x509.RFC822Name)
KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
GOAL = 0.6
GOAL_PROCESSES = 100


def main() -> None:
    authority, pems = _bundle(CERTIFICATES + PART)  # the first part warms up
    parts = [b"".join((authority, *pems[start : start + PART])) for start in range(0, len(pems), PART)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bundle.pem")
        pairs = [_pair(path, part) for part in parts][1:]
    reading, listing = ([(ours, bare) for ours, bare in column] for column in zip(*pairs, strict=True))
    process = _process_rate(pems[0])
    print(f"  {'':44} {'k8srun':>8} {'bare':>8}  certificates a second, processor time")
    _report("inventory and full inspection", reading)
    ours = _report("the same, and who signed each, proven", listing)
    print(f"  an `openssl x509 -text` process each         {process:8.0f}")
    print(f"  ratio to openssl processes                   {ours / process:8.0f}{'':20}goal ≥ {GOAL_PROCESSES}")


def _report(what: str, pairs: list[tuple[float, float]]) -> float:
    """Print the medians and their ratio; our rate."""
    ours, bare = (PART / statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / mine for mine, theirs in pairs)
    print(f"  {what:44} {ours:8.0f} {bare:8.0f}   ratio {ratio:.2f}   goal ≥ {GOAL}")
    return ours


def _pair(path: Path, bundle: bytes) -> tuple[tuple[float, float], tuple[float, float]]:
    """Seconds that we and the library take to read a bundle, and with the issuers found besides."""
    path.write_bytes(bundle)
    started = time.process_time()
    found = _ours(path)
    read = time.process_time()
    contents = Contents(found.bundles)
    assert all(contents.issuers_of(item.certificate) for item in contents.certificates[1:] if item.certificate)
    ours = time.process_time()
    loaded = _bare(bundle)
    bare = time.process_time()
    for certificate in loaded[1:]:
        certificate.verify_directly_issued_by(loaded[0])
    verified = time.process_time()
    return (read - started, bare - ours), (ours - started, verified - ours)


def _ours(path: Path) -> Inventory:
    """As `k8srun certs show` goes about it."""
    snapshot = Snapshot(taken_at=NOW, files=(read_certificates(str(path)).file,))
    found = inventory(snapshot)
    contents = Contents(found.bundles)
    for item in contents.certificates:
        if item.certificate:
            details(item.certificate, NOW)
            contents.keys_of(item.certificate)
    return found


def _bare(bundle: bytes) -> list[x509.Certificate]:
    loaded = x509.load_pem_x509_certificates(bundle)
    for certificate in loaded:
        for name in (certificate.subject, certificate.issuer):
            _ = name.rfc4514_string(), name.public_bytes()
        _ = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        _ = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        _ = certificate.serial_number, certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = certificate.signature_algorithm_oid.dotted_string, certificate.version
        key = certificate.public_key()
        _ = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key.key_size  # type: ignore[union-attr]
        certificate.fingerprint(hashes.SHA256())
        for extension in certificate.extensions:
            _read(extension.value)
    return loaded


def _read(value: x509.ExtensionType) -> None:
    match value:
        case x509.SubjectAlternativeName():
            _ = [value.get_values_for_type(kind) for kind in NAME_TYPES]
        case x509.KeyUsage():
            _ = [getattr(value, name) for name in KEY_USAGES]
        case x509.ExtendedKeyUsage():
            _ = [usage.dotted_string for usage in value]
        case x509.BasicConstraints():
            _ = value.ca, value.path_length
        case x509.AuthorityKeyIdentifier():
            _ = value.key_identifier
        case x509.SubjectKeyIdentifier():
            _ = value.digest


def _process_rate(pem: bytes) -> float:
    """Processor time of the processes and of starting them."""
    started = sum(os.times()[:4])
    for _ in range(PROCESSES):
        subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, check=True)
    return PROCESSES / (sum(os.times()[:4]) - started)


def _bundle(count: int) -> tuple[bytes, list[bytes]]:
    """A CA and serving certificates as a kubeadm cluster has them, each of its own name and key, PEM."""
    signer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    usage = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    signs = x509.KeyUsage(True, False, True, False, False, True, False, False, False)
    address = x509.IPAddress(ip_address("10.96.0.1"))
    aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    authority = (
        _builder(issuer, issuer, signer, 1)
        .add_extension(signs, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    made = []
    for number in range(count):
        name = f"service-{number}.shop.svc"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(subject, issuer, ec.generate_private_key(ec.SECP256R1()), number + 2)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(aki, critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), address]), critical=False)
        )
        made.append(builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM))
    return authority.public_bytes(Encoding.PEM), made


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=365))
    )


if __name__ == "__main__":
    main()
