"""The engine's answers against those of a real kube-apiserver, on clusters and reviews made by chance."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from k8srun.authorization.attributes import Attributes, Identity, review_of
from k8srun.authorization.chain import NEEDS, Authorization
from k8srun.codec import encode, parse_json
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, RESOURCES, ROLE, ROLE_BINDING, Kind
from k8srun.snapshot import ServerInfo, Snapshot
from tests.authorization.generated import NAMESPACES, Generated

KINDS = (CLUSTER_ROLE, ROLE, CLUSTER_ROLE_BINDING, ROLE_BINDING)
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
CLUSTERS = 8
PER_CLUSTER = 2_600


def observed(control_plane) -> Snapshot:
    """All of RBAC as the server has it now."""
    objects: dict[Kind, tuple[Any, ...]] = {}
    for kind in KINDS:
        status, answer = control_plane.request("GET", RESOURCES[kind].path("v1"))
        assert status == 200
        objects[kind] = tuple(answer["items"])
    _, version = control_plane.request("GET", "/version")
    server = ServerInfo(version=version["gitVersion"])
    return Snapshot(datetime.now(UTC), server=server, objects=objects, observed=frozenset(NEEDS))


def collection(item) -> str:
    return RESOURCES[Kind("rbac.authorization.k8s.io", item["kind"])].path("v1", item["metadata"].get("namespace", ""))


def settled(control_plane, generated: Generated) -> None:
    """Wait until the controller wrote the rules of aggregated roles, and the authorizer saw every object."""
    aggregated = [item["metadata"]["name"] for item in generated.objects if "aggregationRule" in item]
    control_plane.wait_until("aggregation to settle", lambda: _still(control_plane, aggregated))
    # The last object written is a grant that nothing else makes: when the authorizer knows it, it knows all.
    mark = f"{generated.prefix}mark"
    rules = [{"verbs": ["see"], "apiGroups": ["mark"], "resources": ["marks"]}]
    control_plane.create(RESOURCES[CLUSTER_ROLE].path("v1"), {"metadata": {"name": mark}, "rules": rules})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": mark}
    subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": mark}]
    for kind in (CLUSTER_ROLE_BINDING, ROLE_BINDING):
        namespace = NAMESPACES[0] if kind == ROLE_BINDING else ""
        body = {"metadata": {"name": mark}, "roleRef": reference, "subjects": subjects}
        control_plane.create(RESOURCES[kind].path("v1", namespace), body)
    review = review_of(Identity(mark), Attributes("see", "mark", "marks"))
    control_plane.wait_until("the authorizer", lambda: control_plane.create(REVIEWS, review)["status"]["allowed"])


def _still(control_plane, names: list[str]) -> bool:
    before = [control_plane.request("GET", f"{RESOURCES[CLUSTER_ROLE].path('v1')}/{name}")[1] for name in names]
    control_plane.wait_until("the controller's turn", lambda: _turn(control_plane))
    after = [control_plane.request("GET", f"{RESOURCES[CLUSTER_ROLE].path('v1')}/{name}")[1] for name in names]
    return [item["metadata"]["resourceVersion"] for item in before] == [
        item["metadata"]["resourceVersion"] for item in after
    ]


def _turn(control_plane) -> bool:
    """One more aggregated role that the controller fills: it works through its queue in order, ours came before."""
    name = f"authz-turn-{random.getrandbits(40):x}"
    path = RESOURCES[CLUSTER_ROLE].path("v1")
    labels = {"authz-turn": name}
    rules = [{"verbs": ["see"], "apiGroups": ["mark"], "resources": [name]}]
    control_plane.create(path, {"metadata": {"name": f"{name}-part", "labels": labels}, "rules": rules})
    select = {"clusterRoleSelectors": [{"matchLabels": labels}]}
    control_plane.create(path, {"metadata": {"name": name}, "aggregationRule": select})
    control_plane.wait_until("the controller", lambda: control_plane.request("GET", f"{path}/{name}")[1].get("rules"))
    for part in (name, f"{name}-part"):
        control_plane.request("DELETE", f"{path}/{part}")
    return True


def remove(control_plane, prefix: str) -> None:
    for kind in KINDS:
        for item in control_plane.request("GET", RESOURCES[kind].path("v1"))[1]["items"]:
            if item["metadata"]["name"].startswith(prefix):
                full = {**item, "kind": kind.kind}
                control_plane.request("DELETE", f"{collection(full)}/{item['metadata']['name'].replace(':', '%3A')}")


@pytest.fixture(scope="module")
def namespaces(control_plane) -> Iterator[None]:
    for name in NAMESPACES:
        control_plane.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    yield
    for name in NAMESPACES:
        control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def ask(control_plane):
    """Post reviews concurrently over connections that stay open, and give back the statuses in order."""
    import urllib3

    # One pool with room for every thread; that of the control plane keeps a single connection.
    credential = control_plane._credential("kubernetes-super-admin", ("system:masters",))
    with (
        urllib3.PoolManager(
            maxsize=8, cert_file=str(credential), ca_cert_data=control_plane.ca_pem.decode(), retries=False
        ) as pool,
        ThreadPoolExecutor(8) as threads,
    ):

        def one(review) -> dict[str, Any]:
            headers = {"Content-Type": "application/json"}
            answer = pool.request("POST", control_plane.server + REVIEWS, body=encode(review), headers=headers)
            assert answer.status == 201, answer.data
            return parse_json(answer.data)["status"]

        yield lambda reviews: list(threads.map(one, reviews))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(CLUSTERS))
def test_every_review_of_a_generated_cluster_is_answered_as_the_server_answers_it(control_plane, namespaces, ask, seed):
    generated = Generated(seed, f"authz-{seed}-")
    try:
        for item in generated.objects:
            control_plane.create(collection(item), item)
        settled(control_plane, generated)
        engine = Authorization.of(observed(control_plane))
        assert engine.rbac.faults == ()
        asked = [generated.pair() for _ in range(PER_CLUSTER)]
        answers = ask([review_of(*pair) for pair in asked])
    finally:
        remove(control_plane, generated.prefix)

    ours = [engine.review(*pair) for pair in asked]
    wrong = [
        (pair, decision, answer)
        for pair, decision, answer in zip(asked, ours, answers, strict=True)
        if (decision.allowed, decision.denied) != (answer["allowed"], answer.get("denied", False))
    ]
    assert wrong == []
    # Worth something only where both answers are frequent, and denials tell of missing roles as the server does.
    assert 0.05 < sum(answer["allowed"] for answer in answers) / len(answers) < 0.95
    said = {answer.get("reason", "") for answer in answers if not answer["allowed"]}
    assert {decision.reason for decision in ours if not decision.allowed and "[" not in decision.reason} == {
        reason for reason in said if "[" not in reason
    }
