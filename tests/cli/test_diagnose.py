"""`k8srun diagnose`: what it prints, what it returns, and what it refuses."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from k8srun.cli.main import cli
from k8srun.errors import InputError
from k8srun.sources.saved import save
from tests.certificates.cluster import Cluster
from tests.certificates.model import NOW

UNKNOWN = "x509: certificate signed by unknown authority"
CLOCK = NOW.isoformat()


def invoke(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["diagnose", *arguments], input=given)


def answers(result: Result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def expired(folder: Path) -> str:
    """A saved snapshot of a cluster whose serving certificate has expired."""
    cluster = Cluster()
    cluster.apiserver.not_after = NOW.replace(year=2026, month=5, day=15)
    path = folder / "expired.k8srun"
    save(cluster.snapshot(), path)
    return str(path)


def test_a_message_alone_is_answered_with_its_causes_in_json():
    result = invoke(UNKNOWN, "-o", "json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (answer["schema"], answer["recognised"], answer["family"], answer["runbook"]) == (
        "k8srun.dev/diagnose/v1", True, "x509-unknown-authority", "x509-error",
    )  # fmt: skip
    assert {cause["status"] for cause in answer["causes"]} == {"open", "ruled_out"}
    for cause in answer["causes"]:
        assert {"id", "title", "status", "evidence", "fix", "look_at"} == set(cause)
        assert (cause["fix"] is None) == (cause["status"] == "ruled_out")
    assert answer["next"]


def test_evidence_alone_is_answered_with_the_cause(tmp_path):
    result = invoke("--snapshot", expired(tmp_path), "--now", CLOCK, "-o", "json")

    (cause,) = [cause for cause in json.loads(result.stdout)["causes"] if cause["status"] == "confirmed"]
    assert result.exit_code == 0
    assert cause["id"] == "certificate-expired"
    assert cause["evidence"][0] == {
        "fact": "CN=kube-apiserver ended at 2026-05-15 12:00:00 UTC", "where": "endpoint api.example:6443",
    }  # fmt: skip
    assert "sudo kubeadm certs renew apiserver" in cause["fix"]["commands"]


def test_the_first_screen_says_what_why_for_whom_since_when_and_what_to_do(tmp_path):
    result = invoke("--snapshot", expired(tmp_path), "--now", CLOCK)

    screen = "\n".join(result.stdout.splitlines()[:24])
    assert result.exit_code == 0
    for part in (
        "The server's certificate has expired",
        "everybody who talks to the API server",
        "2026-05-15 12:00:00 UTC (2 days ago)",
        "CN=kube-apiserver ended at 2026-05-15",
        "sudo kubeadm certs renew apiserver",
    ):
        assert part in screen


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_commands_are_wider_than_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    with redirect_stdout(terminal):
        cli.main(["diagnose", "--snapshot", expired(tmp_path), "--now", CLOCK], standalone_mode=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue()).splitlines()

    assert [line for line in lines if len(line) > 100 and not line.startswith("    ")] == []
    assert any(line.startswith("    sudo mv /etc/kubernetes/manifests/kube-apiserver.yaml") for line in lines)


def test_a_pipe_gets_no_line_folded_and_none_filled_up_with_spaces(tmp_path):
    lines = invoke("--snapshot", expired(tmp_path), "--now", CLOCK).stdout.splitlines()

    assert lines[0].startswith("x509: certificate has expired")
    assert lines[0].endswith("is after 2026-05-15T12:00:00Z")
    assert max(map(len, lines)) < 500


def test_a_pipe_gets_no_colours(tmp_path):
    assert "\x1b" not in invoke("--snapshot", expired(tmp_path), "--now", CLOCK).stdout


def test_a_text_is_read_from_standard_input():
    result = invoke("-", "-o", "json", given=f"some log\nUnable to connect to the server: {UNKNOWN}\n")

    assert json.loads(result.stdout)["family"] == "x509-unknown-authority"


def test_every_line_is_answered_with_one_object_a_line():
    given = f"{UNKNOWN}\n\nx509: unhandled critical extension\n"

    found = answers(invoke("-", "--lines", "-o", "json", given=given))

    assert [answer["family"] for answer in found] == ["x509-unknown-authority", "x509-critical-extension"]
    assert {answer["schema"] for answer in found} == {"k8srun.dev/diagnose/v1"}


def test_lines_without_a_text_and_a_source_are_read_from_the_pipe():
    given = f"{UNKNOWN}\nnonsense\n"
    assert (
        invoke("--lines", "-o", "json", given=given).output == invoke("-", "--lines", "-o", "json", given=given).output
    )
    assert len(answers(invoke("--lines", "-o", "json", given=given))) == 2


def test_lines_may_also_be_given_as_text():
    found = answers(invoke(f"{UNKNOWN}\ntls: private key does not match public key", "--lines", "-o", "json"))

    assert [answer["family"] for answer in found] == ["x509-unknown-authority", "tls-key-mismatch"]


def test_an_unknown_message_is_code_3_with_the_nearest_ones():
    result = invoke("x509 certifcate signed by unknow authorty", "-o", "json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (answer["recognised"], answer["causes"]) == (False, [])
    assert answer["nearest"][0] == UNKNOWN
    assert "The nearest messages" in invoke("x509 certifcate signed by unknow authorty").stdout


def test_one_unknown_line_among_known_ones_is_code_3_and_the_others_are_answered():
    result = invoke("-", "--lines", "-o", "json", given=f"{UNKNOWN}\nnonsense\n{UNKNOWN}\n")

    assert result.exit_code == 3
    assert [answer["recognised"] for answer in answers(result)] == [True, False, True]


def test_bytes_that_are_no_text_are_read_as_far_as_they_go():
    result = invoke("-", "-o", "json", given=b"\xff\xfe\x00" + UNKNOWN.encode() + b"\x80")

    assert json.loads(result.stdout)["family"] == "x509-unknown-authority"


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        ((), None, "nothing to diagnose"),
        (("-",), "", "standard input is empty"),
        (("-", "--from", "-"), "x", "only once"),
        ((UNKNOWN, "--now", "yesterday"), None, "is not a time"),
        ((UNKNOWN, "--snapshot", "/no/such/file"), None, "/no/such/file"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(arguments, given, said):
    result = invoke(*arguments, given=given)

    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)


def test_the_labs_incident_brings_its_own_symptom():
    answer = json.loads(invoke("--lab", "--incident", "clock-skew", "-o", "json").stdout)

    assert [cause["id"] for cause in answer["causes"] if cause["status"] == "confirmed"] == ["clock-skew"]


def test_what_a_cluster_calls_itself_cannot_style_the_output(tmp_path):
    result = invoke("[bold]x509: certificate is valid for [red]evil[/red], not :smiley:\x1b[31m", "-o", "table")

    assert "[red]evil[/red]" in result.stdout
    assert "\x1b" not in result.stdout
