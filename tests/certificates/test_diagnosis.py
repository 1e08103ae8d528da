"""From a message, a snapshot or both to the one cause, with evidence. Lines are as long as the messages are."""

# ruff: noqa: E501

from __future__ import annotations

import shlex
from datetime import timedelta

import pytest

from k8srun.assessment.symptoms import diagnose
from k8srun.certificates.case import World
from k8srun.certificates.catalogue import CATALOGUE, entry_of
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.diagnosis import diagnose_message
from k8srun.certificates.fixes.registry import FIXES
from k8srun.certificates.judges.registry import JUDGES
from k8srun.certificates.messages import read
from k8srun.certificates.selection import case_of
from k8srun.diagnosis import CauseStatus, Diagnosis
from k8srun.distribution import Distribution
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST, NODE
from k8srun.pem import read_pem
from k8srun.snapshot import Area, Gap, GapReason, Snapshot
from tests.certificates import check_cases, der
from tests.certificates.cluster import HOST, KUBEADM, PKI, PORT, Cluster, certificate, pem, serving, user
from tests.certificates.message_cases import CASES
from tests.certificates.model import EXTENDED_KEY_USAGE, NOW, SAN, authority, key
from tests.certificates.scenarios_of_causes import EXPIRED, UNAUTHORIZED, UNKNOWN, hint, scenarios, stamp, with_content

SCENARIOS = dict(scenarios())
EVERY = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
NOTHING = Snapshot(NOW)
# What a message proves whatever the evidence: its own clock contradicts ours.
BY_TEXT_ALONE = {"clock-skew"}
# What only the message tells: nothing that fails in these snapshots is what was complained of.
ONLY_WITH_TEXT = {
    "a_stranger_in_the_chain",
    "a_short_key_as_openssl_says_it",
    "an_apiserver_that_has_run_for_a_year",
    "a_clock_that_is_behind",
    "a_clock_that_is_ahead",
    "a_kubelet_that_signed_for_itself",
    "an_etcd_peer_at_an_address_it_does_not_name",
    "an_etcd_server_certificate_without_client_use",
    "a_python_that_is_stricter_than_go",
    "certificate_and_key_swapped",
    "no_client_certificate",
    "an_expired_token",
    "a_kubelet_that_slept_through_its_rotation",
    "a_kubelet_without_any_credential",
    "a_kubeconfig_that_says_http",
    "a_proxy_that_answers_for_the_server",
    "one_ca_for_clients_and_the_aggregation_layer",  # a hole, through which nothing fails: a check finds it
}


def ids_of(found: Diagnosis, status: CauseStatus) -> list[str]:
    return [cause.id for cause in found.causes if cause.status is status]


def confirmed(text: str, snapshot: Snapshot) -> list[str]:
    return ids_of(diagnose(text, snapshot, NOW), CauseStatus.CONFIRMED)


def cause_of(found: Diagnosis, cause: str):
    return next(item for item in found.causes if item.id == cause)


@EVERY
def test_the_one_cause_is_confirmed_with_evidence_and_a_fix(scenario):
    found = diagnose(scenario.text, scenario.snapshot, NOW)

    assert ids_of(found, CauseStatus.CONFIRMED) == [scenario.cause]
    (cause,) = found.confirmed
    assert found.causes[0] is cause
    assert cause.title == CAUSES[cause.id]
    assert all(item.fact for item in cause.evidence)
    assert cause.evidence
    assert cause.fix.summary
    assert cause.fix.commands
    assert found.next[: len(cause.fix.commands)] == cause.fix.commands
    assert (found.recognised, found.domain, found.runbook) == (True, "certificates", "x509-error")
    assert found.meaning == entry_of(found.family).meaning


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - ONLY_WITH_TEXT))
def test_without_a_text_the_evidence_leads_to_the_same_cause(name):
    scenario = SCENARIOS[name]

    found = diagnose("", scenario.snapshot, NOW)

    assert ids_of(found, CauseStatus.CONFIRMED) == [scenario.cause]
    assert found.recognised
    assert "printed by" not in found.seen_from


