from __future__ import annotations

import pytest

from k8srun.checks import CheckResult, evaluate
from k8srun.findings import Severity, Verdict
from k8srun.kinds import POD, SECRET
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot
from k8srun.workloads.checks import CHECKS, allowed_images
from k8srun.workloads.image_policy import ImagePolicy
from k8srun.workloads.policy import Level, LevelVersion
from k8srun.workloads.posture import postures
from tests.certificates.model import NOW
from tests.workloads import check_cases
from tests.workloads.check_cases import broken, context
from tests.workloads.cluster import (
    IMAGE,
    bounds,
    cluster,
    container,
    deployment,
    namespace,
    pod,
    pod_spec,
    registry_secret,
    service_account,
)

BY_ID = {check.id: check for check in CHECKS}


def ask(check: str, snapshot: Snapshot) -> CheckResult:
    return evaluate(BY_ID[check], snapshot, NOW)


def messages(check: str, snapshot: Snapshot) -> list[str]:
    return [finding.message for finding in ask(check, snapshot).findings]


# Of one cause several rules are broken: these go together.
TOGETHER = {
    "W09-LATEST": {"W09-DIGEST"},
    "W05-ROOT": {"W13-PROFILES"},
    "W01-PRIVILEGED": {"W05-ESCALATION"},
}


@pytest.mark.parametrize("check", sorted(BY_ID))
def test_what_is_damaged_for_one_check_fails_only_that_one(check):
    snapshot = check_cases.CASES[check][1]()

    failed = {other for other in BY_ID if ask(other, snapshot).verdict is Verdict.FAIL}

    assert failed - {check} <= TOGETHER.get(check, set())


def test_what_belongs_to_the_cluster_itself_is_a_low_finding():
    snapshot = cluster(deployment(namespace="kube-system", spec=context(privileged=True)))

    assert [finding.severity for finding in ask("W01-PRIVILEGED", snapshot).findings] == [Severity.LOW]
    assert ask("W01-PRIVILEGED", broken(context(privileged=True))).findings[0].severity is Severity.CRITICAL


def test_a_workload_that_cannot_be_read_keeps_the_checks_from_passing():
    damaged = deployment(spec={"containers": [{"name": "web", "securityContext": {"privileged": "yes"}}]})

    result = ask("W01-PRIVILEGED", cluster(pod(), damaged))

    assert result.verdict is Verdict.UNKNOWN
    assert "spec.template.spec.containers[0].securityContext.privileged" in result.reason


def test_a_workload_without_a_template_keeps_the_checks_from_passing():
    damaged = deployment()
    del damaged["spec"]["template"]

    result = ask("W01-PRIVILEGED", cluster(pod(), damaged))

    assert result.verdict is Verdict.UNKNOWN
    assert "spec.template is missing" in result.reason


def test_what_is_found_elsewhere_is_told_although_one_workload_cannot_be_read():
    damaged = deployment("other", spec={"containers": []})

    assert ask("W01-PRIVILEGED", cluster(pod(spec=context(privileged=True)), damaged)).verdict is Verdict.FAIL


def test_a_pod_is_not_found_again_beside_the_workload_that_made_it():
    spec = context(privileged=True)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}
    replica_set = {**deployment("web-1", spec=spec, uid="rs"), "kind": "ReplicaSet"}
    replica_set["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": True}
    ]

    result = ask(
        "W01-PRIVILEGED",
        cluster(deployment(spec=spec, uid="d"), replica_set, pod("web-1-x", spec=spec, ownerReferences=[owner])),
    )

    assert [finding.resource for finding in result.findings] == ["Deployment.apps shop/web"]


def made_by(owner: str, name: str, spec: dict, **metadata) -> dict:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner, "controller": True}
    return pod(name, spec=spec, ownerReferences=[reference], **metadata)


def test_what_pods_have_beyond_their_template_is_found_once_for_the_workload_that_made_them():
    debugged = pod_spec(ephemeralContainers=[container("debugger", securityContext={"privileged": True})])
    pods = [made_by("d", name, debugged) for name in ("web-1", "web-2")]

    (finding,) = ask("W01-PRIVILEGED", cluster(deployment(uid="d"), *pods)).findings

    assert (finding.resource, finding.evidence[0].where) == (
        "Deployment.apps shop/web",
        "Pod shop/web-1 spec.containers",
    )
    assert "container debugger is privileged" in finding.message


def test_pods_that_have_ended_are_not_found_beyond_their_template():
    ended = {**made_by("d", "web-1", context(privileged=True)), "status": {"phase": "Failed"}}
    assert ask("W01-PRIVILEGED", cluster(deployment(uid="d"), ended)).verdict is Verdict.PASS


def test_a_pod_that_says_it_owns_itself_is_not_passed_over():
    itself = made_by("p", "web-1", context(privileged=True), uid="p")
    (finding,) = ask("W01-PRIVILEGED", cluster(itself)).findings
    assert finding.resource == "Pod shop/web-1"


def test_a_pod_that_cannot_be_read_keeps_the_checks_from_passing_whoever_made_it():
    damaged = made_by("d", "web-1", {"containers": []})
    assert ask("W01-PRIVILEGED", cluster(deployment(uid="d"), damaged)).verdict is Verdict.UNKNOWN


