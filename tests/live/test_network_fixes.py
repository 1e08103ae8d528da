"""The lab's incidents of policies on a real API server: diagnosed, mended through the gate, and asked about again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from k8srun.apply import Journal, Options, apply, preview, undo
from k8srun.assessment.network import identity_of
from k8srun.change import AnswerState, ChangeStatus
from k8srun.codec import decode
from k8srun.errors import ExitCode
from k8srun.kinds import NETWORK_POLICY, POD, SERVICE
from k8srun.network.asking import ask
from k8srun.network.decision import Verdict
from k8srun.network.diagnosis import diagnose, plan
from k8srun.network.diagnosis_case import Ends
from k8srun.network.fixes_default_deny import default_deny_plan
from k8srun.network.fixes_impact import impact_again
from k8srun.network.needs import NEEDS
from k8srun.network.symptoms import read
from k8srun.network.world import World
from k8srun.record import RunRecord, RunStatus
from k8srun.sources.collect import collect, read_lab
from k8srun.sources.options import SourceOptions
from tests.apply.clusters import target

SPACES = ("shop", "payments", "data", "monitoring")
INCIDENTS = (
    "policy-label-typo", "policy-namespace-label", "policy-without-namespace", "policy-and-for-or", "policy-port-name",
    "default-deny-alone", "egress-not-allowed", "ip-block-except", "service-selector",
)  # fmt: skip


class Copied:
    """The pods, Services and policies of a lab in namespaces of their own on the server."""

    def __init__(self, control_plane, lab):
        self.control_plane = control_plane
        self.spaces = {name: control_plane.create_namespace() for name in SPACES}
        snapshot = read_lab(lab, lab.now)
        seen = set()
        for item in snapshot.of(POD):
            owner = re.sub(r"(-[a-z0-9]{10})?-[a-z0-9]+$", "", item["metadata"]["name"])
            key = (item["metadata"]["namespace"], owner)
            if self._ours(item) and self._runs(item) and key not in seen:
                seen.add(key)
                self._pod(item, owner)
        for kind, path in ((SERVICE, "/api/v1/namespaces/{}/services"),
                           (NETWORK_POLICY, "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies")):  # fmt: skip
            for item in filter(self._ours, snapshot.of(kind)):
                spec = {name: value for name, value in item["spec"].items() if name not in {"clusterIP", "clusterIPs"}}
                if item["spec"].get("clusterIP") == "None":
                    spec["clusterIP"] = "None"
                self._create(path, item, self._renamed(spec))

    def _ours(self, item):
        return item["metadata"].get("namespace") in SPACES

    def _runs(self, item):
        return item["status"]["phase"] == "Running" and not item["spec"].get("hostNetwork")

    def _create(self, path, item, spec, name=""):
        namespace = self.spaces[item["metadata"]["namespace"]]
        metadata = {"name": name or item["metadata"]["name"], "labels": item["metadata"].get("labels") or {}}
        body = {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata, "spec": spec}
        self.control_plane.create(path.format(namespace), body)

    def _pod(self, item, name):
        containers = [
            {key: one[key] for key in ("name", "image", "ports") if key in one} for one in item["spec"]["containers"]
        ]
        self._create(
            "/api/v1/namespaces/{}/pods", item, {"containers": containers, "automountServiceAccountToken": False}, name
        )
        namespace = self.spaces[item["metadata"]["namespace"]]
        status = {"phase": "Running", "podIP": item["status"]["podIP"], "podIPs": item["status"]["podIPs"],
                  "conditions": [{"type": "Ready", "status": "True"}]}  # fmt: skip
        answered, said = self.control_plane.request(
            "PATCH", f"/api/v1/namespaces/{namespace}/pods/{name}/status", {"status": status},
            content_type="application/merge-patch+json",
        )  # fmt: skip
        assert answered == 200, said

    def _renamed(self, value):
        """The same with the namespaces' own names where a policy selects them by name."""
        if isinstance(value, dict):
            return {
                key: self.spaces.get(one, one) if key == "kubernetes.io/metadata.name" else self._renamed(one)
                for key, one in value.items()
            }
        return [self._renamed(one) for one in value] if isinstance(value, list) else value

    def text(self, symptom):
        for name, space in self.spaces.items():
            symptom = re.sub(rf"(?<=[. ]){name}(?=\.svc| )", space, symptom)
        return symptom

    def end(self, said):
        return "/".join(self.spaces.get(part, part) for part in said.split("/"))

    def ends(self, incident):
        given = {"source": "shop/catalog", "destination": "shop/redis", "port": "6379/TCP"} | dict(incident.asks)
        return Ends(self.end(given["source"]), self.end(given["destination"]), given["port"])

    def seen(self, needs=NEEDS):
        options = SourceOptions(kubeconfig=str(self.control_plane.kubeconfig()))
        return collect(options, needs=needs, now=datetime.now(UTC))