@EVERY
def test_from_the_text_alone_nothing_is_confirmed_that_it_does_not_prove(scenario):
    found = diagnose(scenario.text, NOTHING, NOW)

    assert found.recognised
    assert set(ids_of(found, CauseStatus.CONFIRMED)) <= BY_TEXT_ALONE
    assert scenario.cause in {cause.id for cause in found.causes if cause.status is not CauseStatus.RULED_OUT}
    assert found.next
    for cause in found.causes:
        if cause.status is CauseStatus.OPEN:
            assert cause.look_at, cause.id
            assert cause.fix, cause.id
        if cause.status is CauseStatus.RULED_OUT:
            assert cause.fix is None, cause.id
            assert cause.evidence, cause.id


def test_a_former_certificate_that_is_commented_out_is_no_fault_of_the_file():
    former = "".join(f"# {line}" for line in pem(Cluster().apiserver).splitlines(keepends=True))
    now = pem(Cluster().apiserver)
    snapshot = with_content(*read_pem(f"{former}{now}".encode()))
    assert ids_of(diagnose("", snapshot, NOW), CauseStatus.CONFIRMED) == []


def test_a_certificate_that_only_go_may_read_rules_out_no_cause_of_malformed_files():
    odd = authority("kubernetes", key("P-256", 10))
    odd.extend("1.2.3.4", b"x", False)
    found = diagnose("x509: malformed certificate", with_content(*read_pem(pem(odd).encode())), NOW)
    assert ids_of(found, CauseStatus.OPEN) == ["pem-truncated", "certificate-refused"]


def test_every_cause_is_confirmed_by_some_evidence():
    assert {scenario.cause for scenario in SCENARIOS.values()} == set(JUDGES)


def fuller() -> Snapshot:
    """The healthy cluster with a kubelet as well, that has everything it needs."""
    cluster = Cluster()
    own = user(cluster.ca, "system:node:node-1", key("P-256", 21))
    cluster.more_files += [
        HostFile("/var/lib/kubelet/pki/kubelet.crt", Topic.KUBELET, "node-1", pem=certificate(serving(cluster.ca))),
        HostFile("/var/lib/kubelet/pki/kubelet-client-current.pem", Topic.KUBELET, "node-1", pem=certificate(own)),
    ]
    return cluster.snapshot()


def test_every_cause_is_ruled_out_by_other_evidence():
    texts = [text for text, _, _ in CASES] + [
        'tls: "192.0.2.10" does not match any of DNSNames ["x"]',
        'Get "https://192.0.2.10:10250/": x509: cannot validate certificate for 192.0.2.10 because it doesn\'t contain any IP SANs',
    ]
    snapshots = [
        fuller(),
        SCENARIOS["the_ca_of_another_cluster"].snapshot,
        SCENARIOS["http_where_tls_is_expected"].snapshot,
        check_cases.own_front_proxy(),
    ]

    found = (cause for text in texts for snapshot in snapshots for cause in diagnose(text, snapshot, NOW).causes)
    ruled_out = {cause.id for cause in found if cause.status is CauseStatus.RULED_OUT}

    assert set(JUDGES) - ruled_out == set()


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.family)
def test_a_healthy_cluster_confirms_no_cause_of_any_message(entry):
    # The dates in the rows' own messages contradict the clock of the tests by themselves.
    assert set(confirmed(entry.message, Cluster().snapshot())) <= BY_TEXT_ALONE | {
        "etcd-peer-san-missing",
        "kubelet-bootstrap-missing",
    }


def test_a_healthy_cluster_without_a_text_is_said_to_be_healthy():
    found = diagnose("", Cluster().snapshot(), NOW)

    assert (found.recognised, found.causes, found.hidden) == (True, (), ())
    assert "7 connections were verified" in found.meaning


def test_an_empty_snapshot_without_a_text_says_what_to_give():
    found = diagnose("", NOTHING, NOW)

    assert not found.recognised
    assert "--endpoint" in found.next[0]


def test_a_message_that_the_evidence_contradicts_is_answered_with_what_is_so_now():
    renewed = EXPIRED.format(now=stamp(NOW - timedelta(days=1)), bound=stamp(NOW - timedelta(days=2)))

    found = diagnose(f"Unable to connect to the server: {renewed}", Cluster().snapshot(), NOW)

    assert found.confirmed == ()
    fact = cause_of(found, "certificate-expired").evidence[0].fact
    assert fact.startswith("CN=kube-apiserver is valid until")
    assert fact.endswith("it was renewed since the message")


def test_gos_message_without_a_hint_rules_out_a_ca_of_the_same_name():
    found = diagnose(UNKNOWN, NOTHING, NOW)

    assert cause_of(found, "ca-rebuilt").status is CauseStatus.RULED_OUT
    assert cause_of(found, "wrong-ca-bundle").status is CauseStatus.OPEN


