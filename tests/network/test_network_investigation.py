"""What notebooks ask about traffic, and the plans that they apply, on the lab."""

from __future__ import annotations

import pytest

import k8srun
from k8srun.change import AnswerState, ChangeStatus
from k8srun.diagnosis import CauseStatus
from k8srun.errors import InputError, RefusedError

ENDS = ("", "shop/cart", "payments/api", "8080/TCP")
OR = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-monitoring, namespace: shop}
spec: {podSelector: {matchLabels: {app: cart}}, policyTypes: [Ingress], ingress: [{from: [
  {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}},
  {podSelector: {matchLabels: {app: grafana}}}]}]}
"""
AND = OR.replace("monitoring}}},\n  {podSelector", "monitoring}},\n  podSelector")


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    started = k8srun.start(lab=True, incident="policy-label-typo")
    yield started
    started.finish()


@pytest.fixture(scope="module")
def asked():
    """A run that nobody changes."""
    started = k8srun.start(lab=True, incident="policy-label-typo")
    yield started
    started.finish()


def test_without_anything_the_lab_incidents_own_symptom_and_ends_are_asked_about(asked):
    found = asked.blocked()

    assert [cause.id for cause in found.confirmed] == ["label-differs"]
    assert found in asked.result().diagnoses, "the answer is in the record"


def test_the_plan_is_previewed_with_what_it_opens_applied_proved_and_taken_back(run):
    plan = run.allow()
    shown = run.preview(plan)
    assert shown.impact == ("Opens shop/cart[Deployment] to payments/api[Deployment] on TCP 8080.",)
    done = run.apply(plan, confirm=shown.confirm)

    assert (done.status, done.fixed) == (ChangeStatus.APPLIED, AnswerState.FIXED)
    assert "is allowed by the policies" in done.answers[0].detail
    run.snapshot, run._worlds = run._again(()), []
    assert run.blocked(*ENDS).confirmed == ()
    assert run.allow(*ENDS) is None, "nothing is left to allow"


def test_a_confirmation_holds_while_others_change_what_does_not_concern_it(run):
    plan = run.allow()
    confirm = run.preview(plan).confirm
    closing = run.default_deny("monitoring")
    run.apply(closing, confirm=run.preview(closing).confirm)
    assert run.apply(plan, confirm=confirm).status is ChangeStatus.APPLIED


def test_a_default_deny_shows_what_it_closes_and_can_be_applied_as_a_whole(run):
    plan = run.default_deny("monitoring")
    table = run.what_if(plan)
    assert set(table["Opens"]) == {""}
    assert "monitoring/grafana[Deployment]" in set(table["To"])
    done = run.apply(plan, confirm=run.preview(plan).confirm)

    assert (done.status, done.fixed) == (ChangeStatus.APPLIED, AnswerState.FIXED)
    run.snapshot, run._worlds = run._again(()), []
    table = run.coverage()
    assert table.loc["monitoring", "Default deny"] == "ingress and egress"
    with pytest.raises(RefusedError, match="by default already"):
        run.default_deny("monitoring")


def test_flows_of_a_file_are_listed_with_the_lines_that_could_not_be_read(asked, tmp_path):
    file = tmp_path / "flows.csv"
    file.write_text("from,to,port\nmonitoring/prometheus,payments/api,9102\nmonitoring/prometheus,payments/api,x\n")
    table = asked.flows(str(file))

    assert list(table["Let through"]) == ["yes", "not read"]
    assert table.index[1] == "line 3"
    assert len(asked.flows()) == 0
    with pytest.raises(InputError, match="cannot be read"):
        asked.flows(str(tmp_path / "gone.csv"))


def test_or_opens_the_whole_namespace_where_and_opens_one_workload(asked):
    either, both = asked.try_policy(OR), asked.try_policy(AND)

    assert set(both.index) == {"monitoring/grafana[Deployment]"}
    assert set(either.index) > set(both.index)
    assert "monitoring/prometheus[StatefulSet]" in set(either.index)


def test_a_policy_that_is_tried_changes_nothing(asked):
    before = asked.snapshot
    asked.try_policy(OR)

    assert asked.snapshot is before
    assert "from-monitoring" not in " ".join(asked.policies("shop").index)


@pytest.mark.parametrize("manifest", [
    "", "kind: [", "just words", "apiVersion: v1\nkind: NetworkPolicy\n", OR.replace("matchLabels", "matchlabels"),
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n" "---" + OR,
])  # fmt: skip
def test_what_is_no_policy_is_an_error_that_says_what_to_give(manifest, asked):
    with pytest.raises(InputError):
        asked.try_policy(manifest)


def test_one_question_names_the_rule_and_the_near_misses(asked):
    table = asked.reach("shop/cart", "payments/api", "8080")

    assert table.loc["verdict", "Answer"] == "denied"
    assert table.loc["egress", "Where"] == "NetworkPolicy shop/cart spec.egress[1]"
    nearly = table.loc[table.index == "ingress: nearly"]
    assert "wants app=carts; the pod has app=cart" in nearly.iloc[0]["Why"]


def test_policies_are_told_in_words(asked):
    table = asked.policies("data")

    (row,) = table.to_dict("records")
    assert row["About"] == "pods with app=postgres of namespace data"
    assert row["Ports"] == "5432/TCP"
    assert row["From or to"].count("; or ") == 2


def test_exposure_names_what_is_open_to_every_address(asked):
    table = asked.exposed()

    assert table.loc["platform/ci-runner[Deployment]", "To every address"] == "all ports"
    assert table.loc["platform/ci-runner[Deployment]", "Metadata service"] == "reachable"
    assert table.loc["payments/api[Deployment]", "To every address"] == ""


def test_the_network_plugin_and_the_map_are_tables(asked):
    assert asked.network_plugin().loc["Calico", "Policies"] == "enforced"
    table = asked.connectivity()
    row = table[(table.index == "shop/web[Deployment]") & (table["To"] == "shop/cart[Deployment]")]
    assert list(row["On"]) == ["TCP 8080"]


def test_the_neighbourhood_of_a_workload_that_does_not_exist_names_those_that_do(asked):
    with pytest.raises(InputError, match="no such workload") as caught:
        asked.plot_neighbourhood("shop/nobody")

    assert "data/postgres[StatefulSet]" in caught.value.do


def test_an_unknown_source_leaves_the_causes_open_and_no_plan(asked):
    text = 'Post "http://api.payments.svc:8080/charges": i/o timeout'

    assert asked.allow(text) is None
    found = asked.blocked(text)
    assert found.confirmed == ()
    ingress = next(cause for cause in found.causes if cause.id == "ingress-not-allowed")
    assert ingress.status is CauseStatus.OPEN
    assert any("means no pod at all" in fact.fact for fact in ingress.evidence)


def test_a_pods_own_node_counts_as_nobody_outside_in_the_pictures(asked):
    drawn = {(row.source, row.destination) for row in asked._rows(own_nodes=False)}
    listed = {(row.source, row.destination) for row in asked._rows()}
    shop = {pair for pair in listed if "shop/cart[Deployment]" in pair}

    assert {pair for pair in shop - drawn if "192.0.2." in "".join(pair)} == shop - drawn != set()
    assert not [
        pair for pair in drawn if "shop/cart[Deployment]" in pair and not all(name.endswith("]") for name in pair)
    ]


def test_a_long_table_says_how_much_of_it_is_left_out(asked):
    whole, first = asked.connectivity(), asked.connectivity(most=10)

    assert len(first) == 11
    assert first.index[-1] == f"… and {len(whole) - 10} more"
    assert len(asked.connectivity(most=len(whole))) == len(whole)


def test_of_the_policies_those_about_the_two_ends_are_shown(asked):
    shown = set(asked.policies_between(*ENDS).index)

    assert {"NetworkPolicy payments/api", "NetworkPolicy shop/cart", "NetworkPolicy payments/default-deny"} <= shown
    assert not {"NetworkPolicy shop/redis", "NetworkPolicy data/postgres"} & shown
    assert set(asked.policies_between("i/o timeout").index) == set(asked.policies().index), "no end is known"