def carried_out(copied, planned, journal):
    """Apply a plan as a person would: preview it, and confirm exactly that."""
    server = target(copied.control_plane)
    options = Options(snapshot=copied.seen, impact=lambda again: impact_again(copied.seen(), again), patience=5)
    shown = preview(planned, server, journal=journal, options=options)
    assert shown.confirm, shown.blockers
    outcome = apply(planned, server, shown.confirm, journal=journal, options=options)
    assert outcome.status is ChangeStatus.APPLIED, outcome
    return shown, outcome


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_is_diagnosed_mended_by_its_plan_and_allowed_on_a_fresh_snapshot(
    name, control_plane, labs, tmp_path
):
    lab = labs[name]
    copied = Copied(control_plane, lab)
    symptom, ends, journal = read(copied.text(lab.symptom)), copied.ends(lab.incident), Journal(tmp_path / "journal")

    snapshot = copied.seen()
    found = diagnose(World(snapshot), symptom, ends)
    assert [cause.id for cause in found.confirmed] == [lab.incident.cause], (found.seen_from, found.causes)
    planned = plan(World(snapshot), symptom, ends, cluster=identity_of(snapshot))
    shown, outcome = carried_out(copied, planned, journal)

    opened = [line for line in shown.impact if line.startswith("Opens")]
    assert len(opened) == 1 or lab.incident.cause == "service-selector-matches-nothing", shown.impact
    assert not [line for line in shown.impact if line.startswith("Closes")]
    assert {answer.state for answer in outcome.answers} == {AnswerState.FIXED}
    again = World(copied.seen())
    assert ask(again, ends.source, ends.destination, port=ends.port).verdict is Verdict.ALLOWED
    assert diagnose(again, symptom, ends).confirmed == ()

    server, options = target(control_plane), Options(patience=5)
    confirm = undo(outcome.run, server, "", journal=journal, options=options).preview.confirm
    undo(outcome.run, server, confirm, journal=journal, options=options)
    assert [cause.id for cause in diagnose(World(copied.seen()), symptom, ends).confirmed] == [lab.incident.cause]


def test_a_default_deny_is_admitted_by_the_server_and_keeps_what_is_needed(control_plane, labs, tmp_path):
    copied = Copied(control_plane, labs["healthy"])
    snapshot = copied.seen()
    space = copied.spaces["monitoring"]
    planned = default_deny_plan(World(snapshot), space, cluster=identity_of(snapshot))
    _shown, outcome = carried_out(copied, planned, Journal(tmp_path / "journal"))

    assert {answer.state for answer in outcome.answers} == {AnswerState.FIXED}
    again = World(copied.seen())
    assert ask(again, copied.end("shop/web"), f"{space}/prometheus", port="9090").verdict is Verdict.DENIED


@pytest.mark.parametrize("runbook", ["blocked-traffic", "network-exposure"])
def test_papermill_runs_the_runbook_against_the_server(runbook, control_plane, labs, tmp_path):
    lab = labs["policy-label-typo"]
    copied = Copied(control_plane, lab)
    ends = copied.ends(lab.incident)
    given = []
    if runbook == "blocked-traffic":
        # With the rights of one team: the two namespaces suffice.
        given = ["--namespace", copied.spaces["shop"], "--namespace", copied.spaces["payments"],
                 "-p", f"error={copied.text(lab.symptom)}", "-p", f"source={ends.source}",
                 "-p", f"destination={ends.destination}", "-p", f"port={ends.port}"]  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "k8srun.cli.main",
        "run",
        runbook,
        "--context",
        *given,
        "--out",
        str(tmp_path),
    ]
    environment = {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    (path,) = tmp_path.glob("*/run.json")
    record = decode(path.read_bytes(), RunRecord)
    assert record.status is RunStatus.SUCCEEDED, done.stdout + done.stderr
    assert done.returncode in {ExitCode.CLEAN, ExitCode.FINDINGS, ExitCode.INCOMPLETE}
    assert not record.result.lab
    if runbook == "blocked-traffic":
        (diagnosis,) = record.result.diagnoses
        assert [cause.id for cause in diagnosis.confirmed] == ["label-differs"]
    else:
        assert 'alt="Heat map of who reaches whom' in (path.parent / "report.html").read_text()


def test_a_plan_that_was_confirmed_is_refused_once_its_impact_is_another(control_plane, labs, tmp_path):
    lab = labs["policy-label-typo"]
    copied = Copied(control_plane, lab)
    snapshot, journal = copied.seen(), Journal(tmp_path / "journal")
    planned = plan(World(snapshot), None, copied.ends(lab.incident), cluster=identity_of(snapshot))
    impacts = iter([("Opens one thing.",), ("Opens another thing.",)])
    options = Options(impact=lambda _plan: next(impacts))
    confirm = preview(planned, target(control_plane), journal=journal, options=options).confirm

    with pytest.raises(Exception, match="confirm"):
        apply(replace(planned), target(control_plane), confirm, journal=journal, options=options)