def test_openssls_message_never_has_a_hint_and_so_rules_nothing_out():
    found = diagnose("curl: (60) SSL certificate problem: unable to get local issuer certificate", NOTHING, NOW)

    assert cause_of(found, "ca-rebuilt").status is CauseStatus.OPEN


def test_a_self_signed_leaf_is_the_likeliest_where_openssl_says_so():
    found = diagnose("verify error:num=18:self-signed certificate", NOTHING, NOW)

    assert found.causes[0].id == "self-signed"


def test_the_side_that_complains_tells_whose_certificate_it_is():
    by_client = diagnose(
        f'Get "https://{HOST}:{PORT}/api": x509: certificate has expired or is not yet valid', NOTHING, NOW
    )
    by_server = diagnose(
        "http: TLS handshake error from 10.0.0.7:1: tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
        NOTHING,
        NOW,
    )

    assert cause_of(by_client, "client-certificate-expired").status is CauseStatus.RULED_OUT
    assert cause_of(by_client, "certificate-expired").status is CauseStatus.OPEN
    assert cause_of(by_server, "certificate-expired").status is CauseStatus.RULED_OUT
    assert by_server.causes[0].id == "client-certificate-expired"


def test_a_refusal_in_the_servers_log_is_diagnosed_from_the_client():
    old = authority("kubernetes", key("P-256", 20))
    text = "http: TLS handshake error from 10.0.0.7:51234: remote error: tls: bad certificate"

    assert confirmed(text, Cluster(trusted=(old,)).snapshot()) == ["ca-rebuilt"]


def test_a_serial_number_in_the_log_names_the_exact_certificate():
    cluster = Cluster()
    kubelet = user(cluster.ca, "system:node:node-1")
    kubelet.serial = 4711
    path = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    file = HostFile(path, Topic.KUBELET, "node-1", pem=certificate(kubelet))
    text = 'authentication.go:73] "Unable to authenticate the request" err="[x509: certificate signed by unknown authority, verifying certificate SN=4711, SKID=, AKID= failed: x509: certificate signed by unknown authority]"'

    found = diagnose(text, Snapshot(NOW, files=(file,)), NOW)

    facts = " ".join(map(str, cause_of(found, "client-certificate-of-another-ca").evidence))
    assert "CN=system:node:node-1: the kubelet's client certificate" in facts
    assert f"{path} on node-1" in facts