def test_the_posture_of_a_namespace_counts_pods_that_violate_more_than_their_template():
    debugged = context(privileged=True)
    pods = [made_by("d", name, debugged) for name in ("web-1", "web-2")]

    (found,) = postures(cluster(namespace(), deployment(uid="d"), *pods), LevelVersion(Level.BASELINE))

    assert [(one.template.ref, len(one.failures)) for one in found.judged] == [
        ("Deployment.apps shop/web", 0),
        ("Pod shop/web-1", 1),
    ]


def test_namespaces_say_what_each_level_would_refuse():
    (finding,) = ask(
        "W02-POD-SECURITY", cluster(namespace(warn="baseline"), pod(), pod("b", spec=pod_spec(hostPID=True)))
    ).findings

    assert [item.fact for item in finding.evidence] == [
        "no label pod-security.kubernetes.io/enforce",
        "restricted would refuse 1 of 2 pods",
        "baseline would refuse 1 of 2 pods",
    ]


def test_a_label_that_cannot_be_read_is_found_although_the_server_then_enforces_restricted():
    (finding,) = ask("W02-POD-SECURITY", cluster(namespace(enforce="Restricted"))).findings

    assert "must be one of privileged, baseline, restricted" in finding.message


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        (
            registry_secret("pull", "other.example"),
            "its pull secret pull matches none of its images: it is for other.example",
        ),
        (registry_secret("pull", "registry.example", kind="Opaque"), "its type is Opaque"),
        (registry_secret("pull", error="not valid JSON"), "the kubelet then pulls none of the pod's images"),
        (registry_secret("pull", "registry.example", usable=False), "none of its auths has a user or password"),
        (registry_secret("pull"), "holds no credential (it has no auths)"),
    ],
)
def test_a_pull_secret_of_no_use_is_found_with_the_reason(secret, message):
    snapshot = cluster(deployment(spec=pod_spec(imagePullSecrets=[{"name": "pull"}])), secret)

    (found,) = messages("W11-PULL-SECRET", snapshot)

    assert message in found


def test_a_pull_secret_of_the_service_account_need_not_match_every_workload():
    account = service_account(imagePullSecrets=[{"name": "pull"}])

    assert messages("W11-PULL-SECRET", cluster(deployment(), account, registry_secret("pull", "other.example"))) == []


def test_secrets_that_could_not_be_read_are_not_called_missing():
    gap = Gap(Area.OBJECTS, str(SECRET), GapReason.FORBIDDEN)
    snapshot = cluster(deployment(spec=pod_spec(imagePullSecrets=[{"name": "pull"}])), gaps=(gap,))

    assert ask("W11-PULL-SECRET", snapshot).verdict is Verdict.UNKNOWN


def test_an_image_policy_takes_its_registries_from_parameters():
    check = allowed_images(ImagePolicy(registries=("registry.example/shop",)))
    elsewhere = deployment("other", spec=pod_spec(container(image="registry.example/shopping/web:1")))

    assert evaluate(check, cluster(deployment()), NOW).verdict is Verdict.PASS
    (finding,) = evaluate(check, cluster(deployment(), elsewhere), NOW).findings
    assert "comes from registry.example, which is not allowed" in finding.message


def test_windows_pods_are_not_asked_for_what_linux_has():
    windows = pod_spec({"name": "web", "image": IMAGE}, os={"name": "windows"})
    del windows["securityContext"]

    for check in ("W05-ROOT", "W05-ESCALATION", "W06-CAPABILITIES", "W13-PROFILES"):
        assert messages(check, broken(windows)) == [], check


def test_root_in_a_user_namespace_is_not_root_on_the_node():
    root = {**pod_spec(), "securityContext": {"runAsUser": 0}}

    assert messages("W05-ROOT", broken(root)) == ["container web runs as root"]
    assert messages("W05-ROOT", broken({**root, "hostUsers": False})) == []


def test_hostile_names_cannot_act_in_a_message():
    hostile = container("web\x1b[2J")
    hostile["securityContext"]["privileged"] = True

    (message,) = messages("W01-PRIVILEGED", broken(pod_spec(hostile)))

    assert "\x1b" not in message
    assert "\\u{1b}" in message


def test_only_pods_being_read_leaves_the_other_kinds_unknown():
    read = Snapshot(NOW, objects={POD: (pod(),)}, observed=frozenset({Need.objects(POD)}))

    assert ask("W01-PRIVILEGED", read).verdict is Verdict.UNKNOWN


def test_a_quota_or_limit_range_that_is_empty_bounds_nothing():
    quota, limit_range = bounds()
    empty = [{**quota, "spec": {"hard": {}}}, {**limit_range, "spec": {"limits": []}}]
    assert messages("W12-BOUNDS", cluster(namespace(), pod(), *empty)) == [
        "nothing bounds what its pods take: it has no ResourceQuota and no LimitRange"
    ]
    assert messages("W12-BOUNDS", cluster(namespace(), pod(), quota, empty[1])) == [
        "nothing bounds what its pods take: it has no LimitRange"
    ]
