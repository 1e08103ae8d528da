"""Where certificates and keys live, whatever holds them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8srun.certificates.components import components
from k8srun.certificates.connections import connections
from k8srun.certificates.inventory import Holder, inventory
from k8srun.certificates.listing import listing
from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import (
    API_SERVICE,
    CERTIFICATE_SIGNING_REQUEST,
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    POD,
    SECRET,
    VALIDATING_WEBHOOK,
)
from k8srun.pem import PemBlock
from k8srun.snapshot import Snapshot
from tests.certificates.cluster import PKI, Cluster, bundle, certificate, pem, static_pod
from tests.certificates.model import NOW, authority, key

CA = authority("kubernetes", key("P-256", 40))


def of_holder(snapshot, holder):
    return [item for item in inventory(snapshot).held if item.bundle.holder is holder]


def test_files_kubeconfigs_endpoints_secrets_and_bundles_are_all_in_it():
    found = {item.bundle.holder for item in inventory(Cluster().snapshot()).held}

    assert found == {
        Holder.FILE, Holder.KUBECONFIG_CA, Holder.KUBECONFIG_USER, Holder.ENDPOINT, Holder.SECRET, Holder.CA_BUNDLE,
    }  # fmt: skip


def test_a_place_is_named_so_that_a_person_finds_it():
    places = {item.place for item in inventory(Cluster().snapshot()).held}

    assert {
        f"{PKI}/apiserver.crt on node-1",
        "/home/mara/.kube/config, cluster prod",
        "/home/mara/.kube/config, user mara",
        "endpoint api.example:6443",
        "Secret platform/policy-tls, tls.crt",
    } <= places


def test_config_maps_requests_conversions_and_aggregated_apis_are_in_it():
    ca = authority("kubernetes", key("P-256", 10))
    service = {"name": "metrics", "namespace": "kube-system"}
    snapshot = Snapshot(NOW, objects={
        CONFIG_MAP: ({"metadata": {"name": "kube-root-ca.crt", "namespace": "shop"}, "data": {"ca.crt": pem(ca)}},),
        CERTIFICATE_SIGNING_REQUEST: (
            {"metadata": {"name": "csr-1"}, "status": {"certificate": base64.b64encode(pem(ca).encode()).decode()}},
        ),
        CUSTOM_RESOURCE_DEFINITION: (
            {"metadata": {"name": "shops.example"},
             "spec": {"conversion": {"webhook": {"clientConfig": {"service": service, "caBundle": bundle(ca)}}}}},
        ),
        API_SERVICE: ({"metadata": {"name": "v1beta1.metrics"}, "spec": {"service": service, "caBundle": bundle(ca)}},),
    })  # fmt: skip

    places = {item.place for item in inventory(snapshot).held}

    assert places == {
        "ConfigMap shop/kube-root-ca.crt, ca.crt",
        "CertificateSigningRequest.certificates.k8s.io csr-1",
        "CustomResourceDefinition.apiextensions.k8s.io shops.example, caBundle",
        "APIService.apiregistration.k8s.io v1beta1.metrics, caBundle",
    }


def test_a_bundle_with_a_broken_block_keeps_the_others():
    blocks = (
        *certificate(authority("a", key("P-256", 10))),
        PemBlock("CERTIFICATE", 9, error="truncated: no END line"),
    )
    snapshot = Snapshot(NOW, files=(HostFile("/x.crt", Topic.PKI, pem=blocks),))

    (only,) = inventory(snapshot).bundles

    assert [item.common_name for item in only.certificates] == ["a"]
    assert [block.line for block in only.broken] == [9]


def test_an_encrypted_key_is_not_broken():
    block = PemBlock("ENCRYPTED PRIVATE KEY", error="encrypted with a passphrase: which certificate …")
    snapshot = Snapshot(NOW, files=(HostFile("/x.key", Topic.PKI, pem=(block,)),))

    assert inventory(snapshot).bundles[0].broken == ()


def test_the_role_of_a_file_is_told_by_kubeadms_path_or_else_by_the_flag_that_names_it():
    ca = authority("KUBERNETES-CA", key("P-256", 10))
    pod = static_pod("kube-apiserver", {"client-ca-file": "/var/lib/kubernetes/ca.crt"})
    snapshot = Snapshot(NOW, files=(
        HostFile("/var/lib/kubernetes/ca.crt", Topic.PKI, "n", pem=certificate(ca)),
        HostFile(f"{PKI}/etcd/ca.crt", Topic.PKI, "n", pem=certificate(ca)),
        HostFile("/tmp/other.crt", Topic.PKI, "n", pem=certificate(ca)),
        HostFile("/etc/kubernetes/manifests/kube-apiserver.yaml", Topic.MANIFEST, "n", document=pod),
    ))  # fmt: skip

    assert [item.role for item in inventory(snapshot).held] == ["ca", "etcd-ca", ""]


def test_the_issuer_of_a_certificate_is_found_by_its_signature_and_not_by_its_name_alone():
    cluster = Cluster()
    namesake = authority("kubernetes", key("P-256", 20))
    cluster.more_files.append(HostFile("/srv/old-ca.crt", Topic.PKI, pem=certificate(namesake)))

    found = inventory(cluster.snapshot())
    issuers = found.issuers_of(cluster.apiserver.certificate())

    assert {item.certificate for item in issuers} == {cluster.ca.certificate()}


def test_flags_are_read_with_and_without_an_equals_sign_and_the_last_counts():
    pod = {
        "metadata": {"name": "etcd"},
        "spec": {"containers": [{"command": ["/usr/local/bin/etcd", "--cert-file", "/a", "--client-cert-auth"],
                                 "args": ["--cert-file=/b", "--peer-auto-tls=false"]}]},
    }  # fmt: skip
    snapshot = Snapshot(NOW, files=(HostFile("/m/etcd.yaml", Topic.MANIFEST, "n", document=pod),))

    (etcd,) = components(snapshot)

    assert (etcd.program, etcd.host) == ("etcd", "n")
    assert etcd.flags == {"cert-file": "/b", "client-cert-auth": "true", "peer-auto-tls": "false"}


def test_a_mirror_pod_tells_the_flags_where_the_manifest_was_not_read():
    pod = {**static_pod("kube-apiserver", {"client-ca-file": "/ca"})}
    pod["metadata"] = {"name": "kube-apiserver-n", "annotations": {"kubernetes.io/config.mirror": "x"}}
    pod["spec"] = {**pod["spec"], "nodeName": "n"}
    manifest = HostFile(
        "/m.yaml", Topic.MANIFEST, "n", document=static_pod("kube-apiserver", {"client-ca-file": "/own"})
    )

    (alone,) = components(Snapshot(NOW, objects={POD: (pod,)}))
    (both,) = components(Snapshot(NOW, objects={POD: (pod,)}, files=(manifest,)))

    assert alone.flags["client-ca-file"] == "/ca"
    assert both.flags["client-ca-file"] == "/own"


def test_an_ordinary_pod_that_is_called_like_a_program_of_the_control_plane_is_not_taken_for_it():
    pod = {**static_pod("etcd", {"cert-file": "/x"}), "metadata": {"name": "etcd", "namespace": "shop"}}

    assert components(Snapshot(NOW, objects={POD: (pod,)})) == ()


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [None], {"a": None}, True])
def test_objects_of_any_shape_are_read_as_far_as_they_go(junk):
    snapshot = Snapshot(NOW, objects={
        SECRET: ({"data": junk, "metadata": {}}, {"data": {"tls.crt": junk}}),
        VALIDATING_WEBHOOK: ({"webhooks": junk}, {"webhooks": [{"clientConfig": junk}]},
                             {"webhooks": [{"clientConfig": {"caBundle": junk, "service": junk}}]}),
        CUSTOM_RESOURCE_DEFINITION: ({"spec": junk}, {"spec": {"conversion": junk}}),
        API_SERVICE: ({"spec": junk}, {"spec": {"service": junk, "caBundle": junk}}),
        CONFIG_MAP: ({"data": junk},),
        CERTIFICATE_SIGNING_REQUEST: ({"status": junk}, {"status": {"certificate": junk}}),
        POD: ({"metadata": junk, "spec": junk},),
    }, files=(HostFile("/m.yaml", Topic.MANIFEST, document={"spec": {"containers": junk}}),))  # fmt: skip

    found = inventory(snapshot)

    assert found.held == ()
    assert all(item.leaf is None for item in connections(snapshot, found))


def webhook(bundle: object) -> dict:
    config = {"service": {"name": "policy", "namespace": "platform"}, "caBundle": bundle}
    return {"metadata": {"name": "policy"}, "webhooks": [{"name": "check.example", "clientConfig": config}]}


def holding(content: bytes) -> Snapshot:
    """The same bytes as a webhook's caBundle, as what was issued for a request, and as what a request asks for."""
    data = base64.b64encode(content).decode()
    request = {"metadata": {"name": "odd"}, "spec": {"request": data}, "status": {"certificate": data}}
    objects = {VALIDATING_WEBHOOK: (webhook(data),), CERTIFICATE_SIGNING_REQUEST: (request,)}
    return Snapshot(taken_at=NOW, objects=objects)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b" ", "empty"),
        (b"<!DOCTYPE html><title>404</title>", "an HTML or XML page"),
        (bytes(range(256)) * 40, "no PEM block found"),
        (b"A" * 10_000_000, "no PEM block found"),
        (b"A" * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
        (pem(CA).encode()[:300], "truncated: no END line"),
        (pem(CA).encode().replace(b"M", b"!", 3), "not valid base64"),
        (base64.b64encode(pem(CA).encode()), "base64 of a PEM file"),
        (b"\x30\x82\xff\xff" + b"A" * 100, "malformed certificate"),
    ],
)
def test_bad_content_of_a_field_is_listed_with_what_it_is(content, complaint):
    rows = [row for row in listing(holding(content), NOW) if row.kind == "broken"]
    assert {row.holder for row in rows} == {"caBundle", "CertificateSigningRequest"}
    assert all(complaint in row.error for row in rows), rows


