from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.errors import InputError
from k8srun.kinds import CRON_JOB, DEPLOYMENT, POD, SERVICE
from k8srun.pods import REPLICATION_CONTROLLER, Owners, pod_template, pods, unreadable, workloads
from k8srun.workloads.podspec import read_spec
from tests.workloads.cluster import cluster, container, deployment, pod, pod_spec, template_of


def refused(spec: object) -> str:
    with pytest.raises(InputError) as error:
        read_spec(template_of(pod(spec=spec)))
    return str(error.value)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (pod_spec(container(securityContext={"privileged": "true"})), "spec.containers[0].securityContext.privileged"),
        (pod_spec(container(securityContext=[])), "spec.containers[0].securityContext"),
        (pod_spec(container(ports=[{"hostPort": "80"}])), "spec.containers[0].ports[0].hostPort"),
        (pod_spec(hostNetwork=1), "spec.hostNetwork"),
        (pod_spec(volumes=[{"name": "a", "hostPath": "/etc"}]), "spec.volumes[0].hostPath"),
        (pod_spec(volumes=[{"hostPath": {"path": "/etc"}}]), "spec.volumes[0]"),
        ({"containers": {"web": {}}}, "spec.containers"),
        ({"containers": [container(), {"image": "a"}]}, "spec.containers[1]"),
        ({"containers": [None]}, "spec.containers[0]"),
        ({"containers": []}, "spec.containers"),
        ({"containers": None}, "spec.containers"),
        ({"securityContext": {"runAsUser": 1.5}, "containers": [container()]}, "spec.securityContext.runAsUser"),
    ],
)
def test_what_has_the_wrong_type_is_named_by_its_path(spec, path):
    assert f"{path}: " in refused(spec)


def test_a_field_that_is_not_known_is_passed_over_since_a_newer_server_has_more():
    assert read_spec(template_of(pod(spec=pod_spec(container(newField=1), newer={})))).containers


def test_null_is_as_good_as_absent():
    spec = read_spec(template_of(pod(spec=pod_spec(hostNetwork=None, volumes=None, initContainers=None))))

    assert spec.host_network is None
    assert spec.volumes is None


def test_the_message_names_the_object_and_the_template_within_it():
    with pytest.raises(InputError) as error:
        read_spec(template_of(deployment(spec={"containers": []})))

    assert str(error.value).startswith(
        "Deployment.apps shop/web: spec.template.spec.containers: at least one container"
    )


@pytest.mark.parametrize(
    ("kind", "item", "what"),
    [
        (POD, {"spec": []}, "spec is not a mapping but a list"),
        (POD, {}, "spec is missing"),
        (DEPLOYMENT, {"spec": {}}, "spec.template is missing"),
        (DEPLOYMENT, {"spec": {"template": {}}}, "spec.template.spec is missing"),
        (CRON_JOB, {"spec": {"jobTemplate": "x"}}, "spec.jobTemplate is not a mapping but a string"),
        (POD, {"metadata": {"annotations": {"a": 1}}, "spec": pod_spec()}, "metadata.annotations[a] is not a string"),
        (POD, {"metadata": {"labels": {"a": None}}, "spec": pod_spec()}, "metadata.labels[a] is not a string but null"),
        (POD, {"metadata": {"labels": ["a"]}, "spec": pod_spec()}, "metadata.labels is not a mapping"),
    ],
)
def test_an_object_without_a_pod_spec_where_its_kind_has_it_is_refused(kind, item, what):
    with pytest.raises(InputError) as error:
        pod_template(kind, item)

    assert what in str(error.value)


def test_a_kind_that_carries_no_pods_has_no_template():
    assert pod_template(SERVICE, {"spec": {}}) is None
    assert pod_template(REPLICATION_CONTROLLER, {"spec": {}}) is None


def test_what_cannot_be_read_is_told_beside_what_can():
    damaged = deployment("damaged")
    damaged["spec"] = {}
    snapshot = cluster(deployment(), damaged, pod())

    assert [template.ref for template in workloads(snapshot)] == ["Pod shop/web", "Deployment.apps shop/web"]
    assert [(template.ref, error.where) for template, error in unreadable(snapshot)] == [
        ("Deployment.apps shop/damaged", "Deployment.apps shop/damaged")
    ]


def owner(kind: str, name: str, uid: str) -> dict:
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}


def test_a_pod_belongs_to_the_workload_at_the_top_of_its_owners():
    replica_set = {**deployment("web-1", uid="rs"), "kind": "ReplicaSet"}
    replica_set["metadata"]["ownerReferences"] = [owner("Deployment", "web", "d")]
    one = pod("web-1-x", ownerReferences=[owner("ReplicaSet", "web-1", "rs")])
    snapshot = cluster(deployment(uid="d"), replica_set, one)

    assert Owners(snapshot).workload_of(POD, one) == (DEPLOYMENT, "shop", "web")
    assert Owners(cluster(one)).workload_of(POD, one)[2] == "web-1"
    assert Owners(snapshot).workload_of(POD, pod("alone")) == (POD, "shop", "alone")
    assert [template.ref for template in workloads(snapshot)] == ["Deployment.apps shop/web"]
    assert len(list(pods(snapshot))) == 1


def test_owners_that_own_each_other_end():
    first = {**deployment("a"), "kind": "ReplicaSet"}
    second = {**deployment("b"), "kind": "ReplicaSet"}
    first["metadata"]["ownerReferences"] = [owner("ReplicaSet", "b", "b")]
    second["metadata"]["ownerReferences"] = [owner("ReplicaSet", "a", "a")]
    one = pod(ownerReferences=[owner("ReplicaSet", "a", "a")])

    assert Owners(cluster(first, second, one)).workload_of(POD, one)[2] in {"a", "b"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("name", "containers", "securityContext", "spec", "volumes", "x")), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_shape_is_read_or_refused_with_a_path(spec, metadata):
    refusal = ""
    try:
        template = pod_template(POD, {"metadata": metadata if isinstance(metadata, dict) else {}, "spec": spec})
        read_spec(template)
    except InputError as error:
        refusal = str(error)
    assert not refusal or "spec" in refusal or "metadata" in refusal
