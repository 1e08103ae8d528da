"""`k8srun lab`: what it prints, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from k8srun.cli.lab import lab
from k8srun.errors import InputError, RefusedError
from k8srun.lab import build, incidents

TOUR = [
    "ca-rebuilt",
    "clock-skew",
    "dns-egress-closed",
    "expired-serving-certificate",
    "leaf-as-ca",
    "missing-ip-san",
    "plain-http",
    "pod-security-refused",
    "policy-and-for-or",
    "pull-secret-not-attached",
    "rbac-no-grant",
    "wrong-client-ca",
]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(lab, arguments, catch_exceptions=False)


def lines(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_incidents_are_listed_with_what_is_wrong() -> None:
    printed = invoke("incidents").stdout

    assert all(incident.name in printed for incident in incidents())


def test_the_incidents_are_told_to_scripts_with_their_expected_answers() -> None:
    told = lines(invoke("incidents", "-o", "json"))

    assert [one["name"] for one in told] == [incident.name for incident in incidents()]
    assert {one["schema"] for one in told} == {"k8srun.dev/lab-incidents/v1"}
    assert set(told[0]) == {"schema", "name", "title", "domain", "runbook", "symptom", "wrong", "cause", "fix", "hides"}


def test_runs_are_what_a_batch_reads() -> None:
    assert lines(invoke("runs", "-o", "jsonl"))[0] == {
        "runbook": "x509-error",
        "parameters": {"incident": "ca-rebuilt"},
    }
    assert [line["parameters"]["incident"] for line in lines(invoke("runs"))] == TOUR
    assert len(lines(invoke("runs", "--all"))) == len(incidents()) > len(TOUR)
    assert lines(invoke("runs", "plain-http")) == [{"runbook": "x509-error", "parameters": {"incident": "plain-http"}}]
    with pytest.raises(InputError, match="no incident flood"):
        invoke("runs", "flood")


def test_one_incident_is_built_directly_in_the_folder(tmp_path: Path) -> None:
    result = invoke("build", str(tmp_path / "lab"), "--incident", "clock-skew", "--now", "2026-05-01", "-o", "json")
    (told,) = lines(result)

    assert told["schema"] == "k8srun.dev/lab-build/v1"
    assert told["incident"] == "clock-skew"
    assert Path(told["kubeconfig"]) == tmp_path / "lab/kubeconfig"
    assert Path(told["nodes"]["cp-1"]).is_dir()
    assert "2021-12-13T00:00:00Z" in told["symptom"]


def test_all_incidents_are_built_side_by_side_and_the_next_command_is_named(tmp_path: Path) -> None:
    printed = invoke("build", str(tmp_path / "lab")).stdout

    assert {path.name for path in (tmp_path / "lab").iterdir()} == {
        "lab.json", "healthy", *(incident.name for incident in incidents()),
    }  # fmt: skip
    assert f"k8srun lab serve {tmp_path / 'lab'}" in printed.replace("\n", "")


def test_a_lab_is_built_anew_only_with_force(tmp_path: Path) -> None:
    build(tmp_path / "lab")

    with pytest.raises(RefusedError, match="--force"):
        invoke("build", str(tmp_path / "lab"), "--incident", "plain-http")
    assert invoke("build", str(tmp_path / "lab"), "--incident", "plain-http", "--force").exit_code == 0


def test_serving_tells_the_addresses_and_ends_quietly_at_ctrl_c(tmp_path: Path) -> None:
    build(tmp_path / "lab", "plain-http")
    command = [sys.executable, "-m", "k8srun.cli.main", "lab", "serve", str(tmp_path / "lab"), "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)

    assert told["incident"] == "plain-http"
    assert f"https://{told['address']}" in (tmp_path / "lab/kubeconfig").read_text()
    assert (process.returncode, complaint) == (0, "stopped\n")


def test_a_folder_without_a_lab_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a lab"):
        invoke("serve", str(tmp_path))
