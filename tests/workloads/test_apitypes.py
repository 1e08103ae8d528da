from __future__ import annotations

import pytest

from k8srun.errors import InputError
from k8srun.kinds import CRON_JOB, DEPLOYMENT, POD
from k8srun.sources.apitypes import check_fields
from tests.workloads.cluster import container, deployment, pod, pod_spec

GOOD = pod(
    spec=pod_spec(
        container(
            resources={"limits": {"cpu": "500m", "memory": 1073741824}},
            livenessProbe={"httpGet": {"port": "http", "httpHeaders": [{"name": "a", "value": "b"}]}},
            env=[{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        ),
        affinity={"nodeAffinity": None},
        tolerations=[{"key": "a", "tolerationSeconds": 5}],
        nodeSelector={"a": "b"},
        volumes=[{"name": "a", "emptyDir": {"sizeLimit": "1Gi"}}],
    ),
    creationTimestamp="2026-01-02T03:04:05Z",
    managedFields=[{"fieldsV1": {"f:a": {}}}],
)


def refusal(spec: object = None, **metadata: object) -> str:
    with pytest.raises(InputError) as error:
        check_fields(POD, pod(spec=spec or pod_spec(), **metadata))
    return str(error.value)


def test_what_the_api_takes_is_taken():
    check_fields(POD, GOOD)
    check_fields(DEPLOYMENT, deployment())


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (pod_spec(affinity="near"), "spec.affinity: expected a mapping, got a string"),
        (pod_spec(tolerations={}), "spec.tolerations: expected a list, got a mapping"),
        (pod_spec(tolerations=[{"key": 5}]), "spec.tolerations[0].key: expected a string, got a number (5)"),
        (pod_spec(nodeSelector={"ssd": True}), "spec.nodeSelector[ssd]: expected a string, got a boolean"),
        (pod_spec(volumes=[{"name": "a", "secret": {"defaultMode": "0400"}}]), "secret.defaultMode: expected an int"),
        (pod_spec(container(resources={"limits": {"cpu": "much"}})), "resources.limits[cpu]: expected a quantity"),
        (pod_spec(container(resources={"limits": {"cpu": True}})), "resources.limits[cpu]: expected a quantity"),
        (
            pod_spec(container(livenessProbe={"httpGet": {"port": 80.5}})),
            "port: expected an integer of 32 bits or a str",
        ),
        (pod_spec(container(ports=[{"hostPort": 2**31}])), "hostPort: expected an integer of 32 bits, got a number"),
        (pod_spec(hostUsers="false"), "spec.hostUsers: expected a boolean, got a string"),
    ],
)
def test_a_field_of_another_type_is_named_by_its_path(spec, told):
    assert told in refusal(spec)


@pytest.mark.parametrize("moment", ["2026-01-02", "2026-13-02T00:00:00Z", "yesterday", 5])
def test_a_time_is_one_as_the_api_writes_it(moment):
    assert "metadata.creationTimestamp: expected a time" in refusal(creationTimestamp=moment)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (pod_spec(container(securityContext={"privilegd": False})), "spec.containers[0].securityContext.privilegd"),
        (pod_spec(container(privileged=False)), "spec.containers[0].privileged"),
        (pod_spec(initContainrs=[]), "spec.initContainrs"),
        ({**pod_spec(), "securityContext": {"runAsNonroot": True}}, "spec.securityContext.runAsNonroot"),
        (pod_spec(volumes=[{"name": "a", "hostpath": {"path": "/"}}]), "spec.volumes[0].hostpath"),
        (pod_spec(container(livenessProbe={"http": {}})), "spec.containers[0].livenessProbe.http"),
        (pod_spec(affinity={"nodeAfinity": {}}), "spec.affinity.nodeAfinity"),
        (pod_spec(container(envFrom=[{"secret": {}}])), "spec.containers[0].envFrom[0].secret"),
    ],
)
def test_a_field_that_the_api_does_not_have_is_refused(spec, path):
    assert f"{path}: unknown field" in refusal(spec)


def test_the_whole_object_is_looked_at_around_its_template():
    damaged = deployment()
    damaged["spec"]["replicas"] = "3"
    with pytest.raises(InputError, match=r"shop/web: spec\.replicas: expected an integer"):
        check_fields(DEPLOYMENT, damaged)
    with pytest.raises(InputError, match=r"spec\.schedul: unknown field"):
        check_fields(CRON_JOB, {"metadata": {"name": "a"}, "spec": {"schedul": "* * * * *"}})


def test_a_status_may_have_what_a_newer_server_writes_but_not_of_another_type():
    check_fields(POD, {**GOOD, "status": {"newer": 1, "conditions": [{"type": "Ready", "newer": {}}]}})
    with pytest.raises(InputError, match=r"status\.conditions: expected a list"):
        check_fields(POD, {**GOOD, "status": {"conditions": "Ready"}})
