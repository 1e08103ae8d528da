"""What a verification cannot judge, and what the first error hides."""

from __future__ import annotations

from datetime import timedelta

from k8srun.certificates.verification import (
    ErrorKind,
    VerificationVerdict,
    find_issuers,
    signed_by,
)
from k8srun.x509 import Certificate
from tests.certificates import der
from tests.certificates.asking import ca, check, client, kinds, server
from tests.certificates.model import (
    AKI,
    KEY_USAGE,
    NOW,
    SAN,
    SKI,
    authority,
    key,
)


def test_what_go_cannot_parse_never_comes_to_verification() -> None:
    root = ca()
    end = server(root)
    end.extend(SKI, der.octets(b"id"), True)
    answer = check(end, root)
    assert answer.kind is ErrorKind.MALFORMED
    assert answer.message == "x509: subject key identifier incorrectly marked critical"


def test_a_root_that_go_cannot_parse_is_passed_over_as_when_a_bundle_is_loaded() -> None:
    root, broken = ca(), ca()
    broken.extend(SKI, der.octets(b"id"), True)
    assert check(server(root), broken, root).verdict is VerificationVerdict.OK
    assert check(server(root), broken).message == "x509: certificate signed by unknown authority"


def test_a_certificate_that_cannot_be_read_in_full_is_unknown_and_never_ok() -> None:
    root = ca()
    end = server(root)
    end.extend(KEY_USAGE, der.key_usage("encipherOnly"))
    answer = check(end, root)
    assert answer.verdict is VerificationVerdict.UNKNOWN
    assert answer.kind is None
    assert "CN=kube-apiserver cannot be read in full" in answer.message


def test_an_authority_that_cannot_be_read_makes_a_rejection_unknown_and_leaves_an_acceptance() -> None:
    root, unreadable = ca(0), ca(1)
    unreadable.extend(KEY_USAGE, der.key_usage("encipherOnly", "keyCertSign"))
    assert check(server(root), unreadable, root).verdict is VerificationVerdict.OK
    assert check(server(ca(2)), unreadable).verdict is VerificationVerdict.UNKNOWN


def test_problems_come_in_the_order_in_which_mending_uncovers_them() -> None:
    root = ca()
    root.not_after = NOW - timedelta(days=1)
    end = client(root)
    end.extend("1.2.3.4.5", b"\x05\0", True)
    end.not_after = NOW - timedelta(days=2)
    end.extend(SAN, der.general_names(der.dns("other.svc")))
    answer = check(end, root)
    assert kinds(answer) == [
        ErrorKind.UNHANDLED_CRITICAL,
        ErrorKind.EXPIRED,
        ErrorKind.HOSTNAME,
        ErrorKind.EXPIRED,
        ErrorKind.INCOMPATIBLE_USAGE,
    ]
    assert answer.message == answer.problems[0].message
    expired = [problem.certificate.common_name for problem in answer.problems if problem.kind is ErrorKind.EXPIRED]
    assert expired == ["kubernetes-admin", "kubernetes"]


def test_an_unknown_authority_does_not_hide_what_the_leaf_itself_lacks() -> None:
    assert kinds(check(client(ca(0)), ca(1), name="")) == [ErrorKind.UNKNOWN_AUTHORITY, ErrorKind.INCOMPATIBLE_USAGE]


def test_a_weak_signature_does_not_hide_an_expired_authority() -> None:
    root = ca()
    root.not_after = NOW - timedelta(days=1)
    end = server(root)
    end.algorithm = "ECDSA-SHA1"
    assert kinds(check(end, root)) == [ErrorKind.INSECURE_SIGNATURE, ErrorKind.EXPIRED]


def test_an_intermediate_of_an_unknown_authority_ends_the_search_for_problems() -> None:
    between = authority("between", key("P-256", 1), ca(0))
    between.not_after = NOW - timedelta(days=1)
    answer = check(server(between), ca(2), sent=(between,), name="other.svc")
    assert kinds(answer) == [ErrorKind.HOSTNAME, ErrorKind.EXPIRED, ErrorKind.UNKNOWN_AUTHORITY]
    assert answer.problems[-1].certificate.common_name == "between"


def test_the_issuer_of_a_certificate_is_found_among_candidates_by_its_signature() -> None:
    right, rebuilt, other = ca(0), ca(1), authority("front-proxy-ca", key("P-256", 2))
    candidates = [entry.certificate() for entry in (other, rebuilt, right, right)]
    end = server(right)
    end.extensions.pop(AKI)
    assert find_issuers(end.certificate(), candidates) == (candidates[2],)
    assert find_issuers(server(ca(4)).certificate(), candidates) == ()


def test_signing_is_told_from_having_the_same_name() -> None:
    root, rebuilt = ca(0), ca(1)
    end: Certificate = server(root).certificate()
    assert signed_by(end, root.certificate())
    assert not signed_by(end, rebuilt.certificate())
    assert not signed_by(root.certificate(), end)
