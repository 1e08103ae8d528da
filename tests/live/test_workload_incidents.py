"""What a real API server says when it refuses a pod, and what its controllers write, leads to the one cause."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from k8srun.assessment.symptoms import diagnose
from k8srun.assessment.workloads import WORKLOADS
from k8srun.codec import decode
from k8srun.errors import ExitCode
from k8srun.record import RunRecord, RunStatus
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions
from tests.apply.clusters import named

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
BARE = {"containers": [{"name": "web", "image": "registry.example/web:1"}]}


def bounded(**resources):
    return {"containers": [{"name": "web", "image": "registry.example/web:1", "resources": resources}]}


def seen(control_plane, *namespaces):
    options = SourceOptions(kubeconfig=str(control_plane.kubeconfig()), namespaces=namespaces)
    return collect(options, needs=WORKLOADS.needs, now=datetime.now(UTC))


def refusal(control_plane, namespace, spec):
    """The server's own words when that pod is created."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    status, answer = control_plane.request("POST", path, named("Pod", "web", namespace, spec=spec))
    assert status in {403, 422}, answer
    return answer["message"]


def apply_to(control_plane, namespace, plural, body):
    control_plane.create(f"/api/v1/namespaces/{namespace}/{plural}", body)


def quota(**hard):
    return named("ResourceQuota", "all", spec={"hard": hard})


def limit_range(**most):
    return named("LimitRange", "all", spec={"limits": [{"type": "Container", "max": most}]})


OVER, UNSTATED = quota(**{"requests.memory": "1Mi"}), quota(**{"limits.memory": "1Gi"})
CASES = {
    "pod-security-violation": (RESTRICTED, (), BARE),
    "quota-exhausted": ({}, (("resourcequotas", OVER),), bounded(requests={"memory": "2Mi"})),
    "quota-requires-values": ({}, (("resourcequotas", UNSTATED),), BARE),
    "limit-range-violated": ({}, (("limitranges", limit_range(memory="1Mi")),), bounded(limits={"memory": "2Mi"})),
    "service-account-missing": ({}, (), {**BARE, "serviceAccountName": "nobody"}),
    "runtime-class-missing": ({}, (), {**BARE, "runtimeClassName": "sandbox"}),
}


@pytest.mark.parametrize("cause", CASES)
def test_the_servers_own_words_lead_to_the_one_cause(cause, control_plane):
    labels, objects, spec = CASES[cause]
    namespace = control_plane.create_namespace(labels)
    for plural, body in objects:
        apply_to(control_plane, namespace, plural, body)
    if objects and objects[0][0] == "resourcequotas":
        path = f"/api/v1/namespaces/{namespace}/resourcequotas/all"
        control_plane.wait_until(
            "the quota's status", lambda: control_plane.request("GET", path)[1].get("status", {}).get("hard")
        )
    message = refusal(control_plane, namespace, spec)
    found = diagnose(f"Error from server (Forbidden): {message}", seen(control_plane, namespace), datetime.now(UTC))
    assert (found.domain, [one.id for one in found.confirmed]) == ("workloads", [cause])


def deployed(control_plane, namespace, spec):
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    body = named("Deployment", "web", namespace, "apps/v1", spec={
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template,
    })  # fmt: skip
    control_plane.create(f"/apis/apps/v1/namespaces/{namespace}/deployments", body)


def wait_for_failure(control_plane, namespace):
    def failed():
        item = control_plane.request("GET", f"/apis/apps/v1/namespaces/{namespace}/deployments/web")[1]
        conditions = item.get("status", {}).get("conditions", ())
        return [one for one in conditions if one["type"] == "ReplicaFailure" and one["status"] == "True"]

    return control_plane.wait_until("the refusal of the pods", failed)


@pytest.fixture
def refused(control_plane):
    """A namespace in which a real controller tries in vain to make the pods of a Deployment."""
    namespace = control_plane.create_namespace(RESTRICTED)
    deployed(control_plane, namespace, BARE)
    wait_for_failure(control_plane, namespace)
    return namespace


def test_a_workload_without_pods_is_found_by_what_its_controllers_wrote(control_plane, refused):
    snapshot = seen(control_plane, refused)
    found = diagnose("", snapshot, datetime.now(UTC))
    assert [cause.id for cause in found.confirmed] == ["pod-security-violation"]
    assert found.affected == f"Deployment.apps {refused}/web: none of its pods exist"


@pytest.mark.parametrize("runbook", ["pod-refused", "report/pod-security"])
def test_the_runbook_names_it_when_papermill_runs_it_against_the_server(runbook, control_plane, refused, tmp_path):
    command = [sys.executable, "-m", "k8srun.cli.main", "run", runbook, "--context", "--namespace", refused,
               "--out", str(tmp_path)]  # fmt: skip
    environment = {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (ExitCode.FINDINGS, ExitCode.INCOMPLETE), done.stderr
    (path,) = tmp_path.glob("*/run.json")
    record = decode(path.read_bytes(), RunRecord)
    assert record.status is RunStatus.SUCCEEDED, done.stdout + done.stderr
    assert not record.result.lab
    report = (path.parent / "report.html").read_text()
    assert f"Deployment.apps {refused}/web" in report
    if runbook == "pod-refused":
        assert [one.id for found in record.result.diagnoses for one in found.confirmed] == ["pod-security-violation"]
    else:
        assert 'alt="Heat map of ' in report
        assert "W05-ROOT" in json.dumps([finding.check for finding in record.result.findings])
