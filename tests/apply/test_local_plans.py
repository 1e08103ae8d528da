"""Plans that touch no cluster: a kubeconfig that leads nowhere, commands for a host whose API server is down."""

from __future__ import annotations

import pytest
import yaml

from k8srun import steps
from k8srun.apply import Journal, Options, apply, preview
from k8srun.apply.local import LocalTarget
from k8srun.change import ChangeStatus
from k8srun.errors import RefusedError
from k8srun.plan import Plan
from tests.apply.clusters import named

OPTIONS = Options(patience=0)
OLD, NEW = "http://api.example:6443", "https://api.example:6443"


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "kubeconfig"
    entry = {"name": "prod", "cluster": {"server": OLD}}
    path.write_text(yaml.safe_dump({"clusters": [entry], "users": [], "contexts": []}))
    return path


@pytest.fixture
def plan(kubeconfig):
    change = [{"op": "replace", "path": "/clusters/prod/server", "value": NEW}]
    edit = steps.kubeconfig(str(kubeconfig), {"clusters": {"prod": {"server": OLD}}}, change, "TLS is spoken there")
    look = steps.on_host("cp-1", ["kubeadm certs renew apiserver"], "it has ended", irreversible="A backup is there.")
    return Plan("Mend it", "", (look, edit))


def test_a_plan_of_local_steps_needs_no_cluster_to_answer(plan, kubeconfig, journal):
    options = Options(patience=0, by_hand=frozenset({1}))
    assert plan.is_local
    shown = preview(plan, LocalTarget(), journal=journal, options=options)
    assert (shown.blockers, shown.permissions) == ((), ())
    outcome = apply(plan, LocalTarget(), shown.confirm, journal=journal, options=options)
    assert outcome.status is ChangeStatus.APPLIED
    assert NEW in kubeconfig.read_text()
    assert journal.entries()[0].begin.cluster.server == "this machine"


def test_a_file_that_was_changed_since_the_preview_is_left_alone(plan, kubeconfig, journal):
    options = Options(patience=0, by_hand=frozenset({1}))
    shown = preview(plan, LocalTarget(), journal=journal, options=options)
    kubeconfig.write_text(kubeconfig.read_text().replace("6443", "7443"))
    with pytest.raises(RefusedError, match="nothing was changed"):
        apply(plan, LocalTarget(), shown.confirm, journal=journal, options=options)
    assert OLD.replace("6443", "7443") in kubeconfig.read_text()


def test_whether_planner_and_applier_are_two_people_cannot_be_told_on_a_machine(plan, journal):
    shown = preview(plan, LocalTarget(), journal=journal, options=Options(patience=0, second_person=True))
    assert shown.confirm == ""
    assert any("it is not known who did" in blocker for blocker in shown.blockers)


def test_a_step_for_a_cluster_makes_a_plan_that_needs_one(journal):
    plan = Plan("Make it", "some-uid", (steps.create(named("ConfigMap", "a", "shop"), "wanted"),))
    assert not plan.is_local
    shown = preview(plan, LocalTarget(), journal=journal, options=OPTIONS)
    assert shown.confirm == ""
    assert any("no cluster was named" in blocker for blocker in shown.blockers)