def test_a_webhooks_message_is_held_against_its_own_bundle_and_not_against_the_clusters_ca():
    other = authority("policy-ca", key("P-256", 20))
    text = 'failed calling webhook "check.policy.example": failed to call webhook: Post "https://policy.platform.svc:443/x": tls: failed to verify certificate: x509: certificate signed by unknown authority'

    found = diagnose(text, Cluster(ca_bundle=(other,)).snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["wrong-ca-bundle"]
    assert "failurePolicy Fail" in found.affected
    assert "check.policy.example" in found.affected
    command = found.confirmed[0].fix.commands[-1]
    assert "kubectl patch validatingwebhookconfiguration policy" in command
    assert "/webhooks/0/clientConfig/caBundle" in command


def test_a_message_about_a_service_that_is_not_in_the_snapshot_stays_open():
    text = 'failed calling webhook "other": Post "https://other.platform.svc:443/x": x509: certificate signed by unknown authority'

    found = diagnose(text, Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot(), NOW)

    assert found.confirmed == ()


def test_a_message_about_another_address_is_not_answered_with_what_fails_here():
    text = 'Get "https://10.9.9.9:8443/api": x509: certificate has expired or is not yet valid'

    found = diagnose(text, Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot(), NOW)

    assert found.confirmed == ()


def test_a_kubelets_message_is_not_held_against_the_workstations_kubeconfig():
    text = f'kubelet: Get "https://{HOST}:{PORT}/api": {UNKNOWN.partition(": ")[2]}'

    found = diagnose(text, Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot(), NOW)

    assert found.confirmed == ()
    assert cause_of(found, "wrong-ca-bundle").status is CauseStatus.OPEN


def test_a_node_is_recognised_by_its_address():
    own = authority("node-1-ca@1700000000", key("P-256", 20))
    kubelet = serving(own, key("P-256", 21))
    node = {"metadata": {"name": "node-1"}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.9"}]}}
    file = HostFile("/var/lib/kubelet/pki/kubelet.crt", Topic.KUBELET, "node-1", pem=certificate(kubelet, own))
    cluster = Cluster(more_files=[file], objects={NODE: (node,)})
    text = 'Get "https://{}:10250/x": x509: cannot validate certificate for {} because it doesn\'t contain any IP SANs'

    assert confirmed(text.format("192.0.2.9", "192.0.2.9"), cluster.snapshot()) == ["kubelet-serving-self-signed"]
    assert confirmed(text.format("192.0.2.8", "192.0.2.8"), cluster.snapshot()) == []


def test_errors_that_this_one_hides_are_predicted_in_the_order_in_which_they_come():
    cluster = Cluster()
    cluster.ca = authority("kubernetes", key("P-256", 20))
    cluster.apiserver = serving(cluster.ca)
    cluster.apiserver.not_after = NOW - timedelta(days=1)
    cluster.apiserver.extend(SAN, der.general_names(der.dns("kubernetes")))
    cluster.apiserver.extend(EXTENDED_KEY_USAGE, der.extended_key_usage("1.3.6.1.5.5.7.3.2"))
    cluster.trusted = (authority("kubernetes", key("P-256", 10)),)

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["certificate-expired"]
    assert [item.cause for item in found.hidden] == [
        "san-missing", "ca-rebuilt", "key-usage-wrong", "client-certificate-of-another-ca",
    ]  # fmt: skip
    assert all(item.message and item.evidence for item in found.hidden)
    assert found.hidden[-1].message.startswith("Unauthorized")


def test_two_faults_that_do_not_hide_each_other_are_both_confirmed_the_worse_first():
    cluster = Cluster(keys={"etcd/server": key("P-256", 20)})
    cluster.apiserver.not_after = NOW - timedelta(days=1)

    assert confirmed("", cluster.snapshot()) == ["certificate-expired", "key-mismatch"]


def test_a_401_is_traced_to_the_credential_of_the_context_that_was_used():
    cluster = Cluster(gaps=(Gap(Area.OBJECTS, "*", GapReason.UNAUTHORIZED, "Unauthorized", "/api/v1/nodes"),))
    cluster.admin.not_after = NOW - timedelta(hours=30)

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["client-certificate-expired"]
    assert found.affected == "the user mara alone"
    assert found.since == "2026-05-16 06:00:00 UTC (1 day ago)"
    assert "/api/v1/nodes" in " ".join(map(str, found.confirmed[0].evidence))


def test_a_client_certificate_is_judged_by_the_cas_that_the_server_advertises_where_its_ca_file_is_out_of_reach():
    cluster = Cluster(host=False)
    cluster.admin = user(authority("staging", key("P-256", 20)))
    snapshot = cluster.snapshot()
    seen = snapshot.endpoints[0]
    accepted = type(seen)(**{name: getattr(seen, name) for name in type(seen).__slots__ if name != "client_ca_names"},
                          client_ca_names=(cluster.ca.subject,))  # fmt: skip
    snapshot = type(snapshot)(**{name: getattr(snapshot, name) for name in type(snapshot).__slots__ if name != "endpoints"},
                              endpoints=(accepted,))  # fmt: skip

    found = diagnose(UNAUTHORIZED, snapshot, NOW)

    assert [cause.id for cause in found.confirmed] == ["client-certificate-of-another-ca"]
    assert "CN=kubernetes" in str(found.confirmed[0].evidence[1])


def test_it_is_said_for_whom_since_when_and_from_where():
    cluster = Cluster()
    cluster.apiserver.not_after = NOW - timedelta(days=2)

    found = diagnose("", cluster.snapshot(), NOW)

    assert found.affected.startswith("everybody who talks to the API server")
    assert found.since == "2026-05-15 12:00:00 UTC (2 days ago)"
    assert (
        found.seen_from
        == f"the evidence is a handshake with {HOST}:{PORT} from this machine at 2026-05-17 12:00:00 UTC"
    )


def test_a_wrong_bundle_hits_only_those_who_hold_it():
    found = diagnose("", Cluster(trusted=(authority("staging", key("P-256", 20)),)).snapshot(), NOW)

    assert found.affected == "whoever trusts the CA in /home/mara/.kube/config, cluster prod"


@pytest.mark.parametrize(
    ("distribution", "command"),
    [
        (KUBEADM, "sudo kubeadm certs renew apiserver"),
        (Distribution("kubeadm", False, "v1.19.2"), "sudo kubeadm alpha certs renew apiserver"),
        (Distribution("k3s", False, "v1.34.1+k3s1"), "sudo k3s certificate rotate"),
        (Distribution("RKE2", False), "sudo rke2 certificate rotate"),
        (Distribution("AKS", True), "az aks rotate-certs --resource-group GROUP --name CLUSTER"),
        (
            Distribution("GKE", True),
            "gcloud container clusters update CLUSTER --location LOCATION --start-credential-rotation",
        ),
    ],
)
def test_the_fix_is_in_the_words_of_the_distribution(distribution, command):
    scenario = SCENARIOS["an_expired_serving_certificate"]

    found = diagnose_message(read(scenario.text), World(scenario.snapshot, NOW, distribution))

    assert command in found.confirmed[0].fix.commands


def test_a_hand_made_cluster_is_mended_with_openssl_at_the_paths_of_its_own():
    cluster = Cluster(without={f"{PKI}/apiserver.crt"})
    cluster.apiserver.not_after = NOW - timedelta(days=2)
    path = "/var/lib/kubernetes/kube-apiserver.crt"
    pod = {"spec": {"containers": [{"command": ["kube-apiserver", f"--tls-cert-file={path}"]}]}}
    cluster.more_files += [
        HostFile(path, Topic.PKI, "node-1", pem=certificate(cluster.apiserver)),
        HostFile("/m/kube-apiserver.yaml", Topic.MANIFEST, "node-1", document=pod),
    ]
    scenario = SCENARIOS["an_expired_serving_certificate"]

    found = diagnose_message(read(scenario.text), World(cluster.snapshot(), NOW, Distribution("hand-made", False)))

    commands = " ".join(found.confirmed[0].fix.commands)
    assert f"openssl x509 -x509toreq -in {path} -signkey /var/lib/kubernetes/kube-apiserver.key" in commands
    assert "systemctl restart kube-apiserver" in commands


@pytest.mark.parametrize("name", ["x; rm -rf /", "$(reboot)", "`id`", "a'b", "a\nb", "\u202eabc"])
def test_a_hostile_name_cannot_break_out_of_a_command(name):
    cluster = Cluster()
    cluster.admin = user(cluster.ca, name)
    cluster.admin.not_after = NOW - timedelta(days=1)

    found = diagnose(UNAUTHORIZED, cluster.snapshot(), NOW)

    request = found.confirmed[0].fix.commands[0]
    words = shlex.split(request.removeprefix("(umask 077; ").removesuffix(")"))
    subject = words[words.index("-subj") + 1]
    assert subject.startswith("/CN=")
    assert words[words.index("-subj") + 2] == "-out"
    assert "\n" not in request
    assert "\u202e" not in request


@EVERY
def test_every_fix_can_be_written_for_every_case(scenario):
    case = case_of(read(scenario.text), World(scenario.snapshot, NOW, KUBEADM))

    for cause, fix in FIXES.items():
        assert fix(case).summary, cause


def test_every_judge_and_fix_copes_with_a_message_and_nothing_else():
    for text, _, _ in CASES:
        case = case_of(read(text), World(NOTHING, NOW, Distribution("unknown")))
        for cause, judge in JUDGES.items():
            assert judge(case).status in {CauseStatus.OPEN, CauseStatus.RULED_OUT} or cause in BY_TEXT_ALONE, cause
            assert FIXES[cause](case).summary


def test_requests_that_were_decided_are_not_waited_for():
    def request(name, *conditions):
        return {
            "metadata": {"name": name},
            "spec": {"signerName": "kubernetes.io/kubelet-serving", "username": "system:node:a"},
            "status": {"conditions": [{"type": kind} for kind in conditions]},
        }

    objects = {CERTIFICATE_SIGNING_REQUEST: (request("one", "Approved"), request("two", "Denied"), request("three"))}
    found = diagnose("no serving certificate available for the kubelet", Cluster(objects=objects).snapshot(), NOW)

    assert [str(item) for item in found.confirmed[0].evidence] == [
        "three of system:node:a waits for approval (CertificateSigningRequest three)"
    ]
    assert found.confirmed[0].fix.commands[-1] == "kubectl certificate approve three"


def test_more_evidence_is_asked_for_where_causes_are_open():
    found = diagnose(hint("x509: ECDSA verification failure"), NOTHING, NOW)

    assert any("--endpoint" in command and "--host-root" in command for command in found.next)
