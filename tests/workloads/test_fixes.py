"""Plans that mend workloads: they reach what they promise, change no more, and say what they may break."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.apply import Journal, Options, apply, preview
from k8srun.apply.lab import LabTarget
from k8srun.assessment.remedies import plan_of
from k8srun.change import AnswerState, ChangeStatus
from k8srun.codec import encode
from k8srun.errors import InputError, RefusedError
from k8srun.jsonpatch import patched
from k8srun.kinds import DEPLOYMENT, POD, SERVICE_ACCOUNT
from k8srun.lab import HEALTHY, build
from k8srun.pods import pod_template
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.sources.files import read_files
from k8srun.workloads.fixes import find_workload, hardening_plan, token_plan
from k8srun.workloads.fixes_access import pull_secret_plan, relabel_plan
from k8srun.workloads.fixes_scratch import directory_of, scratch_plan
from k8srun.workloads.policy import Level, LevelVersion, Mode, Version
from k8srun.workloads.standards.evaluate import evaluate
from k8srun.workloads.standards.subject import read_subject
from tests.workloads.cluster import (
    IMAGE,
    cluster,
    container,
    deployment,
    given_uid,
    namespace,
    pod,
    pod_spec,
    registry_secret,
    service_account,
)

RESTRICTED = LevelVersion(Level.RESTRICTED)
BASELINE = LevelVersion(Level.BASELINE)
BARE = {"containers": [{"name": "web", "image": IMAGE}]}


def hardened(spec, policy=RESTRICTED, **options):
    """The plan for a Deployment of that pod spec, and the pod spec afterwards."""
    snapshot = cluster(given_uid(deployment(spec=spec)), namespace())
    template = find_workload(snapshot, "shop/web")
    plan = hardening_plan(snapshot, template, policy, **options)
    (step,) = plan.steps
    return plan, patched(template.item, step.patch)["spec"]["template"]["spec"]


def violations(spec, policy=RESTRICTED):
    return evaluate(read_subject(pod_template(DEPLOYMENT, deployment(spec=spec)), as_pod=True), policy)


def test_a_bare_workload_meets_restricted_with_four_fields():
    plan, spec = hardened(BARE)
    assert violations(spec) == ()
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert plan.impact[0] == "Restarts nothing: none of the pods of Deployment.apps shop/web run."


def test_every_change_says_what_it_may_break_and_how_to_find_out():
    plan, _ = hardened(BARE)
    risks = [line for line in plan.impact if line.startswith("May break")]
    assert len(risks) == 4
    assert all("Find out: " in line for line in risks)


def test_an_old_annotation_that_says_what_the_field_will_say_is_in_no_ones_way():
    item = deployment(spec=BARE)
    item["spec"]["template"]["metadata"]["annotations"] = {
        "seccomp.security.alpha.kubernetes.io/pod": "runtime/default"
    }
    snapshot = cluster(given_uid(item), namespace())
    assert hardening_plan(snapshot, find_workload(snapshot, "shop/web"), RESTRICTED).steps


def test_what_meets_the_level_is_left_alone():
    spec = pod_spec(container(), {"name": "side", "image": IMAGE})
    plan, after = hardened(spec)
    assert after["containers"][0] == container()
    assert all("/containers/0" not in operation["path"] for operation in plan.steps[0].patch)


def test_a_container_with_a_port_below_1024_keeps_the_right_to_bind_it():
    spec = {"containers": [{"name": "web", "image": IMAGE, "ports": [{"containerPort": 80}]}]}
    _, after = hardened(spec)
    assert after["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
    assert violations(after) == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"privileged": True},
        {"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}},
        {"procMount": "Unmasked"},
        {"seccompProfile": {"type": "Unconfined"}},
        {"appArmorProfile": {"type": "Unconfined"}},
        {"seLinuxOptions": {"type": "spc_t", "level": "s0"}},
    ],
)
def test_every_field_that_baseline_forbids_is_mended_and_no_other(fields):
    spec = {"containers": [{"name": "web", "image": IMAGE, "securityContext": fields}]}
    plan, after = hardened(spec, BASELINE)
    assert violations(after, BASELINE) == ()
    assert violations(after), "it need not meet restricted"
    assert len([one for one in plan.steps[0].patch if one["op"] != "test"]) == 1


def test_the_nodes_namespaces_ports_and_sysctls_are_given_up():
    spec = {
        "hostNetwork": True,
        "hostPID": True,
        "securityContext": {"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]},
        "containers": [{"name": "web", "image": IMAGE, "ports": [{"containerPort": 8080, "hostPort": 8080}]}],
    }
    _, after = hardened(spec, BASELINE)
    assert violations(after, BASELINE) == ()
    assert "hostNetwork" not in after


def test_probes_and_hooks_ask_the_pod_itself():
    web = {
        **container(),
        "livenessProbe": {"httpGet": {"port": 80, "host": "127.0.0.1", "path": "/up"}},
        "readinessProbe": {"exec": {"command": ["true"]}},
        "lifecycle": {"preStop": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}},
    }
    _, after = hardened(pod_spec(web))
    assert violations(after) == ()
    assert after["containers"][0]["livenessProbe"] == {"httpGet": {"port": 80, "path": "/up"}}


def test_a_windows_workload_gets_no_field_that_only_linux_has():
    spec = {"os": {"name": "windows"}, **BARE}
    _, after = hardened(spec, user=1000)
    assert after["securityContext"] == {"runAsNonRoot": True}
    with pytest.raises(RefusedError, match="allowPrivilegeEscalation"):
        hardened(spec, LevelVersion(Level.RESTRICTED, Version(24)))


def test_a_volume_of_the_node_is_refused_with_what_to_do():
    spec = {**BARE, "volumes": [{"name": "logs", "hostPath": {"path": "/var/log"}}]}
    with pytest.raises(RefusedError, match=r"hostPath.*\n.*PersistentVolumeClaim"):
        hardened(spec)


def test_what_an_annotation_asks_for_is_refused_rather_than_tried_for_ever():
    item = deployment(spec=BARE)
    item["spec"]["template"]["metadata"]["annotations"] = {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}
    snapshot = cluster(given_uid(item), namespace())
    with pytest.raises(RefusedError, match="seccompProfile"):
        hardening_plan(snapshot, find_workload(snapshot, "shop/web"), LevelVersion(Level.BASELINE, Version(18)))
    with pytest.raises(RefusedError, match="seccompProfile"):  # the API wants field and annotation alike
        hardening_plan(snapshot, find_workload(snapshot, "shop/web"), RESTRICTED)


def test_a_workload_that_meets_the_level_already_is_said_so():
    with pytest.raises(InputError, match="meets restricted:latest already"):
        hardened(pod_spec())


def test_a_pod_cannot_be_changed_and_the_plan_says_what_to_change_instead():
    snapshot = cluster(given_uid(pod(spec=BARE)))
    with pytest.raises(RefusedError, match="Change the workload that makes it"):
        hardening_plan(snapshot, find_workload(snapshot, "shop/web"), RESTRICTED)


def test_secret_values_of_the_environment_are_not_part_of_the_patch():
    spec = {
        "containers": [
            {"name": "web", "image": IMAGE, "env": [{"name": "PASSWORD", "value": "<reduced: 9 characters>"}]}
        ]
    }
    plan, after = hardened(spec)
    assert "reduced" not in encode(plan).decode()
    assert after["containers"][0]["env"] == spec["containers"][0]["env"]


LEVELS = st.builds(
    LevelVersion,
    st.sampled_from([Level.BASELINE, Level.RESTRICTED]),
    st.builds(Version, st.sampled_from([19, 25, 31, 37])),
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "privileged": st.booleans(),
        "allowPrivilegeEscalation": st.booleans(),
        "runAsNonRoot": st.booleans(),
        "runAsUser": st.sampled_from([0, 1000]),
        "procMount": st.sampled_from(["Default", "Unmasked"]),
        "seccompProfile": st.sampled_from([{"type": "Unconfined"}, {"type": "RuntimeDefault"}]),
        "capabilities": st.fixed_dictionaries(
            {}, optional={"add": st.lists(st.sampled_from(["CHOWN", "NET_ADMIN", "NET_BIND_SERVICE"]), max_size=3)}
        ),
    },
)


@given(LEVELS, st.lists(CONTEXTS, min_size=1, max_size=3), st.sampled_from([0, 10001]))
def test_whatever_was_hardened_meets_the_level(policy, contexts, user):
    spec = {
        "containers": [
            {"name": f"c{number}", "image": IMAGE, "securityContext": context}
            for number, context in enumerate(contexts)
        ]
    }
    try:
        _, after = hardened(spec, policy, user=user)
    except InputError:
        assert violations(spec, policy) == ()
    else:
        assert violations(after, policy) == ()


def test_a_pull_secret_is_added_to_the_workload_beside_those_of_its_service_account():
    snapshot = cluster(
        given_uid(deployment()),
        service_account(imagePullSecrets=[{"name": "base"}]),
        registry_secret("base", "other.example"),
        registry_secret("mine", "registry.example"),
    )
    plan = pull_secret_plan(snapshot, find_workload(snapshot, "shop/web"), "mine")
    added = plan.steps[0].patch[-1]
    assert (added["op"], added["value"]) == ("add", [{"name": "base"}, {"name": "mine"}])
    assert any("otherwise lose" in line for line in plan.impact)


def test_a_pull_secret_for_the_service_account_restarts_nothing_and_says_so():
    snapshot = cluster(
        given_uid(deployment()), given_uid(service_account()), registry_secret("mine", "registry.example")
    )
    plan = pull_secret_plan(snapshot, find_workload(snapshot, "shop/web"), "mine", to_account=True)
    assert plan.steps[0].target.kind == "ServiceAccount"
    assert any("rollout restart deployment/web" in line for line in plan.impact)


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ([], "cannot be used to pull: not there"),
        ([registry_secret("mine", "other.example")], "is for other.example"),
        ([registry_secret("mine", error="not valid JSON")], "cannot be used to pull: not valid JSON"),
    ],
)
def test_a_pull_secret_that_would_not_help_is_refused(secrets, message):
    snapshot = cluster(given_uid(deployment()), service_account(), *secrets)
    with pytest.raises(InputError, match=message):
        pull_secret_plan(snapshot, find_workload(snapshot, "shop/web"), "mine")


@pytest.mark.parametrize("to_account", [False, True])
def test_a_pull_secret_that_is_attached_already_is_not_attached_twice(to_account):
    attached = {"imagePullSecrets": [{"name": "mine"}]}
    spec, account = (pod_spec(), attached) if to_account else (pod_spec(**attached), {})
    snapshot = cluster(
        given_uid(deployment(spec=spec)), service_account(**account), registry_secret("mine", "registry.example")
    )
    with pytest.raises(InputError, match="lists the pull secret mine already"):
        pull_secret_plan(snapshot, find_workload(snapshot, "shop/web"), "mine", to_account=to_account)


def test_a_pod_cannot_be_given_a_pull_secret_and_its_service_account_can():
    snapshot = cluster(given_uid(pod()), given_uid(service_account()), registry_secret("mine", "registry.example"))
    template = find_workload(snapshot, "shop/web")
    with pytest.raises(RefusedError, match="a pod's spec cannot be changed"):
        pull_secret_plan(snapshot, template, "mine")
    assert pull_secret_plan(snapshot, template, "mine", to_account=True).steps


def test_pull_secrets_of_a_service_account_that_was_not_read_may_be_lost_and_the_plan_says_so():
    gap = Gap(Area.OBJECTS, str(SERVICE_ACCOUNT), GapReason.FORBIDDEN)
    snapshot = cluster(given_uid(deployment()), registry_secret("mine", "registry.example"), gaps=(gap,))
    plan = pull_secret_plan(snapshot, find_workload(snapshot, "shop/web"), "mine")
    assert any(line.startswith("Loses the pull secrets of its ServiceAccount, if") for line in plan.impact)


def test_a_token_that_nobody_needs_is_not_mounted_any_more():
    snapshot = cluster(given_uid(deployment()), service_account())
    plan = token_plan(snapshot, find_workload(snapshot, "shop/web"))
    assert plan.steps[0].patch[-1]["path"] == "/spec/template/spec/automountServiceAccountToken"
    off = cluster(given_uid(deployment(spec=pod_spec(automountServiceAccountToken=False))))
    with pytest.raises(InputError, match="not mounted already"):
        token_plan(off, find_workload(off, "shop/web"))


def test_a_namespace_gets_a_level_that_everything_in_it_meets():
    snapshot = cluster(given_uid(namespace("shop", enforce="baseline")), deployment(), pod())
    plan = relabel_plan(snapshot, "shop", LevelVersion(Level.RESTRICTED, Version(37)))
    values = {one["path"].rpartition("~1")[2]: one["value"] for one in plan.steps[0].patch if one["op"] != "test"}
    assert values == {"enforce": "restricted", "enforce-version": "v1.37"}


def test_a_namespace_in_which_something_would_be_refused_is_not_relabelled():
    snapshot = cluster(given_uid(namespace("shop", enforce="baseline")), deployment(), pod(spec=BARE))
    with pytest.raises(RefusedError, match="1 pod or workload would be refused at restricted:latest: Pod shop/web"):
        relabel_plan(snapshot, "shop", RESTRICTED)


def test_a_template_that_would_be_refused_counts_although_no_pod_of_it_runs():
    snapshot = cluster(given_uid(namespace("shop", enforce="baseline")), deployment(spec=BARE))
    with pytest.raises(RefusedError, match=r"Deployment\.apps shop/web"):
        relabel_plan(snapshot, "shop", RESTRICTED)


def test_nothing_is_proven_where_pods_could_not_be_read():
    gap = Gap(Area.OBJECTS, str(POD), GapReason.FORBIDDEN, "pods is forbidden")
    snapshot = cluster(given_uid(namespace("shop", enforce="baseline")), gaps=(gap,))
    with pytest.raises(RefusedError, match=r"not proven.*forbidden"):
        relabel_plan(snapshot, "shop", RESTRICTED)


@pytest.mark.parametrize("damaged", [{"metadata": {"name": "x", "namespace": "shop"}}, {**pod("x"), "spec": "none"}])
def test_nothing_is_proven_where_a_pod_has_no_spec_that_can_be_read(damaged):
    bare = {"apiVersion": "v1", "kind": "Pod", **damaged}
    with pytest.raises(RefusedError, match=r"not proven.*Pod shop/x: spec"):
        relabel_plan(cluster(given_uid(namespace("shop", enforce="baseline")), bare), "shop", RESTRICTED)
    elsewhere = {**bare, "metadata": {"name": "x", "namespace": "other"}}
    assert relabel_plan(cluster(given_uid(namespace("shop", enforce="baseline")), elsewhere), "shop", RESTRICTED)


def test_a_job_that_has_ended_keeps_no_namespace_from_its_level():
    job = {**deployment(spec=BARE), "apiVersion": "batch/v1", "kind": "Job"}
    ended = {**job, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    assert relabel_plan(cluster(given_uid(namespace("shop", enforce="baseline")), ended), "shop", RESTRICTED)
    with pytest.raises(RefusedError, match=r"Job\.batch shop/web"):
        relabel_plan(cluster(given_uid(namespace("shop", enforce="baseline")), job), "shop", RESTRICTED)


def test_warning_of_a_level_needs_no_proof():
    snapshot = cluster(given_uid(namespace("shop", enforce="baseline")), pod(spec=BARE))
    assert relabel_plan(snapshot, "shop", RESTRICTED, mode=Mode.WARN).steps


def test_a_workload_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(InputError, match=r"In shop there are: web"):
        find_workload(cluster(deployment()), "shop/wbe")


def test_two_workloads_of_one_name_are_told_apart_by_their_kind():
    snapshot = cluster(deployment(), {**deployment(), "kind": "StatefulSet"})
    with pytest.raises(InputError, match=r"shop/deployment\.apps/web, shop/statefulset\.apps/web|2 workloads"):
        find_workload(snapshot, "shop/web")
    assert find_workload(snapshot, "shop/deployment/web").ref == "Deployment.apps shop/web"


def test_on_the_lab_the_refused_workload_is_hardened_and_the_plan_verified(tmp_path):
    now = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
    lab = build(tmp_path / "lab", "pod-security-refused", now)
    snapshot = read_files([str(lab.manifests)], now=now)
    plan = hardening_plan(snapshot, find_workload(snapshot, "payments/fraud-check"), RESTRICTED)
    target, journal = LabTarget(lab), Journal(tmp_path / "journal.jsonl")
    confirm = preview(plan, target, journal=journal).confirm
    outcome = apply(plan, target, confirm, journal=journal, options=Options(patience=0))
    assert outcome.status is ChangeStatus.APPLIED
    assert {answer.state for answer in outcome.answers} == {AnswerState.FIXED}
    again = find_workload(read_files([str(lab.manifests)], now=now), "payments/fraud-check")
    assert evaluate(read_subject(again, as_pod=True), RESTRICTED) == ()


@pytest.mark.parametrize(
    ("incident", "title"),
    [
        ("pod-security-refused", "Harden Deployment.apps payments/fraud-check to restricted:v1.37"),
        ("image-runs-as-root", "Run StatefulSet.apps shop/banner as user 10001"),
        (
            "read-only-root",
            "Let container status of StatefulSet.apps shop/status write to /var/cache/nginx/client_temp",
        ),
        ("pull-secret-not-attached", "Let StatefulSet.apps data/archiver pull with Secret registry"),
    ],
)
def test_the_diagnosis_of_an_incident_comes_with_the_plan_that_mends_it(incident, title, labs):
    lab = labs[incident]
    snapshot = read_files([str(lab.manifests)], now=lab.now)
    assert plan_of(lab.symptom, snapshot, lab.now).title == title


def test_there_is_no_plan_for_a_cause_that_a_person_must_mend(labs):
    lab = labs["image-tag-missing"]
    assert plan_of(lab.symptom, read_files([str(lab.manifests)], now=lab.now), lab.now) is None


def test_the_impact_counts_the_pods_that_are_replaced(labs):
    lab = labs[HEALTHY]
    snapshot = read_files([str(lab.manifests)], now=lab.now)
    plan = hardening_plan(snapshot, find_workload(snapshot, "data/postgres"), RESTRICTED)
    assert plan.impact[0].startswith("Restarts StatefulSet.apps data/postgres: its 2 pods are replaced, one after the")


def test_what_the_log_shows_that_it_needs_is_said_before_it_is_taken_away(labs):
    lab = labs["capability-dropped"]
    snapshot = read_files([str(lab.manifests)], now=lab.now)
    plan = hardening_plan(snapshot, find_workload(snapshot, "data/queue"), RESTRICTED)
    assert any("it needs CHOWN" in line for line in plan.impact)


def test_a_workload_whose_image_is_root_is_given_a_user_of_its_own(labs):
    lab = labs["image-runs-as-root"]
    snapshot = read_files([str(lab.manifests)], now=lab.now)
    bare = find_workload(snapshot, "shop/banner")
    bare.spec["securityContext"].pop("runAsNonRoot")
    plan = hardening_plan(snapshot, bare, RESTRICTED)
    added = {one["path"]: one.get("value") for one in plan.steps[0].patch}
    assert added["/spec/template/spec/securityContext/runAsUser"] == 10001


def with_scratch(spec, directory="/app/cache"):
    snapshot = cluster(given_uid(deployment(spec=spec)))
    template = find_workload(snapshot, "shop/web")
    plan = scratch_plan(snapshot, template, "web", directory)
    (step,) = plan.steps
    assert patched(patched(template.item, step.patch), step.undo.patch) == template.item, "it can be taken back"
    return patched(template.item, plan.steps[0].patch)["spec"]["template"]["spec"]


def test_a_container_gets_a_directory_to_write_to_beside_the_volumes_that_it_has():
    mounts = [{"name": "scratch-app-cache", "mountPath": "/x"}]
    own = pod_spec(container(volumeMounts=mounts), volumes=[{"name": "scratch-app-cache", "emptyDir": {}}])
    for spec, name in ((pod_spec(), "scratch-app-cache"), (own, "scratch-app-cache-1")):
        after = with_scratch(spec)
        assert after["volumes"][-1] == {"name": name, "emptyDir": {}}
        assert after["containers"][0]["volumeMounts"][-1] == {"name": name, "mountPath": "/app/cache"}
        assert violations(after) == ()


@pytest.mark.parametrize("directory", ["/", "relative"])
def test_nothing_is_mounted_over_the_whole_root(directory):
    with pytest.raises(InputError, match="cannot be mounted over"):
        with_scratch(pod_spec(), directory)


def test_a_volume_that_is_there_already_is_not_hidden():
    spec = pod_spec(container(volumeMounts=[{"name": "a", "mountPath": "/app/cache/"}]), volumes=[{"name": "a"}])
    with pytest.raises(InputError, match="has a volume at /app/cache already"):
        with_scratch(spec)


@pytest.mark.parametrize(
    ("path", "message", "directory"),
    [
        (
            "/var/cache/nginx/client_temp",
            'mkdir() "/var/cache/nginx/client_temp" failed',
            "/var/cache/nginx/client_temp",
        ),
        ("/app/data/log.txt", "open /app/data/log.txt: read-only file system", "/app/data"),
        ("/pid", "open /pid: read-only file system", "/"),
        ("", "read-only file system", "/"),
    ],
)
def test_the_directory_is_that_which_was_to_be_made_or_that_of_the_file(path, message, directory):
    assert directory_of(path, message) == directory
