"""What the API server's own configuration says of Pod Security, as the files of its host tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8srun.checks import evaluate
from k8srun.errors import RefusedError
from k8srun.findings import Confidence, Verdict
from k8srun.snapshot import ServerInfo, Snapshot
from k8srun.sources.host import read_host
from k8srun.workloads.checks import CHECKS
from k8srun.workloads.fixes_access import relabel_plan
from k8srun.workloads.policy import Level, LevelVersion, Version
from k8srun.workloads.posture import postures
from k8srun.workloads.server import server_pod_security
from tests.certificates.model import NOW
from tests.workloads.cluster import cluster, deployment, given_uid, namespace, pod, pod_spec

(W02,) = (check for check in CHECKS if check.id == "W02-POD-SECURITY")
AT_BASELINE = LevelVersion(Level.BASELINE)
BASELINE = {
    "apiVersion": "pod-security.admission.config.k8s.io/v1",
    "kind": "PodSecurityConfiguration",
    "defaults": {"enforce": "baseline", "enforce-version": "v1.30"},
    "exemptions": {"namespaces": ["shop"], "usernames": [], "runtimeClasses": ["kata"]},
}


def admission(**plugin: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "EventRateLimit"}, {"name": "PodSecurity", **plugin}],
    }


@pytest.fixture
def on_host(tmp_path: Path):
    """A snapshot of a namespace that enforces restricted, one without labels, and an API server's host."""

    def read(*flags: str, **files: object) -> Snapshot:
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "kube-apiserver", "namespace": "kube-system"},
            "spec": {
                "containers": [
                    {
                        "name": "kube-apiserver",
                        "command": ["kube-apiserver", *flags],
                        "volumeMounts": [{"name": "etc", "mountPath": "/etc/kubernetes"}],
                    }
                ],
                "volumes": [{"name": "etc", "hostPath": {"path": "/etc/kubernetes"}}],
            },
        }
        for name, document in {"manifests/kube-apiserver": manifest, **files}.items():
            path = tmp_path / f"etc/kubernetes/{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(document))
        host = read_host(tmp_path, now=NOW)
        objects = cluster(namespace("shop"), namespace("bare", audit="baseline"), pod())
        return replace(host, objects=objects.objects, observed=host.observed | objects.observed)

    return read


FLAG = "--admission-control-config-file=/etc/kubernetes/admission.yaml"


def told(snapshot: Snapshot) -> dict[str, str]:
    return {finding.resource: finding.message for finding in evaluate(W02, snapshot, NOW).findings}


@pytest.mark.parametrize(
    "files",
    [
        {"admission": admission(configuration=BASELINE)},
        {"admission": admission(path="pod-security.yaml"), "pod-security": BASELINE},
        {"admission": admission(path="/etc/kubernetes/pod-security.yaml"), "pod-security": BASELINE},
    ],
)
def test_defaults_and_exemptions_are_read_from_the_file_and_from_one_that_it_names(files, on_host):
    snapshot = on_host(FLAG, **files)

    found = server_pod_security(snapshot)

    assert found.problem == ""
    assert found.configuration.defaults.enforce == LevelVersion(Level.BASELINE, Version(30))
    assert found.configuration.exemptions.runtime_classes == {"kata"}
    assert list(told(snapshot)) == ["Namespace shop"], "the other enforces what is the default"
    assert "exempts it" in told(snapshot)["Namespace shop"]
    policies = {one.namespace: one.policy.enforce.level for one in postures(snapshot, LevelVersion(Level.RESTRICTED))}
    assert policies == {"bare": Level.BASELINE, "shop": Level.PRIVILEGED}


def test_where_the_server_says_nothing_a_namespace_without_labels_certainly_enforces_nothing(on_host):
    (finding,) = evaluate(W02, on_host("--authorization-mode=RBAC"), NOW).findings
    assert (finding.resource, finding.confidence) == ("Namespace bare", Confidence.CERTAIN)


