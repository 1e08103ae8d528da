"""Every incident of a 403 that a grant ends, on a real API server: refused, planned, applied through the gate, allowed;
and nothing dangerous is allowed besides."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from k8srun.apply import Journal, Options, apply, preview
from k8srun.assessment.symptoms import diagnose
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.dangers import DANGERS
from k8srun.authorization.denials.case import Case, World
from k8srun.authorization.denials.diagnosis import DIAGNOSIS_NEEDS
from k8srun.authorization.denials.forbidden import GRANTABLE
from k8srun.authorization.denials.reading import read
from k8srun.authorization.fixes.earlier import earlier
from k8srun.authorization.fixes.impact import impact
from k8srun.authorization.fixes.needed import needed
from k8srun.authorization.fixes.options import Way, propose
from k8srun.authorization.fixes.plans import grant_plan
from k8srun.authorization.reviews import review_of
from k8srun.change import AnswerState, ChangeStatus
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING, SERVICE_ACCOUNT
from k8srun.lab import incidents
from k8srun.sources.collect import read_lab
from k8srun.sources.live import read_live
from tests.apply.clusters import target

RBAC = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
PREFIX = "authz-"
KNOWN = [one for one in incidents() if one.domain == "authorization" and one.cause in GRANTABLE]
METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


def renamed(item):
    """An RBAC object of the lab with names of this test's own: the server is shared."""
    text = json.dumps({key: item[key] for key in ("apiVersion", "kind", "metadata", "rules", "roleRef", "subjects",
                                                  "automountServiceAccountToken") if key in item})  # fmt: skip
    copy = json.loads(text)
    metadata = {"name": copy["metadata"]["name"]}
    if copy["metadata"].get("namespace"):
        metadata["namespace"] = PREFIX + copy["metadata"]["namespace"]
    elif copy["kind"].startswith("ClusterRole"):
        metadata["name"] = PREFIX + metadata["name"]
    copy["metadata"] = metadata
    for subject in copy.get("subjects") or ():
        if subject.get("namespace"):
            subject["namespace"] = PREFIX + subject["namespace"]
    role = copy.get("roleRef")
    if role and role["kind"] == "ClusterRole" and role["name"] not in {"view", "edit", "admin", "cluster-admin"}:
        role["name"] = PREFIX + role["name"]
    return copy


def moved(name):
    """A user or a namespace under the name that it has in this test."""
    head, _, rest = name.partition("system:serviceaccount:")
    return f"{head}system:serviceaccount:{PREFIX}{rest}" if rest else name


def path_of(item, plural):
    namespace = item["metadata"].get("namespace", "")
    root = "/api/v1" if item["apiVersion"] == "v1" else f"/apis/{item['apiVersion']}"
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


@pytest.fixture(scope="module")
def labs_objects(labs):
    """What an incident's lab holds of RBAC, by incident; the bootstrap roles of the server are its own."""

    def of(name):
        snapshot = read_lab(labs[name], labs[name].now)
        kinds = {ROLE: "roles", CLUSTER_ROLE: "clusterroles", ROLE_BINDING: "rolebindings",
                 CLUSTER_ROLE_BINDING: "clusterrolebindings", SERVICE_ACCOUNT: "serviceaccounts"}  # fmt: skip
        for kind, plural in kinds.items():
            for item in snapshot.of(kind):
                metadata = item["metadata"]
                system = "kubernetes.io/bootstrapping" in (metadata.get("labels") or {})
                outside = metadata.get("namespace") in {"kube-system", "kube-public", "default", "kube-node-lease"}
                shipped = metadata["name"].startswith(("system:", "kubeadm:")) or metadata["name"] == "default"
                if not (system or outside or shipped):
                    yield plural, renamed(item)

    return of


