"""What a caller gives is checked before anything runs."""

from __future__ import annotations

import json

import pytest

from k8srun.errors import InputError, RefusedError
from k8srun.runner.execute import Request
from k8srun.runner.prepare import admit, prepare, requests_from_lines
from k8srun.sources.library import find_runbook
from k8srun.sources.options import SourceOptions
from tests.runner.notebooks import write_runbook

PARAMETERS = """\
error: str = ""  # the text
retries: int = 3  # attempts
snapshot: str = "default.k8srun"  # a file
endpoint: str = ""  # host:port
from_paths: list[str] = []  # paths
lab: bool = True  # the lab
incident: str = ""  # of the lab
now: str = ""  # time
"""
LAB = SourceOptions(lab=True)


@pytest.fixture
def runbook(tmp_path):
    return write_runbook(tmp_path, "mine", parameters=PARAMETERS)


def test_a_source_option_becomes_the_parameter_of_its_name(runbook):
    parameters = prepare(runbook, sources=SourceOptions(endpoint="127.0.0.1:6443")).parameters
    assert parameters["endpoint"] == "127.0.0.1:6443"


def test_the_sources_that_were_not_given_are_emptied_so_that_no_default_looks_elsewhere(runbook):
    parameters = prepare(runbook, sources=SourceOptions(endpoint="127.0.0.1:6443")).parameters
    assert (parameters["lab"], parameters["snapshot"]) == (False, "")


def test_a_source_may_come_as_a_parameter(runbook):
    parameters = prepare(runbook, texts={"from_paths": "a,b"}).parameters
    assert (parameters["from_paths"], parameters["lab"]) == (["a", "b"], False)


def test_several_paths_stay_a_list(runbook):
    assert prepare(runbook, sources=SourceOptions(from_paths=("a", "b"))).parameters["from_paths"] == ["a", "b"]


def test_without_any_source_nothing_runs_and_the_options_are_named(runbook):
    with pytest.raises(InputError, match="no source given") as refused:
        prepare(runbook, texts={"error": "x509"})
    assert "--lab" in refused.value.do


def test_the_lab_cannot_be_combined_with_a_source_given_as_a_parameter(runbook):
    with pytest.raises(InputError, match="--lab cannot be combined"):
        prepare(runbook, texts={"snapshot": "x"}, sources=LAB)


def test_a_walkthrough_is_on_the_lab_whether_that_is_said_or_not():
    walkthrough = find_runbook("walkthrough/rbac")
    assert prepare(walkthrough, sources=LAB) == prepare(walkthrough)


def test_a_source_that_the_runbook_cannot_use_is_refused_by_the_name_of_its_option(runbook):
    with pytest.raises(InputError, match="mine cannot use --host-root: it has no parameter host_root") as refused:
        prepare(runbook, sources=SourceOptions(host_root="/"))
    assert "--from" in refused.value.do


def test_a_source_given_twice_is_refused(runbook):
    with pytest.raises(InputError, match="endpoint is given twice"):
        prepare(runbook, texts={"endpoint": "a:1"}, sources=SourceOptions(endpoint="b:2"))


def test_a_runbook_that_brings_its_own_cluster_needs_no_source(tmp_path):
    runbook = write_runbook(tmp_path, "tour", parameters='incident: str = "a"  # which')
    assert prepare(runbook).parameters == {}
    assert prepare(runbook, texts={"incident": "b"}).parameters == {"incident": "b"}


def test_a_word_of_the_command_line_wins_over_the_file(runbook):
    request = prepare(runbook, texts={"retries": "5"}, values={"retries": 4, "error": "x"}, sources=LAB)
    assert (request.parameters["retries"], request.parameters["error"]) == (5, "x")


def test_a_value_of_the_file_must_have_its_type(runbook):
    with pytest.raises(InputError, match="parameter retries must be a whole number"):
        prepare(runbook, values={"retries": "4"}, sources=LAB)


def test_a_name_with_a_newline_is_refused(runbook):
    with pytest.raises(InputError, match="not the name of a parameter"):
        prepare(runbook, texts={"error\nimport os": "x"}, sources=LAB)


def test_the_time_reaches_the_notebook(runbook):
    assert prepare(runbook, sources=LAB, now="2026-01-01").parameters["now"] == "2026-01-01"


def lines(runbook, *entries):
    text = "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)
    return list(requests_from_lines(text, LAB, now="", where="runs.jsonl"))


def test_a_line_is_a_run_and_empty_lines_are_passed_over(runbook):
    requests = lines(
        runbook, {"runbook": runbook.path}, "", {"runbook": runbook.path, "parameters": {"incident": "clock-skew"}}
    )
    assert [request.parameters["incident"] for request in requests] == ["", "clock-skew"]
    assert all(request.parameters["lab"] for request in requests)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "is not valid JSON"),
        ("[]", "a line is"),
        ({"runbook": "x", "params": {}}, "a line is"),
        ({"parameters": {}}, "runbook is a text"),
        ({"runbook": 1}, "runbook is a text"),
        ({"runbook": "x509-error", "parameters": []}, "runbook is a text and parameters an object"),
        ({"runbook": "no-such-thing"}, "there is no runbook no-such-thing"),
        ({"runbook": "x509-error", "parameters": {"eror": "x"}}, "there is no parameter eror"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(runbook, line, complaint):
    with pytest.raises(InputError, match=f"^runs.jsonl, line 2: {complaint}"):
        lines(runbook, {"runbook": runbook.path}, line)


def test_a_batch_refuses_a_runbook_that_can_change_a_cluster(tmp_path, runbook):
    changing = write_runbook(tmp_path, "renew", changes_cluster=True)
    with pytest.raises(RefusedError, match="renew can change a cluster") as refused:
        admit([Request(runbook), Request(changing)])
    assert "k8srun run renew" in refused.value.do
    admit([Request(runbook)])


def test_standard_input_serves_one_run_only(runbook):
    piped = prepare(runbook, sources=SourceOptions(from_paths=("-",)))
    admit([piped])
    with pytest.raises(InputError, match="only one run can read standard input"):
        admit([piped, piped])
