"""Plans for workloads on a real API server: what was hardened is admitted, and a level is raised only after proof."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.apply import Journal, Options, apply, preview
from k8srun.change import AnswerState, ChangeStatus
from k8srun.errors import RefusedError
from k8srun.kinds import SECRET
from k8srun.snapshot import Need
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions
from k8srun.workloads.diagnosis import DIAGNOSIS_NEEDS
from k8srun.workloads.fixes import find_workload, hardening_plan, token_plan
from k8srun.workloads.fixes_access import pull_secret_plan, relabel_plan
from k8srun.workloads.policy import Level, LevelVersion
from tests.apply.clusters import named, target
from tests.live.test_workload_incidents import BARE, RESTRICTED, deployed, wait_for_failure

LEVEL = LevelVersion(Level.RESTRICTED)
HARDENED = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "web",
            "image": "registry.example/web:1",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
DIRTY = {
    "hostPID": True,
    "containers": [
        {
            "name": "web",
            "image": "registry.example/web:1",
            "ports": [{"containerPort": 80, "hostPort": 80}],
            "securityContext": {"privileged": True, "capabilities": {"add": ["NET_ADMIN"]}, "procMount": "Default"},
        },
        {"name": "side", "image": "registry.example/side:1", "securityContext": {"runAsUser": 0}},
    ],
}


def seen(control_plane, namespace):
    options = SourceOptions(kubeconfig=str(control_plane.kubeconfig()), namespaces=(namespace,), secrets=True)
    return collect(options, needs=(*DIAGNOSIS_NEEDS, Need.objects(SECRET)), now=datetime.now(UTC))


def carried_out(control_plane, plan, tmp_path):
    """Apply a plan as a person would: preview it, and confirm exactly that."""
    server, journal = target(control_plane), Journal(tmp_path / "journal.jsonl")
    confirm = preview(plan, server, journal=journal).confirm
    outcome = apply(plan, server, confirm, journal=journal, options=Options(patience=5))
    assert outcome.status is ChangeStatus.APPLIED, outcome
    assert {answer.state for answer in outcome.answers} == {AnswerState.FIXED}
    return outcome


def pods_of(control_plane, namespace):
    return control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods")[1]["items"]


@pytest.mark.parametrize("spec", [BARE, DIRTY], ids=["bare", "privileged"])
def test_a_hardened_workload_is_admitted_by_the_server_that_refused_it(spec, control_plane, tmp_path):
    namespace = control_plane.create_namespace(RESTRICTED)
    deployed(control_plane, namespace, spec)
    wait_for_failure(control_plane, namespace)
    snapshot = seen(control_plane, namespace)
    template = find_workload(snapshot, f"{namespace}/deployment/web")
    carried_out(control_plane, hardening_plan(snapshot, template, LEVEL, user=10001), tmp_path)

    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    changed = control_plane.request("GET", path)[1]["spec"]["template"]["spec"]
    dry_run = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
    status, answer = control_plane.request("POST", dry_run, named("Pod", "trial", namespace, spec=changed))
    assert status == 201, answer
    assert control_plane.wait_until("the pod of the hardened workload", lambda: pods_of(control_plane, namespace))


def test_a_namespace_is_relabelled_after_proof_and_the_server_enforces_it(control_plane, tmp_path):
    namespace = control_plane.create_namespace()
    deployed(control_plane, namespace, HARDENED)
    control_plane.wait_until("its pod", lambda: pods_of(control_plane, namespace))
    carried_out(control_plane, relabel_plan(seen(control_plane, namespace), namespace, LEVEL), tmp_path)
    path = f"/api/v1/namespaces/{namespace}/pods"
    status, answer = control_plane.request("POST", path, named("Pod", "bare", namespace, spec=BARE))
    assert (status, "violates PodSecurity" in answer["message"]) == (403, True)


def test_a_namespace_with_a_pod_that_would_be_refused_is_left_as_it_is(control_plane):
    namespace = control_plane.create_namespace()
    deployed(control_plane, namespace, BARE)
    control_plane.wait_until("its pod", lambda: pods_of(control_plane, namespace))
    with pytest.raises(RefusedError, match=f"Deployment.apps {namespace}/web"):
        relabel_plan(seen(control_plane, namespace), namespace, LEVEL)


def test_a_pull_secret_of_the_service_account_reaches_the_next_pod(control_plane, tmp_path):
    namespace = control_plane.create_namespace()
    config = '{"auths": {"registry.example": {"auth": "Y2k6Y2FuYXJ5"}}}'
    data = {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config}}
    control_plane.create(f"/api/v1/namespaces/{namespace}/secrets", named("Secret", "mine", namespace, **data))
    deployed(control_plane, namespace, HARDENED)
    snapshot = seen(control_plane, namespace)
    template = find_workload(snapshot, f"{namespace}/deployment/web")
    carried_out(control_plane, pull_secret_plan(snapshot, template, "mine", to_account=True), tmp_path)
    pod = control_plane.create(f"/api/v1/namespaces/{namespace}/pods", named("Pod", "next", namespace, spec=HARDENED))
    assert pod["spec"]["imagePullSecrets"] == [{"name": "mine"}]


def test_without_its_token_the_next_pod_has_no_volume_for_it(control_plane, tmp_path):
    namespace = control_plane.create_namespace()
    deployed(control_plane, namespace, HARDENED)
    snapshot = seen(control_plane, namespace)
    template = find_workload(snapshot, f"{namespace}/deployment/web")
    carried_out(control_plane, token_plan(snapshot, template), tmp_path)

    def without_token():
        return [pod for pod in pods_of(control_plane, namespace) if not pod["spec"].get("volumes")]

    assert control_plane.wait_until("a pod without a token", without_token)