@pytest.fixture
def company(control_plane, labs_objects):
    """Puts the RBAC of an incident on the server, and takes it away again."""
    made = []

    def build(name):
        objects = list(labs_objects(name))
        for namespace in sorted(
            {item["metadata"]["namespace"] for _, item in objects if "namespace" in item["metadata"]}
        ):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            control_plane.request("POST", "/api/v1/namespaces", body)  # 409: of the test before
        for plural, item in objects:
            path = path_of(item, plural)
            control_plane.create(path, item)
            made.append(f"{path}/{item['metadata']['name']}")

    yield build
    for path in reversed(made):
        control_plane.request("DELETE", path)


@pytest.fixture(scope="module", autouse=True)
def no_namespaces_are_left(control_plane):
    yield
    _status, found = control_plane.request("GET", "/api/v1/namespaces")
    for item in found["items"]:
        if item["metadata"]["name"].startswith(PREFIX):
            control_plane.request("DELETE", f"/api/v1/namespaces/{item['metadata']['name']}")


def send(control_plane, identity, request):
    """The request itself, as who was refused; the status and the answer."""
    root = f"/apis/{request.group}/v1" if request.group else "/api/v1"
    where = f"/namespaces/{request.namespace}" if request.namespace else ""
    parts = [f"{root}{where}/{request.resource}", *(part for part in (request.name, request.subresource) if part)]
    groups = tuple(group for group in identity.groups if group != "system:authenticated")
    body = {} if request.verb in {"create", "patch"} else None
    content = "application/merge-patch+json" if request.verb == "patch" else "application/json"
    return control_plane.request(
        METHODS[request.verb], "/".join(parts), body, user=identity.user, groups=groups, content_type=content
    )


def refused(control_plane, identity, request):
    """The server's denial, once its authorizer has seen everything that was written."""
    status, answer = send(control_plane, identity, request)
    assert status == 403, answer
    return answer["message"]


def dangerous(control_plane, identity, namespaces):
    """Every dangerous thing that the server allows the identity, by asking it."""
    allowed = set()
    for danger in DANGERS:
        for probe in danger.probes[:2]:
            for namespace in ("", *namespaces):
                asked = replace(probe, namespace=namespace)
                review = control_plane.create(REVIEWS, review_of(identity, asked))
                if review["status"]["allowed"]:
                    allowed.add((danger.id, asked))
    return allowed


def observe(control_plane):
    return read_live(kubeconfig=str(control_plane.kubeconfig()), needs=DIAGNOSIS_NEEDS, now=datetime.now(UTC))


@pytest.mark.parametrize("incident", KNOWN, ids=[one.name for one in KNOWN])
def test_the_fix_of_an_incident_lets_its_request_pass_and_nothing_dangerous_besides(
    control_plane, company, tmp_path, incident
):
    company(incident.name)
    denial = read(incident.symptom)
    request = replace(denial.request, namespace=PREFIX + denial.request.namespace if denial.request.namespace else "")
    identity = Identity(moved(denial.identity.user)).as_authenticated()
    control_plane.wait_until("the roles to count", lambda: send(control_plane, identity, request)[0] == 403)

    message = refused(control_plane, identity, request)
    snapshot = observe(control_plane)
    found = diagnose(message, snapshot, datetime.now(UTC))
    assert [cause.id for cause in found.confirmed] == [incident.cause]

    case = Case(read(message), World(snapshot, datetime.now(UTC)))
    wanted = needed(case.request, denial.client)
    proposal = propose(case.identity, wanted, snapshot)
    plan = grant_plan(proposal, proposal.options[0], snapshot)
    namespaces = {one.namespace for one in wanted} - {""}
    before = dangerous(control_plane, identity, namespaces)
    chosen, journal = target(control_plane), Journal(tmp_path / "journal.jsonl")
    options = Options(impact=lambda again: impact(again.steps, observe(control_plane)), patience=10.0)
    shown = preview(plan, chosen, journal=journal, options=options)
    outcome = apply(plan, chosen, shown.confirm, journal=journal, options=options)

    assert outcome.status is ChangeStatus.APPLIED
    assert outcome.fixed is AnswerState.FIXED, [answer.detail for answer in outcome.answers]
    assert send(control_plane, identity, request)[0] != 403
    gained = {
        (danger, probe)
        for danger, probe in dangerous(control_plane, identity, namespaces) - before
        if (probe.verb, probe.group, probe.resource, probe.subresource)
        not in {(one.verb, one.group, one.resource, one.subresource) for one in wanted}
    }
    assert gained == set()
    for step in reversed(plan.steps):
        kind = step.target.kind.lower() + "s"
        where = f"/namespaces/{step.target.namespace}" if step.target.namespace else ""
        control_plane.request("DELETE", f"/apis/{RBAC}/v1{where}/{kind}/{step.target.name}")


