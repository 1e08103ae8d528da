"""The x509 runbook on a real kube-apiserver: each broken kubeconfig leads to its one cause."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from k8srun.codec import decode
from k8srun.errors import ExitCode
from k8srun.record import RunRecord
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.pki import SERVER, Authority


def run(kubeconfig, out, *options):
    """The record of `k8srun run x509-error --context`, as a person with that kubeconfig would type it."""
    command = [sys.executable, "-m", "k8srun.cli.main", "run", "x509-error", "--context", "--out", str(out), *options]
    done = subprocess.run(
        command, env={**os.environ, "KUBECONFIG": str(kubeconfig)}, capture_output=True, text=True, check=False
    )
    assert done.returncode in (ExitCode.CLEAN, ExitCode.FINDINGS, ExitCode.INCOMPLETE), done.stderr
    (path,) = out.glob("*/run.json")
    assert (path.parent / "report.html").stat().st_size > 10_000
    return decode(path.read_bytes(), RunRecord), done


def causes(record):
    return [cause.id for diagnosis in record.result.diagnoses for cause in diagnosis.confirmed]


def test_a_kubeconfig_with_a_wrong_ca_is_named(control_plane, tmp_path):
    wrong = control_plane.kubeconfig(ca=Authority("another-cluster").pair.certificate)
    record, done = run(wrong, tmp_path)
    assert causes(record) == ["wrong-ca-bundle"]
    assert done.returncode == ExitCode.FINDINGS
    assert not record.result.lab


def test_a_ca_of_the_same_name_and_another_key_is_told_from_a_wrong_one(control_plane, tmp_path):
    rebuilt = control_plane.kubeconfig(ca=Authority("kubernetes").pair.certificate)
    record, _done = run(rebuilt, tmp_path)
    assert causes(record) == ["ca-rebuilt"]


def test_an_expired_client_certificate_is_named_behind_a_401(control_plane, tmp_path):
    expired = control_plane.kubeconfig(user="ana", expires=datetime.now(UTC) - timedelta(hours=2))
    record, _done = run(expired, tmp_path, "-p", "error=error: You must be logged in to the server (Unauthorized)")
    assert causes(record) == ["client-certificate-expired"]
    assert any("unauthorized" in gap.reason for gap in record.result.gaps), "the server did answer 401"


def test_an_address_that_is_not_in_the_certificate_is_named(control_plane, tmp_path):
    with control_plane.at_address("127.0.0.2") as url:
        record, _done = run(control_plane.kubeconfig(server=url), tmp_path)
    assert causes(record) == ["san-missing"]


def test_a_client_certificate_of_another_ca_is_named(control_plane, tmp_path):
    stranger = control_plane.kubeconfig(user="ana", client_ca=Authority("another-cluster"))
    record, _done = run(stranger, tmp_path)
    assert causes(record) == ["client-certificate-of-another-ca"]


def test_a_serving_certificate_that_has_expired_is_named(control_plane, tmp_path):
    pair = control_plane.authority.issue(
        "kube-apiserver", usages=SERVER, sans=("127.0.0.1",), expires=datetime.now(UTC) - timedelta(days=1)
    )
    with control_plane.second_apiserver(pair) as url:
        record, _done = run(control_plane.kubeconfig(server=url), tmp_path)
    assert causes(record) == ["certificate-expired"]


@pytest.mark.usefixtures("control_plane_binaries")
def test_a_healthy_cluster_gives_no_cause_and_no_gap(tmp_path):
    # One of its own: what other tests leave in theirs is not healthy.
    with ControlPlane(tmp_path) as healthy:
        record, _done = run(healthy.kubeconfig(), tmp_path / "out", "--secrets")
    assert causes(record) == []
    hosts = [gap for gap in record.result.gaps if gap.area == "objects"]
    assert hosts == []


def test_no_key_of_the_kubeconfig_reaches_the_folder_of_the_run(control_plane, tmp_path):
    path = control_plane.kubeconfig(user="ana", expires=datetime.now(UTC) - timedelta(hours=2))
    key = path.read_text().partition("client-key-data: ")[2].split()[0]
    run(path, tmp_path / "out")
    written = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert len(written) >= 3
    assert [file for file in written if key in file.read_text() or "PRIVATE KEY" in file.read_text()] == []