@given(st.binary(max_size=200) | st.integers(0, 600).map(lambda end: pem(CA).encode()[:end]))
@settings(deadline=None)
def test_no_content_of_a_field_brings_the_inventory_down(content):
    snapshot = holding(content)
    assert listing(snapshot, NOW) == listing(snapshot, NOW)
    for row in listing(snapshot, NOW):
        assert row.kind == "certificate" or row.error or row.state


@pytest.mark.parametrize("bundle", ["not base64!", 5, ["x"], {"a": 1}])
def test_a_ca_bundle_that_is_no_base64_says_so(bundle):
    (row,) = listing(Snapshot(taken_at=NOW, objects={VALIDATING_WEBHOOK: (webhook(bundle),)}), NOW)
    assert (row.kind, row.error) == ("broken", "not valid base64")


def test_a_bundle_is_found_by_its_place_and_by_the_path_of_its_file():
    found = inventory(Cluster().snapshot())

    assert found.find(f"{PKI}/apiserver.crt") is found.find(f"{PKI}/apiserver.crt on node-1")
    assert found.find("Secret platform/policy-tls, tls.crt").leaf.subject


def test_a_path_that_several_hosts_have_is_not_guessed_at():
    ca = certificate(authority("kubernetes", key("P-256", 10)))
    files = (HostFile(f"{PKI}/ca.crt", Topic.PKI, host=host, pem=ca) for host in ("node-1", "node-2"))

    with pytest.raises(InputError, match=f"{PKI}/ca.crt on node-1, {PKI}/ca.crt on node-2"):
        inventory(Snapshot(NOW, files=tuple(files))).find(f"{PKI}/ca.crt")


def test_a_place_that_is_not_there_or_holds_no_certificate_is_an_error_that_names_it():
    found = inventory(Cluster().snapshot())

    with pytest.raises(InputError, match=r"/etc/nothing\.crt"):
        found.find("/etc/nothing.crt")
    with pytest.raises(InputError, match=r"apiserver\.key on node-1: no certificate"):
        _ = found.find(f"{PKI}/apiserver.key").leaf