def test_what_worked_in_an_older_snapshot_is_put_back(control_plane, company, tmp_path):
    company("rbac-wrong-namespace")
    request = Attributes("patch", "apps", "deployments", "", f"{PREFIX}payments", "api")
    identity = Identity.of_service_account(f"{PREFIX}platform", "deployer")
    control_plane.wait_until("the roles to count", lambda: send(control_plane, identity, request)[0] != 403)
    before = observe(control_plane)
    path = f"/apis/{RBAC}/v1/namespaces/{PREFIX}payments/rolebindings/deployer"
    control_plane.request("DELETE", path)
    control_plane.wait_until("the binding to be gone", lambda: send(control_plane, identity, request)[0] == 403)

    now = observe(control_plane)
    told = earlier(identity, request, now, before)
    proposal = propose(identity, needed(request), now, before=told)
    assert proposal.options[0].way is Way.RESTORE
    assert "is gone" in told.changed[0].fact
    plan = grant_plan(proposal, proposal.options[0], now)
    chosen, journal = target(control_plane), Journal(tmp_path / "journal.jsonl")
    options = Options(patience=10.0)
    outcome = apply(
        plan, chosen, preview(plan, chosen, journal=journal, options=options).confirm, journal=journal, options=options
    )
    assert (outcome.status, outcome.fixed) == (ChangeStatus.APPLIED, AnswerState.FIXED)
    assert send(control_plane, identity, request)[0] != 403


def test_a_pod_of_the_default_account_passes_once_it_runs_as_the_one_that_is_bound(control_plane, company):
    company("rbac-default-account")
    request = Attributes("get", "", "configmaps", "", f"{PREFIX}data", "report-queries")
    default = Identity.of_service_account(f"{PREFIX}data", "default")
    message = refused(control_plane, default, request)
    found = diagnose(message, observe(control_plane), datetime.now(UTC))
    assert [cause.id for cause in found.confirmed] == ["default-service-account"]
    assert "reports" in str(found.confirmed[0].evidence[1])
    meant = Identity.of_service_account(f"{PREFIX}data", "reports")
    control_plane.wait_until("the binding to count", lambda: send(control_plane, meant, request)[0] == 404)


def test_a_person_passes_once_they_are_in_the_group_that_is_bound(control_plane, company):
    company("rbac-wrong-namespace")
    request = Attributes("list", "", "pods", "", f"{PREFIX}shop")
    new = Identity("mara.lindt", ("marlow:new-starters",)).as_authenticated()
    developer = Identity("mara.lindt", ("marlow:shop-developers",)).as_authenticated()
    control_plane.wait_until("the binding to count", lambda: send(control_plane, developer, request)[0] == 200)
    refused(control_plane, new, request)
    snapshot = observe(control_plane)
    text = {"kind": "Event", "verb": "list", "user": {"username": new.user, "groups": list(new.groups)},
            "objectRef": {"resource": "pods", "namespace": request.namespace}, "requestURI": "/",
            "responseStatus": {"code": 403, "message": ""},
            "annotations": {"authorization.k8s.io/decision": "forbid"}}  # fmt: skip
    found = diagnose(json.dumps(text), snapshot, datetime.now(UTC))
    assert [cause.id for cause in found.confirmed] == ["group-missing"]
    assert "marlow:shop-developers" in found.confirmed[0].fix.summary
