"""`k8srun image check`: a pod of a real API server, its pull secrets, and a real registry."""

from __future__ import annotations

import base64
import json

import pytest
from click.testing import CliRunner

import k8srun
from k8srun.cli.main import cli
from k8srun.errors import InputError
from k8srun.sources.registry.login import read_docker_config
from tests.apply.clusters import named
from tests.registry.server import PASSWORD, USER


def docker_config(*entries: tuple[str, str]) -> str:
    """A Docker configuration: each key with a password for `ci`."""
    auths = {key: {"auth": base64.b64encode(f"{USER}:{password}".encode()).decode()} for key, password in entries}
    return json.dumps({"auths": auths})


def invoke(*words: str):
    result = CliRunner().invoke(cli, ["image", "check", *words, "-o", "json"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.output)


@pytest.fixture(scope="module")
def ca_file(registries, tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    path.write_bytes(registries.ca_pem)
    return str(path)


@pytest.fixture(scope="module")
def pods(control_plane, registries):
    """Pods of one image, each with a pull secret of another kind; by the name of both."""
    namespace = control_plane.create_namespace()
    host = registries.passwords.host
    secrets = {
        "right": docker_config((host, PASSWORD)),
        "wrong": docker_config((host, "wrong-canary")),
        "other-host": docker_config(("registry.example", PASSWORD)),
        "path": docker_config((f"{host}/team", PASSWORD)),
        "other-path": docker_config((f"{host}/elsewhere", PASSWORD)),
        "malformed": json.dumps({"auths": {"other.example": {"auth": "canary"}}}),
        "token-alone": json.dumps({"auths": {host: {"identitytoken": "canary"}}}),
    }
    for name, config in secrets.items():
        body = named(
            "Secret", name, namespace, type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": config}
        )
        control_plane.create(f"/api/v1/namespaces/{namespace}/secrets", body)
    for name in (*secrets, "missing"):
        spec = {
            "containers": [{"name": "app", "image": f"{host}/team/app:1.0"}],
            "imagePullSecrets": [{"name": name}],
            "automountServiceAccountToken": False,
        }
        control_plane.create(f"/api/v1/namespaces/{namespace}/pods", named("Pod", name, namespace, spec=spec))
    return namespace, f"{host}/team/app:1.0"


@pytest.fixture
def ask(pods, control_plane, ca_file):
    namespace, image = pods

    def asked(pod: str, *more: str):
        words = (image, "--pod", f"{namespace}/{pod}", "--kubeconfig", str(control_plane.kubeconfig()), "--secrets")
        return invoke(*words, "--ca", ca_file, *more)

    return asked


@pytest.mark.live
@pytest.mark.parametrize("pod", ["right", "path"])
def test_the_pods_own_pull_secret_is_used_and_granted(ask, pods, registries, pod):
    code, found = ask(pod)
    assert (code, found["granted"], found["cause"]) == (0, True, None)
    assert found["digest"] == registries.digest
    assert found["credential"].startswith(f"Secret {pods[0]}/{pod}, entry {registries.passwords.host}")
    assert PASSWORD not in json.dumps(found)


@pytest.mark.live
def test_a_wrong_password_in_the_pull_secret_is_named_and_not_shown(ask):
    code, found = ask("wrong")
    assert (code, found["granted"], found["cause"], found["failed_at"]) == (0, False, "wrong-credential", "challenge")
    assert "canary" not in json.dumps(found)


@pytest.mark.live
@pytest.mark.parametrize("pod", ["other-host", "other-path"])
def test_a_pull_secret_for_another_host_or_path_is_not_offered_and_the_note_says_why(ask, pod):
    code, found = ask(pod)
    assert (code, found["granted"], found["cause"]) == (0, False, "no-credential")
    assert any("No key of its pull secrets matches" in note for note in found["notes"])


@pytest.mark.live
def test_a_pull_secret_that_does_not_exist_is_named(ask, pods):
    _, found = ask("missing")
    assert found["notes"][0] == f"Secret {pods[0]}/missing is not used: not there"


@pytest.mark.live
def test_a_malformed_pull_secret_keeps_the_kubelet_from_pulling_and_nothing_is_asked(ask, pods):
    code, found = ask("malformed")
    assert (code, found["granted"], found["cause"], found["failed_at"]) == (0, False, "secret-malformed", None)
    assert found["credential"] == f"Secret {pods[0]}/malformed"
    assert found["notes"] == [
        f"Secret {pods[0]}/malformed is not used: other.example: `auth` is not base64 of user:password"
    ]


@pytest.mark.live
def test_a_token_that_docker_would_use_is_of_no_use_to_a_pod(ask):
    code, found = ask("token-alone")
    assert (code, found["granted"], found["cause"]) == (0, False, "no-credential")
    assert "canary" not in json.dumps(found)


@pytest.mark.live
def test_without_the_permission_to_read_secrets_the_answer_says_so(pods, control_plane, ca_file):
    namespace, image = pods
    kubeconfig = str(control_plane.kubeconfig())
    code, found = invoke(image, "--pod", f"{namespace}/right", "--kubeconfig", kubeconfig, "--ca", ca_file)
    assert (code, found["granted"], found["cause"]) == (3, None, "secret-unread")
    (note,) = found["notes"]
    assert note.endswith("is not used: Secrets could not be read (allow it with --secrets)")


@pytest.mark.live
def test_an_unknown_ca_leaves_the_answer_open_with_exit_code_3(pods):
    code, found = invoke(pods[1])
    assert (code, found["granted"], found["cause"], found["failed_at"]) == (3, None, "unknown-authority", "tls")
    assert "--ca" in found["advice"]


@pytest.mark.live
def test_a_notebook_asks_with_the_pods_own_pull_secret_too(pods, control_plane, ca_file, registries):
    namespace, image = pods
    run = k8srun.start(kubeconfig=str(control_plane.kubeconfig()), namespaces=[namespace], secrets=True)
    table = run.ask_registry(image, f"{namespace}/right", ca_file=ca_file)
    assert table.loc["pull", "Result"] == "granted"
    assert registries.digest in table.loc["pull", "What happened"]
    assert PASSWORD not in table.to_string()
    assert PASSWORD not in repr(run.snapshot)


@pytest.mark.live
def test_people_get_the_steps_and_what_to_do(pods):
    result = CliRunner().invoke(cli, ["image", "check", pods[1]])
    assert result.exit_code == 3
    assert "pull granted: not known" in result.output
    assert "FAIL tls" in result.output
    assert "Cause: unknown-authority. Give the registry's CA with --ca" in result.output


@pytest.mark.live
def test_a_docker_configuration_of_ones_own_is_offered_too(registries, ca_file, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(docker_config((registries.passwords.host, PASSWORD)))
    code, found = invoke(f"{registries.passwords.host}/team/app:1.0", "--ca", ca_file, "--docker-config", str(file))
    assert (code, found["granted"]) == (0, True)


@pytest.mark.live
def test_a_tag_that_has_moved_on_is_told_by_the_pods_that_run_the_old_digest(ask, pods, registries, control_plane):
    namespace, image = pods
    old = "sha256:" + "0" * 64
    path = f"/api/v1/namespaces/{namespace}/pods/right/status"
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    repository = f"{registries.passwords.host}/team/app"
    entry = {"name": "app", "image": image, "imageID": f"{repository}@{old}", "ready": True, "restartCount": 0}
    change = {"status": {"containerStatuses": [{**entry, "state": state, "lastState": {}}]}}
    status, _ = control_plane.request("PATCH", path, change, content_type="application/merge-patch+json")
    assert status == 200
    _, found = ask("right")
    assert [(one["digest"], one["same"]) for one in found["running"] if one["digest"]] == [(old, False)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b'{"auths": []}', "no object `auths`"),
        (b'{"auths": {"a.example": "x"}}', r"a\.example'\]: the entry is malformed: not an object"),
        (b'{"auths": {"a.example": {"auth": "canary"}}}', "not base64"),
        (b'{"auths": {"a.example": {"password": 7}}}', "`password` is not a string"),
    ],
)
def test_a_malformed_docker_configuration_is_an_error_that_names_the_place_and_quotes_nothing(content, message):
    with pytest.raises(InputError, match=message) as raised:
        read_docker_config(content, where="config.json")
    assert "config.json" in str(raised.value)
    assert "canary" not in str(raised.value)


def test_an_invalid_reference_is_refused_before_anything_is_asked():
    with pytest.raises(InputError, match="lowercase"):
        invoke("registry.example/Team/app:1")
