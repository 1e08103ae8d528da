"""Reading messages about pods, and judging their causes by what a snapshot shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.assessment.scene import Scene
from k8srun.assessment.symptoms import diagnose
from k8srun.assessment.workloads import WORKLOADS
from k8srun.diagnosis import CauseStatus
from k8srun.kinds import SECRET
from k8srun.snapshot import Area, Gap, GapReason, Snapshot
from k8srun.workloads.diagnosis import _JUDGES
from k8srun.workloads.diagnosis_causes import CAUSES
from k8srun.workloads.symptoms import CATALOGUE, TRIGGER, nearest, read
from tests.certificates.model import NOW
from tests.workloads.cluster import (
    IMAGE,
    cluster,
    container,
    deployment,
    namespace,
    pod,
    pod_spec,
    registry_secret,
    service_account,
)

CONFIRMED, OPEN, RULED_OUT = CauseStatus.CONFIRMED, CauseStatus.OPEN, CauseStatus.RULED_OUT
NOTHING = Snapshot(NOW)

FAILED = 'Failed to pull image "r.example/a:1"'
# Spellings of the real software: kubelet, containerd, CRI-O, Docker, shells, nginx, Go, Python, Java, Node.
SPELLINGS = {
    "image-not-found": [
        f"{FAILED}: rpc error: code = NotFound desc = failed to resolve reference: r.example/a:1: not found",
        "Error response from daemon: manifest for r.example/a:1 not found: manifest unknown",
        f"{FAILED}: initializing source docker://r.example/a:1: reading manifest 1 in r.example/a: name unknown: no",
        'Failed to pull image "r.example/a:1": reading manifest 1 in r.example/a: manifest unknown',
    ],
    "pull-denied": [
        f"{FAILED}: pull access denied, repository does not exist or may require authorization: insufficient_scope",
        "requested access to the resource is denied",
    ],
    "pull-unauthorized": [
        f"{FAILED}: failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
        'Failed to pull image "r.example/a:1": no basic auth credentials',
    ],
    "pull-secret-unparsed": [
        "Error: unable to parse auth field, must be formatted as base64(username:password)",
        "json: cannot unmarshal number into Go struct field DockerConfigJSON.auths.auth of type string",
        "illegal base64 data at input byte 4",
    ],
    "pull-rate-limited": ["toomanyrequests: You have reached your pull rate limit. https://www.docker.com/increase"],
    "registry-unreachable": [
        f'{FAILED}: failed to do request: Head "https://r.example/v2/a/": dial tcp: lookup r.example: no such host',
        'Failed to pull image "r.example/a:1": Get "https://r.example/v2/": dial tcp 10.1.1.1:443: i/o timeout',
        f"{FAILED}: net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting",
        f"{FAILED}: failed to do request: dial tcp 10.1.1.1:443: connect: network is unreachable",
    ],
    "image-platform": [
        "exec /app/run: exec format error",
        "no match for platform in manifest: not found",
        f'{FAILED}: no image found in manifest list for architecture arm64, variant "v8", OS linux',
        "exec container process `/app`: Exec format error",
    ],
    "signature-refused": [f"{FAILED}: Source image rejected: A signature was required, but no signature exists"],
    "runtime-handler-missing": [
        'Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "runsc" is configured',
        'Failed to create pod sandbox: RuntimeHandler "kata" not supported',
        "Failed to create pod sandbox: failed to find runtime handler kata from runtime list map[]",
    ],
    "seccomp-profile-missing": [
        'Error: container create failed: unable to load local profile "/var/lib/kubelet/seccomp/x.json": open x',
    ],
    "limit-range": ["maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi"],
    "webhook-denied": ['admission webhook "validate.kyverno.svc-fail" denied the request: '],
    "volume-not-mounted": [
        'MountVolume.MountDevice failed for volume "pvc-1" : rpc error: code = Internal desc = exit status 32',
        'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node',
        "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting for the condition",
    ],
    "node-without-room": [
        "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi.",
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 1900, capacity: 2000",
    ],
    "out-of-memory": ["Memory cgroup out of memory: Killed process 12 (java) total-vm:80kB"],
    "invalid-image-name": [
        'Failed to apply default image tag "R.example/A:1": couldn\'t parse image name "R.example/A:1"',
    ],
    "image-never-pull": ['Container image "a:1" is not present with pull policy of Never'],
    "read-only-file-system": [
        'nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)',
        "OSError: [Errno 30] Read-only file system: '/app/cache'",
        "touch: cannot touch '/data/x': Read-only file system",
        "open /data/log.txt: read-only file system",
        "Error: EROFS: read-only file system, open '/app/.cache'",
    ],
    "privileged-port": [
        "listen tcp :80: bind: permission denied",
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)",
        "(13)Permission denied: AH00072: make_sock: could not bind to address [::]:80",
        "Error: listen EACCES: permission denied 0.0.0.0:443",
        "Caused by: java.net.SocketException: Permission denied (Bind failed)",
        "[ALERT] (1) : Starting frontend http: cannot bind socket (Permission denied) [0.0.0.0:80]",
    ],
    "operation-not-permitted": [
        "chown: changing ownership of '/var/lib/mysql': Operation not permitted",
        "ping: socket: Operation not permitted",
        "setgroups(1, [101]): EPERM (Operation not permitted)",
        "iptables v1.8.7 (nf_tables): Could not fetch rule set generation id: Permission denied (you must be root)",
        'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.',
    ],
    "file-permission": [
        "mkdir: cannot create directory '/data/db': Permission denied",
        "PermissionError: [Errno 13] Permission denied: '/app/data'",
        "open /etc/app/config.yaml: permission denied",
        "Error: EACCES: permission denied, mkdir '/app/.cache'",
        "java.io.FileNotFoundException: /logs/app.log (Permission denied)",
        "java.nio.file.AccessDeniedException: /data/nodes",
        'initdb: error: could not change permissions of directory "/var/lib/postgresql/data": Permission denied',
    ],
    "command-missing": [
        'exec: "/app/server": stat /app/server: no such file or directory: unknown',
        'runc create failed: exec: "serve": executable file not found in $PATH: unknown',
        "Error: container create failed: executable file `serve` not found in $PATH: No such file or directory",
        "exec /docker-entrypoint.sh: no such file or directory",
    ],
    "command-not-executable": [
        'exec: "/app/server": permission denied: unknown',
        "container create failed: open executable: Permission denied",
        "sh: 1: /app/run.sh: Permission denied",
    ],
    "config-missing": ['configmap "settings" not found', "couldn't find key token in Secret shop/api"],
    "sysctl-forbidden": ['forbidden sysctl: "net.core.somaxconn" not allowlisted'],
    "apparmor-profile-missing": [
        "failed to generate apparmor spec opts: apparmor profile not found strict",
        "container create failed: write `changeprofile strict`: apparmor_parser: No such file or directory",
        "unable to apply apparmor profile: apparmor failed to apply profile: no such file or directory",
    ],
    "unschedulable": ["0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available"],
    "service-account-missing": ['error looking up service account shop/x: serviceaccount "x" not found'],
    "webhook-down": [
        'failed calling webhook "p.example": Post "https://p.ns.svc:443/v": no endpoints available for service "p"',
    ],
}


@pytest.mark.parametrize(("family", "text"), [(family, text) for family, texts in SPELLINGS.items() for text in texts])
def test_the_spelling_of_every_program_is_recognised(family, text):
    assert read(f"2026-11-22T03:00:00Z  {text}").row.family == family


@pytest.mark.parametrize("row", CATALOGUE, ids=[row.family for row in CATALOGUE])
def test_every_row_reads_its_own_message(row):
    assert read(row.message).row is row
    assert TRIGGER.search(row.message)


def test_every_cause_belongs_to_a_row_and_every_judge_to_a_cause():
    assert {cause for row in CATALOGUE for cause in row.causes} == set(CAUSES)
    assert set(_JUDGES) <= set(CAUSES)


@pytest.mark.parametrize(
    "text",
    [
        "x509: certificate signed by unknown authority",
        'pods is forbidden: User "mara" cannot list resource "pods" in API group "" in the namespace "shop"',
        "dial tcp 10.0.0.1:6443: i/o timeout",
        'Error from server (NotFound): secrets "x" not found',
        "all is well",
        "",
    ],
)
def test_what_belongs_to_others_is_left_to_them(text):
    assert read(text) is None


def test_a_tls_failure_of_a_pull_belongs_to_the_certificates():
    text = f"{FAILED}: tls: failed to verify certificate: x509: certificate signed by unknown authority"
    assert diagnose(text, NOTHING, NOW).domain == "certificates"


def test_a_cause_counts_before_a_state_wherever_it_stands():
    text = (
        "Warning BackOff Back-off restarting failed container web in pod web-1\nlisten tcp :80: bind: permission denied"
    )
    assert read(text).row.family == "privileged-port"


def test_a_message_in_the_middle_of_a_huge_line_is_found():
    text = "x" * 20_000 + " listen tcp :80: bind: permission denied " + "y" * 20_000
    assert read(text).row.family == "privileged-port"


def test_secrets_in_a_text_do_not_come_back():
    found = diagnose('configmap "a" not found --token=hunter2 password=hunter2', NOTHING, NOW)
    assert found.domain == "workloads"
    assert "hunter2" not in repr(found)


def test_a_misspelt_message_is_answered_with_the_nearest():
    assert "container has runAsNonRoot and image will run as root" in nearest(
        "container has runasnonroot and imge run as rot"
    )


@given(st.text(max_size=400))
def test_no_text_raises(text):
    diagnose(text, NOTHING, NOW)
    diagnose(f"forbidden: violates PodSecurity {text} Read-only file system exec: {text}", NOTHING, NOW)


def ended(message: str = "", code: int = 1, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def crashing(spec: dict[str, Any], message: str, **more: Any) -> dict[str, Any]:
    """A pod of one container that ended with this as its last words."""
    status = {"name": "web", "ready": False, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    item = pod(spec=spec)
    item["status"] = {"phase": "Running", "containerStatuses": [{**status, "lastState": ended(message, **more)}]}
    return item


def waiting(spec: dict[str, Any], reason: str, message: str) -> dict[str, Any]:
    item = pod(spec=spec)
    state = {"waiting": {"reason": reason, "message": message}}
    item["status"] = {"phase": "Pending", "containerStatuses": [{"name": "web", "ready": False, "state": state}]}
    return item


def statuses(text: str, snapshot: Snapshot) -> dict[str, CauseStatus]:
    return {cause.id: cause.status for cause in diagnose(text, snapshot, NOW).causes}


def surveyed(snapshot: Snapshot) -> Any:
    return WORKLOADS.survey(Scene(snapshot, NOW))


def context(**fields: Any) -> dict[str, Any]:
    one = container()
    one["securityContext"].update(fields)
    return one


READ_ONLY = "touch: cannot touch '/data/x': Read-only file system"


def test_a_read_only_root_is_told_from_a_read_only_volume():
    root = pod_spec(container())
    mount = {"name": "data", "mountPath": "/data", "readOnly": True}
    volume = pod_spec(
        {**context(readOnlyRootFilesystem=False), "volumeMounts": [mount]},
        volumes=[{"name": "data", "emptyDir": {}}],
    )
    by_root = statuses(READ_ONLY, cluster(crashing(root, READ_ONLY)))
    by_volume = statuses(READ_ONLY, cluster(crashing(volume, READ_ONLY)))
    assert by_root == {"root-file-system-read-only": CONFIRMED, "volume-read-only": RULED_OUT}
    assert by_volume == {"volume-read-only": CONFIRMED, "root-file-system-read-only": RULED_OUT}


def test_a_secret_volume_is_read_only_whatever_its_mount_says():
    spec = pod_spec(
        container(volumeMounts=[{"name": "keys", "mountPath": "/data"}]),
        volumes=[{"name": "keys", "secret": {"secretName": "x"}}],
    )
    assert statuses(READ_ONLY, cluster(crashing(spec, READ_ONLY)))["volume-read-only"] is CONFIRMED


CHOWN = "chown: changing ownership of '/data': Operation not permitted"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"runAsUser": 0, "runAsNonRoot": False}, CONFIRMED),
        ({"runAsUser": 0, "runAsNonRoot": False, "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, RULED_OUT),
        ({"runAsUser": 1000, "capabilities": {}}, CONFIRMED),
    ],
)
def test_a_missing_capability_is_read_off_the_effective_ones_and_the_user(fields, status):
    spec = pod_spec(context(**fields))
    assert statuses(CHOWN, cluster(crashing(spec, CHOWN)))["capability-missing"] is status


def test_a_setuid_program_without_escalation_is_named():
    text = "sudo: unable to change to root gid: Operation not permitted"
    found = statuses(text, cluster(crashing(pod_spec(container()), text)))
    assert found["privilege-escalation-forbidden"] is CONFIRMED


def test_a_call_that_the_default_seccomp_profile_forbids_is_named():
    text = "io_uring_queue_init: Operation not permitted"
    found = statuses(text, cluster(crashing(pod_spec(container()), text)))
    assert found["seccomp-forbids"] is CONFIRMED


def test_a_profile_that_only_the_node_knows_is_not_blamed():
    text = "io_uring_queue_init: Operation not permitted"
    bare = pod_spec(container())
    del bare["securityContext"]["seccompProfile"]
    assert statuses(text, cluster(crashing(bare, text)))["seccomp-forbids"] is OPEN


def test_sudo_in_a_container_that_gains_no_rights_is_named():
    text = 'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.'
    found = statuses(text, cluster(crashing(pod_spec(container()), text)))
    assert found["privilege-escalation-forbidden"] is CONFIRMED


def test_a_port_above_1023_is_not_blamed_on_the_missing_capability():
    text = "listen tcp :8080: bind: permission denied"
    assert statuses(text, cluster(crashing(pod_spec(container()), text))) == {"port-below-1024": RULED_OUT}


def test_a_file_of_a_volume_without_fs_group_belongs_to_another_user():
    text = "mkdir: cannot create directory '/data/db': Permission denied"
    spec = pod_spec(container(volumeMounts=[{"name": "data", "mountPath": "/data"}]), volumes=[{"name": "data"}])
    assert statuses(text, cluster(crashing(spec, text))) == {"file-of-another-user": CONFIRMED}


def test_an_image_that_runs_as_root_is_ruled_out_once_a_user_is_set():
    text = "container has runAsNonRoot and image will run as root"
    bare = {"containers": [container()], "securityContext": {"runAsNonRoot": True}}
    assert statuses(text, cluster(waiting(bare, "CreateContainerConfigError", text))) == {
        "image-user-is-root": CONFIRMED
    }
    mended = waiting(pod_spec(), "CreateContainerConfigError", text)
    assert statuses(text, cluster(mended)) == {"image-user-is-root": RULED_OUT}


def test_memory_that_ran_out_is_told_from_the_status_without_any_text():
    found = surveyed(cluster(crashing(pod_spec(container()), "", code=137, reason="OOMKilled")))
    assert [cause.id for cause in found.confirmed] == ["memory-limit-exceeded"]


def test_a_process_that_just_ends_stays_open_with_its_exit_code_and_how_to_read_its_log():
    found = surveyed(cluster(crashing(pod_spec(container()), "", code=2)))
    (cause,) = found.causes
    assert (cause.id, cause.status, cause.evidence[0].fact) == ("process-fails", OPEN, "exit code 2")
    assert "--previous" in cause.look_at[0]


DENIED = f'Failed to pull image "{IMAGE}": pull access denied, repository does not exist or may require authorization'
UNAUTHORIZED = f'Failed to pull image "{IMAGE}": failed to authorize: failed to fetch oauth token: 401 Unauthorized'
PULLING = pod_spec(imagePullSecrets=[{"name": "registry"}])


def pulling(text: str, *items: dict[str, Any], spec: dict[str, Any] = PULLING) -> dict[str, CauseStatus]:
    return statuses(text, cluster(waiting(spec, "ErrImagePull", text), service_account(), *items))


def test_no_credential_a_wrong_one_and_a_missing_secret_are_told_apart():
    other, right = registry_secret("registry", "other.example"), registry_secret("registry", "registry.example")
    assert pulling(UNAUTHORIZED, other)["pull-credential-missing"] is CONFIRMED
    assert pulling(UNAUTHORIZED, right)["pull-credential-refused"] is CONFIRMED
    assert pulling(UNAUTHORIZED)["pull-secret-missing"] is CONFIRMED
    malformed = registry_secret("registry", error="not valid JSON")
    assert pulling(UNAUTHORIZED, malformed)["pull-secret-malformed"] is CONFIRMED


def test_a_pull_secret_that_the_kubelet_cannot_parse_is_named_where_it_was_read():
    text = "unable to parse auth field, must be formatted as base64(username:password)"
    malformed = registry_secret("registry", error="`auth` is not base64 of user:password")
    assert pulling(text, malformed) == {"pull-secret-malformed": CONFIRMED}
    assert pulling(text, registry_secret("registry", "registry.example")) == {"pull-secret-malformed": RULED_OUT}
    assert statuses(text, NOTHING) == {"pull-secret-malformed": CONFIRMED}
    create = 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 4'
    assert read(create) is None


def test_a_denied_pull_stays_ambiguous_as_the_registry_leaves_it():
    found = pulling(DENIED, registry_secret("registry", "registry.example"))
    assert CONFIRMED not in found.values()
    assert (found["pull-credential-refused"], found["image-not-in-registry"]) == (OPEN, OPEN)


def test_a_denied_pull_is_decided_where_another_pod_has_pulled_the_repository():
    running = pod("other")
    running["status"] = {"containerStatuses": [{"name": "web", "imageID": IMAGE, "image": IMAGE}]}
    found = pulling(DENIED, registry_secret("registry", "registry.example"), running)
    assert (found["image-not-in-registry"], found["pull-credential-refused"]) == (RULED_OUT, CONFIRMED)


def test_secrets_that_could_not_be_read_leave_the_credential_open():
    item = waiting(PULLING, "ErrImagePull", UNAUTHORIZED)
    gap = Gap(Area.OBJECTS, str(SECRET), GapReason.FORBIDDEN, "secrets is forbidden")
    found = statuses(UNAUTHORIZED, cluster(item, service_account(), gaps=(gap,)))
    assert (found["pull-credential-missing"], found["pull-secret-missing"]) == (OPEN, OPEN)


def event(message: str, last: str, name: str = "web", reason: str = "Failed") -> dict[str, Any]:
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": name}
    return {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.{last}", "namespace": "shop"},
        "type": "Warning", "involvedObject": about, "reason": reason, "message": message, "lastTimestamp": last,
    }  # fmt: skip


def test_a_state_alone_is_explained_by_the_last_failed_event_of_the_pod():
    item = waiting(pod_spec(), "ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
    gone = f'Failed to pull image "{IMAGE}": {IMAGE}: not found'
    snapshot = cluster(item, event(gone, "2026-01-01T00:00:00Z"))
    found = diagnose("web-0  0/1  ImagePullBackOff  0  5m", snapshot, NOW)
    assert [cause.id for cause in found.confirmed] == ["image-not-in-registry"]


def test_a_state_without_any_event_stays_open_and_says_where_to_look():
    found = diagnose("ImagePullBackOff", NOTHING, NOW)
    assert [cause.status for cause in found.causes] == [OPEN]
    assert any("describe pod" in line for line in found.next)


def test_old_warnings_of_a_pod_that_is_ready_now_are_no_trouble():
    item = pod()
    item["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    found = surveyed(
        cluster(item, event("Error: container has runAsNonRoot and image will run as root", "2026-01-01T00:00:00Z"))
    )
    assert found.causes == ()


def test_an_old_event_of_what_was_mended_does_not_hide_what_is_wrong_now():
    item = crashing(pod_spec(), "", code=2)
    old = event("Error: container has runAsNonRoot and image will run as root", "2026-01-01T00:00:00Z")
    for found in (surveyed(cluster(item, old)), diagnose("web 0/1 CrashLoopBackOff", cluster(item, old), NOW)):
        assert (found.family, found.causes[0].evidence[0].fact) == ("crash-loop", "exit code 2")


def test_an_evicted_pod_is_no_trouble_once_its_controller_has_made_another():
    item = pod(ownerReferences=[{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}])
    item["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    assert surveyed(cluster(item)).causes == ()
    del item["metadata"]["ownerReferences"]
    assert [cause.id for cause in surveyed(cluster(item)).confirmed] == ["node-has-no-room"]


def test_pods_that_could_not_be_read_are_not_called_healthy():
    found = surveyed(Snapshot(NOW))
    assert not found.recognised
    assert found.meaning == "No pods could be read."


def test_the_namespace_that_a_text_names_decides_among_several_pods():
    other = crashing(pod_spec(context(readOnlyRootFilesystem=False)), READ_ONLY)
    other["metadata"]["namespace"] = "data"
    snapshot = cluster(crashing(pod_spec(container()), READ_ONLY), other)
    found = diagnose(f'pod="data/web" {READ_ONLY}', snapshot, NOW)
    assert found.seen_from.endswith("Pod data/web")
    assert "root-file-system-read-only" not in {cause.id for cause in found.confirmed}


def test_a_refusal_that_was_mended_meanwhile_is_ruled_out():
    text = 'pods "web-" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set x)'
    item = deployment(spec=pod_spec())
    item["status"] = {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": text}]}
    assert statuses(text, cluster(namespace(), item)) == {"pod-security-violation": RULED_OUT}


def test_hostile_names_are_shown_inert_and_quoted_in_commands():
    item = crashing(pod_spec(container("web; reboot")), "", code=2)
    item["metadata"]["name"] = "web\u202e$(reboot)"
    item["status"]["containerStatuses"][0]["name"] = "web; reboot"
    found = surveyed(cluster(item))
    (command,) = found.causes[0].look_at
    assert "\u202e" not in repr(found)
    assert "'web\\u{202e}$(reboot)' -c 'web; reboot' --previous" in command


def test_a_denied_pull_without_a_credential_stays_open_while_the_repository_is_not_known():
    found = pulling(DENIED, registry_secret("registry", "other.example"))
    assert (found["pull-credential-missing"], found["image-not-in-registry"]) == (OPEN, OPEN)


def test_of_several_failures_of_a_pull_the_last_counts():
    item = waiting(pod_spec(), "ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
    first = event(f'Failed to pull image "{IMAGE}": {IMAGE}: not found', "2026-01-01T00:00:00Z")
    last = event(f'Failed to pull image "{IMAGE}": toomanyrequests', "2026-01-01T01:00:00Z")
    found = diagnose("ImagePullBackOff", cluster(item, first, last), NOW)
    assert found.family == "pull-rate-limited"


KEYS = [
    "name",
    "state",
    "waiting",
    "terminated",
    "message",
    "reason",
    "exitCode",
    "lastState",
    "memory",
    "limits",
    "type",
]
KEYS += ["containerPort", "mountPath", "readOnly"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3000) | st.sampled_from(["x", "", "web", "OOMKilled", "/data"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["resources", "securityContext", "ports", "volumeMounts", "image", "env"]


@given(
    st.sampled_from([text for texts in SPELLINGS.values() for text in texts] + [row.message for row in CATALOGUE]),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4),
    st.dictionaries(st.sampled_from(["securityContext", "volumes", "imagePullSecrets", "nodeName"]), JSON, max_size=3),
    JSON,
    JSON,
)
def test_objects_of_any_shape_are_judged_or_left_open_and_never_raise(text, own, spec, status, involved):
    item = crashing({"containers": [{"name": "web", "image": IMAGE, **own}], **spec}, text)
    other = {**pod("other", spec={"containers": status}), "status": status}
    warning = {**event(text, "2026-01-01T00:00:00Z"), "involvedObject": involved, "lastTimestamp": status}
    snapshot = cluster(
        item, other, warning, {**deployment(), "status": status}, registry_secret("registry", "a.example")
    )
    diagnose(text, snapshot, NOW)
    surveyed(snapshot)
