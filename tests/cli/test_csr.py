"""`k8srun csr` without a cluster: what it reads, what it refuses, and the contract of its answers."""

from __future__ import annotations

import base64

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from k8srun.cli.csr import csr
from k8srun.errors import InputError, RefusedError, SourceError
from k8srun.pki.identity import keep_request
from tests.certificates.signing import request_pem, signing_request
from tests.pki.test_identity import issued


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


def run(*words):
    return CliRunner().invoke(csr, list(words), catch_exceptions=False)


def written(path, *items):
    path.write_text(yaml.safe_dump_all(items))
    return str(path)


def kubeconfig(path, **cluster):
    entry = {"server": "https://127.0.0.1:1", **cluster}
    user = {"token": "not-a-real-token"}
    path.write_text(yaml.safe_dump({
        "current-context": "c",
        "clusters": [{"name": "prod", "cluster": entry}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "prod", "user": "u"}}],
    }))  # fmt: skip
    return str(path)


def test_make_writes_both_files_once_and_shows_no_key(folder):
    first = run("make", "jane", "--group", "developers", "-o", "json")
    answer = msgspec.json.decode(first.stdout)
    assert set(answer) == {
        "schema", "key", "request", "user", "groups", "key_type", "public_key_sha256", "reused",
    }  # fmt: skip
    assert (answer["schema"], answer["reused"]) == ("k8srun.dev/csr-make/v1", False)
    key = (folder / "jane.key").read_text()
    again = run("make", "jane", "--group", "developers")
    assert "used again" in again.output
    assert (folder / "jane.key").read_text() == key
    for line in key.splitlines():
        assert line not in first.output + again.output


@pytest.mark.parametrize("user", ["../jane", "a/b", ".hidden"])
def test_a_user_whose_name_is_no_files_name_needs_a_path(user):
    with pytest.raises(InputError) as caught:
        run("make", user)
    assert "--to" in caught.value.do
    assert run("make", user, "--to", "x").exit_code == 0


def test_the_list_for_scripts_says_who_asks_for_whom_and_what_that_risks(folder):
    item = signing_request("jane", ["system:masters"], by="eve", seconds=None)
    result = run("list", "--from", written(folder / "csr.yaml", item), "-o", "json")
    assert result.exit_code == 0
    answer = msgspec.json.decode(result.stdout)
    assert (answer["schema"], answer["gaps"]) == ("k8srun.dev/csr-list/v1", [])
    (one,) = answer["requests"]
    assert set(one) == {
        "name", "uid", "created", "state", "reason", "signer", "usages", "expiration_seconds", "requested_by",
        "requested_for", "names", "key_type", "public_key_sha256", "severity", "risks", "error",
    }  # fmt: skip
    assert one["requested_by"] == {"user": "eve", "groups": ["system:authenticated"]}
    assert one["requested_for"] == {"user": "jane", "groups": ["system:masters"]}
    assert (one["severity"], one["expiration_seconds"]) == ("critical", None)
    assert {risk["id"] for risk in one["risks"]} == {"masters", "other-subject", "lifetime"}
    assert set(one["risks"][0]) == {"id", "severity", "subject", "message"}


def test_the_list_for_people_calls_out_what_is_critical_and_obeys_no_name(folder):
    item = signing_request("jane\x1b[2J", ["system:masters"], by="eve")
    result = run("list", "--from", written(folder / "csr.yaml", item))
    assert "critical: the group system:masters may do everything" in " ".join(result.output.split())
    assert "\x1b[2J" not in result.output


def test_a_request_that_cannot_be_read_is_listed_with_the_reason(folder):
    item = signing_request("jane")
    item["spec"]["request"] = base64.b64encode(request_pem("jane")[:100]).decode()
    result = run("list", "--from", written(folder / "csr.yaml", item), "-o", "json")
    (one,) = msgspec.json.decode(result.stdout)["requests"]
    assert (one["severity"], one["error"]) == ("critical", "truncated: no END line")


def test_a_source_that_does_not_show_requests_is_unknown_and_not_empty(folder):
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    result = run("list", "--from", written(folder / "n.yaml", namespace), "-o", "json")
    assert result.exit_code == 3
    assert msgspec.json.decode(result.stdout)["gaps"]


def test_a_server_that_cannot_be_reached_is_unknown_and_not_empty(folder):
    result = run("list", "--kubeconfig", kubeconfig(folder / "k"))
    assert result.exit_code == 3
    assert "No request could be read." in result.output


def test_the_embedded_lab_has_one_that_waits():
    answer = msgspec.json.decode(run("list", "--lab", "-o", "json").stdout)
    assert [(one["name"], one["state"], one["severity"]) for one in answer["requests"]] == [
        ("noah-klein", "pending", None)
    ]


