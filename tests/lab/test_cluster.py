"""The company's cluster is whole: what refers to something finds it, as in a dump of a live cluster."""

from __future__ import annotations

import base64
import ipaddress
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from k8srun.lab import Lab
from k8srun.lab.cluster.pods import Node, default_spec, run
from k8srun.lab.merging import merge_patch
from tests.lab.helpers import objects_of

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
Objects = list[dict[str, Any]]


@pytest.fixture(scope="module")
def objects(healthy: Lab) -> Objects:
    return objects_of(healthy)


def of(objects: Objects, *kinds: str) -> Objects:
    return [item for item in objects if item["kind"] in kinds]


def name(item: dict) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def test_several_teams_have_namespaces_with_workloads_services_rights_and_policies(objects: Objects) -> None:
    for team in ("shop", "payments", "data", "monitoring", "platform"):
        kinds = {item["kind"] for item in objects if name(item)[0] == team}
        assert kinds >= {"Pod", "Service", "ServiceAccount", "ConfigMap"}, team
    assert Counter(item["kind"] for item in objects) >= Counter(
        Pod=40,
        Service=15,
        NetworkPolicy=12,
        RoleBinding=12,
        Ingress=1,
        ResourceQuota=2,
        ValidatingWebhookConfiguration=1,
    )


def test_every_object_has_an_identity_of_its_own(objects: Objects) -> None:
    uids = [item["metadata"]["uid"] for item in objects]
    identities = [(item["apiVersion"].split("/")[0], item["kind"], *name(item)) for item in objects]

    assert len(set(uids)) == len(set(identities)) == len(objects)
    assert all(item["metadata"]["creationTimestamp"].endswith("Z") for item in objects)


def test_every_owner_exists(objects: Objects) -> None:
    uids = {item["metadata"]["uid"]: item for item in objects}
    references = [(item, entry) for item in objects for entry in item["metadata"].get("ownerReferences") or []]

    assert len(references) > 60
    for item, entry in references:
        owner = uids[entry["uid"]]
        assert (owner["kind"], owner["metadata"]["name"]) == (entry["kind"], entry["name"]), name(item)


def test_every_pod_runs_on_a_node_with_an_address_of_its_network(objects: Objects) -> None:
    networks = {item["metadata"]["name"]: ipaddress.ip_network(item["spec"]["podCIDR"]) for item in of(objects, "Node")}
    pods = [pod for pod in of(objects, "Pod") if not pod["spec"].get("hostNetwork")]

    assert len({pod["status"]["podIP"] for pod in pods}) == len(pods)
    for pod in pods:
        assert ipaddress.ip_address(pod["status"]["podIP"]) in networks[pod["spec"]["nodeName"]]


def test_pods_with_the_nodes_network_have_the_nodes_address(objects: Objects) -> None:
    pods = [pod for pod in of(objects, "Pod") if pod["spec"].get("hostNetwork")]

    assert len(pods) > 9
    assert all(pod["status"]["podIP"] == pod["status"]["hostIP"] for pod in pods)


def test_workloads_stay_away_from_the_control_plane_unless_they_tolerate_it(objects: Objects) -> None:
    nodes = {kind: {pod["spec"]["nodeName"] for pod in of(objects, "Pod") if pod["metadata"]["name"].startswith(kind)}
             for kind in ("web-", "calico-node-", "node-exporter-")}  # fmt: skip

    assert nodes["web-"] <= {"worker-1", "worker-2"}
    assert nodes["calico-node-"] == nodes["node-exporter-"] == {"cp-1", "worker-1", "worker-2"}


def test_every_service_with_a_selector_has_ready_endpoints_of_its_pods(objects: Objects) -> None:
    addresses = {pod["status"]["podIP"] for pod in of(objects, "Pod")}
    slices = {
        (name(item)[0], item["metadata"]["labels"]["kubernetes.io/service-name"]): item
        for item in of(objects, "EndpointSlice")
    }

    for service in of(objects, "Service"):
        found = slices[name(service)]
        assert found["endpoints"], name(service)
        assert len(found["ports"]) == len(service["spec"]["ports"])
        if service["spec"].get("selector"):
            assert all(endpoint["addresses"][0] in addresses for endpoint in found["endpoints"])


def test_service_addresses_are_unique_and_of_the_clusters_range(objects: Objects) -> None:
    given = [item["spec"]["clusterIP"] for item in of(objects, "Service") if item["spec"]["clusterIP"] != "None"]

    assert len(set(given)) == len(given)
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network("10.96.0.0/12") for address in given)


