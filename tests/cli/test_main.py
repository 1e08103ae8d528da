"""The command line as a whole: help, errors and exit codes as a shell sees them."""

from __future__ import annotations

import subprocess
import sys

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


def test_a_reader_that_goes_away_is_not_taken_for_findings():
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(K8SRUN)} lab incidents -o json | head -n 1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] in {str(int(ExitCode.CLEAN)), str(int(ExitCode.INCOMPLETE))}
    assert done.stderr == ""
