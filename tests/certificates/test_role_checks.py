"""What the checks of roles, keys, the aggregation layer and serving certificates say beyond pass and fail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from k8srun.findings import Severity, Verdict
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST, CONFIG_MAP
from k8srun.kubeconfig import Kubeconfig, KubeconfigUser
from k8srun.snapshot import Snapshot
from k8srun.tls import HandshakeOutcome, TlsObservation
from tests.certificates import check_cases, der
from tests.certificates.check_cases import aggregating, file_of, in_masters
from tests.certificates.cluster import (
    APISERVER_FLAGS,
    ETCD_FLAGS,
    PKI,
    Cluster,
    certificate,
    pem,
    private,
    serving,
    static_pod,
    user,
)
from tests.certificates.model import CLIENT_AUTH, NOW, SERVER_AUTH, Entry, authority, key, leaf
from tests.certificates.signing import signing_request
from tests.certificates.test_checks import ask

KUBELET_CLIENT = f"{PKI}/apiserver-kubelet-client.crt"


def client(issuer, name, *groups, usages=(CLIENT_AUTH,)):
    entry = leaf(name, key("P-256", 18), issuer, usages=usages)
    entry.subject = der.name(*((der.ORGANIZATION, group) for group in groups), (der.COMMON_NAME, name))
    return entry


def with_file(path, entry, cluster=None):
    cluster = cluster or Cluster()
    cluster.more_files.append(file_of(path, entry))
    return cluster.snapshot()


def with_kubeconfig(path, make):
    cluster = Cluster()
    entry = make(cluster.ca)
    person = KubeconfigUser("someone", "client certificate", certificate(entry), key=private(entry.key))
    config = Kubeconfig("", (), (person,), ())
    cluster.more_files.append(HostFile(path, Topic.KUBECONFIG, host="node-1", kubeconfig=config, mode=0o600))
    return cluster.snapshot()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda ca: client(ca, "jane", "kubeadm:cluster-admins"), "it makes its holder jane, and"),
        (lambda ca: client(ca, "kube-apiserver-kubelet-client", "developers"), "it puts its holder into developers"),
        (lambda ca: client(ca, "kube-apiserver-kubelet-client"), "it puts its holder into no group"),
        (
            lambda ca: client(ca, "kube-apiserver-kubelet-client", "kubeadm:cluster-admins", usages=(SERVER_AUTH,)),
            "it is for serverAuth",
        ),
    ],
)
def test_each_deviation_from_the_table_is_a_finding_of_its_own(make, said):
    cluster = Cluster()

    (finding,) = ask("CERT-ROLE", with_file(KUBELET_CLIENT, make(cluster.ca), cluster)).findings

    assert finding.message.startswith(said)
    assert finding.resource == f"{KUBELET_CLIENT} on node-1"


@pytest.mark.parametrize("group", ["kubeadm:cluster-admins", "system:masters"])
def test_what_kubeadm_writes_today_and_what_it_wrote_before_both_fit_the_role(group):
    cluster = Cluster()
    entry = client(cluster.ca, "kube-apiserver-kubelet-client", group)

    assert ask("CERT-ROLE", with_file(KUBELET_CLIENT, entry, cluster)).verdict is Verdict.PASS


@pytest.mark.parametrize(("name", "verdict"), [("system:node:node-1", Verdict.PASS), ("system:node:", Verdict.FAIL)])
def test_a_kubelet_is_the_node_that_its_name_says(name, verdict):
    snapshot = with_kubeconfig("/etc/kubernetes/kubelet.conf", lambda ca: client(ca, name, "system:nodes"))

    assert ask("CERT-ROLE", snapshot).verdict is verdict


def test_a_certificate_of_another_roles_ca_names_both():
    (finding,) = ask("CERT-ROLE", check_cases.broken_chain()).findings

    assert finding.message == "it was issued by the cluster's CA, where etcd's CA belongs"


def test_one_file_that_the_flags_name_for_every_ca_as_on_hand_made_clusters_is_the_ca_of_every_role():
    etcd_manifest = "/etc/kubernetes/manifests/etcd.yaml"
    cluster = Cluster(without={check_cases.MANIFEST, etcd_manifest, f"{PKI}/etcd/ca.crt", f"{PKI}/etcd/ca.key"})
    cluster.etcd_ca = cluster.ca
    cluster.__post_init__()
    one = f"{PKI}/ca.crt"
    for path, program, flags in (
        (check_cases.MANIFEST, "kube-apiserver", {**APISERVER_FLAGS, "etcd-cafile": one}),
        (etcd_manifest, "etcd", {**ETCD_FLAGS, "trusted-ca-file": one, "peer-trusted-ca-file": one}),
    ):
        document = static_pod(program, flags)
        cluster.more_files.append(HostFile(path, Topic.MANIFEST, host="node-1", document=document))

    assert ask("CERT-ROLE", cluster.snapshot()).verdict is Verdict.PASS


def test_roles_are_unknown_where_only_a_persons_kubeconfig_was_read():
    for check in ("CERT-ROLE", "CERT-MASTERS", "KEY-REUSED", "FRONT-PROXY-NAME", "KUBELET-SERVING"):
        assert ask(check, Cluster(host=False).snapshot()).verdict is Verdict.UNKNOWN, check


def test_masters_in_a_persons_kubeconfig_is_high():
    (finding,) = ask("CERT-MASTERS", check_cases.masters()).findings

    assert finding.severity is Severity.HIGH
    assert finding.resource.endswith("/.kube/config, user mara")


def test_masters_in_the_api_servers_own_certificate_is_less_since_nobody_else_uses_it():
    cluster = Cluster()
    entry = client(cluster.ca, "kube-apiserver-kubelet-client", "system:masters")

    (finding,) = ask("CERT-MASTERS", with_file(KUBELET_CLIENT, entry, cluster)).findings

    assert finding.severity is Severity.MEDIUM
    assert "kubeadm before 1.29 issued it so" in {item.fact for item in finding.evidence}


@pytest.mark.parametrize(("file", "verdict"), [("super-admin.conf", Verdict.PASS), ("admin.conf", Verdict.FAIL)])
def test_only_the_break_glass_kubeconfig_may_be_in_masters(file, verdict):
    snapshot = with_kubeconfig(f"/etc/kubernetes/{file}", in_masters)

    assert ask("CERT-MASTERS", snapshot).verdict is verdict


def test_masters_in_a_certificate_of_etcds_ca_says_nothing_to_the_api_server():
    cluster = Cluster()

    assert ask("CERT-MASTERS", with_file("/srv/etcd.crt", in_masters(cluster.etcd_ca), cluster)).verdict is Verdict.PASS


def test_masters_in_a_serving_certificate_makes_no_client():
    cluster = Cluster()
    entry = client(cluster.ca, "web", "system:masters", usages=(SERVER_AUTH,))

    assert ask("CERT-MASTERS", with_file("/srv/web.crt", entry, cluster)).verdict is Verdict.PASS


def test_a_certificate_renewed_with_its_key_reuses_none():
    cluster = Cluster()
    older = replace(cluster.apiserver, serial=41, not_after=cluster.apiserver.not_after - timedelta(days=100))

    assert ask("KEY-REUSED", with_file("/srv/backup/apiserver.crt", older, cluster)).verdict is Verdict.PASS


def test_the_key_of_a_ca_in_another_certificate_is_high():
    cluster = Cluster()

    (finding,) = ask("KEY-REUSED", with_file("/srv/a.crt", user(cluster.ca, "a", cluster.ca.key), cluster)).findings

    assert finding.severity is Severity.HIGH
    assert finding.message == "its key is that of 2 certificates: CN=a, CN=kubernetes"


def published(proxies: Entry | None = None) -> Snapshot:
    """A look at the cluster alone: nothing of a node, and what the API server publishes."""
    cluster = Cluster(host=False)
    both = {"client-ca-file": pem(cluster.ca), "requestheader-client-ca-file": pem(proxies or cluster.ca)}
    name = {"name": "extension-apiserver-authentication", "namespace": "kube-system"}
    cluster.objects = {CONFIG_MAP: ({"metadata": name, "data": both},)}
    return cluster.snapshot()


def test_a_shared_front_proxy_ca_is_found_in_what_the_api_server_publishes():
    (finding,) = ask("FRONT-PROXY-CA", published()).findings

    assert "requestheader-client-ca-file" in finding.resource


def test_what_the_api_server_publishes_suffices_to_say_that_no_ca_is_shared():
    assert ask("FRONT-PROXY-CA", published(authority("front-proxy-ca", key("P-256", 20)))).verdict is Verdict.PASS


def test_without_the_published_cas_and_the_flags_the_front_proxy_is_unknown():
    cluster = Cluster(host=False, objects={CONFIG_MAP: ()})
    assert ask("FRONT-PROXY-CA", cluster.snapshot()).verdict is Verdict.UNKNOWN


def test_a_second_ca_in_the_bundle_that_is_the_clients_is_shared_too():
    cluster = aggregating()
    other = authority("front-proxy-ca", key("P-256", 20))
    cluster.more_files = [file for file in cluster.more_files if not file.path.endswith("proxy-ca.crt")]

    snapshot = with_file(f"{PKI}/proxy-ca.crt", other, cluster)
    assert ask("FRONT-PROXY-CA", snapshot).verdict is Verdict.PASS
    cluster.more_files[-1] = file_of(f"{PKI}/proxy-ca.crt", other, cluster.ca)
    assert ask("FRONT-PROXY-CA", cluster.snapshot()).verdict is Verdict.FAIL


def test_without_allowed_names_every_name_is_accepted():
    assert ask("FRONT-PROXY-NAME", aggregating(name="aggregator", allowed="").snapshot()).verdict is Verdict.PASS


def test_one_of_several_allowed_names_is_enough():
    snapshot = aggregating(name="aggregator", allowed="front-proxy-client, aggregator").snapshot()

    assert ask("FRONT-PROXY-NAME", snapshot).verdict is Verdict.PASS


def test_no_aggregation_layer_has_no_name_to_check():
    assert ask("FRONT-PROXY-NAME", check_cases.healthy()).verdict is Verdict.NOT_APPLICABLE


def test_another_control_plane_node_behind_the_same_address_is_not_called_stale():
    cluster = Cluster()
    other = serving(cluster.ca)
    other.extend("2.5.29.17", der.general_names(der.dns("kubernetes"), der.dns("api.example"), der.dns("node-2")))
    cluster.presented = (other,)
    cluster.on_disk = replace(cluster.apiserver, not_after=cluster.apiserver.not_after + timedelta(days=9))

    result = ask("CERT-NOT-RELOADED", cluster.snapshot())

    assert (result.verdict, result.findings) == (Verdict.UNKNOWN, ())


def test_a_file_older_than_what_is_served_needs_no_restart():
    cluster = Cluster()
    cluster.on_disk = replace(cluster.apiserver, not_after=cluster.apiserver.not_after - timedelta(days=9))

    assert ask("CERT-NOT-RELOADED", cluster.snapshot()).verdict is Verdict.PASS


def test_nothing_is_said_of_what_is_served_where_no_endpoint_was_seen():
    assert ask("CERT-NOT-RELOADED", Cluster(observed=False).snapshot()).verdict is Verdict.UNKNOWN


def test_a_kubelets_own_certificate_is_low_and_said_to_be_the_default():
    (finding,) = ask("KUBELET-SERVING", check_cases.self_signed_kubelet()).findings

    assert finding.severity is Severity.LOW
    assert "as kubeadm leaves it by default" in finding.message


@pytest.mark.parametrize(("own", "port", "verdict"), [
    (True, 10250, Verdict.FAIL), (False, 10250, Verdict.PASS), (True, 8443, Verdict.UNKNOWN)])  # fmt: skip
def test_what_a_kubelet_presents_is_judged_where_its_files_are_out_of_reach(own, port, verdict):
    cluster = Cluster(observed=False)
    issuer = authority("node-1-ca@1760000000", key("P-256", 19)) if own else cluster.ca
    serving_pair = leaf(
        "node-1@1760000000" if own else "system:node:node-1", key("P-256", 18), issuer, der.dns("node-1")
    )
    seen = TlsObservation("192.0.2.10", port, NOW, HandshakeOutcome.COMPLETED, presented=(serving_pair.der(),))

    result = ask("KUBELET-SERVING", replace(cluster.snapshot(), endpoints=(seen,)))

    assert result.verdict is verdict
    assert [finding.resource for finding in result.findings] == ["endpoint 192.0.2.10:10250"] * (
        verdict is Verdict.FAIL
    )


@pytest.mark.parametrize(("approved", "verdict"), [(False, Verdict.FAIL), (True, Verdict.PASS)])
def test_a_kubelet_that_waits_for_its_serving_certificate_is_medium(approved, verdict):
    request = signing_request(
        "system:node:node-1",
        ["system:nodes"],
        signer="kubernetes.io/kubelet-serving",
        usages=("server auth",),
        approved=approved,
    )
    cluster = Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (request,)})
    serving_pair = leaf("system:node:node-1", key("P-256", 18), cluster.ca, der.dns("node-1"))

    result = ask("KUBELET-SERVING", with_file(check_cases.KUBELET, serving_pair, cluster))

    assert result.verdict is verdict
    assert [finding.severity for finding in result.findings] == ([] if approved else [Severity.MEDIUM])