def test_every_reference_of_a_pod_leads_somewhere(objects: Objects) -> None:
    known = {(item["kind"], *name(item)) for item in objects}

    for pod in of(objects, "Pod"):
        namespace, spec = name(pod)[0], pod["spec"]
        if "serviceAccountName" in spec:
            assert ("ServiceAccount", namespace, spec["serviceAccountName"]) in known
        for volume in spec.get("volumes") or []:
            if "secret" in volume:
                assert ("Secret", namespace, volume["secret"]["secretName"]) in known
            if "configMap" in volume:
                assert ("ConfigMap", namespace, volume["configMap"]["name"]) in known
        for entry in spec.get("imagePullSecrets") or []:
            assert ("Secret", namespace, entry["name"]) in known


def test_every_binding_leads_to_a_role(objects: Objects) -> None:
    known = {(item["kind"], *name(item)) for item in objects}

    for binding in of(objects, "RoleBinding", "ClusterRoleBinding"):
        role = binding["roleRef"]
        place = name(binding)[0] if role["kind"] == "Role" else ""
        assert (role["kind"], place, role["name"]) in known, name(binding)


def test_every_network_policy_selects_a_pod(objects: Objects) -> None:
    for policy in of(objects, "NetworkPolicy"):
        labels = (policy["spec"]["podSelector"].get("matchLabels") or {}).items()
        pods = [pod for pod in of(objects, "Pod") if name(pod)[0] == name(policy)[0]]
        assert any(labels <= pod["metadata"]["labels"].items() for pod in pods), name(policy)


def test_tokens_are_mounted_only_where_nobody_turned_that_off(objects: Objects) -> None:
    mounted = {
        name(pod): any("projected" in volume for volume in pod["spec"].get("volumes") or [])
        for pod in of(objects, "Pod")
    }

    assert {where for where, is_mounted in mounted.items() if is_mounted and where[0] in {"shop", "payments"}} == set()
    assert all(is_mounted for where, is_mounted in mounted.items() if where[1].startswith(("ci-runner", "prometheus")))


def test_what_a_cron_job_left_behind_is_done(objects: Objects) -> None:
    done = [pod for pod in of(objects, "Pod") if pod["status"]["phase"] == "Succeeded"]

    assert {pod["metadata"]["labels"]["app"] for pod in done} == {"sitemap", "nightly-report"}
    assert all("terminated" in pod["status"]["containerStatuses"][0]["state"] for pod in done)


def test_the_control_plane_shows_as_mirror_pods_of_its_manifests(objects: Objects) -> None:
    mirrors = [
        pod for pod in of(objects, "Pod") if "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})
    ]

    assert {name(pod) for pod in mirrors} == {
        ("kube-system", f"{component}-cp-1")
        for component in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    }


def test_the_webhooks_bundle_verifies_the_certificate_that_it_serves_with(objects: Objects) -> None:
    (webhook,) = of(objects, "ValidatingWebhookConfiguration")
    client = webhook["webhooks"][0]["clientConfig"]
    (secret,) = [item for item in of(objects, "Secret") if item["metadata"]["name"] == "image-policy-tls"]
    leaf = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    sans = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(base64.b64decode(client["caBundle"])))
    assert f"{client['service']['name']}.{client['service']['namespace']}.svc" in sans.get_values_for_type(x509.DNSName)


def test_every_namespace_publishes_the_clusters_ca(healthy: Lab, objects: Objects) -> None:
    ca = (healthy.node_root / "etc/kubernetes/pki/ca.crt").read_text()
    published = {
        name(item)[0]: item["data"]["ca.crt"]
        for item in of(objects, "ConfigMap")
        if name(item)[1] == "kube-root-ca.crt"
    }

    assert set(published) == {name(item)[1] for item in of(objects, "Namespace")}
    assert set(published.values()) == {ca}


def test_no_placeholder_is_left(labs: dict[str, Lab]) -> None:
    left = [path for lab in labs.values() for path in lab.manifests.iterdir() if "${" in path.read_text()]

    assert left == []


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
    ],
)
def test_a_pods_quality_of_service_follows_from_its_resources(resources: list[dict], quality: str) -> None:
    node = Node({"metadata": {"name": "n"}, "spec": {"podCIDR": "10.0.0.0/24"},
                 "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}})  # fmt: skip
    containers = [{"name": str(index), "image": "a:1", "resources": entry} for index, entry in enumerate(resources)]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": containers},
    }
    default_spec(pod["spec"])
    run(pod, node, NOON)

    assert pod["status"]["qosClass"] == quality


# The examples of RFC 7386, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_patches_are_merged_as_the_standard_says(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_merging_a_patch_twice_changes_nothing_more_and_touches_neither_value(target: Any, patch: Any) -> None:
    before = repr((target, patch))
    once = merge_patch(target, patch)

    assert merge_patch(once, patch) == once
    assert repr((target, patch)) == before