def test_a_server_with_pod_security_switched_off_is_found_although_namespaces_are_labelled(on_host):
    found = told(on_host("--disable-admission-plugins=AlwaysPullImages,PodSecurity"))
    assert found["/etc/kubernetes/manifests/kube-apiserver.yaml"].startswith("it does not ask for Pod Security")


def test_what_a_newer_server_would_relax_an_older_one_refuses():
    spec = pod_spec(hostUsers=False)
    del spec["securityContext"]["runAsNonRoot"]
    snapshot = cluster(namespace("shop", warn="restricted"), pod(spec=spec))

    def refused(version: str) -> list[bool]:
        known = replace(snapshot, server=ServerInfo(version=version))
        (finding,) = evaluate(W02, known, NOW).findings
        (posture,) = postures(known, LevelVersion(Level.RESTRICTED))
        return ["restricted would refuse 1 of 1 pod" in map(str, finding.evidence), bool(posture.violating)]

    assert refused("v1.30.4") == [True, True]
    assert refused("v1.37.2") == [False, False]


def test_a_namespace_is_relabelled_without_proof_where_the_server_exempts_it_and_the_plan_says_so(on_host):
    snapshot = replace(
        on_host(FLAG, admission=admission(configuration=BASELINE)),
        objects=cluster(given_uid(namespace("shop")), pod(spec=pod_spec(hostPID=True))).objects,
    )
    assert "exempts the namespace: nothing is refused" in relabel_plan(snapshot, "shop", AT_BASELINE).impact[0]

    off = replace(on_host("--disable-admission-plugins=PodSecurity"), objects=snapshot.objects)
    assert "turns Pod Security off" in relabel_plan(off, "shop", AT_BASELINE).impact[0]


def test_what_the_server_exempts_by_its_runtime_class_does_not_keep_a_namespace_from_its_level(on_host):
    def relabelled(runtime_class: str) -> bool:
        exempt = pod_spec(hostPID=True, runtimeClassName=runtime_class)
        objects = cluster(given_uid(namespace("bare", audit="baseline")), deployment(namespace="bare", spec=exempt))
        host = on_host(FLAG, admission=admission(configuration=BASELINE))
        return bool(relabel_plan(replace(host, objects=objects.objects), "bare", AT_BASELINE).steps)

    assert relabelled("kata")
    with pytest.raises(RefusedError, match=r"Deployment\.apps bare/web: host namespaces"):
        relabelled("gvisor")


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "/etc/kubernetes/admission.yaml, which --admission-control-config-file names, was not read"),
        ({"admission": admission(path="absent.yaml")}, "/etc/kubernetes/absent.yaml, which it names for PodSecurity"),
        ({"admission": admission(configuration={"kind": "Other"})}, "it has no PodSecurityConfiguration"),
        (
            {"admission": admission(configuration={**BASELINE, "exemptions": {"namespaces": "shop"}})},
            "exemptions.namespaces is not a list of names",
        ),
        (
            {"admission": admission(configuration={**BASELINE, "defaults": {"enforce": "strict"}})},
            "'strict' is no level of Pod Security",
        ),
    ],
)
def test_a_configuration_that_cannot_be_read_keeps_labelled_namespaces_from_passing(files, reason, on_host):
    snapshot = on_host(FLAG, **files)
    labelled = replace(snapshot, objects=cluster(namespace("shop"), pod()).objects)

    result = evaluate(W02, labelled, NOW)

    assert result.verdict is Verdict.UNKNOWN
    assert reason in result.reason


def test_a_pod_without_a_spec_is_not_judged_and_told_with_its_namespace():
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "shop"}}
    (posture,) = postures(cluster(namespace("shop"), bare), LevelVersion(Level.RESTRICTED))
    assert [(one.template.ref, one.error) for one in posture.unreadable] == [("Pod shop/x", "spec is missing")]
