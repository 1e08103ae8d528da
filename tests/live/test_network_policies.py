"""Generated policies against a real kube-apiserver: it accepts them, and its defaulting changes no answer.

The kinds of network-policy-api are not served here: their CRDs are no part of Kubernetes, and are compared with the
naive evaluator alone.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest
import yaml

from k8srun.network.asking import ask
from k8srun.network.cluster import read_network
from k8srun.network.connectivity import By, rows
from k8srun.network.decision import Verdict
from k8srun.network.needs import NEEDS
from k8srun.network.reach import reach
from k8srun.network.world import World
from k8srun.sources.live import read_live
from tests.network.generate import Generator, snapshot_of
from tests.network.test_reading import BROKEN

SEEDS = range(0, 2400, 3)  # of the clusters that the agreement with the naive evaluator was tried on, the even ones
ACCEPTED, REFUSED = 201, {400, 422}


@pytest.fixture(scope="module")
def submit(control_plane):
    """Have the server admit, default and give back a policy, without storing it."""
    namespace = control_plane.create_namespace()
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies?dryRun=All&fieldValidation=Strict"

    def send(spec):
        body = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "generated"},
            "spec": spec,
        }
        return control_plane.request("POST", path, body)

    return send


def mapped(cluster):
    found = rows(reach(read_network(snapshot_of(cluster))), By.POD, lambda *_: "")
    return [(row.source, row.destination, dict(row.connections), dict(row.unknown)) for row in found]


@pytest.mark.slow
def test_the_server_accepts_every_generated_policy_and_its_defaults_change_no_answer(submit):
    defaulted = 0
    for seed in SEEDS:
        cluster = Generator(seed, odd=False).cluster()
        stored = copy.deepcopy(cluster)
        for item in stored["policies"]:
            status, answer = submit(item["spec"])
            assert status == ACCEPTED, (seed, answer["message"])
            defaulted += answer["spec"] != item["spec"]
            item["spec"] = answer["spec"]
        assert mapped(stored) == mapped(cluster), seed
    assert defaulted > len(SEEDS)  # else nothing was left to the server


@pytest.mark.parametrize("spec", BROKEN.values(), ids=BROKEN)
def test_the_server_refuses_what_is_called_a_problem(submit, spec):
    status, answer = submit(yaml.safe_load(spec))
    assert status in REFUSED, answer


def test_a_question_to_a_live_cluster_is_answered_from_what_it_serves(control_plane):
    mine = control_plane.create_namespace()
    for name in ("web", "db", "other"):
        container = {
            "name": "main",
            "image": "registry.example/app:1",
            "ports": [{"name": "sql", "containerPort": 5432}],
        }
        body = {"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [container]}}
        control_plane.create(f"/api/v1/namespaces/{mine}/pods", body)
    peer = {"podSelector": {"matchLabels": {"app": "web"}}}
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [peer], "ports": [{"port": "sql"}]}]}
    body = {"metadata": {"name": "db"}, "spec": spec}
    control_plane.create(f"/apis/networking.k8s.io/v1/namespaces/{mine}/networkpolicies", body)

    kubeconfig = str(control_plane.kubeconfig(user=None))
    world = World(read_live(kubeconfig=kubeconfig, needs=NEEDS, now=datetime.now(UTC)))

    assert world.network.doubts == ()
    assert ask(world, f"{mine}/web", f"{mine}/db", port="5432/TCP").verdict is Verdict.ALLOWED
    denied = ask(world, f"{mine}/other", f"{mine}/db", port="5432/TCP")
    assert (denied.verdict, denied.ingress.policy) == (Verdict.DENIED, f"NetworkPolicy {mine}/db")
