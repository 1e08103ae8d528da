"""Our verdicts on generated pods, against those of the real server's admission: the same, word for word."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from k8srun.kinds import DEPLOYMENT, POD
from k8srun.pods import pod_template
from k8srun.workloads.admission import admit, refusal
from k8srun.workloads.policy import LevelVersion, parse_level, parse_version
from k8srun.workloads.standards.evaluate import CONTROLS, described, evaluate
from k8srun.workloads.standards.subject import read_subject
from tests.controlplane.cluster import ControlPlane
from tests.workloads.generator import POLICIES, draw_pod, draw_policies
from tests.workloads.server import PodSecurityServer, at_once, pod_security_server

# `make differential` asks for every policy of every pod.
FULL = os.environ.get("K8SRUN_DIFFERENTIAL") == "full"
PODS = 500 if FULL else 1_400
POLICIES_OF_A_POD = len(POLICIES) if FULL else 4
NAME = "pod"

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodSecurityServer]:
    with pod_security_server(control_plane, tmp_path_factory.mktemp("pod-security")) as running:
        at_once(lambda policy: running.namespace(enforcing(policy)), POLICIES)
        yield running


def enforcing(policy: tuple[str, str]) -> dict[str, str]:
    # Nothing is warned of: a warning for the same policy would say the same.
    return {"enforce": policy[0], "enforce-version": policy[1], "warn": "privileged"}


def ours(pod: dict, policy: tuple[str, str], *, as_pod: bool = True) -> tuple:
    level_version = LevelVersion(parse_level(policy[0]), parse_version(policy[1]))
    return level_version, evaluate(read_subject(pod_template(POD, pod), as_pod=as_pod), level_version)


def test_every_generated_pod_gets_the_servers_verdict_in_the_servers_words(server):
    drawn = [(seed, policy) for seed in range(PODS) for policy in draw_policies(seed, POLICIES_OF_A_POD)]
    pods = {seed: draw_pod(seed) for seed, _ in drawn}

    answers = at_once(lambda one: server.create(server.namespace(enforcing(one[1])), pods[one[0]]), drawn)

    judged, violated, disagreements = Counter(), Counter(), []
    for (seed, policy), answer in zip(drawn, answers, strict=True):
        judged[answer.status] += 1
        if answer.status not in (201, 403):
            continue
        level_version, failures = ours(pods[seed], policy)
        violated.update(failure.id for failure in failures)
        expected = refusal(NAME, level_version, failures) if failures else ""
        if answer.message != expected:
            disagreements.append((seed, policy, answer.message, expected))
    assert disagreements == []
    assert judged[201] + judged[403] >= 5_000
    assert judged[201] >= 500
    assert judged[422] < 0.1 * judged.total(), "the generator draws too much that the API refuses"
    assert judged[201] + judged[403] + judged[422] == judged.total()
    assert set(violated) == {control.id for control in CONTROLS}, "a control that nothing violates was not compared"


def test_what_is_only_warned_of_is_worded_as_the_server_does(server):
    drawn = [(seed, draw_policies(seed + 1, 1)[0]) for seed in range(300)]

    def ask(one):
        namespace = server.namespace({"warn": one[1][0], "warn-version": one[1][1]})
        return server.create(namespace, draw_pod(one[0]))

    at_once(lambda policy: server.namespace({"warn": policy[0], "warn-version": policy[1]}), {one[1] for one in drawn})
    answers = at_once(ask, drawn)

    compared = 0
    for (seed, policy), answer in zip(drawn, answers, strict=True):
        # The server cuts the texts of a request whose warnings are longer than 4096 characters in all.
        if answer.status == 201 and sum(map(len, answer.warnings)) < 4000:
            level_version, failures = ours(draw_pod(seed), policy)
            expected = (f'would violate PodSecurity "{level_version}": {described(failures)}',) if failures else ()
            assert answer.pod_security_warnings == expected, seed
            compared += len(expected)
    assert compared >= 100


def test_a_workloads_template_is_warned_of_as_the_server_does(server):
    namespace = server.namespace({"warn": "restricted"})
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    seeds = range(2_000, 2_200)

    answers = at_once(lambda seed: server.create(namespace, deployment(seed), "/apis/apps/v1", "deployments"), seeds)

    compared = 0
    for seed, answer in zip(seeds, answers, strict=True):
        if answer.status == 201 and sum(map(len, answer.warnings)) < 4000:
            found = admit(pod_template(DEPLOYMENT, deployment(seed)), labels)
            assert answer.pod_security_warnings == found.warnings, seed
            compared += len(found.warnings)
    assert compared >= 100


def deployment(seed: int) -> dict:
    pod = draw_pod(seed)
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {**pod["metadata"], "labels": labels}, "spec": pod["spec"]},
        },
    }


def test_ephemeral_containers_are_judged_as_the_server_does(server, control_plane):
    # They cannot be created with a pod: pods that are there are given one, in a namespace that gets labels after that.
    namespace = server.namespace({"enforce": "privileged"})
    pods = f"/api/v1/namespaces/{namespace}/pods"
    made = {}
    for seed in range(3_000, 3_060):
        plain = draw_pod(seed, ephemeral=True)
        added = plain["spec"].pop("ephemeralContainers")
        plain["metadata"]["name"] = f"pod-{seed}"
        status, created = control_plane.request("POST", pods, plain)
        if status == 201:
            made[seed] = created, added

    compared = 0
    for seed, (pod, added) in made.items():
        policy = draw_policies(seed, 1)[0]
        relabel(control_plane, namespace, policy)
        pod["spec"]["ephemeralContainers"] = added
        level_version, failures = ours(pod, policy)
        expected = refusal(f"pod-{seed}", level_version, failures) if failures else ""
        path = f"{pods}/pod-{seed}/ephemeralcontainers?dryRun=All"
        patch = {"spec": {"ephemeralContainers": added}}

        def answered(path=path, patch=patch, expected=expected) -> int:
            answer = server.send("PATCH", path, patch, "application/strategic-merge-patch+json")
            return answer.status if answer.status == 422 or answer.message == expected else 0

        # Admission has the labels of namespaces in a cache of its own.
        status = control_plane.wait_until(f"the server to answer {expected!r} for seed {seed}", answered)
        compared += status != 422
    assert compared >= 40


def relabel(control_plane: ControlPlane, namespace: str, policy: tuple[str, str]) -> None:
    labels = {"pod-security.kubernetes.io/enforce": policy[0], "pod-security.kubernetes.io/enforce-version": policy[1]}
    status, answer = control_plane.request(
        "PATCH", f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}},
        content_type="application/merge-patch+json",
    )  # fmt: skip
    assert status == 200, answer
