"""A default deny keeps what is needed today, opens nothing, and says what it cuts."""

from __future__ import annotations

import pytest

from k8srun.errors import InputError, RefusedError
from k8srun.network.asking import ask
from k8srun.network.decision import Verdict
from k8srun.network.difference import difference
from k8srun.network.fixes_default_deny import default_deny_plan
from k8srun.network.fixes_impact import after, concerns, impact
from k8srun.network.flows import read_flows
from k8srun.network.world import World
from k8srun.plan import Action
from k8srun.planfile import require_valid
from k8srun.sources.collect import read_lab


@pytest.fixture(scope="module")
def world(labs):
    lab = labs["healthy"]
    return World(read_lab(lab, lab.now))


def planned(world, namespace, flows="", names="from,to,port\n"):
    found = read_flows(names + flows, where="flows.csv").flows if flows else ()
    plan = default_deny_plan(world, namespace, found, cluster="uid")
    require_valid(plan)
    return plan, World(after(world.snapshot, plan.steps))


def verdict(world, source, destination, port):
    return ask(world, source, destination, port=port).verdict


@pytest.mark.parametrize("namespace", ["monitoring", "platform", "ingress-nginx", "data"])
def test_afterwards_what_nobody_needs_is_denied_in_and_out(world, namespace):
    plan, changed = planned(world, namespace)

    assert plan.steps[-1].body["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    theirs = [pod for pod in changed.network.pods if pod.namespace == namespace and not pod.host_network]
    assert {verdict(changed, pod.id, "198.51.100.7", "4444") for pod in theirs} == {Verdict.DENIED}
    assert {verdict(changed, "shop/web", pod.id, "4444") for pod in theirs} == {Verdict.DENIED}


@pytest.mark.parametrize("namespace", ["monitoring", "platform", "ingress-nginx", "data"])
def test_it_opens_nothing(world, namespace):
    _plan, changed = planned(world, namespace)

    assert difference(world.network, changed.network).opens == ()


@pytest.mark.parametrize(
    ("namespace", "source", "destination", "port"),
    [
        ("monitoring", "monitoring/grafana", "monitoring/prometheus", "9090"),
        ("data", "shop/catalog", "data/postgres", "5432"),
        ("ingress-nginx", "198.51.100.7", "ingress-nginx/ingress-nginx-controller", "443"),
        ("monitoring", "monitoring/grafana", "kube-system/coredns", "53/UDP"),
    ],
)
def test_what_objects_speak_of_and_dns_keep_passing(world, namespace, source, destination, port):
    assert verdict(world, source, destination, port) is Verdict.ALLOWED
    _plan, changed = planned(world, namespace)

    assert verdict(changed, source, destination, port) is Verdict.ALLOWED


def test_a_cronjob_that_runs_at_night_is_let_out_though_it_has_no_pod_now(world):
    plan, _changed = planned(world, "data")

    (policy,) = [
        step.body for step in plan.steps if step.body and step.body["metadata"]["name"].startswith("allow-egress")
    ]
    assert policy["spec"]["podSelector"] == {"matchLabels": {"app": "nightly-report"}}
    assert policy["spec"]["egress"][0]["to"] == [{"podSelector": {"matchLabels": {"app": "postgres"}}}]


def test_an_observed_flow_is_kept_and_without_it_is_cut(world):
    flow = "monitoring/prometheus,payments/api,9102\n"
    _plan, blind = planned(world, "monitoring")
    _plan, seeing = planned(world, "monitoring", flow)

    assert verdict(blind, "monitoring/prometheus", "payments/api", "9102") is Verdict.DENIED
    assert verdict(seeing, "monitoring/prometheus", "payments/api", "9102") is Verdict.ALLOWED


def test_an_observed_flow_that_was_dropped_or_is_denied_today_is_never_opened(world):
    dropped = "from,to,port,verdict\nmonitoring/grafana,monitoring/kube-state-metrics,8080,dropped\n"
    plan, changed = planned(world, "monitoring", "monitoring/grafana,payments/ledger-db,5432\n")
    _plan, other = planned(world, "monitoring", dropped, names="")

    assert verdict(changed, "monitoring/grafana", "payments/ledger-db", "5432") is Verdict.DENIED
    assert any("is denied today already" in line for line in plan.impact)
    assert verdict(other, "monitoring/grafana", "monitoring/kube-state-metrics", "8080") is Verdict.DENIED


def test_a_flow_whose_end_is_gone_is_reported(world):
    plan, _changed = planned(world, "monitoring", "monitoring/gone,monitoring/prometheus,9090\n")

    assert any(line.startswith("Not understood: monitoring/gone") for line in plan.impact)


def test_its_policies_are_made_before_everything_is_denied(world):
    plan, _changed = planned(world, "monitoring")

    assert [step.action for step in plan.steps] == [Action.CREATE] * len(plan.steps)
    assert plan.steps[-1].target.name == "default-deny"


def test_a_policy_that_lets_the_api_server_in_anyway_is_left_as_it_is(world):
    plan, _changed = planned(world, "platform")

    assert not [step for step in plan.steps if step.action is Action.PATCH]


def test_the_impact_says_what_is_closed_and_that_what_nobody_saw_is_cut(world):
    plan, _changed = planned(world, "monitoring")

    assert any(
        line.startswith("Closes data/postgres[StatefulSet] to monitoring/grafana[Deployment]") for line in plan.impact
    )
    assert plan.impact[-1].startswith("What nobody has observed")
    assert not any(line.startswith("Opens") for line in plan.impact)


def test_a_namespace_that_denies_by_default_is_refused(world):
    with pytest.raises(RefusedError, match="denies everything in and out by default already"):
        default_deny_plan(world, "shop", cluster="uid")


def test_a_namespace_without_pods_is_an_error_that_names_the_others(world):
    with pytest.raises(InputError, match=r"no pods of a namespace 'nowhere'(?s:.*)shop"):
        default_deny_plan(world, "nowhere", cluster="uid")


def test_the_impact_of_a_plan_that_changes_nothing_says_so(world):
    assert impact(world.snapshot, ()) == ("Opens and closes nothing by the policies that were read.",)


def test_on_a_plugin_that_enforces_nothing_the_impact_says_that_it_has_no_effect(labs):
    lab = labs["network-plugin-inert"]
    inert = World(read_lab(lab, lab.now))
    plan = default_deny_plan(inert, "monitoring", cluster="uid")

    assert "Has no effect as long as Flannel does not enforce policies." in plan.impact
    assert concerns(plan)
