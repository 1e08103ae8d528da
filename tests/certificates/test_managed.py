"""cert-manager's Certificates, and what else the list shows beside certificates."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.certificates.checks import CHECKS
from k8srun.certificates.listing import listing
from k8srun.certificates.managed import managed_certificates
from k8srun.certificates.verification import VerificationVerdict
from k8srun.checks import evaluate
from k8srun.findings import Severity, Verdict
from k8srun.kinds import CERT_MANAGER_CERTIFICATE, CERTIFICATE_SIGNING_REQUEST, SECRET
from k8srun.snapshot import Snapshot
from tests.certificates.check_cases import kept, managed, not_kept
from tests.certificates.cluster import Cluster
from tests.certificates.model import NOW, authority, key
from tests.certificates.signing import signing_request

(CHECK,) = (check for check in CHECKS if check.id == "CERT-MANAGER-READY")


def cluster(**status):
    return Cluster(objects={CERT_MANAGER_CERTIFICATE: (managed(**status),)}).snapshot()


def finding(snapshot):
    (found,) = evaluate(CHECK, snapshot, NOW).findings
    return found


def condition(status: str, **more: str):
    return [{"type": "Ready", "status": status, **more}]


def test_a_certificate_that_is_not_ready_is_found_with_its_conditions_messages():
    found = finding(not_kept())
    assert found.resource == "Certificate.cert-manager.io platform/policy"
    assert found.message == "is not ready: Secret does not exist (DoesNotExist)"
    assert found.severity is Severity.HIGH
    told = " | ".join(item.fact for item in found.evidence)
    assert "the order was refused (Failed)" in told
    assert "3 attempts in a row failed" in told
    assert "ClusterIssuer internal" in told
    assert "platform/policy-tls" in told


def test_as_long_as_what_was_issued_before_is_valid_it_is_less_urgent():
    not_ready = condition("False", reason="Failed", message="no")
    assert finding(cluster(conditions=not_ready)).severity is Severity.MEDIUM
    ended = (NOW - timedelta(days=1)).isoformat()
    assert finding(cluster(conditions=not_ready, notAfter=ended)).severity is Severity.HIGH


def test_a_renewal_that_is_overdue_is_found_and_one_that_is_due_just_now_is_not():
    overdue, due = ((NOW - timedelta(minutes=minutes)).isoformat() for minutes in (61, 59))
    assert "was to be renewed" in finding(cluster(renewalTime=overdue)).message
    assert evaluate(CHECK, cluster(renewalTime=due), NOW).verdict is Verdict.PASS


@pytest.mark.parametrize("conditions", [[], None, condition("Unknown"), "Ready"])
def test_a_certificate_of_which_nothing_is_said_is_no_pass(conditions):
    assert "has not said" in finding(cluster(conditions=conditions)).message


def test_without_cert_manager_the_question_does_not_arise_and_unread_it_is_unknown():
    assert evaluate(CHECK, Cluster(objects={CERT_MANAGER_CERTIFICATE: ()}).snapshot(), NOW).verdict is (
        Verdict.NOT_APPLICABLE
    )
    assert evaluate(CHECK, Cluster().snapshot(), NOW).verdict is Verdict.UNKNOWN


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(("status", "spec", "conditions", "type", "dnsNames", "issuerRef", "renewalTime")), inner
            )
        ),
    )
)
def test_an_object_of_any_shape_is_read_as_far_as_it_goes(value):
    item = {"metadata": {"name": "odd", "namespace": "shop"}, "spec": value, "status": value}
    snapshot = Snapshot(taken_at=NOW, objects={CERT_MANAGER_CERTIFICATE: (item,)})
    (found,) = managed_certificates(snapshot)
    assert found.place == "Certificate.cert-manager.io shop/odd"
    assert listing(snapshot, NOW)[0].kind == "managed"


def test_the_list_shows_what_cert_manager_keeps_with_its_renewal_and_its_secret():
    (row,) = [row for row in listing(kept(), NOW) if row.kind == "managed"]
    assert (row.where, row.state) == ("Certificate.cert-manager.io platform/policy", "ready")
    assert row.names == ("policy.platform.svc",)
    assert row.pair == ("Secret platform/policy-tls, tls.crt",)
    assert row.pair[0] in {other.where for other in listing(kept(), NOW) if other.kind == "certificate"}
    assert (row.renewal, row.days_left, row.error) == (NOW + timedelta(days=30), 60, "")
    (bad,) = [row for row in listing(not_kept(), NOW) if row.kind == "managed"]
    assert (bad.state, bad.not_after) == ("not ready", None)
    assert bad.error == "Secret does not exist (DoesNotExist); the order was refused (Failed)"


def test_the_list_shows_requests_for_which_nothing_was_issued_and_what_they_ask_for():
    denied = signing_request("eve", ["system:masters"])
    denied["status"] = {"conditions": [{"type": "Denied", "status": "True", "message": "nobody knows eve"}]}
    issued = signing_request("mara", approved=True)
    issued["status"]["certificate"] = "LS0tLS0="
    broken = signing_request("odd", pem=b"no request")
    requests = (signing_request("jane", ["developers"]), denied, issued, broken)
    rows = listing(Cluster(objects={CERTIFICATE_SIGNING_REQUEST: requests}).snapshot(), NOW)
    found = {row.where.rpartition("-")[2]: row for row in rows if row.kind == "request"}
    assert set(found) == {"jane", "eve", "odd"}
    assert (found["jane"].state, found["jane"].subject) == ("pending", "CN=jane,O=developers")
    assert (found["eve"].state, found["eve"].error) == ("denied", "nobody knows eve")
    assert "no PEM block" in found["odd"].error


def beside(made: Cluster):
    (row,) = [row for row in listing(made.snapshot(), NOW) if row.holder == "caBundle"]
    (served,) = row.verifies
    return served


def test_a_ca_bundle_stands_beside_the_serving_certificate_that_it_must_verify():
    good = beside(Cluster())
    assert (good.where, good.verdict, good.message) == (
        "Secret platform/policy-tls, tls.crt",
        VerificationVerdict.OK,
        "",
    )
    bad = beside(Cluster(ca_bundle=(authority("staging", key("P-256", 20)),)))
    assert bad.verdict is VerificationVerdict.INVALID
    assert "unknown authority" in bad.message


def test_a_ca_bundle_whose_serving_certificate_was_not_read_says_so():
    unread = beside(Cluster(objects={SECRET: ()}))
    assert (unread.where, unread.verdict) == ("", VerificationVerdict.UNKNOWN)
    assert "was not read" in unread.message


def test_nothing_but_a_ca_bundle_has_a_certificate_to_verify():
    assert {row.holder for row in listing(Cluster().snapshot(), NOW) if row.verifies} == {"caBundle"}
