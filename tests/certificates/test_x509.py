"""Certificates as plain data."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from k8srun.pem import read_pem
from k8srun.x509 import NameConstraints
from tests.certificates import der
from tests.certificates.asking import admin, apiserver
from tests.certificates.model import (
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    POLICIES,
    SAN,
    SERVER_AUTH,
    authority,
    key,
)


def test_a_serving_certificate_says_what_kubernetes_reads_in_it() -> None:
    certificate = apiserver().certificate()
    assert certificate.subject == "CN=kube-apiserver"
    assert certificate.issuer == "CN=kubernetes"
    assert certificate.dns_names == ("kubernetes", "*.example.com")
    assert certificate.ip_addresses == ("10.96.0.1", "::1")
    assert certificate.has_san
    assert certificate.key_usages == ("digitalSignature", "keyEncipherment")
    assert certificate.extended_key_usages == ("serverAuth",)
    assert certificate.has_basic_constraints
    assert not certificate.is_ca
    assert certificate.key_type == "EC secp256r1"
    assert certificate.key_algorithm == "ECDSA"
    assert certificate.signature_algorithm == "SHA256-RSA"
    assert certificate.aki == key("RSA").identifier.hex()
    assert certificate.ski == ""
    assert (certificate.refused, certificate.unreadable) == ("", ())


def test_a_client_certificate_names_its_user_and_groups() -> None:
    certificate = admin().certificate()
    assert certificate.common_name == "kubernetes-admin"
    assert certificate.organizations == ("kubeadm:cluster-admins",)
    assert certificate.subject == "CN=kubernetes-admin,O=kubeadm:cluster-admins"
    assert certificate.extended_key_usages == ("clientAuth",)
    assert not certificate.has_san


def test_a_ca_says_that_it_is_one_and_how_far_its_chain_may_reach() -> None:
    entry = authority("kubernetes", key("RSA"))
    entry.extend(BASIC_CONSTRAINTS, der.basic_constraints(True, 0), True)
    certificate = entry.certificate()
    assert certificate.is_ca
    assert certificate.path_length == 0
    assert "keyCertSign" in certificate.key_usages
    assert certificate.self_issued
    assert certificate.self_signed


def test_a_certificate_of_the_same_name_as_its_issuer_is_not_self_signed_unless_its_own_key_signed_it() -> None:
    entry = authority("kubernetes", key("RSA"))
    entry.signer = key("RSA", 1)
    certificate = entry.certificate()
    assert certificate.self_issued
    assert not certificate.self_signed


def test_dates_are_aware_and_in_utc() -> None:
    entry = apiserver()
    entry.not_before, entry.not_after = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC)
    certificate = entry.certificate()
    assert certificate.not_before == entry.not_before
    assert certificate.not_after == entry.not_after
    assert certificate.not_after.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("serial", "shown"), [(0x1F, "1F"), (0x100, "0100"), (0, "00"), (-5, "-05")])
def test_a_serial_number_is_shown_as_openssl_shows_it(serial: int, shown: str) -> None:
    entry = apiserver()
    entry.serial = serial
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        certificate = entry.certificate()
    assert certificate.serial == serial
    assert certificate.serial_hex == shown


def test_the_hash_of_the_public_key_is_that_of_its_private_key() -> None:
    certificate = admin().certificate()
    pem = key("RSA", 1).private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert certificate.public_key_sha256 == read_pem(pem)[0].public_key_sha256
    assert certificate.public_key_sha256 != apiserver().certificate().public_key_sha256


def test_names_that_read_alike_but_are_encoded_otherwise_differ_in_their_bytes() -> None:
    utf8, printable = authority("kubernetes", key("RSA")), authority("kubernetes", key("RSA"))
    printable.subject = der.name((der.COMMON_NAME, "kubernetes"), tag=der.PRINTABLE)
    assert utf8.certificate().subject == printable.certificate().subject
    assert utf8.certificate().subject_der != printable.certificate().subject_der
    assert printable.certificate().subject_der == printable.subject


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ((), ""),
        (((der.COMMON_NAME, "a"), (der.ORGANIZATION, "b"), (der.ORGANIZATION, "c")), "CN=a,O=b+O=c"),
        (((der.COMMON_NAME, 'a,b+c"d\\e<f>g;h'),), 'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
        (((der.COMMON_NAME, " a "),), "CN=\\ a\\ "),
        (((der.COMMON_NAME, "#a#"),), "CN=\\#a#"),
        (((der.COMMON_NAME, "a"), ("2.5.4.6", "DE"), ("0.9.2342.19200300.100.1.25", "org")), "CN=a,C=DE,DC=org"),
    ],
)
def test_a_name_is_written_as_go_writes_it(attributes: tuple[tuple[str, str], ...], text: str) -> None:
    entry = apiserver()
    entry.subject = der.name(*attributes)
    assert entry.certificate().subject == text


def test_every_kind_of_alternative_name_is_kept() -> None:
    entry = apiserver()
    mapped = der.ip(bytes(10) + b"\xff\xff" + bytes((10, 0, 0, 1)))
    spiffe, mail = der.uri("spiffe://cluster.local/ns/shop"), der.email("ops@example.com")
    entry.extend(SAN, der.general_names(mapped, spiffe, mail, der.other_name()))
    certificate = entry.certificate()
    assert certificate.ip_addresses == ("::ffff:10.0.0.1",)
    assert certificate.uris == ("spiffe://cluster.local/ns/shop",)
    assert certificate.emails == ("ops@example.com",)
    assert certificate.other_names == ("OtherName",)


def test_name_constraints_are_read_by_kind() -> None:
    entry = authority("kubernetes", key("RSA"))
    permitted = (der.dns(".svc"), der.ip(bytes((10, 0, 0, 0, 255, 0, 0, 0))))
    excluded = (der.email("example.com"), der.directory_name(der.name()))
    entry.extend(NAME_CONSTRAINTS, der.name_constraints(permitted, excluded))
    assert entry.certificate().name_constraints == NameConstraints(
        permitted_dns=(".svc",),
        permitted_ips=("10.0.0.0/8",),
        excluded_emails=("example.com",),
        unsupported=("DirectoryName",),
    )


def test_addresses_of_status_issuer_and_revocations_are_read() -> None:
    entry = apiserver()
    access = der.sequence(
        der.sequence(der.oid("1.3.6.1.5.5.7.48.1"), der.uri("http://ocsp.example.com")),
        der.sequence(der.oid("1.3.6.1.5.5.7.48.2"), der.uri("http://ca.example.com/ca.crt")),
    )
    point = der.tlv(0xA0, der.tlv(0xA0, der.uri("http://crl.example.com")))
    entry.extend("1.3.6.1.5.5.7.1.1", access)
    entry.extend("2.5.29.31", der.sequence(der.sequence(point)))
    certificate = entry.certificate()
    assert certificate.ocsp_urls == ("http://ocsp.example.com",)
    assert certificate.issuer_urls == ("http://ca.example.com/ca.crt",)
    assert certificate.crl_urls == ("http://crl.example.com",)


def test_unknown_usages_and_policies_are_shown_as_numbers() -> None:
    entry = apiserver()
    entry.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(SERVER_AUTH, "1.2.3.4"))
    entry.extend(POLICIES, der.policies("2.23.140.1.2.1"))
    certificate = entry.certificate()
    assert certificate.extended_key_usages == ("serverAuth", "1.2.3.4")
    assert certificate.policies == ("2.23.140.1.2.1",)


def test_a_critical_extension_that_go_does_not_process_is_told_from_one_that_it_does() -> None:
    entry = apiserver()
    entry.extend("1.2.3.4.5", b"\x05\0", True)
    entry.extend("1.2.3.4.6", b"\x05\0")
    certificate = entry.certificate()
    assert certificate.unhandled_critical == ("1.2.3.4.5",)
    assert (KEY_USAGE, True) in certificate.extensions
    assert ("1.2.3.4.6", False) in certificate.extensions


@pytest.mark.parametrize(
    ("signer", "algorithm", "named"),
    [
        ("RSA", "SHA1-RSA", "SHA1-RSA"),
        ("RSA", "SHA1-RSA-ISO", "SHA1-RSA"),
        ("RSA", "SHA384-RSAPSS", "SHA384-RSAPSS"),
        ("RSA", "SHA256-RSAPSS-SALT21", "1.2.840.113549.1.1.10"),
        ("P-384", "ECDSA-SHA384", "ECDSA-SHA384"),
        ("Ed25519", "Ed25519", "Ed25519"),
        ("RSA", "unknown", "1.2.3.4.5"),
    ],
)
def test_a_signature_algorithm_has_gos_name_or_its_number(signer: str, algorithm: str, named: str) -> None:
    entry = authority("ca", key(signer))
    entry.algorithm = algorithm
    assert entry.certificate().signature_algorithm == named


def test_version_1_has_no_extensions() -> None:
    entry = apiserver()
    entry.version, entry.extensions = 1, {}
    certificate = entry.certificate()
    assert certificate.version == 1
    assert not certificate.has_basic_constraints
    assert certificate.extensions == ()


def test_what_openssl_shows_is_what_is_read() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate = apiserver().certificate()
    shown = subprocess.run(
        [
            "openssl",
            "x509",
            "-inform",
            "DER",
            "-noout",
            "-serial",
            "-fingerprint",
            "-sha256",
            "-subject",
            "-nameopt",
            "RFC2253",
        ],
        input=certificate.der,
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert f"serial={certificate.serial_hex}\n" in shown
    assert certificate.sha256.upper() in shown.replace(":", "")
    assert f"subject={certificate.subject}\n" in shown
