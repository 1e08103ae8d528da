"""Verification, one kind of error after the other; that the words are Go's is the differential test's matter."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from k8srun.certificates.verification import (
    ErrorKind,
    VerificationVerdict,
    verify,
)
from tests.certificates import der
from tests.certificates.asking import HOST, ca, check, client, facts, server
from tests.certificates.model import (
    BASIC_CONSTRAINTS,
    CLIENT_AUTH,
    EXTENDED_KEY_USAGE,
    NAME_CONSTRAINTS,
    NOW,
    POLICY_CONSTRAINTS,
    SERVER_AUTH,
    Entry,
    authority,
    key,
    leaf,
)


def test_a_serving_certificate_of_the_trusted_ca_verifies() -> None:
    root = ca()
    end = server(root)
    answer = check(end, root)
    assert answer.verdict is VerificationVerdict.OK
    assert (answer.message, answer.kind, answer.problems) == ("", None, ())
    assert answer.chains == ((end.certificate(), root.certificate()),)


def test_a_chain_over_an_intermediate_verifies_when_it_is_sent_and_not_otherwise() -> None:
    root = ca()
    between = authority("between", key("P-256", 1), root)
    assert check(server(between), root, sent=(between,)).verdict is VerificationVerdict.OK
    answer = check(server(between), root)
    assert answer.message == "x509: certificate signed by unknown authority"
    assert "no trusted or sent certificate is named CN=between" in facts(answer)


def test_every_way_to_a_root_is_a_chain() -> None:
    old, new = ca(), ca()
    new.serial = 2
    assert [len(chain) for chain in check(server(old), old, new).chains] == [2, 2]


def test_a_client_certificate_without_names_verifies_as_kube_apiserver_does_it() -> None:
    root = ca()
    assert check(client(root), root, name="", usage="client").verdict is VerificationVerdict.OK


def test_an_expired_leaf_is_told_with_gos_words_and_the_dates_as_evidence() -> None:
    root = ca()
    end = server(root)
    end.not_after = NOW - timedelta(days=1)
    answer = check(end, root)
    assert answer.kind is ErrorKind.EXPIRED
    assert answer.message == (
        "x509: certificate has expired or is not yet valid: "
        "current time 2026-05-17T12:00:00Z is after 2026-05-16T12:00:00Z"
    )
    assert "to 2026-05-16T12:00:00Z" in facts(answer)


def test_the_last_second_of_a_certificate_still_counts() -> None:
    root = ca()
    end = server(root)
    end.not_after = NOW
    assert check(end, root).verdict is VerificationVerdict.OK


def test_the_time_zone_of_the_clock_shows_in_the_message() -> None:
    root = ca()
    end = server(root).certificate()
    now = (NOW + timedelta(days=999)).astimezone(timezone(timedelta(hours=2)))
    answer = verify(end, roots=[root.certificate()], now=now)
    assert "current time 2029-02-09T14:00:00+02:00 is after 2027-04-17T12:00:00Z" in answer.message


def test_a_certificate_from_the_future_is_not_yet_valid() -> None:
    root = ca()
    end = server(root)
    end.not_before = NOW + timedelta(seconds=1)
    answer = check(end, root)
    assert answer.kind is ErrorKind.NOT_YET_VALID
    assert answer.message.endswith("is before 2026-05-17T12:00:01Z")


def test_an_expired_ca_is_the_certificate_that_is_named() -> None:
    root = ca()
    root.not_after = NOW - timedelta(days=1)
    answer = check(server(root), root)
    assert answer.kind is ErrorKind.EXPIRED
    assert answer.problems[0].certificate == root.certificate()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other.svc", f"x509: certificate is valid for {HOST}, not other.svc"),
        ("10.0.0.9", "x509: certificate is valid for 10.96.0.1, not 10.0.0.9"),
    ],
)
def test_a_name_that_the_certificate_lacks_is_told_with_those_that_it_has(name: str, message: str) -> None:
    root = ca()
    answer = check(server(root), root, name=name)
    assert answer.kind is ErrorKind.HOSTNAME
    assert answer.message == message
    assert f"names in the certificate: {HOST}, 10.96.0.1" in facts(answer)


@pytest.mark.parametrize("name", [HOST, "KUBERNETES.default.svc.", "10.96.0.1", "[10.96.0.1]", "::ffff:10.96.0.1"])
def test_a_name_matches_in_each_spelling_that_go_takes(name: str) -> None:
    root = ca()
    assert check(server(root), root, name=name).verdict is VerificationVerdict.OK


def test_a_certificate_with_a_common_name_alone_is_told_to_use_names() -> None:
    root = ca()
    end = leaf(HOST, key("P-256", 3), root)
    answer = check(end, root)
    assert answer.message == "x509: certificate relies on legacy Common Name field, use SANs instead"
    assert answer.kind is ErrorKind.HOSTNAME


def test_an_address_that_stands_as_a_dns_name_does_not_count() -> None:
    root = ca()
    end = leaf("kubelet", key("P-256", 3), root, der.dns("10.96.0.1"))
    assert check(end, root, name="10.96.0.1").message == (
        "x509: cannot validate certificate for 10.96.0.1 because it doesn't contain any IP SANs"
    )


def test_a_ca_rebuilt_under_the_same_name_is_told_by_its_key() -> None:
    answer = check(server(ca(0)), ca(1))
    assert answer.kind is ErrorKind.UNKNOWN_AUTHORITY
    assert answer.message == (
        'x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" '
        'while trying to verify candidate authority certificate "kubernetes")'
    )
    problem = answer.problems[0]
    assert problem.candidate is not None
    assert problem.candidate.common_name == "kubernetes"
    assert f"signed by the key {key('P-256', 0).identifier.hex()}" in facts(answer)
    assert f"the candidate's key is {key('P-256', 1).identifier.hex()}" in facts(answer)


def test_a_damaged_signature_is_told_from_a_rebuilt_ca() -> None:
    root = ca()
    end = server(root)
    end.damaged = True
    answer = check(end, root)
    assert answer.kind is ErrorKind.UNKNOWN_AUTHORITY
    assert "did not do: ECDSA verification failure" in facts(answer)
    assert "signed by the key" not in facts(answer)


def test_the_same_name_in_another_string_type_is_another_authority() -> None:
    root = ca()
    end = server(root)
    end.issuer_name = der.name((der.COMMON_NAME, "kubernetes"), tag=der.PRINTABLE)
    answer = check(end, root)
    assert answer.message == "x509: certificate signed by unknown authority"
    assert "the name encoded otherwise" in facts(answer)


def test_a_self_signed_certificate_verifies_only_where_it_is_trusted_itself() -> None:
    end = server(None)
    assert check(end, end).verdict is VerificationVerdict.OK
    answer = check(end, ca())
    assert answer.kind is ErrorKind.UNKNOWN_AUTHORITY
    assert "it is its own issuer" in facts(answer)


def test_a_leaf_in_place_of_the_ca_cannot_sign() -> None:
    root = ca()
    pasted = server(root)
    pasted.subject = root.subject
    answer = check(server(root), pasted)
    assert "parent certificate cannot sign this kind of certificate" in answer.message
    assert answer.kind is ErrorKind.UNKNOWN_AUTHORITY


def test_a_sha1_signature_is_insecure() -> None:
    root = ca()
    end = server(root)
    end.algorithm = "ECDSA-SHA1"
    answer = check(end, root)
    assert answer.kind is ErrorKind.INSECURE_SIGNATURE
    assert "insecure algorithm ECDSA-SHA1" in answer.message


def test_an_intermediate_of_version_1_may_not_sign_though_a_root_may() -> None:
    root = ca()
    between = Entry(der.name((der.COMMON_NAME, "between")), key("P-256", 1), root, version=1)
    answer = check(server(between), root, sent=(between,))
    assert answer.kind is ErrorKind.CA_NOT_AUTHORIZED_TO_SIGN
    assert answer.message == "x509: certificate is not authorized to sign other certificates"
    assert check(server(between), between).verdict is VerificationVerdict.OK


def test_a_path_longer_than_its_ca_allows_is_rejected() -> None:
    root = ca()
    root.extend(BASIC_CONSTRAINTS, der.basic_constraints(True, 0), True)
    between = authority("between", key("P-256", 1), root)
    answer = check(server(between), root, sent=(between,))
    assert answer.kind is ErrorKind.PATH_LENGTH
    assert "it allows 0 intermediates below it, and there are 1" in facts(answer)
    assert check(server(root), root).verdict is VerificationVerdict.OK


@pytest.mark.parametrize("position", ["leaf", "ca"])
def test_a_usage_must_be_allowed_by_the_leaf_and_by_every_ca_that_lists_usages(position: str) -> None:
    root = ca()
    end = client(root) if position == "leaf" else server(root)
    if position == "ca":
        root.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(CLIENT_AUTH))
    answer = check(end, root, name="")
    assert answer.kind is ErrorKind.INCOMPATIBLE_USAGE
    assert answer.message == "x509: certificate specifies an incompatible key usage"
    assert answer.problems[0].certificate.is_ca == (position == "ca")
    assert "allows only clientAuth, not serverAuth" in facts(answer)


def test_a_certificate_for_both_usages_serves_both() -> None:
    root = ca()
    end = server(root)
    end.extend(EXTENDED_KEY_USAGE, der.extended_key_usage(SERVER_AUTH, CLIENT_AUTH))
    assert check(end, root).verdict is VerificationVerdict.OK
    assert check(end, root, usage="client").verdict is VerificationVerdict.OK


@pytest.mark.parametrize(("permitted", "verdict"), [("svc", "ok"), ("example.com", "invalid")])
def test_a_ca_may_sign_only_for_the_names_that_it_is_allowed(permitted: str, verdict: str) -> None:
    root = ca()
    root.extend(NAME_CONSTRAINTS, der.name_constraints((der.dns(permitted),)), True)
    answer = check(server(root), root)
    assert answer.verdict == verdict
    if verdict == "invalid":
        assert answer.kind is ErrorKind.NAME_CONSTRAINTS
        assert answer.problems[0].candidate is not None
        assert answer.message.endswith(f'DNS name "{HOST}" is not permitted by any constraint')


def test_an_unknown_critical_extension_is_not_passed_over() -> None:
    root = ca()
    end = server(root)
    end.extend("1.2.3.4.5", b"\x05\0", True)
    answer = check(end, root)
    assert answer.kind is ErrorKind.UNHANDLED_CRITICAL
    assert answer.message == "x509: unhandled critical extension"
    assert "1.2.3.4.5" in facts(answer)


def test_policies_that_a_ca_demands_must_be_there() -> None:
    root = ca()
    between = authority("between", key("P-256", 1), root)
    between.extend(POLICY_CONSTRAINTS, der.policy_constraints(0), True)
    answer = check(server(between), root, sent=(between,))
    assert answer.kind is ErrorKind.INVALID_POLICIES
    assert answer.message == "x509: no valid chains built: 1 candidate chains with invalid policies"


def test_too_many_authorities_of_one_name_end_the_search() -> None:
    roots = [ca(1) for _ in range(101)]
    for serial, root in enumerate(roots, start=1):
        root.serial = serial
    answer = check(server(ca(0)), *roots)
    assert answer.kind is ErrorKind.SIGNATURE_LIMIT
    assert check(server(ca(0)), *roots[:100]).kind is ErrorKind.UNKNOWN_AUTHORITY
