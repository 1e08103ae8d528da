"""What Pod Security says beside its refusals, held to a real server: labels, relabelling, exemptions, the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from k8srun.kinds import POD
from k8srun.pods import pod_template
from k8srun.workloads.admission import Configuration, Exemptions, admit, relabel
from k8srun.workloads.policy import PREFIX, Level, LevelVersion, Policy, Version, policy_of
from tests.controlplane.cluster import ControlPlane
from tests.workloads.generator import draw_pod
from tests.workloads.server import PodSecurityServer, pod_security_server

AUDITED = "pod-security.kubernetes.io/audit-violations"
EXEMPT = "pod-security.kubernetes.io/exempt"
CONFIGURATION = Configuration(
    Policy(
        enforce=LevelVersion(Level.PRIVILEGED),
        audit=LevelVersion(Level.RESTRICTED, Version(30)),
        warn=LevelVersion(Level.BASELINE),
    ),
    Exemptions(frozenset({"exempted"}), frozenset({"deployer"}), frozenset({"gvisor"})),
)

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def plain(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodSecurityServer]:
    with pod_security_server(control_plane, tmp_path_factory.mktemp("pod-security")) as running:
        yield running


@pytest.fixture(scope="module")
def configured(
    control_plane_binaries: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ControlPlane, Path]]:
    """A control plane of its own, with defaults and exemptions in its admission configuration, and its audit log."""
    folder = tmp_path_factory.mktemp("configured")
    admission = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [
            {
                "name": "PodSecurity",
                "configuration": {
                    "apiVersion": "pod-security.admission.config.k8s.io/v1",
                    "kind": "PodSecurityConfiguration",
                    "defaults": {"audit": "restricted", "audit-version": "v1.30", "warn": "baseline"},
                    "exemptions": {"namespaces": ["exempted"], "usernames": ["deployer"], "runtimeClasses": ["gvisor"]},
                },
            }
        ],
    }
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
    (folder / "admission.yaml").write_text(yaml.safe_dump(admission))
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy))
    log = folder / "audit.log"
    arguments = (
        f"--admission-control-config-file={folder}/admission.yaml",
        f"--audit-policy-file={folder}/policy.yaml",
        f"--audit-log-path={log}",
        "--audit-log-mode=blocking-strict",
    )
    with ControlPlane(folder, apiserver_args=arguments) as running:
        running.create("/api/v1/namespaces", {"metadata": {"name": "exempted"}})
        running.create("/apis/node.k8s.io/v1/runtimeclasses", {"metadata": {"name": "gvisor"}, "handler": "runsc"})
        path = "/api/v1/namespaces/exempted/serviceaccounts/default"
        running.wait_until("the exempted namespace", lambda: running.request("GET", path)[0] == 200)
        yield running, log


@pytest.mark.parametrize(
    "labels",
    [
        {"enforce": "Baseline"},
        {"enforce": "baseline", "enforce-version": "1.30"},
        {"audit": "", "warn": "strict"},
        {"enforce-version": "v1.01", "audit-version": "v2.0", "warn-version": "newest"},
    ],
)
def test_labels_that_cannot_be_read_are_refused_in_the_servers_words(plain, control_plane, labels):
    prefixed = {f"{PREFIX}{name}": value for name, value in labels.items()}
    body = {"metadata": {"name": "unreadable", "labels": prefixed}}

    answer = plain.send("POST", "/api/v1/namespaces?dryRun=All", body)

    _, errors = policy_of(prefixed)
    assert answer.status == 422
    listed = ", ".join(map(str, errors))
    assert answer.message == f'Namespace "unreadable" is invalid: {f"[{listed}]" if len(errors) > 1 else listed}'


def test_a_relabelled_namespace_is_warned_of_its_pods_as_the_server_does(plain, control_plane):
    name = control_plane.create_namespace()
    # Owners that are there, or the garbage collector takes the pods away; and of a kind that no controller acts for.
    path = f"/api/v1/namespaces/{name}/configmaps"
    owners = [control_plane.create(path, {"metadata": {"name": f"owner-{number}"}})["metadata"] for number in range(2)]
    created = 0
    for seed in range(60):
        pod = draw_pod(seed)
        pod["metadata"]["name"] = f"pod-{seed % 7}-{seed}"
        if seed % 3 == 0:
            owner = {key: owners[seed % 2][key] for key in ("name", "uid")}
            pod["metadata"]["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "ConfigMap", **owner, "controller": True}
            ]
        created += control_plane.request("POST", f"/api/v1/namespaces/{name}/pods", pod)[0] == 201
    assert created > 40
    namespace = control_plane.request("GET", f"/api/v1/namespaces/{name}")[1]
    listed = control_plane.request("GET", f"/api/v1/namespaces/{name}/pods")[1]["items"]
    pods = [pod_template(POD, item) for item in listed]

    for labels in (
        {"enforce": "baseline"},
        {"enforce": "restricted", "enforce-version": "v1.22"},
        {"enforce": "restricted"},
        {"enforce": "privileged"},
        {"warn": "restricted"},
    ):
        prefixed = {**namespace["metadata"]["labels"], **{f"{PREFIX}{key}": value for key, value in labels.items()}}
        patch = {"metadata": {"labels": prefixed}}
        path = f"/api/v1/namespaces/{name}?dryRun=All"
        expected = relabel(namespace, prefixed, pods).warnings
        assert bool(expected) == ("enforce" in labels and labels["enforce"] != "privileged")

        def agrees(path=path, patch=patch, expected=expected) -> bool:
            answer = plain.send("PATCH", path, patch, "application/merge-patch+json")
            return (answer.status, answer.warnings) == (200, expected)

        # The server looks at the pods that its cache knows, for a second at most.
        control_plane.wait_until(f"the server to warn of {labels} as we do", agrees)
    control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize(
    ("namespace", "username", "runtime_class"),
    [
        ("default", "somebody", None),
        ("exempted", "somebody", None),
        ("default", "deployer", None),
        ("default", "somebody", "gvisor"),
    ],
)
def test_defaults_exemptions_and_the_audit_log_are_those_of_the_server(configured, namespace, username, runtime_class):
    plane, log = configured
    pod = draw_pod(5)
    pod["metadata"] = {"name": f"pod-{username}-{runtime_class}".lower(), "namespace": namespace}
    pod["spec"].pop("os", None)
    if runtime_class:
        pod["spec"]["runtimeClassName"] = runtime_class
    template = pod_template(POD, pod)

    path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
    status, answer = plane.request("POST", path, pod, user=username, groups=("system:masters",))

    assert status == 201, answer
    expected = admit(template, {}, CONFIGURATION, username=username)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    annotations = next(
        event["annotations"]
        for event in events
        if event["requestURI"] == path and event["objectRef"].get("name") == pod["metadata"]["name"]
    )
    assert annotations.get(AUDITED, "") == expected.audit
    assert annotations.get(EXEMPT, "") == expected.exempt
    assert bool(expected.audit) != bool(expected.exempt)
