"""Every incident of the lab's network is named right: from its symptom, its ends and the evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import diagnose as front_door
from k8srun.diagnosis import CauseStatus
from k8srun.kinds import NETWORK_POLICY
from k8srun.lab import HEALTHY, incidents
from k8srun.network.diagnosis import diagnose, plan
from k8srun.network.diagnosis_case import Ends
from k8srun.network.diagnosis_names import TITLES as OTHER_TITLES
from k8srun.network.diagnosis_policies import TITLES as POLICY_TITLES
from k8srun.network.diagnosis_survey import survey
from k8srun.network.difference import difference, with_objects
from k8srun.network.fixes_impact import after
from k8srun.network.symptoms import read
from k8srun.network.world import World
from k8srun.planfile import require_valid
from k8srun.snapshot import Area, Gap, GapReason, Snapshot
from k8srun.sources.collect import read_lab

KNOWN = tuple(one for one in incidents() if one.domain == "network")
# What the objects alone prove, without anybody who complains.
WITHOUT_TEXT = {
    "service-selector": "service-selector-matches-nothing",
    "service-target-port": "target-port-not-found",
    "network-plugin-inert": "cni-does-not-enforce",
    "network-agent-not-ready": "cni-agent-not-ready",
}
# What the text tells by itself once the snapshot is there: it names both ends, or enough of them.
BY_TEXT = {
    "dns-egress-closed", "egress-not-allowed", "network-agent-not-ready", "network-plugin-inert", "pods-not-ready",
    "policy-port-number", "service-selector", "service-target-port", "wrong-service-name",
}  # fmt: skip


@pytest.fixture(scope="module", params=KNOWN, ids=[one.name for one in KNOWN])
def case(request, labs):
    lab = labs[request.param.name]
    return request.param, Scene(read_lab(lab, lab.now), lab.now), lab


def asked(incident):
    given = incident.asks
    return Ends(given.get("source", ""), given.get("destination", ""), given.get("port", ""))


def test_there_are_at_least_ten_incidents_of_the_network():
    assert len(KNOWN) >= 10


def test_the_one_cause_of_an_incident_is_confirmed_with_evidence_and_its_fix(case):
    incident, scene, lab = case
    found = diagnose(scene.network, read(lab.symptom), asked(incident))

    assert [cause.id for cause in found.confirmed] == [incident.cause]
    (cause,) = found.confirmed
    assert cause.evidence
    said = " ".join((cause.fix.summary, *cause.fix.commands))
    assert [word for word in incident.fix if word not in said] == []
    assert found.affected or not incident.asks.get("destination")


def test_the_text_alone_is_recognised_says_what_kind_it_is_and_confirms_nothing(case):
    _incident, _scene, lab = case
    found = front_door(lab.symptom, Snapshot(lab.now), lab.now)

    assert (found.recognised, found.domain, found.runbook) == (True, "network", "blocked-traffic")
    assert found.meaning
    assert found.confirmed == ()
    assert found.next


def test_the_text_with_the_evidence_never_confirms_another_cause(case):
    incident, scene, lab = case
    found = front_door(lab.symptom, scene.snapshot, lab.now)

    expected = [incident.cause] if incident.name in BY_TEXT else []
    assert [cause.id for cause in found.confirmed] == expected


def test_the_ends_alone_without_a_text_show_a_denial(labs):
    lab = labs["policy-label-typo"]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    found = diagnose(scene.network, None, asked(lab.incident))

    assert [cause.id for cause in found.confirmed] == ["label-differs"]
    assert "is denied" in found.meaning


def test_without_any_text_the_objects_show_what_they_prove(case):
    incident, scene, _lab = case
    expected = WITHOUT_TEXT.get(incident.name)

    assert [cause.id for cause in survey(scene.network).confirmed] == ([expected] if expected else [])


def test_what_is_ruled_out_comes_with_the_evidence_for_it(case):
    incident, scene, lab = case
    found = diagnose(scene.network, read(lab.symptom), asked(incident))

    ruled_out = [cause for cause in found.causes if cause.status is CauseStatus.RULED_OUT]
    assert all(cause.evidence for cause in ruled_out)


def test_nothing_is_confirmed_between_two_ends_that_the_healthy_lab_lets_talk(labs):
    lab = labs[HEALTHY]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    text = 'Get "http://cart.shop.svc:8080/": dial tcp 10.99.180.191:8080: i/o timeout'
    found = diagnose(scene.network, read(text), Ends("shop/web", "shop/cart", "8080"))

    assert found.confirmed == ()
    ruled_out = {cause.id for cause in found.causes if cause.status is CauseStatus.RULED_OUT}
    assert {
        "egress-not-allowed",
        "ingress-not-allowed",
        "service-without-endpoints",
        "cni-agent-not-ready",
    } <= ruled_out
    assert any(cause.id == "network-or-firewall" and cause.look_at for cause in found.causes)


def test_a_denial_behind_a_failed_resolution_is_predicted(labs):
    lab = labs["dns-egress-closed"]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    found = diagnose(scene.network, read(lab.symptom), Ends("shop/web", "shop/redis", "6379"))

    assert [cause.id for cause in found.confirmed] == ["dns-egress-closed"]
    assert [prediction.cause for prediction in found.hidden] == ["A policy denies it"]


def test_an_end_that_does_not_exist_is_said_and_never_guessed(labs):
    lab = labs[HEALTHY]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    found = diagnose(scene.network, read("i/o timeout"), Ends("shop/nobody", "shop/cart", "8080"))

    assert found.confirmed == ()
    assert "nobody" in found.seen_from


def test_every_cause_has_a_title_and_every_incident_names_one_of_them():
    assert {incident.cause for incident in KNOWN} <= {*OTHER_TITLES, *map(str, POLICY_TITLES)}


def test_what_a_text_names_can_never_run_in_a_suggested_command(labs):
    lab = labs[HEALTHY]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    text = "$ kubectl exec -n shop $(reboot) -- curl http://x\ndial tcp 10.97.2.3:80: i/o timeout"
    found = diagnose(scene.network, read(text), Ends(destination="shop/cart", port="8080; reboot"))

    commands = [*found.next, *(look for cause in found.causes for look in cause.look_at)]
    assert commands
    assert not [one for one in commands if "$(reboot)" in one.replace("'$(reboot)'", "") and "'" not in one]
    assert not [one for one in commands if "; reboot" in one and "'8080; reboot'" not in one]


@pytest.mark.parametrize(
    ("source", "destination", "port"),
    [
        ("monitoring/grafana", "payments/api", "9102"),  # the rule is for Prometheus
        ("shop/cart", "payments/api", "9102"),  # the rule lets it in on 8080
        ("platform/ci-runner", "shop/web", "8080"),  # the rule is for another namespace
    ],
)
def test_a_rule_for_somebody_else_that_misses_by_one_field_is_no_mistake(source, destination, port, labs):
    lab = labs[HEALTHY]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    found = diagnose(scene.network, read("i/o timeout"), Ends(source, destination, port))

    confirmed = {cause.id for cause in found.confirmed}
    assert "ingress-not-allowed" in confirmed
    assert confirmed <= {"ingress-not-allowed", "egress-not-allowed", "dns-egress-closed"}


def test_policies_that_could_not_be_read_leave_the_causes_open_with_the_reason(labs):
    lab = labs["policy-label-typo"]
    snapshot = read_lab(lab, lab.now)
    gap = Gap(Area.OBJECTS, str(NETWORK_POLICY), GapReason.FORBIDDEN, "networkpolicies is forbidden")
    blind = replace(
        snapshot,
        objects={kind: items for kind, items in snapshot.objects.items() if kind != NETWORK_POLICY},
        gaps=(*snapshot.gaps, gap),
    )
    found = diagnose(Scene(blind, lab.now).network, read(lab.symptom), asked(lab.incident))

    assert found.confirmed == ()
    ingress = next(cause for cause in found.causes if cause.id == "ingress-not-allowed")
    assert ingress.status is CauseStatus.OPEN
    assert "networkpolicies is forbidden" in ingress.evidence[0].fact


def test_another_layer_keeps_an_allowed_connection_from_being_ruled_out(labs):
    lab = labs[HEALTHY]
    snapshot = read_lab(lab, lab.now)
    metadata = {"name": "l7", "namespace": "shop"}
    cilium = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": metadata}
    layered = with_objects(snapshot, [cilium])
    found = diagnose(Scene(layered, lab.now).network, read("i/o timeout"), Ends("shop/web", "shop/cart", "8080"))

    status = {cause.id: cause.status for cause in found.causes}
    assert status["another-layer"] is CauseStatus.OPEN
    assert status["ingress-not-allowed"] is CauseStatus.OPEN
    assert found.confirmed == ()


def test_a_kubelets_probe_is_never_kept_out_by_a_policy(labs):
    lab = labs[HEALTHY]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    pod = next(pod for pod in scene.network.network.pods if pod.workload == "shop/web[Deployment]")
    text = f'Readiness probe failed: Get "http://{pod.addresses[0]}:8080/healthz": context deadline exceeded'
    found = diagnose(scene.network, read(text), Ends())

    assert {cause.id: cause.status for cause in found.causes}["ingress-not-allowed"] is CauseStatus.RULED_OUT


def test_an_admission_webhook_is_called_by_the_api_server(labs):
    lab = labs[HEALTHY]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    text = (
        'failed calling webhook "x": Post "https://image-policy.platform.svc:443/validate": context deadline exceeded'
    )
    found = diagnose(scene.network, read(text), Ends())

    assert found.affected == "kube-system/kube-apiserver-cp-1[Pod] to platform/image-policy[Service] on 443/TCP"
    assert found.confirmed == ()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
            "no-kubeconfig",
        ),
        ("Unable to connect to the server: dial tcp 192.0.2.11:6443: i/o timeout", "api-server-unreachable"),
    ],
)
def test_an_api_server_that_kubectl_does_not_reach_is_nothing_to_ask_kubectl_about(text, cause, labs):
    lab = labs[HEALTHY]
    found = front_door(text, read_lab(lab, lab.now), lab.now)

    assert found.causes[0].id == cause
    assert found.confirmed == ()
    assert not [one for one in found.next if one.startswith(("kubectl debug", "kubectl port-forward", "k8srun run"))]


def test_a_name_that_exists_and_is_not_found_means_that_dns_was_not_reached(labs):
    lab = labs["dns-egress-closed"]
    scene = Scene(read_lab(lab, lab.now), lab.now)
    found = diagnose(scene.network, read("curl: (6) Could not resolve host: cart.shop"), Ends(source="shop/web"))

    assert [cause.id for cause in found.confirmed] == ["dns-egress-closed"]
    assert {cause.id: cause.status for cause in found.causes}["no-such-service"] is CauseStatus.RULED_OUT


@pytest.mark.parametrize(("read_in", "confirmed"), [(("shop", "payments"), ["label-differs"]), (("shop",), [])])
def test_policies_of_other_namespaces_need_not_be_read_those_of_both_ends_must(read_in, confirmed, labs):
    lab = labs["policy-label-typo"]
    snapshot = read_lab(lab, lab.now)
    ours = {
        kind: tuple(item for item in items if item["metadata"].get("namespace", "shop") in {"shop", "payments"})
        for kind, items in snapshot.objects.items()
    }
    gap = Gap(Area.OBJECTS, str(NETWORK_POLICY), GapReason.NOT_SUPPLIED, read_in=read_in)
    found = diagnose(Scene(replace(snapshot, objects=ours, gaps=(gap,)), lab.now).network, None, asked(lab.incident))

    assert [cause.id for cause in found.confirmed] == confirmed


# What a change of policies or of a Service cannot mend.
WITHOUT_PLAN = {"network-agent-not-ready", "network-plugin-inert", "pods-not-ready", "wrong-service-name"}


def test_the_plan_of_an_incident_mends_it_and_opens_one_pair_of_workloads(case):
    incident, scene, lab = case
    world, symptom, ends = scene.network, read(lab.symptom), asked(incident)
    made = plan(world, symptom, ends, cluster="uid")
    if incident.name in WITHOUT_PLAN:
        assert made is None
        return
    require_valid(made)
    changed = World(after(world.snapshot, made.steps))

    assert [cause.id for cause in diagnose(changed, symptom, ends).confirmed] == []
    change = difference(world.network, changed.network)
    assert change.closes == ()
    if incident.name in {"service-selector", "service-target-port"}:
        assert change.changes == (), "a Service decides nothing about policies"
    elif incident.name == "host-network-source":
        assert {one.destination for one in change.changes} == {"payments/api[Deployment]"}
    else:
        assert len({(one.source, one.destination) for one in change.opens}) == 1
