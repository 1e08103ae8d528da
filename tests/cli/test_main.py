"""The command line as a whole: help, errors and exit codes as a shell sees them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from k8srun.cli.main import COMMANDS
from k8srun.errors import ExitCode

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
