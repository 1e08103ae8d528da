"""The command line as a whole: help, errors and exit codes as a shell sees them."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from k8srun.cli.main import COMMANDS, cli, main
from k8srun.errors import ExitCode
from tests.test_docs import REST, accept

HELP_THEN_MODULES = """
import sys
from k8srun.cli.main import main
sys.argv = ["k8srun", "--help"]
try:
    main()
except SystemExit:
    print("LOADED", sorted({"pandas", "papermill", "nbconvert", "matplotlib", "IPython"} & set(sys.modules)))
"""
K8SRUN = [sys.executable, "-m", "k8srun.cli.main"]


def k8srun(*words, **options):
    return subprocess.run([*K8SRUN, *words], capture_output=True, text=True, check=False, **options)


def test_help_lists_every_command_and_an_example_that_needs_no_cluster():
    done = k8srun("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if f"  {name} " not in done.stdout] == []
    assert "k8srun run x509-error --lab" in done.stdout


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command):
    done = k8srun(command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def helps(command, context):
    """The help texts of a command and of all below it."""
    yield inspect.cleandoc(command.help or "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from helps(command.get_command(context, name), context)


def test_every_example_of_the_help_is_a_command_that_k8srun_takes():
    lines = "\n".join(helps(cli, click.Context(cli))).replace("\\\n", " ").splitlines()
    examples = [typed[1] for line in lines if (typed := re.search(r"^  (?:[^#]* \| ?)?k8srun (\S.*)", line))]
    assert len(examples) > 40
    for example in examples:
        accept(REST.sub("", example))


def test_help_loads_neither_pandas_nor_papermill():
    done = subprocess.run([sys.executable, "-c", HELP_THEN_MODULES], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("LOADED []")


def test_no_source_is_an_error_that_names_them_and_never_the_lab():
    done = k8srun("run", "x509-error")
    assert done.returncode == ExitCode.BAD_INPUT
    assert [option for option in ("--context", "--snapshot", "--from", "--host-root", "--endpoint", "--lab")
            if option not in done.stderr] == []  # fmt: skip


def test_contradicting_sources_are_refused():
    done = k8srun("snapshot", "show", "--lab", "--from", ".")
    assert done.returncode == ExitCode.BAD_INPUT
    assert "--lab cannot be combined" in done.stderr


def test_an_unknown_command_and_an_unknown_option_are_bad_input():
    assert k8srun("nonsense").returncode == ExitCode.BAD_INPUT
    assert k8srun("list", "--nonsense").returncode == ExitCode.BAD_INPUT


def to_a_reader_that_is_gone(*words):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [*K8SRUN, *words], stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize("words", [["--help"], ["list"], ["permissions"], ["lab", "incidents", "-o", "json"]])
def test_a_reader_that_goes_away_is_no_failure_and_no_finding(words):
    done = to_a_reader_that_is_gone(*words)
    assert (done.returncode, done.stderr) == (ExitCode.CLEAN, "")


def test_a_reader_that_goes_away_does_not_change_the_answer(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("apiVersion: v1\nkind: Pod\nmetadata: [\n")
    done = to_a_reader_that_is_gone("snapshot", "show", "--from", str(broken))
    assert (done.returncode, done.stderr) == (ExitCode.INCOMPLETE, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_output_that_cannot_be_written_is_an_error_and_no_traceback():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*K8SRUN, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    said = "k8srun: the output cannot be written: No space left on device\n  Is there space?\n"
    assert (done.returncode, done.stderr) == (ExitCode.INCOMPLETE, said)


def test_without_a_standard_output_nothing_fails():
    done = subprocess.run(["sh", "-c", f"{' '.join(K8SRUN)} list >&-"], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (ExitCode.CLEAN, "")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device", "/var/x"), "k8srun: /var/x: No space left on device\n"),
        (ZeroDivisionError("a mistake"), "ZeroDivisionError: a mistake\n"),
    ],
)
def test_what_nobody_has_foreseen_is_never_taken_for_findings(monkeypatch, capsys, error, told):
    def fail(**_):
        raise error

    monkeypatch.setattr(sys, "argv", ["k8srun", "list"])
    monkeypatch.setattr("k8srun.cli.main.cli.main", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.INCOMPLETE
    assert capsys.readouterr().err.endswith(told)
