"""Reading 10,000 certificates in full: ours against the library's bare load-and-read, and against openssl processes.

Both read the same PEM files and look at the same fields. They take turns, so that a slow moment of the machine hits
both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.pem import read_pem
from k8srun.x509 import certificates_of

CERTIFICATES = 10_000
PART = 500
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
    pems = _bundle(CERTIFICATES)
    parts = [pems[start : start + PART] for start in range(0, CERTIFICATES, PART)]
    pairs = [(_seconds(_ours, part), _seconds(_bare, part)) for part in parts][1:]  # the first warms up
    ours, bare = (PART / statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / mine for mine, theirs in pairs)
    process = _process_rate(pems[0])
    print(f"  k8srun: PEM to full inspection              {ours:9.0f} certificates a second")
    print(f"  cryptography: bare load-and-read            {bare:9.0f} certificates a second")
    print(f"  an `openssl x509 -text` process each        {process:9.0f} certificates a second")
    print(f"  ratio to the library, median of {len(pairs)} pairs {ratio:13.2f}    goal ≥ {GOAL}")
    print(f"  ratio to openssl processes            {ours / process:15.0f}    goal ≥ {GOAL_PROCESSES}")


def _ours(pems: list[bytes]) -> int:
    return len(certificates_of(block for pem in pems for block in read_pem(pem)))


def _bare(pems: list[bytes]) -> int:
    for pem in pems:
        certificate = x509.load_pem_x509_certificate(pem)
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
    return len(pems)


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


def _seconds(read: Callable[[list[bytes]], int], pems: list[bytes]) -> float:
    """Processor time: what other processes take of the machine does not count."""
    started = time.process_time()
    read(pems)
    return time.process_time() - started


def _process_rate(pem: bytes) -> float:
    """Processor time of the processes and of starting them."""
    started = sum(os.times()[:4])
    for _ in range(PROCESSES):
        subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, check=True)
    return PROCESSES / (sum(os.times()[:4]) - started)


def _bundle(count: int) -> list[bytes]:
    """Serving certificates as a cluster has them, each of its own name, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    usage = x509.KeyUsage(True, False, True, False, False, False, False, False, False)
    address = x509.IPAddress(ip_address("10.96.0.1"))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    made = []
    for number in range(count):
        name = f"service-{number}.shop.svc"
        builder = (
            x509.CertificateBuilder(issuer)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .public_key(key.public_key())
            .serial_number(number + 1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=365))
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), address]), critical=False)
        )
        made.append(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return made


if __name__ == "__main__":
    main()