def test_a_certificate_is_fetched_from_what_was_saved(folder):
    kept = keep_request(folder / "jane", "jane")
    pem = issued(kept.key)
    item = signing_request("jane", name="jane", approved=True, pem=kept.pem)
    item["status"]["certificate"] = base64.b64encode(pem).decode()
    source = written(folder / "csr.yaml", item)
    result = run("fetch", "jane", "--key", "jane.key", "--to", "jane.crt", "--from", source, "-o", "json")
    assert msgspec.json.decode(result.stdout)["user"] == "jane"
    assert (folder / "jane.crt").read_bytes() == pem


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "noah-klein"),
        ("deny", "noah-klein"),
        ("submit", "jane.csr", "--name", "jane"),
        ("kubeconfig", "jane.crt", "--key", "jane.key", "--to", "jane.conf"),
    ],
)
@pytest.mark.parametrize("source", [(), ("--lab",), ("--from", "x.yaml")], ids=["none", "lab", "files"])
def test_what_needs_a_live_cluster_says_so(folder, words, source):
    (folder / "jane.csr").write_bytes(request_pem("jane"))
    with pytest.raises(InputError, match="this needs a live cluster"):
        run(*words, *source)


def test_no_source_is_an_error_that_names_them():
    with pytest.raises(InputError, match="no source given"):
        run("list")


@pytest.mark.parametrize("span", ["", "1", "h", "-1h", "1.5h", "1w", "9999999h", "5m"])
def test_a_span_that_is_none_or_too_short_is_refused(folder, span):
    (folder / "jane.csr").write_bytes(request_pem("jane"))
    with pytest.raises(InputError):
        run("submit", "jane.csr", "--name", "jane", "--expires", span, "--kubeconfig", kubeconfig(folder / "k"))


def test_a_file_that_is_not_there_is_an_error_that_names_it(folder):
    with pytest.raises(InputError, match="there is no such file") as caught:
        run("submit", "none.csr", "--name", "jane", "--kubeconfig", kubeconfig(folder / "k"))
    assert caught.value.where == "none.csr"


def test_a_request_that_is_not_there_is_an_error_that_names_those_that_are(folder):
    source = written(folder / "csr.yaml", signing_request("jane", name="jane"))
    with pytest.raises(InputError) as caught:
        run("fetch", "eve", "--key", "x", "--to", "y", "--from", source)
    assert "There are: jane." in caught.value.do


def test_server_and_ca_are_not_taken_from_a_context_that_does_not_verify(folder):
    config = kubeconfig(folder / "k", **{"insecure-skip-tls-verify": True})
    with pytest.raises(InputError, match="does not verify its server"):
        run("kubeconfig", "jane.crt", "--key", "jane.key", "--to", "jane.conf", "--kubeconfig", config)


def test_a_ca_file_that_is_gone_is_an_error(folder):
    config = kubeconfig(folder / "k", **{"certificate-authority": "gone.crt"})
    with pytest.raises(SourceError, match="certificate-authority cannot be read"):
        run("kubeconfig", "jane.crt", "--key", "jane.key", "--to", "jane.conf", "--kubeconfig", config)


def test_a_confirmation_that_is_none_changes_nothing(folder, monkeypatch):
    (folder / "jane.csr").write_bytes(request_pem("jane"))
    monkeypatch.setenv("K8SRUN_JOURNAL", str(folder / "journal.jsonl"))
    config = kubeconfig(folder / "k")
    with pytest.raises(RefusedError, match="this is no confirmation"):
        run("submit", "jane.csr", "--name", "jane", "--kubeconfig", config, "--confirm", "yes")
    assert not (folder / "journal.jsonl").exists()


def test_a_plan_is_not_written_over_another_file(folder):
    (folder / "jane.csr").write_bytes(request_pem("jane"))
    (folder / "plan.json").write_text("mine")
    with pytest.raises(RefusedError, match="nothing was overwritten"):
        run("submit", "jane.csr", "--name", "jane", "--kubeconfig", kubeconfig(folder / "k"), "--plan", "plan.json")
    assert (folder / "plan.json").read_text() == "mine"


def test_an_unreachable_server_gives_a_preview_that_cannot_be_confirmed(folder, monkeypatch):
    (folder / "jane.csr").write_bytes(request_pem("jane"))
    monkeypatch.setenv("K8SRUN_JOURNAL", str(folder / "journal.jsonl"))
    result = run("submit", "jane.csr", "--name", "jane", "--kubeconfig", kubeconfig(folder / "k"))
    assert result.exit_code == 3
    assert "Cannot be applied" in result.output
    assert "--confirm" not in result.output
