"""Certificates as plain data."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from k8srun.certificates.verification import verify
from k8srun.pem import PemBlock, read_pem
from k8srun.x509 import Certificate, MalformedCertificate, NameConstraints, certificates_of
from tests.certificates import der
from tests.certificates.model import (
    AKI,
    BASIC_CONSTRAINTS,
    CLIENT_AUTH,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    NOW,
    POLICIES,
    SAN,
    SERVER_AUTH,
    SKI,
    Entry,
    authority,
    key,
    leaf,
)


def apiserver() -> Entry:
    names = (
        der.dns("kubernetes"),
        der.dns("*.example.com"),
        der.ip(bytes((10, 96, 0, 1))),
        der.ip(bytes(15) + b"\x01"),
    )
    return leaf("kube-apiserver", key("P-256"), authority("kubernetes", key("RSA")), *names)


def admin() -> Entry:
    entry = leaf("kubernetes-admin", key("RSA", 1), authority("kubernetes", key("RSA")), usages=(CLIENT_AUTH,))
    entry.subject = der.name((der.ORGANIZATION, "kubeadm:cluster-admins"), (der.COMMON_NAME, "kubernetes-admin"))
    return entry


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


@pytest.mark.parametrize(
    ("number", "value", "critical", "message"),
    [
        (SKI, der.octets(b"id"), True, "x509: subject key identifier incorrectly marked critical"),
        (AKI, der.authority_key_identifier(b"id"), True, "x509: authority key identifier incorrectly marked critical"),
        (SAN, der.general_names(der.dns("bücher.example")), None, "x509: SAN dNSName is malformed"),
        (SAN, der.general_names(der.ip(bytes(8))), None, "x509: cannot parse IP address of length 8"),
        (POLICIES, der.policies("1.2.3.4", "1.2.3.4"), None, "x509: invalid certificate policies"),
    ],
)
def test_what_gos_parser_refuses_is_said_in_its_words_and_the_rest_is_read(
    number: str, value: bytes, critical: bool | None, message: str
) -> None:
    entry = apiserver()
    entry.extend(number, value, critical)
    certificate = entry.certificate()
    assert certificate.refused == message
    assert certificate.extended_key_usages == ("serverAuth",)


def test_an_extension_that_the_library_cannot_read_leaves_the_rest_and_says_so() -> None:
    entry = apiserver()
    entry.extend(BASIC_CONSTRAINTS, der.basic_constraints(None, 0))
    certificate = entry.certificate()
    assert certificate.subject == "CN=kube-apiserver"
    assert certificate.not_after == entry.not_after
    assert certificate.refused == ""
    assert "path_length" in certificate.unreadable[0]


def test_a_name_that_the_library_cannot_read_leaves_the_rest_and_says_so() -> None:
    entry = apiserver()
    entry.subject = der.name((der.COMMON_NAME, "bücher"), tag=der.T61)
    certificate = entry.certificate()
    assert certificate.subject == ""
    assert certificate.subject_der == entry.subject
    assert certificate.dns_names == ("kubernetes", "*.example.com")
    assert certificate.unreadable


@pytest.mark.parametrize("content", [b"", b"\x30", b"\x30\x03\x02\x01\x01", b"<html>", bytes(5000)])
def test_what_is_no_certificate_is_refused_with_what_to_do(content: bytes) -> None:
    with pytest.raises(MalformedCertificate, match="malformed certificate") as raised:
        Certificate.from_der(content)
    assert "openssl x509" in raised.value.do


def test_the_same_bytes_give_the_same_certificate() -> None:
    encoded = apiserver().der()
    assert Certificate.from_der(encoded) is Certificate.from_der(bytes(encoded))
    assert Certificate.from_der(encoded) != admin().certificate()


def test_the_certificates_of_a_file_are_those_that_can_be_read() -> None:
    blocks = (
        PemBlock("CERTIFICATE", der=apiserver().der()),
        PemBlock("RSA PRIVATE KEY"),
        PemBlock("CERTIFICATE", error="truncated: no END line"),
        PemBlock("CERTIFICATE", der=b"\x30\x00"),
        PemBlock("CERTIFICATE", der=admin().der()),
    )
    assert [certificate.common_name for certificate in certificates_of(blocks)] == [
        "kube-apiserver",
        "kubernetes-admin",
    ]


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from((apiserver, admin)),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=3),
    st.integers(0, 600),
)
def test_altered_bytes_are_read_or_refused_and_never_break_the_reader(
    make: Callable[[], Entry], changes: list[tuple[int, int]], cut: int
) -> None:
    altered = bytearray(make().der())
    for position, value in changes:
        altered[position % len(altered)] = value
    content = bytes(altered[: len(altered) - cut % 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            certificate = Certificate.from_der(content)
        except MalformedCertificate:
            return
        verify(certificate, roots=[authority("kubernetes", key("RSA")).certificate(), certificate], name="x", now=NOW)


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
