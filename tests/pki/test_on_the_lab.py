"""The same plans on the embedded lab, which signs as a controller manager does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml
from cryptography import x509

from k8srun.apply import Journal, Options, apply, preview
from k8srun.apply.lab import LabTarget
from k8srun.certificates.request_plans import decision_plan, issue_plan, request_object
from k8srun.certificates.requests import RequestState
from k8srun.certificates.reviews import reviews
from k8srun.change import AnswerState, ChangeStatus, Validation
from k8srun.lab import build
from k8srun.pki.identity import keep_kubeconfig, keep_request
from k8srun.pki.kubeconfigs import cluster_entry
from k8srun.sources.files import read_files

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return build(tmp_path_factory.mktemp("lab") / "lab", now=NOW)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


def carried_out(plan, target, journal):
    shown = preview(plan, target, journal=journal)
    assert shown.blockers == ()
    assert shown.steps[0].validation is Validation.SIMULATED
    return apply(plan, target, shown.confirm, journal=journal, options=Options(patience=2))


def test_a_certificate_is_issued_on_the_lab_and_makes_a_kubeconfig(lab, journal, tmp_path):
    target = LabTarget(lab)
    kept = keep_request(tmp_path / "jane", "jane", ("shop-developers",))
    body = request_object("jane", kept.pem, expiration_seconds=3600)
    plan = issue_plan(body, str(tmp_path / "jane.crt"), cluster=target.identity().uid, reason="asked in person")
    outcome = carried_out(plan, target, journal)
    assert (outcome.status, outcome.fixed) == (ChangeStatus.APPLIED, AnswerState.FIXED)
    issued = x509.load_pem_x509_certificate((tmp_path / "jane.crt").read_bytes())
    ca = (lab.node_root / "etc/kubernetes/pki/ca.crt").read_bytes()
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(ca))
    cluster = cluster_entry("https://127.0.0.1:6443", ca)
    keep_kubeconfig(tmp_path / "jane.conf", kept.key, tmp_path / "jane.crt", cluster, NOW, cluster_name="lab")
    assert yaml.safe_load((tmp_path / "jane.conf").read_text())["current-context"] == "jane@lab"


def test_the_request_that_waits_in_the_lab_is_approved(lab, journal):
    target = LabTarget(lab)
    (review,) = [one for one in reviews(read_files([str(lab.manifests)], now=NOW)) if one.request.name == "noah-klein"]
    plan = decision_plan(review.request, review.risks, cluster=target.identity().uid, reason="he is new in the team")
    assert carried_out(plan, target, journal).fixed is AnswerState.FIXED
    (after,) = [one for one in reviews(read_files([str(lab.manifests)], now=NOW)) if one.request.name == "noah-klein"]
    assert (after.request.state, after.request.reason) == (RequestState.ISSUED, "he is new in the team")
