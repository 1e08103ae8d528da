"""The nightly CronJob: its command is one that k8srun takes, and it may do what k8srun asks for, and no more."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest
import yaml

from k8srun.permissions import Tier, role_of
from tests.test_docs import accept
from tests.test_house import ROOT

DEPLOY = ROOT / "deploy"


def documents(name):
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def pod_of(cronjob):
    return cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_the_command_is_one_that_k8srun_takes_and_may_run_in_a_batch():
    [container] = pod_of(documents("cronjob.yaml")[0])["containers"]
    accept(shlex.join(container["args"]))
    assert container["args"][0] == "batch"


def test_every_file_is_part_of_the_kustomization():
    [kustomization] = documents("kustomization.yaml")
    assert {path.name for path in DEPLOY.glob("*.yaml")} == {*kustomization["resources"], "kustomization.yaml"}


def test_the_role_is_the_one_that_k8srun_prints_for_the_base_tier():
    assert documents("clusterrole.yaml") == [role_of(Tier.BASE)]


@pytest.mark.live
def test_the_server_takes_all_of_it_and_the_account_reads_no_secret(control_plane):
    def kubectl(*words):
        command = [control_plane.binaries / "kubectl", f"--kubeconfig={control_plane.kubeconfig()}", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": "/"})
        return done.returncode, done.stdout + done.stderr

    account = "--as=system:serviceaccount:k8srun:k8srun"
    try:
        code, said = kubectl("apply", "--validate=strict", "-k", str(DEPLOY))
        assert code == 0, said
        assert "Warning" not in said, "Pod Security has nothing against its pods"
        assert kubectl("auth", "can-i", "list", "pods", "-A", account)[1] == "yes\n"
        assert kubectl("auth", "can-i", "list", "secrets", "-A", account)[1].startswith("no")
        template = control_plane.request("GET", "/apis/batch/v1/namespaces/k8srun/cronjobs/k8srun")[1]
        pod = {"metadata": {"generateName": "nightly-"}, "spec": pod_of(template)}
        status, answer = control_plane.request("POST", "/api/v1/namespaces/k8srun/pods?dryRun=All", pod)
        assert status == 201, answer
        assert answer["spec"]["containers"][0]["image"] == "registry.example.com/k8srun:0.1.0"
    finally:
        kubectl("delete", "--wait=false", "--ignore-not-found", "-k", str(DEPLOY))
