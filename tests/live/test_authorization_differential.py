"""The engine's answers against those of a real kube-apiserver, on clusters and reviews made by chance."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import urllib3

from k8srun.assessment.checks import CHECKS
from k8srun.authorization.attributes import AUTHENTICATED, Attributes, Identity
from k8srun.authorization.chain import NEEDS, Authorization
from k8srun.authorization.escalation import may_write_binding, may_write_role
from k8srun.authorization.matching import allows
from k8srun.authorization.parse import Reader
from k8srun.authorization.paths import attack_paths
from k8srun.authorization.reviews import review_of
from k8srun.checks import evaluate
from k8srun.codec import encode, parse_json
from k8srun.findings import Verdict
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
def send(control_plane):
    """Send requests concurrently over connections that stay open, and give back status and answer of each, in order."""
    # One pool with room for every thread; that of the control plane keeps a single connection.
    credential = control_plane._credential("kubernetes-super-admin", ("system:masters",))
    with (
        urllib3.PoolManager(
            maxsize=8, cert_file=str(credential), ca_cert_data=control_plane.ca_pem.decode(), retries=False
        ) as pool,
        ThreadPoolExecutor(8) as threads,
    ):

        def one(request) -> tuple[int, Any]:
            method, path, body, headers = request
            headers = {"Content-Type": "application/json", **headers}
            answer = pool.request(method, control_plane.server + path, body=encode(body), headers=headers)
            return answer.status, parse_json(answer.data)

        yield lambda requests: list(threads.map(one, requests))


@pytest.fixture(scope="module")
def ask(send):
    """Post reviews and give back their statuses."""

    def answers(reviews) -> list[dict[str, Any]]:
        found = send([("POST", REVIEWS, review, {}) for review in reviews])
        assert {status for status, _ in found} <= {201}
        return [answer["status"] for _, answer in found]

    return answers


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
    # Worth something only where both answers are frequent.
    assert 0.05 < sum(answer["allowed"] for answer in answers) / len(answers) < 0.95
    told = [
        (pair, decision.reason, answer["reason"])
        for pair, decision, answer in zip(asked, ours, answers, strict=True)
        if decision.reason != answer.get("reason", "") and not same_but_for_order(engine, pair, decision, answer)
    ]
    assert told == []


def same_but_for_order(engine: Authorization, pair, decision, answer) -> bool:
    """The server's store has no order: which missing role it names first, and which of several bindings alone."""
    if not decision.allowed:
        return sorted(re.findall(r'"[^"]+"', decision.reason)) == sorted(re.findall(r'"[^"]+"', answer["reason"]))
    identity, request = pair
    held = engine.rbac.grants_of(identity, "" if request.path is not None else request.namespace)
    by = {grant.binding for grant in held if allows(grant.rule, request)}
    kinds = {
        text.split()[3] for text in (decision.reason, answer["reason"])
    }  # the server, too, asks cluster-wide first
    return len(by) > 1 and len(kinds) == 1


RBAC = "rbac.authorization.k8s.io"
WRITERS = "authz-writers"


