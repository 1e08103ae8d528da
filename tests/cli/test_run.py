"""`k8srun list`, `show`, `run` and `batch`, as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from k8srun.cli.main import main
from k8srun.sources.library import find_runbooks
from tests.runner.notebooks import FINISH, write_runbook

ROOT = Path(__file__).parents[2]
PARAMETERS = """\
lab: bool = False  # the lab
endpoint: str = ""  # host:port
now: str = ""  # time
retries: int = 3  # attempts
"""
FINDING = """\
finding = {"check": "C", "resource": "Pod a", "severity": "high", "message": "<b>bad\\u202e\\x1b[31m</b>"}
check = {"check": "C", "title": "t", "severity": "high", "verdict": "FAIL", "findings": [finding]}
extra = {"checks": [check]}
"""


def start(cwd, *arguments, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "k8srun.cli.main", *map(str, arguments)],
        cwd=cwd, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        **options,
    )  # fmt: skip


def k8srun(cwd, *arguments, stdin=""):
    """Exit code, standard output and standard error of a command."""
    process = start(cwd, *arguments)
    out, err = process.communicate(stdin, timeout=120)
    return process.returncode, out, err


@pytest.fixture
def runbook(tmp_path):
    return write_runbook(tmp_path, "mine", FINISH, parameters=PARAMETERS)


def test_list_names_every_runbook_with_what_it_answers(tmp_path):
    code, out, _ = k8srun(tmp_path, "list")
    assert code == 0
    for runbook in find_runbooks():
        assert runbook.id in out
        assert runbook.summary.split()[0] in out


def test_list_as_json_is_one_versioned_object_a_line(tmp_path):
    _, out, _ = k8srun(tmp_path, "list", "-o", "json")
    entries = [json.loads(line) for line in out.splitlines()]
    assert [entry["id"] for entry in entries] == [runbook.id for runbook in find_runbooks()]
    assert {entry["schema"] for entry in entries} == {"k8srun.dev/list/v1"}


def test_list_can_be_narrowed_to_a_kind(tmp_path):
    _, out, _ = k8srun(tmp_path, "list", "--kind", "report", "-o", "json")
    assert {json.loads(line)["kind"] for line in out.splitlines()} == {"report"}


def test_show_explains_parameters_and_sources_and_gives_an_example(tmp_path):
    code, out, _ = k8srun(tmp_path, "show", "x509-error")
    assert code == 0
    for expected in ("x509: certificate signed by unknown authority", "--host-root", "k8srun run x509-error --lab"):
        assert expected in out


def test_show_says_what_the_questions_of_the_runbook_must_be_able_to_read(tmp_path):
    _, out, _ = k8srun(tmp_path, "show", "x509-error")
    assert "  a TLS endpoint\n" in out
    _, out, _ = k8srun(tmp_path, "show", write_runbook(tmp_path, "none", FINISH).path, "-o", "json")
    assert json.loads(out)["needs"] == []


def test_show_as_json_is_one_versioned_object(tmp_path):
    _, out, _ = k8srun(tmp_path, "show", "x509-error", "-o", "json")
    shown = json.loads(out)
    assert (shown["schema"], shown["id"]) == ("k8srun.dev/show/v1", "x509-error")
    assert {"name": "error", "type": "str", "default": ""}.items() <= shown["parameters"][0].items()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense", "--lab"], "there is no runbook nonsense"),
        (["MINE"], "no source given"),
        (["MINE", "--lab", "-p", "retry=4"], "there is no parameter retry\n  Did you mean retries?"),
        (["MINE", "--lab", "-p", "retries=many"], "parameter retries must be a whole number, not 'many'"),
        (["MINE", "--lab", "-p", "retries\nimport os=1"], "is not the name of a parameter"),
        (["MINE", "--lab", "-p", "retries"], "-p takes NAME=VALUE, not 'retries'"),
        (["MINE", "--lab", "-p", "retries=1", "-p", "retries=2"], "-p retries is given twice"),
        (["MINE", "--lab", "--host-root", "/"], "mine cannot use --host-root"),
        (["MINE", "--lab", "--endpoint", "a:1"], "--lab cannot be combined"),
        (["MINE", "--lab", "--now", "soon"], "--now: 'soon' is not a time"),
        (["MINE", "--lab", "--params-file", "none.json"], "none.json: cannot be read"),
        (["MINE", "--lab", "--params-file", "list.json"], "list.json: is not a JSON object"),
        (["MINE", "--lab", "--params-file", "wrong.json"], "parameter retries must be a whole number, not '4'"),
        (["MINE", "--lab", "--out", "list.json"], "'list.json' is a file"),
        (["MINE", "--lab", "--out", "list.json/below"], "list.json/below: cannot be made"),
        (["MINE", "--lab", "--fail-on", "worst"], "'worst' is not one of"),
        (["MINE", "--lab", "--timeout", "0"], "0.0 is not in the range"),
        (["MINE", "--lab", "--timeout", "nan"], "--timeout and --min-coverage are finite numbers"),
        (["MINE", "--lab", "--timeout", "inf"], "--timeout and --min-coverage are finite numbers"),
        (["MINE", "--lab", "--min-coverage", "nan"], "--timeout and --min-coverage are finite numbers"),
        (["MINE", "--lab", "-p", "now=soon"], "now: 'soon' is not a time"),
        (["x509-error", "--lab", "--incident", "expired"], "there is no incident expired in the lab\n  Did you mean "),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_runs(runbook, monkeypatch, capsys, arguments, complaint):
    tmp_path = Path(runbook.path).parents[1]
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "wrong.json").write_text('{"retries": "4"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["k8srun", "run", *[runbook.path if word == "MINE" else word for word in arguments]]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert complaint in err
    assert not (tmp_path / "reports").exists()


def test_a_run_prints_its_record_as_json_and_writes_record_notebook_and_report(tmp_path, runbook):
    (tmp_path / "params.json").write_text('{"retries": 5, "endpoint": "127.0.0.1:1"}')
    code, out, err = k8srun(tmp_path, "run", runbook.path, "--params-file", "params.json", "-o", "json")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert (record["schema"], record["status"]) == ("k8srun.dev/run/v1", "succeeded")
    assert record["parameters"] == {"lab": False, "endpoint": "127.0.0.1:1", "now": "", "retries": 5}
    folder = tmp_path / "reports" / record["id"]
    assert json.loads((folder / "run.json").read_text()) == record
    assert sorted(path.name for path in folder.iterdir()) == ["notebook.ipynb", "report.html", "run.json"]
    assert record["id"] in (tmp_path / "reports" / "index.html").read_text()


def test_a_run_with_findings_exits_with_one_and_prints_them_inert_with_the_paths(tmp_path):
    found = write_runbook(tmp_path, "found", FINDING + FINISH)
    code, out, _ = k8srun(tmp_path, "run", found.path, "--out", "there")
    assert code == 1
    assert "The runbook found: succeeded in " in out
    assert "high: Pod a: <b>bad\\u{202e}\\u{1b}[31m</b>" in out
    [folder] = [path.parent for path in (tmp_path / "there").glob("*/run.json")]
    assert f"Report: there/{folder.name}/report.html\n" in out
    assert f"Record: there/{folder.name}/run.json\n" in out


def test_a_batch_runs_lines_and_names_and_exits_with_the_worst(tmp_path, runbook):
    fails = write_runbook(tmp_path, "fails", "1/0")
    line = json.dumps({"runbook": runbook.path, "parameters": {"retries": 4}})
    code, out, err = k8srun(tmp_path, "batch", "-", fails.path, "-o", "json", "--jobs", "2", stdin=f"{line}\n")
    assert (code, out) == (2, "")
    assert "standard input, line 1: no source given" in err

    line = json.dumps({"runbook": runbook.path, "parameters": {"retries": 4, "lab": True}})
    code, out, err = k8srun(tmp_path, "batch", "-", fails.path, "-o", "json", "--jobs", "2", stdin=f"{line}\n")
    records = {record["runbook"]: record for record in map(json.loads, out.splitlines())}
    assert code == 3
    assert (records["mine"]["status"], records["mine"]["parameters"]["retries"]) == ("succeeded", 4)
    assert (records["fails"]["status"], records["fails"]["error"]) == ("failed", "ZeroDivisionError: division by zero")
    assert "started mine\n" in err
    assert "] fails: failed in " in err
    assert "s: ZeroDivisionError: division by zero\n" in err
    index = (tmp_path / "reports" / "index.html").read_text()
    assert all(record["id"] in index for record in records.values())


def test_a_batch_refuses_a_runbook_that_can_change_a_cluster_and_runs_none(tmp_path, runbook):
    changing = write_runbook(tmp_path, "renew", FINISH, changes_cluster=True)
    code, out, err = k8srun(tmp_path, "batch", changing.path, "start-here")
    assert (code, out) == (2, "")
    assert "renew can change a cluster" in err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (b"", "runs.jsonl: there is nothing to run: no line names a runbook"),
        (b"\n \n", "runs.jsonl: there is nothing to run: no line names a runbook"),
        (b'{"runbook": "x509-error\xff"}', "runs.jsonl: is not UTF-8 text"),
        (None, "runs.jsonl: cannot be read: No such file or directory\n"),
    ],
)
def test_a_batch_without_runs_is_no_clean_night(tmp_path, lines, complaint):
    if lines is not None:
        (tmp_path / "runs.jsonl").write_bytes(lines)
    code, out, err = k8srun(tmp_path, "batch", "runs.jsonl", "--lab")
    assert (code, out) == (2, "")
    assert complaint in err
    assert not (tmp_path / "reports").exists()


def test_standard_input_cannot_hold_both_runs_and_manifests(tmp_path):
    code, _, err = k8srun(tmp_path, "batch", "-", "--from", "-")
    assert code == 2
    assert "standard input holds the runs already" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_batch_ends_its_runs_records_them_and_begins_no_other(tmp_path, number):
    hang = f"import time\nopen({str(tmp_path / 'begun')!r}, 'w')\ntime.sleep(600)"
    runbooks = [write_runbook(tmp_path, name, hang) for name in ("one", "two")]
    process = start(tmp_path, "batch", *[runbook.path for runbook in runbooks], "--jobs", "1")
    until = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "interrupted in cell 3" in out
    assert "interrupted: 1 of 2 runs did not begin" in err
    [record] = [json.loads(path.read_text()) for path in (tmp_path / "reports").glob("*/run.json")]
    assert (record["runbook"], record["status"]) == ("one", "interrupted")
    assert "interrupted in cell 3" in (tmp_path / "reports" / "index.html").read_text()


def test_a_batch_whose_reader_goes_away_runs_to_its_end(tmp_path):
    runbooks = [write_runbook(tmp_path, name, FINISH) for name in ("one", "two")]
    process = start(tmp_path, "batch", *[runbook.path for runbook in runbooks], "--jobs", "1", "-o", "json")
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    records = [json.loads(path.read_text()) for path in (tmp_path / "reports").glob("*/run.json")]
    assert {record["runbook"]: record["status"] for record in records} == {"one": "succeeded", "two": "succeeded"}
    assert (tmp_path / "reports" / "index.html").exists()
