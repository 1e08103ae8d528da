"""What notebooks ask about refusals and grants, on the lab."""

from __future__ import annotations

import json

import pytest

import k8srun
from k8srun.change import AnswerState, ChangeStatus
from k8srun.errors import InputError, RefusedError


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    started = k8srun.start(lab=True, incident="rbac-wrong-namespace")
    yield started
    started.finish()


def test_a_refusal_goes_from_the_message_to_a_grant_that_is_proven(run):
    assert [cause.id for cause in run.diagnose_refusal().confirmed] == ["wrong-namespace"]
    proposal = run.proposal()
    plan = run.grant(proposal)
    shown = run.preview(plan)
    outcome = run.apply(plan, confirm=shown.confirm)
    assert (outcome.status, outcome.fixed) == (ChangeStatus.APPLIED, AnswerState.FIXED)
    assert run.result().changes == (outcome,)


def test_a_confirmation_of_another_option_is_refused(run):
    proposal = run.proposal()
    shown = run.preview(run.grant(proposal, 1))
    with pytest.raises(RefusedError):
        run.apply(run.grant(proposal, 2), confirm=shown.confirm)


def test_an_access_request_is_written_once_and_leads_to_the_same_answer(run, tmp_path):
    path = tmp_path / "request.json"
    run.access_request(write_to=str(path), why="the release waits")
    assert json.loads(path.read_text())["why"] == "the release waits"
    assert [cause.id for cause in run.diagnose_refusal(request=str(path)).confirmed] == ["wrong-namespace"]
    assert run.proposal(request=str(path)).options == run.proposal().options
    with pytest.raises(RefusedError, match="exists"):
        run.access_request(write_to=str(path))


def test_a_text_without_a_refusal_asks_for_nothing_and_writes_nothing(run, tmp_path):
    assert "nothing to ask for" in run.access_request("all is well").to_string()
    with pytest.raises(InputError, match="no 403"):
        run.access_request("all is well", write_to=str(tmp_path / "request.json"))
    assert not (tmp_path / "request.json").exists()


def test_what_cannot_be_used_is_refused_with_what_to_do(run, tmp_path):
    with pytest.raises(InputError, match="no 403"):
        run.proposal(error="all is well")
    with pytest.raises(InputError, match="no grant ends"):
        run.proposal(error='pods "x" is forbidden: exceeded quota: q, requested: a=1, used: a=1, limited: a=1')
    with pytest.raises(InputError, match="does not say who"):
        run.proposal(error='pods "x" is forbidden: ')
    with pytest.raises(InputError, match="cannot be read"):
        run.diagnose_refusal(request=str(tmp_path / "none.json"))
    with pytest.raises(InputError, match="cannot be read"):
        run.proposal(audit_log=str(tmp_path / "none.log"))
    with pytest.raises(InputError):
        run.proposal(expires="next tuesday")
    with pytest.raises(InputError, match="no option 99"):
        run.grant(run.proposal(), 99)
    with pytest.raises(InputError, match="NAMESPACE/NAME"):
        run.token("deployer", str(tmp_path / "t"))
    empty = tmp_path / "empty.log"
    empty.write_text("no json\n")
    with pytest.raises(InputError, match="holds no audit event"):
        run.unused_grants(str(empty))


def test_a_token_goes_to_a_file_that_only_its_owner_reads_and_is_nowhere_else(run, tmp_path):
    path = tmp_path / "deployer.token"
    plan = run.token("platform/deployer", str(path), seconds=900)
    outcome = run.apply(plan, confirm=run.preview(plan).confirm)
    assert outcome.status is ChangeStatus.APPLIED
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().strip() not in repr(run.result())


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda run: run.can_i("create", "deploy", who="platform:deployer", namespace="data"), "payments"),
        (lambda run: run.who_can("get", "secrets", namespace="payments"), "system:masters"),
        (lambda run: run.permissions("data:reports"), "report-queries"),
        (lambda run: run.access_matrix("shop"), "marlow:shop-developers"),
        (lambda run: run.attack_paths(), "cluster-admin"),
        (lambda run: run.dangerous_grants(), "critical"),
        (lambda run: run.roles_and_bindings(), "secrets-keeper"),
        (lambda run: run.service_accounts(), "monitoring/prometheus"),
        (lambda run: run.api_resources("core"), "configmaps"),
        (lambda run: run.authenticators(), "client certificate"),
        (lambda run: run.authorizers(), "RBAC"),
        (lambda run: run.whoami(), "mara.lindt"),
    ],
)
def test_every_question_has_its_answer_on_the_lab(run, ask, said):
    assert said in ask(run).to_string()


def test_checks_are_chosen_by_how_their_ids_begin_and_a_misspelt_one_is_no_clean_result(run):
    chosen = {result.check for result in run.evaluate_authorization("SA-", "RBAC-TOKEN")}
    assert chosen == {"SA-LEGACY-TOKEN", "SA-DEFAULT", "SA-AUTOMOUNT", "RBAC-TOKEN-CREATE"}
    assert {result.check for result in run.result().checks} == chosen
    with pytest.raises(InputError, match="begins with SAA"):
        run.evaluate_authorization("SAA")
