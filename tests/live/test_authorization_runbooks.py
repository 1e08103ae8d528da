"""The runbooks of authorization on a real kube-apiserver: 403, 401, and the audit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
import yaml

from k8srun.codec import decode
from k8srun.errors import ExitCode
from k8srun.record import RunRecord
from tests.controlplane.pki import write_private

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def run(runbook, kubeconfig, out, *options):
    """The record of `k8srun run RUNBOOK --context`, as a person with that kubeconfig would type it."""
    command = [sys.executable, "-m", "k8srun.cli.main", "run", runbook, "--context", "--out", str(out), *options]
    done = subprocess.run(
        command, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, capture_output=True, text=True, check=False
    )
    assert done.returncode in (ExitCode.CLEAN, ExitCode.FINDINGS, ExitCode.INCOMPLETE), done.stdout + done.stderr
    (path,) = out.glob("*/run.json")
    assert (path.parent / "report.html").stat().st_size > 10_000
    record = decode(path.read_bytes(), RunRecord)
    assert record.result is not None, record.error
    return record


def causes(record):
    return [cause.id for diagnosis in record.result.diagnoses for cause in diagnosis.confirmed]


@pytest.fixture
def namespace(control_plane):
    name = control_plane.create_namespace()
    yield name
    control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


def token_kubeconfig(control_plane, token, path):
    """A kubeconfig whose user has nothing but a token."""
    document = yaml.safe_load(control_plane.kubeconfig().read_text())
    document["users"][0]["user"] = {"token": token}
    write_private(path, yaml.safe_dump(document).encode())
    return path


def token_of(control_plane, namespace, name, **spec):
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600, **spec},
    }
    return control_plane.create(path, body)["status"]["token"]


def test_a_denied_request_is_explained_and_handed_on_by_who_cannot_read_roles(control_plane, namespace, tmp_path):
    _status, answer = control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods", user="ana")
    error = f"Error from server (Forbidden): {answer['message']}"
    asked = tmp_path / "request.json"
    theirs = run(
        "forbidden-403", control_plane.kubeconfig(user="ana"), tmp_path / "theirs",
        "-p", f"error={error}", "-p", f"write_request={asked}", "-p", "why=to see why the shop is down",
    )  # fmt: skip
    assert causes(theirs) == [], "who may not read roles gets no guess"
    assert any(gap.reason == "forbidden" for gap in theirs.result.gaps)
    written = json.loads(asked.read_text())
    assert (written["user"], written["verb"], written["resource"], written["namespace"]) == (
        "ana",
        "list",
        "pods",
        namespace,
    )
    assert "PRIVATE KEY" not in asked.read_text()

    record = run("forbidden-403", control_plane.kubeconfig(), tmp_path / "ours", "-p", f"request={asked}")
    assert causes(record) == ["no-grant"]
    (diagnosis,) = record.result.diagnoses
    assert any("kubectl create role" in line for line in diagnosis.causes[0].fix.commands)


def test_a_token_for_another_audience_is_named_by_the_words_of_the_servers_log(control_plane, namespace, tmp_path):
    control_plane.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "ci"}})
    token = token_of(control_plane, namespace, "ci", audiences=["vault"])
    kubeconfig = token_kubeconfig(control_plane, token, tmp_path / "ci.conf")
    before = control_plane.apiserver_log.stat().st_size
    record = run(
        "unauthorized-401",
        kubeconfig,
        tmp_path / "blind",
        "-p",
        "error=error: You must be logged in to the server (Unauthorized)",
    )
    assert any(gap.reason == "unauthorized" for gap in record.result.gaps), "the server did answer 401"
    assert causes(record) == [], "without the server's log it may be any of several"
    end = time.monotonic() + 10
    line = ""
    while not line and time.monotonic() < end:
        said = control_plane.apiserver_log.read_bytes()[before:].decode(errors="replace")
        line = next((found for found in said.splitlines() if "token audiences" in found), "")
    assert line, "the API server has said why"
    record = run("unauthorized-401", kubeconfig, tmp_path / "told", "-p", f"error={line}")
    assert causes(record) == ["token-audience"]
    folder = next((tmp_path / "told").glob("*/run.json")).parent
    assert [file for file in folder.rglob("*") if file.is_file() and token in file.read_text()] == []

    mended = token_kubeconfig(control_plane, token_of(control_plane, namespace, "ci"), tmp_path / "mended.conf")
    fine = run("unauthorized-401", mended, tmp_path / "mended", "-p", "error=Unauthorized")
    assert not any(gap.reason == "unauthorized" for gap in fine.result.gaps), "the fix: a token for it"


def test_the_audit_finds_a_dangerous_grant_and_the_way_to_cluster_admin(control_plane, namespace, tmp_path):
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": f"{namespace}-bo"}
    rules = [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["escalate", "update"]}
    ]
    control_plane.create(f"{RBAC}/clusterroles", {"metadata": {"name": namespace}, "rules": rules})
    control_plane.create(
        f"{RBAC}/clusterrolebindings",
        {"metadata": {"name": namespace}, "subjects": [subject],
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace}},
    )  # fmt: skip
    try:
        record = run("rbac-audit", control_plane.kubeconfig(), tmp_path)
    finally:
        control_plane.request("DELETE", f"{RBAC}/clusterrolebindings/{namespace}")
        control_plane.request("DELETE", f"{RBAC}/clusterroles/{namespace}")
    mine = [finding for finding in record.result.findings if namespace in finding.resource + finding.message]
    assert "RBAC-ESCALATE" in {finding.check for finding in mine}
    cells = json.loads(next(tmp_path.glob("*/notebook.ipynb")).read_text())["cells"]
    pictures = [output["metadata"]["image/png"]["alt"] for cell in cells for output in cell.get("outputs", ())
                if "image/png" in output.get("data", {})]  # fmt: skip
    assert [alt.split(" of ")[0] for alt in pictures] == ["Graph", "Heat map"]
    assert f"{namespace}-bo" in (next(tmp_path.glob("*/report.html"))).read_text()
