"""Who shows which certificate to whom, and which connection a message is about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8srun.assessment.symptoms import diagnose
from k8srun.certificates.case import World
from k8srun.certificates.expectations import expected_names
from k8srun.certificates.inventory import inventory
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CONFIG_MAP, SECRET, SERVICE, VALIDATING_WEBHOOK
from k8srun.kubeconfig import Kubeconfig, KubeconfigCluster, KubeconfigContext, KubeconfigUser
from k8srun.pem import PemBlock
from k8srun.snapshot import Snapshot
from k8srun.tls import HandshakeOutcome
from tests.certificates import der
from tests.certificates.cluster import (
    HOST,
    KUBEADM,
    PKI,
    PORT,
    Cluster,
    bundle,
    certificate,
    private,
    serving,
    tls_secret,
    user,
)
from tests.certificates.model import NOW, Entry, authority, key, leaf
from tests.certificates.scenarios_of_causes import EXPIRED, UNAUTHORIZED, UNKNOWN, stamp


def views(snapshot: Snapshot):
    return World(snapshot, NOW, KUBEADM).views


def on_node(name: str, cluster: Cluster, *, ca: Entry | None = None, client: Entry | None = None) -> HostFile:
    """A kubeconfig of the control-plane node itself."""
    client = client or user(cluster.ca, f"system:{name}")
    config = Kubeconfig(
        "x",
        (KubeconfigCluster("k", "https://192.0.2.10:6443", ca=certificate(ca or cluster.ca)),),
        (KubeconfigUser("u", "client certificate", certificate(client), key=private(client.key)),),
        (KubeconfigContext("x", "k", "u"),),
    )
    return HostFile(f"/etc/kubernetes/{name}.conf", Topic.KUBECONFIG, "node-1", kubeconfig=config)


def confirmed(text: str, snapshot: Snapshot) -> list[str]:
    return [cause.id for cause in diagnose(text, snapshot, NOW).confirmed]


def test_a_nodes_own_kubeconfig_is_held_against_the_file_that_is_served():
    cluster = Cluster()
    cluster.more_files.append(on_node("kubelet", cluster))

    found = [
        view.connection
        for view in views(cluster.snapshot())
        if view.connection.config and view.connection.verifier == "kubelet"
    ]

    assert [(item.verifier, item.place) for item in found] == [("kubelet", f"{PKI}/apiserver.crt on node-1")]


def test_a_persons_kubeconfig_of_another_cluster_is_held_against_nothing_of_this_one():
    cluster = Cluster()
    other = replace(on_node("other", cluster), path="/home/mara/.kube/other")
    cluster.more_files.append(other)

    assert all(
        view.connection.config is None or view.connection.config.file != other for view in views(cluster.snapshot())
    )


def test_what_was_observed_counts_more_than_what_lies_on_disk():
    cluster = Cluster(on_disk=serving(authority("kubernetes", key("P-256", 20))))

    (view,) = [view for view in views(cluster.snapshot()) if view.connection.name == HOST]

    assert view.leaf == cluster.apiserver.certificate()


def test_a_kubelets_complaint_is_held_against_its_own_kubeconfig():
    cluster = Cluster()
    old = authority("kubernetes", key("P-256", 20))
    cluster.more_files.append(on_node("kubelet", cluster, ca=old))
    text = f'kubelet: E0517 reflector.go:147] Get "https://192.0.2.10:6443/api": {UNKNOWN.partition(": ")[2]}'

    found = diagnose(text, cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["ca-rebuilt"]
    assert "/etc/kubernetes/kubelet.conf on node-1" in found.affected


def test_the_scheduler_is_named_as_who_is_cut_off_by_its_expired_certificate():
    cluster = Cluster()
    expired = user(cluster.ca, "system:kube-scheduler")
    expired.not_after = NOW.replace(month=5, day=1)
    cluster.more_files.append(on_node("scheduler", cluster, client=expired))

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["client-certificate-expired"]
    assert found.affected == "new pods: they stay Pending"
    assert "sudo kubeadm certs renew scheduler.conf" in found.confirmed[0].fix.commands


def test_a_kubelets_expired_certificate_is_mended_as_kubelets_are_and_not_by_kubeadm_certs():
    cluster = Cluster()
    expired = user(cluster.ca, "system:node:node-1")
    expired.not_after = NOW.replace(month=5, day=1)
    cluster.more_files.append(on_node("kubelet", cluster, client=expired))

    commands = diagnose("", cluster.snapshot(), NOW).confirmed[0].fix.commands

    assert commands[0].startswith("sudo kubeadm kubeconfig user --org system:nodes --client-name system:node:node-1")
    assert commands[-1] == "sudo systemctl restart kubelet"


def test_kubectls_message_is_not_about_etcd_although_etcd_fails_in_the_same_way():
    cluster = Cluster()
    cluster.etcd_server.not_after = NOW.replace(month=5, day=1)
    text = EXPIRED.format(now=stamp(NOW), bound=stamp(NOW.replace(month=4, day=1)))

    assert confirmed(f"Unable to connect to the server: {text}", cluster.snapshot()) == []


def test_another_programs_certificate_at_the_api_servers_address_is_another_server():
    cluster = Cluster()
    cluster.presented = (leaf("system:node:node-1", key("P-256", 20), cluster.ca, usages=()),)

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["wrong-endpoint"]
    assert found.hidden == ()
    assert "is the certificate of a kubelet, where a kube-apiserver is expected" in found.confirmed[0].evidence[0].fact


def test_an_endpoint_that_no_kubeconfig_leads_to_is_held_against_the_clusters_ca_where_that_is_at_hand():
    cluster = Cluster(server="https://elsewhere.example:6443")
    without = replace(cluster.snapshot(), files=())

    (known,) = [view for view in views(cluster.snapshot()) if view.connection.observation]
    (unknown,) = [view for view in views(without) if view.connection.observation]

    assert (known.trusted, unknown.trusted, unknown.fails) == (True, None, False)


def test_a_probe_without_a_certificate_that_is_refused_for_it_is_no_fault():
    cluster = Cluster(outcome=HandshakeOutcome.ALERT, alert="certificate required")

    assert confirmed("", cluster.snapshot()) == []


def test_a_refused_certificate_is_a_fault_of_the_client():
    cluster = Cluster(outcome=HandshakeOutcome.ALERT, alert="bad certificate")
    cluster.admin = user(authority("staging", key("P-256", 20)))

    assert confirmed("", cluster.snapshot()) == ["client-certificate-of-another-ca"]


def test_an_unreadable_ca_bundle_leaves_the_causes_of_trust_open():
    broken = Cluster(ca_blocks=(PemBlock("CERTIFICATE", error="truncated: no END line"),)).snapshot()

    assert confirmed(UNKNOWN, broken) == []
    assert confirmed("", broken) == ["pem-truncated"]


def test_a_kubeconfig_that_does_not_verify_its_server_is_held_against_no_ca():
    cluster = Cluster()
    snapshot = cluster.snapshot()
    config = snapshot.files[0].kubeconfig
    skipping = replace(config, clusters=(replace(config.clusters[0], insecure_skip_tls_verify=True),))
    snapshot = replace(snapshot, files=(replace(snapshot.files[0], kubeconfig=skipping), *snapshot.files[1:]))

    (view,) = [view for view in views(snapshot) if view.connection.name == HOST]

    assert view.trust is None
    assert HOST not in expected_names(snapshot, inventory(snapshot))


def test_a_server_name_is_what_the_certificate_must_be_valid_for():
    cluster = Cluster()
    snapshot = cluster.snapshot()
    config = snapshot.files[0].kubeconfig
    named = replace(config, clusters=(replace(config.clusters[0], tls_server_name="other.example"),))
    snapshot = replace(snapshot, files=(replace(snapshot.files[0], kubeconfig=named), *snapshot.files[1:]))

    assert confirmed("", snapshot) == ["san-missing"]
    assert expected_names(snapshot, inventory(snapshot))["other.example"] == "the server of /home/mara/.kube/config"


def test_the_names_that_clients_use_are_those_that_the_cluster_says_of_itself():
    written = 'kind: ClusterConfiguration\ncontrolPlaneEndpoint: "lb.example:8443"\n'
    metadata = {"name": "kubeadm-config", "namespace": "kube-system"}
    config = {"metadata": metadata, "data": {"ClusterConfiguration": written}}
    service = {"metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.1"}}
    snapshot = Cluster(objects={CONFIG_MAP: (config,), SERVICE: (service,)}).snapshot()

    assert expected_names(snapshot, inventory(snapshot)) == {
        "kubernetes": "by which pods reach it",
        "kubernetes.default": "by which pods reach it",
        "kubernetes.default.svc": "by which pods reach it",
        "10.96.0.1": "the address of Service default/kubernetes",
        "192.0.2.10": "the address that it advertises (/etc/kubernetes/manifests/kube-apiserver.yaml on node-1)",
        "lb.example": "the controlPlaneEndpoint of kubeadm's configuration",
        HOST: "the server of /home/mara/.kube/config",
    }


def test_a_certificate_renewed_for_another_role_is_not_what_the_server_should_serve():
    cluster = Cluster()
    old = serving(cluster.ca)
    old.not_after = NOW.replace(month=5, day=1)
    cluster.presented, cluster.on_disk = (old,), old
    other = HostFile(f"{PKI}/etcd/server.crt", Topic.PKI, "node-1", pem=certificate(cluster.apiserver))
    cluster.without, cluster.more_files = {f"{PKI}/etcd/server.crt"}, [other]

    assert confirmed("", cluster.snapshot())[0] == "certificate-expired"


@pytest.mark.parametrize("key_first", [True, False])
def test_certificate_and_key_in_one_file_are_a_pair(key_first):
    cluster = Cluster()
    blocks = (*certificate(cluster.admin), private(key("P-256", 20)))
    path = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    file = HostFile(path, Topic.KUBELET, "node-1", pem=tuple(reversed(blocks)) if key_first else blocks)
    cluster.more_files.append(file)

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["key-mismatch"]
    assert f"({path} on node-1)" in str(found.confirmed[0].evidence[0])


def test_since_a_rebuilt_ca_was_made_the_others_are_locked_out():
    cluster = Cluster()
    old = authority("kubernetes", key("P-256", 20))
    cluster.ca.not_before = NOW.replace(hour=9)
    cluster.trusted = (old,)

    assert diagnose("", cluster.snapshot(), NOW).since == "2026-05-17 09:00:00 UTC (3 hours ago)"


def test_the_fix_of_a_leaf_that_an_older_ca_signed_is_to_sign_it_again():
    cluster = Cluster()
    cluster.presented = (serving(authority("kubernetes", key("P-256", 20))),)

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["ca-rebuilt"]
    commands = found.confirmed[0].fix.commands
    fetch, make = (next(i for i, said in enumerate(commands) if word in said) for word in ("ClusterConf", "init phase"))
    assert fetch < make, "without its configuration kubeadm writes its defaults into the certificate"
    assert commands[make] == "sudo kubeadm init phase certs apiserver --config kubeadm.yaml"


def test_a_token_that_is_valid_is_not_blamed():
    claims = {"exp": NOW.timestamp() + 3600}
    cluster = Cluster(credential=KubeconfigUser("mara", "token", token_claims=claims))

    assert confirmed(UNAUTHORIZED, cluster.snapshot()) == []


@pytest.mark.parametrize("expiry", ["soon", None, 1e30, -1e30, float("nan"), True])
def test_a_token_with_any_claims_is_read(expiry):
    cluster = Cluster(credential=KubeconfigUser("mara", "token", token_claims={"exp": expiry}))

    diagnose(UNAUTHORIZED, cluster.snapshot(), NOW)


def test_an_ipv6_address_is_written_in_brackets():
    cluster = Cluster(server="https://[2001:db8::1]:6443")
    snapshot = cluster.snapshot()
    seen = replace(snapshot.endpoints[0], host="2001:db8::1")
    found = diagnose("", replace(snapshot, endpoints=(seen,)), NOW)

    assert [cause.id for cause in found.confirmed] == ["san-missing"]
    assert f"'[2001:db8::1]:{PORT}'" in found.next[-1]


def two_webhooks(good: Entry, bad: Entry, cluster: Cluster) -> Snapshot:
    """Two webhooks of two services; the caBundle of the second is wrong. The first lets requests pass when it fails."""

    def webhook(name: str, service: str, policy: str, ca: Entry) -> dict:
        client = {"service": {"name": service, "namespace": "platform"}, "caBundle": bundle(ca)}
        return {"name": name, "failurePolicy": policy, "clientConfig": client}

    config = {
        "metadata": {"name": "policy"},
        "webhooks": [
            webhook("first.example", "policy", "Ignore", good),
            webhook("second.example", "other", "Fail", bad),
        ],
    }
    other = leaf("other", key("P-256", 17), good, der.dns("other.platform.svc"))
    secrets = (tls_secret("platform", "policy-tls", cluster.webhook), tls_secret("platform", "other-tls", other))
    cluster.objects = {VALIDATING_WEBHOOK: (config,), SECRET: secrets}
    return cluster.snapshot()


@pytest.mark.parametrize(
    ("called", "service", "causes", "outcome"),
    [("first.example", "policy", [], ""), ("second.example", "other", ["wrong-ca-bundle"], "they are refused")],
)
@pytest.mark.parametrize("wrapped", ["webhook", "service", "both"])
def test_of_several_webhooks_the_one_that_was_called_is_judged(called, service, causes, outcome, wrapped):
    cluster = Cluster()
    snapshot = two_webhooks(cluster.ca, authority("policy-ca", key("P-256", 20)), cluster)
    name = f'failed calling webhook "{called}": ' if wrapped != "service" else ""
    url = f'Post "https://{service}.platform.svc:443/x": ' if wrapped != "webhook" else ""

    found = diagnose(f"{name}{url}x509: certificate signed by unknown authority", snapshot, NOW)

    assert [cause.id for cause in found.confirmed] == causes
    assert outcome in found.affected
    if causes:
        assert "/webhooks/1/clientConfig/caBundle" in found.confirmed[0].fix.commands[-1]


def test_a_webhooks_certificate_must_hold_the_name_of_its_service():
    cluster = Cluster()
    cluster.webhook = leaf("policy", key("P-256", 17), cluster.ca, der.dns("policy"))

    found = diagnose("", cluster.snapshot(), NOW)

    assert [cause.id for cause in found.confirmed] == ["san-missing"]
    assert "policy.platform.svc" in found.confirmed[0].fix.summary
    assert "check.policy.example" in found.affected


def test_a_webhook_at_a_url_is_held_against_that_host():
    cluster = Cluster()
    client = {"url": "https://hooks.example:8443/check", "caBundle": bundle(cluster.ca)}
    config = {"metadata": {"name": "w"}, "webhooks": [{"name": "w.example", "clientConfig": client}]}
    cluster.objects = {VALIDATING_WEBHOOK: (config,)}

    (view,) = [view for view in views(cluster.snapshot()) if view.connection.caller]

    assert (view.connection.name, view.connection.port) == ("hooks.example", 8443)


def test_the_date_in_a_message_names_a_ca_or_an_intermediate_where_no_connection_was_seen():
    cluster = Cluster(observed=False)
    between = authority("serving-ca", key("P-256", 20), cluster.ca)
    between.not_after = NOW.replace(month=5, day=1)
    cluster.etcd_ca.not_after = NOW.replace(month=5, day=2)
    file = HostFile(f"{PKI}/serving-ca.crt", Topic.PKI, "node-1", pem=certificate(between))
    snapshot = replace(cluster.snapshot(), files=(*cluster.snapshot().files[1:], file))
    line = f'Get "https://{HOST}:{PORT}/": ' + EXPIRED

    for ended, cause in ((between.not_after, "intermediate-expired"), (cluster.etcd_ca.not_after, "ca-expired")):
        assert confirmed(line.format(now=stamp(NOW), bound=stamp(ended)), snapshot) == [cause]