def power(prefix: str, number: int, user: str, namespace: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A ClusterRole of these rules and its binding to a user, in a namespace or everywhere."""
    name = f"{prefix}power-{number}"
    subject = {"kind": "Group" if user == WRITERS else "User", "apiGroup": RBAC, "name": user}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    binding = {"kind": "RoleBinding" if namespace else "ClusterRoleBinding", "metadata": metadata}
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {"apiVersion": f"{RBAC}/v1", **binding, "roleRef": reference, "subjects": [subject]},
    ]


def over_rbac(verbs: list[str], resources: list[str], names: list[str] | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": [RBAC], "resources": resources, "verbs": verbs}
    return {**rule, "resourceNames": names} if names else rule


def powers(prefix: str) -> list[dict[str, Any]]:
    """Writers of RBAC, and users who may escalate or bind, everywhere, somewhere, or only some names."""
    every = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"]
    given = [
        (WRITERS, "", [over_rbac(["create", "update"], every)]),
        ("jane", "", [over_rbac(["escalate"], ["clusterroles"])]),
        ("Jane", NAMESPACES[0], [over_rbac(["escalate", "bind"], ["roles", "clusterroles"])]),
        ("web", "", [over_rbac(["escalate"], ["clusterroles"], [f"{prefix}cr-1", f"{prefix}cr-2"])]),
        ("web", "", [over_rbac(["bind"], ["clusterroles", "roles"], [f"{prefix}cr-1", f"{prefix}r-1"])]),
        ("nobody", "", [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]),
        ("oidc:eve/ops", "", [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                              {"nonResourceURLs": ["*"], "verbs": ["*"]}]),
        ("bob@example.com", NAMESPACES[1], [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
                                           {"nonResourceURLs": ["*"], "verbs": ["*"]}]),
    ]  # fmt: skip
    return [
        item for number, (user, space, rules) in enumerate(given) for item in power(prefix, number, user, space, rules)
    ]


def wanted_role(generated: Generated, held: list[dict[str, Any]], names: list[str]) -> tuple[dict[str, Any], bool]:
    """A role that somebody wants to write, of rules by chance or of rules that others hold; and whether it is new."""
    chance = generated.random
    namespace = chance.choice((*NAMESPACES, "", ""))
    rules = generated._rules(in_namespace=bool(namespace))
    pool = [rule for rule in held if not (namespace and "nonResourceURLs" in rule)]
    rules = chance.sample(pool, 1) if chance.random() < 0.4 else rules
    exists = not namespace and chance.random() < 0.4
    name = chance.choice(names) if exists else f"{generated.prefix}new"
    item: dict[str, Any] = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role" if namespace else "ClusterRole",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "rules": rules,
    }
    if not namespace and not exists and chance.random() < 0.2:
        item["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {"authz": "none"}}]}
    return item, not exists


@pytest.mark.slow
def test_escalation_and_bind_are_judged_as_the_server_judges_real_writes_under_impersonation(
    control_plane, namespaces, send
):
    generated = Generated(99, "authz-esc-")
    extra = powers(generated.prefix)
    try:
        for item in (*generated.objects, *extra):
            control_plane.create(collection(item), item)
        settled(control_plane, generated)
        rbac = Authorization.of(observed(control_plane)).rbac
        held = [rule for item in (*generated.objects, *extra) for rule in item.get("rules", ())]
        names = [f"{generated.prefix}cr-{number}" for number in range(1, 7)]
        requests, ours = [], []
        for _ in range(600):
            identity = generated.identity()
            headers = {"Impersonate-User": identity.user, "Impersonate-Group": WRITERS}
            # A ServiceAccount has its own groups only where the impersonator names none.
            who = Identity(identity.user, (WRITERS,))
            who = replace(who, groups=(WRITERS, AUTHENTICATED)) if who.service_account else who.as_authenticated()
            if generated.random.random() < 0.5:
                item, creates = wanted_role(generated, held, names)
                namespace, name = item["metadata"].get("namespace", ""), item["metadata"]["name"]
                role = Reader().role(item, namespace, name)
                verdict = may_write_role(rbac, who, role, creates=creates)
                path = collection(item) if creates else f"{collection(item)}/{name}"
            else:
                item = generated.random.choice([item for item in generated.objects if "roleRef" in item])
                item = {**item, "metadata": {**item["metadata"], "name": f"{generated.prefix}new"}}
                namespace, creates = item["metadata"].get("namespace", ""), True
                verdict = may_write_binding(rbac, who, Reader().binding(item, namespace, "new"))
                path = collection(item)
            requests.append(("POST" if creates else "PUT", f"{path}?dryRun=All", item, headers))
            ours.append(verdict)
        answers = send(requests)
    finally:
        remove(control_plane, generated.prefix)

    wrong = [
        (request, verdict, status, answer.get("message"))
        for request, verdict, (status, answer) in zip(requests, ours, answers, strict=True)
        if status not in ({200, 201} if verdict.allowed else {404} if verdict.missing_role else {403})
    ]
    assert wrong == []
    assert {"escalate", "bind", "held", ""} <= {verdict.by for verdict in ours}
    assert {True, False} == {verdict.allowed for verdict in ours}
    assert any(verdict.missing_role for verdict in ours)
    assert any(verdict.aggregation for verdict in ours)


def bootstrap(control_plane) -> Snapshot:
    """What the server made by itself."""
    whole = observed(control_plane)
    label = "kubernetes.io/bootstrapping"
    own = {
        kind: tuple(item for item in items if label in (item["metadata"].get("labels") or {}))
        for kind, items in whole.objects.items()
    }
    return replace(whole, objects=own)


def test_the_default_roles_of_the_server_are_read_without_a_fault_and_none_dangles(control_plane):
    rbac = Authorization.of(bootstrap(control_plane)).rbac

    assert rbac.faults == ()
    assert rbac.dangling == ()
    assert {"cluster-admin", "admin", "edit", "view"} <= {role.name for role in rbac.roles.values() if role.system}


def test_aggregation_of_authored_manifests_gives_the_default_roles_as_the_controller_wrote_them(control_plane):
    served = bootstrap(control_plane)
    authored = tuple(
        {
            **item,
            "metadata": {"name": item["metadata"]["name"], "labels": item["metadata"]["labels"]},
            "rules": [] if item.get("aggregationRule") else item["rules"],
        }
        for item in served.of(CLUSTER_ROLE)
    )
    stored = Authorization.of(served).rbac.roles
    ours = Authorization.of(replace(served, objects={**served.objects, CLUSTER_ROLE: authored})).rbac.roles

    aggregated = [key for key, role in stored.items() if role.aggregated]
    assert len(aggregated) >= 3
    for key in aggregated:
        assert ours[key].rules == stored[key].rules, key


def test_the_systems_own_grants_are_noise_to_the_checks_of_grants_and_to_attack_paths(control_plane):
    served = bootstrap(control_plane)
    grants = [check for check in CHECKS if check.id.startswith("RBAC-") and set(check.needs) <= set(NEEDS)]

    results = {check.id: evaluate(check, served, datetime.now(UTC)).verdict for check in grants}
    assert len(grants) > 10
    assert set(results.values()) == {Verdict.PASS}, results
    paths = attack_paths(Authorization.of(served).rbac, served)
    assert (paths.paths, bool(paths.system)) == ((), True)
