"""What notebooks ask for to change something about certificates, on the lab."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509

import k8srun
from k8srun.apply.edit import read_view
from k8srun.assessment.needs import needs_of
from k8srun.change import ChangeStatus
from k8srun.errors import InputError, RefusedError
from k8srun.kinds import DEPLOYMENT, NAMESPACE
from k8srun.plan import Action
from k8srun.snapshot import Need
from tests.controlplane.pki import Authority


@pytest.fixture
def start(tmp_path, monkeypatch):
    """An investigation of the lab, broken by an incident."""
    monkeypatch.setenv("K8SRUN_JOURNAL", str(tmp_path / "journal.jsonl"))
    runs = []

    def opened(incident):
        runs.append(k8srun.start(lab=True, incident=incident))
        return runs[-1]

    yield opened
    for run in runs:
        run.finish()


def applied(run, plan):
    """Preview a plan, and apply it with the confirmation that the preview gives."""
    shown = run.apply(plan, confirm="")
    assert shown.status is ChangeStatus.PREVIEWED
    outcome = run.apply(plan, confirm=shown.preview.confirm)
    assert outcome.status is ChangeStatus.APPLIED, outcome.steps
    return outcome


def test_a_user_gets_a_certificate_and_a_kubeconfig_once_the_plan_is_applied(start):
    run = start("expired-client-certificate")
    plan = run.issue_certificate("noah", ["developers"], hours=2)
    assert run.issue_certificate("noah", ["developers"], hours=2).digest == plan.digest
    before = run.user_kubeconfig("noah", run.apply(plan, confirm=""))
    assert "not yet" in before.to_string()
    made = run.user_kubeconfig("noah", applied(run, plan))
    folder = run.lab.directory / "issued"
    assert (folder / "noah.conf").stat().st_mode & 0o777 == 0o600
    assert str(folder / "noah.conf") in made.to_string()
    view = read_view(folder / "noah.conf")
    (user,), (cluster,) = view["users"].values(), view["clusters"].values()
    leaf = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    assert leaf.subject.rfc4514_string() == "CN=noah,O=developers"
    assert cluster["server"] == read_view(run.lab.kubeconfig)["clusters"]["marlow-lab"]["server"]
    assert len(run.result().changes) == 1


def test_a_certificate_of_system_masters_is_refused_unless_it_is_allowed_by_name(start):
    run = start("expired-client-certificate")
    with pytest.raises(RefusedError, match="system:masters may do everything"):
        run.issue_certificate("eve", ["system:masters"])
    assert run.issue_certificate("eve", ["system:masters"], allow=["system:masters"]).steps


def test_a_key_is_made_nowhere_that_was_not_said(labs):
    healthy = labs["healthy"]
    run = k8srun.start(from_paths=[str(healthy.manifests)])
    with pytest.raises(InputError, match="it is not said where the key is to be kept"):
        run.issue_certificate("noah")
    assert not run.can_change
    assert not run.can_apply(None)
    run.finish()


def test_a_secret_gets_a_certificate_that_a_given_ca_issues_for_the_names_of_its_service(start, tmp_path):
    run = start("webhook-san-missing")
    own = Authority("Own CA")
    for name, content in (("ca.crt", own.pair.certificate), ("ca.key", own.pair.key)):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    given = {"ca_file": str(tmp_path / "ca.crt"), "ca_key_file": str(tmp_path / "ca.key")}
    plan = run.replace_secret("platform/image-policy-tls", **given)
    assert run.replace_secret("platform/image-policy-tls", **given).digest == plan.digest, "issued once"
    applied(run, plan)
    again = run._again(())
    assert k8srun.investigation.facade.diagnose(run.lab.symptom, again, run.now).confirmed == ()
    with pytest.raises(InputError, match="there is nothing to put into it"):
        run.replace_secret("platform/image-policy-tls")
    with pytest.raises(InputError, match="there is no such Secret"):
        run.replace_secret("platform/none", **given)


def test_a_ca_with_the_key_of_another_issues_nothing(start, tmp_path):
    run = start("webhook-san-missing")
    (tmp_path / "ca.crt").write_bytes(Authority("One").pair.certificate)
    (tmp_path / "ca.key").write_bytes(Authority("Another").pair.key)
    (tmp_path / "ca.key").chmod(0o600)
    given = {"ca_file": str(tmp_path / "ca.crt"), "ca_key_file": str(tmp_path / "ca.key")}
    with pytest.raises(InputError, match="this is not the key of the CA's certificate"):
        run.replace_secret("platform/image-policy-tls", **given)
    assert list((run.lab.directory / "issued").glob("*")) == []


def test_what_the_api_server_calls_is_shown_with_its_verdict_and_what_it_stands_before(start):
    run = start("webhook-expired")
    table = run.webhooks()
    assert len(table) == 3
    said = table["Go says"].tolist()
    assert sum("expired" in text for text in said) == 2
    assert table["If it cannot be asked"].tolist().count("the request is refused") == 1
    (step,) = run.break_glass().steps
    assert step.patch[-1]["value"] == "Ignore"
    applied(run, run.break_glass())


def test_without_anything_that_fails_there_is_no_glass_to_break_and_nothing_to_mend(start):
    run = start("expired-client-certificate")
    assert run.break_glass() is None
    assert run.plan("x509: certificate is valid for a, not b") is None


def test_what_ends_is_renewed_and_without_anything_that_ends_there_is_no_plan(start):
    run = start("expired-serving-certificate")
    plan = run.renewal(30)
    assert {step.action for step in plan.steps} == {Action.HOST}
    assert run.renewal(0, ["scheduler.conf"]).title == "Renew scheduler.conf"
    healthy = start("http-scheme")
    assert healthy.renewal(30) is None


def test_host_steps_wait_for_a_persons_word(start):
    run = start("expired-serving-certificate")
    plan = run.plan()
    shown = run.apply(plan, confirm="").preview
    assert run.apply(plan, confirm=shown.confirm).status is ChangeStatus.STOPPED
    words = run.apply(plan, confirm="", done=[1, 2]).preview
    assert run.apply(plan, confirm=words.confirm, done=[1, 2]).status is ChangeStatus.APPLIED


def test_a_runbook_that_plans_is_allowed_to_read_what_its_plans_can_make_use_of():
    assert {Need.objects(NAMESPACE), Need.objects(DEPLOYMENT)} <= needs_of(["plan"])
    assert needs_of(["issue_certificate"]) >= {Need.objects(NAMESPACE)}


def test_a_certificate_lasts_as_long_as_was_asked_for(start):
    run = start("expired-client-certificate")
    body = run.issue_certificate("noah", hours=3).steps[0].body
    assert body["spec"]["expirationSeconds"] == timedelta(hours=3).total_seconds()
