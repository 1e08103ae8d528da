"""A snapshot of the real control plane says the same before and after it was saved."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

from k8srun.assessment.checks import CHECKS
from k8srun.assessment.symptoms import diagnose
from k8srun.checks import evaluate_all
from k8srun.findings import Verdict
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions
from k8srun.sources.saved import load, save

EXPIRED = {
    "apiVersion": "v1",
    "kind": "Secret",
    "type": "kubernetes.io/tls",
    "metadata": {"name": "old-tls"},
}


def test_a_snapshot_saved_and_reloaded_gives_the_same_findings(control_plane, tmp_path):
    now = datetime.now(UTC)
    namespace = control_plane.create_namespace()
    pair = control_plane.authority.issue("web", sans=("web",), expires=datetime(2025, 1, 1, tzinfo=UTC))
    data = {"tls.crt": b64encode(pair.certificate).decode(), "tls.key": b64encode(pair.key).decode()}
    control_plane.create(f"/api/v1/namespaces/{namespace}/secrets", {**EXPIRED, "data": data})

    live = collect(SourceOptions(kubeconfig=str(control_plane.kubeconfig()), secrets=True), now=now)
    save(live, tmp_path / "cluster.k8srun")
    again = load(tmp_path / "cluster.k8srun")

    before, after = evaluate_all(CHECKS, live, now), evaluate_all(CHECKS, again, now)
    assert before == after
    failed = [finding.resource for result in before if result.verdict is Verdict.FAIL for finding in result.findings]
    assert any(f"{namespace}/old-tls" in resource for resource in failed), "there is something to find"
    assert diagnose("", live, now) == diagnose("", again, now)
    assert again == live
