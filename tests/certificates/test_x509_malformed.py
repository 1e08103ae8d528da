"""Certificates that are malformed, or that Go or the library refuses."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8srun.certificates.verification import verify
from k8srun.pem import PemBlock
from k8srun.x509 import Certificate, MalformedCertificate, certificates_of
from tests.certificates import der
from tests.certificates.asking import admin, apiserver
from tests.certificates.model import (
    AKI,
    BASIC_CONSTRAINTS,
    NOW,
    POLICIES,
    SAN,
    SKI,
    Entry,
    authority,
    key,
)


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


@pytest.mark.parametrize("features", [der.sequence(), der.sequence(der.integer(1535))])
def test_a_list_of_tls_features_that_the_library_has_no_names_for_leaves_the_rest(features: bytes) -> None:
    entry = apiserver()
    entry.extend("1.3.6.1.5.5.7.1.24", features)
    certificate = entry.certificate()
    assert certificate.subject == "CN=kube-apiserver"
    assert certificate.unreadable


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        (0x03, b"\0a", "unsupported string type: 3"),
        (0x1C, b"\0\0\0a", "unsupported string type: 28"),
        (0x1A, b"visible", "unsupported string type: 26"),
        (0x12, b"12 a", "invalid NumericString"),
        (0x1E, b"\xff\xff", "invalid BMPString"),
        (0x0C, b"\xff", "invalid UTF-8 string"),
    ],
)
def test_a_string_that_go_does_not_read_in_a_name_is_told_in_its_words(tag: int, value: bytes, said: str) -> None:
    entry = apiserver()
    entry.subject = der.sequence(der.tlv(der.SET, der.sequence(der.oid(der.COMMON_NAME), der.tlv(tag, value))))
    assert entry.certificate().refused == f"x509: invalid RDNSequence: invalid attribute value: {said}"


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
