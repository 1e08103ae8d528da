"""What the checks of the certificates say beyond pass and fail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from k8srun.certificates.checks import CHECKS
from k8srun.certificates.expiry_checks import ExpiryWarning, warned_by
from k8srun.checks import CheckResult, evaluate
from k8srun.errors import InputError
from k8srun.findings import Finding, Severity, Verdict
from k8srun.kinds import CERT_MANAGER_CERTIFICATE
from k8srun.snapshot import Area, Gap, GapReason, Snapshot
from tests.certificates import check_cases
from tests.certificates.cluster import PKI, Cluster
from tests.certificates.model import NOW

BY_ID = {check.id: check for check in CHECKS}


def ask(check: str, snapshot: Snapshot) -> CheckResult:
    return evaluate(BY_ID[check], snapshot, NOW)


def test_a_broken_cluster_fails_only_the_checks_that_are_about_it():
    for check, (_, broken) in check_cases.CASES.items():
        failed = {other for other in BY_ID if ask(other, broken()).verdict is Verdict.FAIL}

        # An expired or damaged certificate is also one that does not verify, and so is one that another CA issued than
        # that of its role; nothing else goes together.
        assert failed - {check} <= ({"CERT-ROLE"} if check == "CERT-CHAIN" else {"CERT-CHAIN", "WEBHOOK-CA"}), check


def test_an_expired_certificate_is_one_finding_that_names_every_place():
    cluster = Cluster()
    cluster.apiserver.not_after = NOW - timedelta(days=1)

    (finding,) = ask("CERT-EXPIRED", cluster.snapshot()).findings

    assert finding.resource == f"{PKI}/apiserver.crt on node-1"
    assert finding.message == "CN=kube-apiserver expired at 2026-05-16 12:00:00 UTC"
    facts = {str(item) for item in finding.evidence}
    assert "the same certificate (endpoint api.example:6443)" in facts
    assert any("everybody who talks to the API server" in fact for fact in facts)


def test_the_fingerprint_of_an_expiry_survives_a_renewal_that_did_not_help():
    first, second = Cluster(), Cluster()
    first.apiserver.not_after = NOW - timedelta(days=2)
    second.apiserver.not_after, second.apiserver.serial = NOW - timedelta(days=1), 77

    one, other = (ask("CERT-EXPIRED", cluster.snapshot()).findings[0] for cluster in (first, second))

    assert one.message != other.message
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize(("left", "verdict"), [(timedelta(days=31), Verdict.PASS), (timedelta(days=29), Verdict.FAIL)])
def test_thirty_days_before_its_end_a_certificate_is_found(left, verdict):
    cluster = Cluster()
    cluster.apiserver.not_after = NOW + left

    assert ask("CERT-EXPIRES-SOON", cluster.snapshot()).verdict is verdict


def soon(snapshot: Snapshot, check: str = "CERT-EXPIRES-SOON", **days: int) -> tuple[Finding, ...]:
    warned = warned_by(CHECKS, ExpiryWarning.of_days(**{"leaf": 30, "ca": 180, **days}))
    (asked,) = (one for one in warned if one.id == check)
    return evaluate(asked, snapshot, NOW).findings


@pytest.mark.parametrize(("days", "found"), [(46, 1), (45, 0), (0, 0)])
def test_how_long_before_its_end_a_certificate_is_found_is_for_the_caller_to_say(days, found):
    cluster = Cluster()
    cluster.apiserver.not_after = NOW + timedelta(days=45)

    assert len(soon(cluster.snapshot(), leaf=days)) == found


@pytest.mark.parametrize(
    ("left", "days", "severities"),
    [(181, 180, []), (179, 180, [Severity.MEDIUM]), (179, 90, []), (29, 180, [Severity.HIGH])],
)
def test_a_ca_is_found_earlier_than_a_leaf_and_weighs_more_once_no_more_time_is_left(left, days, severities):
    cluster = Cluster()
    cluster.ca.not_after = NOW + timedelta(days=left)

    found = soon(cluster.snapshot(), ca=days)

    assert [finding.severity for finding in found] == severities
    assert all(finding.message.startswith("the CA CN=kubernetes expires at") for finding in found)


def test_of_what_ends_soon_the_ca_comes_first():
    cluster = Cluster()
    cluster.apiserver.not_after = cluster.etcd_server.not_after = NOW + timedelta(days=1)
    cluster.etcd_ca.not_after = NOW + timedelta(days=100)

    found = soon(cluster.snapshot())

    assert len(found) == 3
    assert "the CA CN=etcd-ca" in found[0].message


def test_the_thresholds_change_nothing_but_the_checks_of_what_ends_soon():
    warned = warned_by(CHECKS, ExpiryWarning.of_days(1, 2))
    changed = {one.id for one, other in zip(warned, CHECKS, strict=True) if one is not other}

    assert {one.id for one in CHECKS} == {one.id for one in warned}
    assert changed == {"CERT-EXPIRES-SOON", "CERT-IN-CLUSTER-EXPIRES-SOON"}
    assert "within 1 days, and no CA within 2" in next(one.title for one in warned if one.id in changed)


@pytest.mark.parametrize("days", [{"leaf": -1, "ca": 1}, {"leaf": 1, "ca": 10**9}])
def test_an_absurd_threshold_is_refused(days):
    with pytest.raises(InputError, match="Give a number from 0"):
        ExpiryWarning.of_days(**days)


def test_what_cert_manager_is_going_to_renew_in_time_is_no_finding_and_what_it_is_not_is_one():
    cluster = Cluster()
    cluster.webhook.not_after = NOW + timedelta(days=20)
    ready, late = check_cases.managed(), check_cases.managed(renewalTime=(NOW - timedelta(days=1)).isoformat())

    def found(*kept):
        cluster.objects = {CERT_MANAGER_CERTIFICATE: kept}
        return soon(cluster.snapshot(), "CERT-IN-CLUSTER-EXPIRES-SOON")

    assert found(ready) == ()
    assert [len(found(*kept)) for kept in ((), (late,), (check_cases.managed(conditions=[]),))] == [1, 1, 1]


def test_an_expired_certificate_does_not_expire_soon():
    assert ask("CERT-EXPIRES-SOON", check_cases.expired()).verdict is Verdict.PASS


def test_what_could_not_be_read_is_unknown_although_what_was_read_is_fine():
    gap = Gap(Area.HOST, "PKI", GapReason.FORBIDDEN, "permission denied", f"{PKI}/etcd")

    result = ask("CERT-EXPIRED", Cluster(gaps=(gap,)).snapshot())

    assert (result.verdict, result.gaps) == (Verdict.UNKNOWN, (gap,))
    assert "permission denied" in result.reason


def test_a_managed_control_plane_whose_files_nobody_can_read_is_unknown():
    assert ask("CERT-EXPIRED", Cluster(host=False).snapshot()).verdict is Verdict.UNKNOWN


def test_an_expired_endpoint_is_found_although_the_host_was_not_read():
    cluster = Cluster(host=False)
    cluster.apiserver.not_after = NOW - timedelta(days=1)

    assert ask("CERT-EXPIRED", cluster.snapshot()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("mode", "severity"), [(0o644, Severity.HIGH), (0o602, Severity.HIGH), (0o640, Severity.MEDIUM)]
)
def test_a_key_that_everybody_can_open_is_worse_than_one_that_its_group_can(mode, severity):
    (finding,) = ask("KEY-MODE", Cluster(modes={f"{PKI}/ca.key": mode}).snapshot()).findings

    assert finding.severity is severity
    assert f"mode {mode:04o}" in str(finding.evidence[0])


def test_a_stricter_mode_than_600_is_no_finding():
    assert ask("KEY-MODE", Cluster(modes={f"{PKI}/ca.key": 0o400}).snapshot()).verdict is Verdict.PASS


def test_each_missing_name_is_a_finding_that_says_who_uses_it():
    messages = {finding.message for finding in ask("CERT-SAN-APISERVER", check_cases.name_missing()).findings}
    manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml on node-1"

    assert messages == {
        "CN=kube-apiserver is not valid for kubernetes.default, by which pods reach it",
        "CN=kube-apiserver is not valid for kubernetes.default.svc, by which pods reach it",
        f"CN=kube-apiserver is not valid for 10.96.0.1, the first service address ({manifest})",
        f"CN=kube-apiserver is not valid for 192.0.2.10, the address that it advertises ({manifest})",
    }


def test_a_missing_file_is_named_with_the_flag_that_names_it():
    (finding,) = ask("FLAG-FILE-MISSING", check_cases.file_missing()).findings

    assert finding.message == f"kube-apiserver is told to use {PKI}/apiserver-etcd-client.key, which is not there"
    assert f"--etcd-keyfile={PKI}/apiserver-etcd-client.key" in str(finding.evidence[0])


def test_a_file_that_could_not_be_read_is_not_called_missing():
    path = f"{PKI}/apiserver-etcd-client.key"
    gap = Gap(Area.HOST, "PKI", GapReason.FORBIDDEN, "permission denied", f"{path} on node-1")

    assert ask("FLAG-FILE-MISSING", Cluster(without={path}, gaps=(gap,)).snapshot()).verdict is Verdict.UNKNOWN


def test_a_folder_that_was_not_read_is_not_called_empty():
    only_manifests = Cluster(without={f"{PKI}/{name}" for name in (
        "ca.crt", "ca.key", "apiserver.crt", "apiserver.key", "apiserver-etcd-client.crt", "apiserver-etcd-client.key",
        "etcd/ca.crt", "etcd/ca.key", "etcd/server.crt", "etcd/server.key", "etcd/peer.crt", "etcd/peer.key",
    )})  # fmt: skip

    assert ask("FLAG-FILE-MISSING", only_manifests.snapshot()).findings == ()
