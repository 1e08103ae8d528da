from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from k8srun.cli.main import cli
from k8srun.errors import InputError
from tests.workloads.cluster import container, deployment, namespace, pod, pod_spec

PRIVILEGED = pod_spec(container(securityContext={"privileged": True}))


def write(tmp_path: Path, *items: object, name: str = "pods.yaml") -> str:
    path = tmp_path / name
    path.write_text(yaml.safe_dump_all(items))
    return str(path)


def run(*arguments: str, stdin: str | None = None):
    return CliRunner().invoke(cli, ["pod-security", "evaluate", *arguments], input=stdin, standalone_mode=False)


def lines(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_pod_and_template_is_a_line_with_upstreams_ids(tmp_path):
    file = write(tmp_path, pod(spec=PRIVILEGED), namespace(), deployment())

    result = run("--level", "baseline", "--version", "v1.30", file, "-o", "jsonl")

    assert result.return_value == 0, result.output
    assert lines(result) == [
        {
            "schema": "k8srun.dev/pod-security/v1",
            "file": file,
            "ref": "Pod shop/web",
            "allowed": False,
            "checks": [
                {
                    "id": "privileged",
                    "reason": "privileged",
                    "detail": 'container "web" must not set securityContext.privileged=true',
                }
            ],
        },
        {
            "schema": "k8srun.dev/pod-security/v1",
            "file": file,
            "ref": "Deployment.apps shop/web",
            "allowed": True,
            "checks": [],
        },
    ]


def test_the_version_decides_and_by_default_it_is_the_latest_restricted(tmp_path):
    spec = pod_spec(container(livenessProbe={"tcpSocket": {"port": 80, "host": "10.0.0.1"}}))
    file = write(tmp_path, pod(spec=spec))

    assert lines(run("--version", "v1.33", file, "-o", "jsonl"))[0]["allowed"]
    (newest,) = lines(run(file, "-o", "jsonl"))
    assert [check["id"] for check in newest["checks"]] == ["hostProbesAndHostLifecycle"]


def test_lists_json_and_standard_input_are_read(tmp_path):
    file = write(tmp_path, {"apiVersion": "v1", "kind": "List", "items": [pod("a"), pod("b")]})
    piped = json.dumps({"apiVersion": "v1", "kind": "PodList", "items": [pod("c")]})

    result = run(file, "-", "-o", "jsonl", stdin=piped)

    assert [line["ref"] for line in lines(result)] == ["Pod shop/a", "Pod shop/b", "Pod shop/c"]


def test_what_gets_its_name_from_the_server_is_named_by_how_it_begins(tmp_path):
    made = pod()
    made["metadata"] = {"generateName": "web-", "namespace": "shop"}

    assert [line["ref"] for line in lines(run(write(tmp_path, made), "-o", "jsonl"))] == ["Pod shop/web-"]


def test_two_pods_of_one_name_are_both_judged(tmp_path):
    file = write(tmp_path, pod(), pod(spec=PRIVILEGED))

    assert [line["allowed"] for line in lines(run(file, "-o", "jsonl"))] == [True, False]


@pytest.mark.parametrize(
    ("damaged", "path"),
    [
        (pod(spec={"containers": []}), "spec.containers"),
        (pod(spec=pod_spec(hostPID="yes")), "spec.hostPID"),
        (deployment(spec=pod_spec(container(priviledged=True))), "spec.template.spec.containers[0].priviledged"),
        ({**deployment(), "spec": {}}, "spec.template is missing"),
        ({**pod(), "metadata": "web"}, "metadata is not a mapping"),
        ({"metadata": {"name": "web"}, "spec": pod_spec()}, "it has no kind"),
        ("only a string", "it has no kind"),
        ({**deployment(), "apiVersion": "v1"}, "v1 has no kind Deployment"),
        ({**deployment(), "apiVersion": "extensions/v1beta1"}, "extensions/v1beta1 has no kind Deployment"),
        ({"kind": "Pod", "metadata": {"name": "web"}, "spec": pod_spec()}, "it has no apiVersion"),
    ],
)
def test_what_cannot_be_read_is_named_and_never_allowed_while_the_rest_is_judged(tmp_path, damaged, path):
    result = run(write(tmp_path, damaged, pod("good")), "-o", "jsonl")

    assert result.return_value == 2
    assert [line["ref"] for line in lines(result)] == ["Pod shop/good"]
    assert path in result.stderr
    assert "pods.yaml" in result.stderr


def test_a_kind_of_somebody_elses_that_has_the_name_of_a_workload_is_let_be(tmp_path):
    foreign = {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "metadata": {"name": "a"}, "spec": {}}

    result = run(write(tmp_path, foreign, pod()), "-o", "jsonl")

    assert (result.return_value, len(lines(result))) == (0, 1)


def test_a_broken_document_is_named_by_its_line_while_the_rest_is_judged(tmp_path):
    file = tmp_path / "pods.yaml"
    file.write_text(f"kind: Pod\nspec: [\n---\n{yaml.safe_dump(pod())}")

    result = run(str(file), "-o", "jsonl")

    assert result.return_value == 2
    assert len(lines(result)) == 1
    assert "pods.yaml: " in result.stderr


@pytest.mark.parametrize("arguments", [("--version", "1.30"), ("--version", "v2.0"), ("--level", "privileged")])
def test_bad_input_is_refused(tmp_path, arguments):
    result = run(*arguments, write(tmp_path, pod()))

    assert "allowed" not in result.stdout
    assert isinstance(result.exception, InputError | click.UsageError)


@pytest.mark.parametrize("content", ["", "# nothing\n", yaml.safe_dump(namespace())])
def test_a_file_without_a_pod_is_no_clean_result(tmp_path, content):
    file = tmp_path / "pods.yaml"
    file.write_text(content)

    result = run(str(file))

    assert isinstance(result.exception, InputError) or result.return_value == 2
    assert "allowed" not in result.stdout


def test_the_table_cannot_be_acted_upon_by_a_hostile_name(tmp_path):
    result = run(write(tmp_path, pod(spec=pod_spec({"name": "web\x1b[2J", "securityContext": {"privileged": True}}))))

    assert "\x1b" not in result.stdout
    assert "1 pod or template judged by restricted:latest (that is v1.37)" in result.stdout


def test_an_image_reference_is_taken_apart():
    result = CliRunner().invoke(cli, ["image", "parse", "registry.example:5000/shop/web", "-o", "json"])

    assert json.loads(result.stdout) == {
        "schema": "k8srun.dev/image-parse/v1",
        "reference": "registry.example:5000/shop/web",
        "domain": "registry.example:5000",
        "path": "shop/web",
        "tag": "latest",
        "digest": "",
        "name": "registry.example:5000/shop/web",
        "canonical": "registry.example:5000/shop/web:latest",
        "familiar": "registry.example:5000/shop/web:latest",
    }


def test_an_invalid_image_reference_is_bad_input():
    assert isinstance(CliRunner().invoke(cli, ["image", "parse", "UPPER/Case"]).exception, InputError)


def test_no_list_hides_a_pod_not_even_one_within_another(tmp_path):
    inner = {"apiVersion": "v1", "kind": "List", "items": [pod(spec=PRIVILEGED)]}
    raw = {key: value for key, value in pod("raw", spec=PRIVILEGED).items() if key not in ("apiVersion", "kind")}
    typed = {"apiVersion": "v1", "kind": "PodList", "items": [raw]}
    file = write(tmp_path, {"apiVersion": "v1", "kind": "List", "items": [inner, typed]})

    result = run(file, "-o", "jsonl")

    assert [(line["ref"], line["allowed"]) for line in lines(result)] == [
        ("Pod shop/web", False),
        ("Pod shop/raw", False),
    ]
    assert result.return_value == 0


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"apiVersion": "v1", "kind": "PodList", "items": {"a": 1}}, "items is not a list (of a PodList)"),
        (
            {"apiVersion": "v1", "kind": "PodList", "metadata": {"continue": "x"}, "items": []},
            "one page of a longer PodList (metadata.continue is set)",
        ),
        ({**pod(spec=PRIVILEGED), "kind": "pod"}, "v1 has no kind pod"),
    ],
)
def test_what_would_be_passed_over_is_named_and_is_bad_input(document, told, tmp_path):
    result = run(write(tmp_path, document, pod()), "-o", "jsonl")
    assert told in result.stderr
    assert [line["ref"] for line in lines(result)] == ["Pod shop/web"]
    assert result.return_value == 2


def test_a_file_that_cannot_be_read_does_not_keep_the_others_from_being_judged(tmp_path):
    empty = tmp_path / "empty.yaml"
    empty.touch()
    absent = str(tmp_path / "absent.yaml")

    result = run(absent, str(empty), str(tmp_path), write(tmp_path, pod()), "-o", "jsonl")

    assert [line["ref"] for line in lines(result)] == ["Pod shop/web"]
    assert f"{absent}: No such file or directory" in result.stderr
    assert f"{empty}: the file is empty" in result.stderr
    assert f"{tmp_path}: Is a directory" in result.stderr
    assert result.return_value == 2
