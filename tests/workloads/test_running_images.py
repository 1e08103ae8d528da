from __future__ import annotations

import json

import pytest

from k8srun.errors import InputError
from k8srun.workloads.image_digests import drifts, running_images
from k8srun.workloads.scans import join, read_report, read_trivy
from tests.workloads.cluster import cluster, container, deployment, pod, pod_spec

OLD, NEW = "sha256:" + "11" * 32, "sha256:" + "22" * 32


def running(name: str, digest: str, image: str = "registry.example/shop/web:1", **metadata) -> dict:
    one = pod(name, spec=pod_spec(container(image=image)), **metadata)
    image_id = f"registry.example/shop/web@{digest}" if digest else "sha256:" + "ff" * 32
    return {**one, "status": {"containerStatuses": [{"name": "web", "imageID": image_id}]}}


def test_a_tag_under_which_two_digests_run_has_moved():
    found = drifts(cluster(running("a", OLD), running("b", NEW), running("c", NEW)))

    (drift,) = found
    assert drift.image == "registry.example/shop/web:1"
    assert drift.digests == ((NEW, ("shop/b (web)", "shop/c (web)")), (OLD, ("shop/a (web)",)))


def test_one_digest_pinned_images_and_what_the_runtime_does_not_say_are_no_drift():
    assert drifts(cluster(running("a", OLD), running("b", OLD), running("c", ""))) == ()
    pinned = [running(digest[-2:], digest, f"registry.example/shop/web:1@{OLD}") for digest in (OLD, NEW)]
    assert drifts(cluster(*pinned)) == ()


def test_an_image_that_cannot_be_read_is_left_out_and_the_others_are_not():
    assert [one.pod.name for one in running_images(cluster(running("a", OLD), running("b", OLD, "Not/Valid")))] == ["a"]


def trivy(**changes) -> bytes:
    vulnerability = {
        "VulnerabilityID": "CVE-2024-0001", "PkgName": "openssl", "InstalledVersion": "3.0.1", "FixedVersion": "3.0.2",
        "Severity": "HIGH", "Title": "not read",
    }  # fmt: skip
    report = {
        "SchemaVersion": 2,
        "ArtifactName": "registry.example/shop/web:1",
        "ArtifactType": "container_image",
        "Metadata": {"RepoTags": ["registry.example/shop/web:1"], "RepoDigests": [f"registry.example/shop/web@{OLD}"]},
        "Results": [
            {"Target": "a", "Vulnerabilities": [vulnerability, {**vulnerability, "Severity": "critical"}]},
            {"Target": "b"},
        ],
    }
    return json.dumps({**report, **changes}).encode()


def test_a_trivy_report_is_read():
    scan = read_trivy(trivy(), where="scan.json")

    assert (scan.image, scan.digests) == ("registry.example/shop/web:1", {OLD})
    assert scan.counts == {"CRITICAL": 1, "HIGH": 1, "MEDIUM": 0, "LOW": 0, "UNKNOWN": 0}
    assert scan.vulnerabilities[0].fixed == "3.0.2"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"{", "scan.json: "),
        (b"[]", "scan.json: "),
        (b"{}", "missing required field `SchemaVersion`"),
        (trivy(SchemaVersion=1), "a Trivy report of schema 1"),
        (trivy(ArtifactType="filesystem"), "not of an image"),
        (
            trivy(Results=[{"Vulnerabilities": [{"VulnerabilityID": 7}]}]),
            "$.Results[0].Vulnerabilities[0].VulnerabilityID",
        ),
    ],
)
def test_what_is_no_report_of_an_image_is_refused_with_the_place(data, what):
    with pytest.raises(InputError) as error:
        read_trivy(data, where="scan.json")

    assert what in str(error.value)


def report(digest: str = OLD) -> dict:
    found = {"vulnerabilityID": "CVE-1", "severity": "LOW", "resource": "zlib", "installedVersion": "1"}
    return {
        "apiVersion": "aquasecurity.github.io/v1alpha1",
        "kind": "VulnerabilityReport",
        "metadata": {"name": "web", "namespace": "shop"},
        "report": {
            "registry": {"server": "registry.example"},
            "artifact": {"repository": "shop/web", "tag": "1", "digest": digest},
            "vulnerabilities": [found],
        },
    }


def test_a_vulnerability_report_is_read_and_one_without_content_is_refused():
    scan = read_report(report())

    assert (scan.image, scan.digests) == ("registry.example/shop/web:1", {OLD})
    assert [one.package for one in scan.vulnerabilities] == ["zlib"]
    with pytest.raises(InputError, match="it has no report"):
        read_report({**report(), "report": None})


def test_a_scan_is_joined_to_the_digest_that_runs_and_not_to_another_of_the_same_name():
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": True}
    snapshot = cluster(deployment(uid="d"), running("a", OLD, ownerReferences=[owner]), running("b", NEW))

    old, new = join(snapshot, [read_report(report())])

    assert (old.digest, old.workloads, old.by_digest) == (OLD, ("Deployment.apps shop/web",), True)
    assert (new.digest, new.scan) == (NEW, None)


def test_a_scan_without_a_digest_is_joined_by_name_and_says_so():
    (found,) = join(cluster(running("a", OLD)), [read_report(report(digest=""))])

    assert found.scan is not None
    assert not found.by_digest
