"""What a start loads, and what it must not: every run waits for it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Each takes longer to load than a question takes to answer, and few notebooks or commands need it.
OF_FEW_NOTEBOOKS = {
    "matplotlib", "kubernetes", "papermill", "nbclient", "nbconvert", "nbformat", "jsonschema", "requests", "rich",
    "click", "bs4", "nh3", "scipy", "pyarrow",
    "k8srun.cli", "k8srun.runner", "k8srun.report", "k8srun.display.plots", "k8srun.display.timeline",
}  # fmt: skip
OF_NOTEBOOKS_ALONE = {
    *(
        "pandas",
        "numpy",
        "IPython",
        "ipykernel",
        "matplotlib",
        "papermill",
        "nbconvert",
        "jupyter_client",
        "kubernetes",
    ),
    *("k8srun.investigation", "k8srun.lab", "k8srun.apply", "k8srun.certificates", "k8srun.assessment"),
}


def loaded_by(statement: str) -> set[str]:
    """The modules, and the packages that they are of, that a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = json.loads(done.stdout.splitlines()[-1])
    return {".".join(name.split(".")[: depth + 1]) for name in names for depth in range(name.count(".") + 1)}


def test_a_notebook_starts_without_what_few_notebooks_need():
    loaded = loaded_by("import k8srun; k8srun.start")
    assert "k8srun.investigation" in loaded
    assert not loaded & OF_FEW_NOTEBOOKS


@pytest.mark.parametrize("module", ["k8srun.cli.main", "k8srun.runner.worker"])
def test_the_command_line_and_the_worker_begin_without_what_notebooks_need(module):
    assert not loaded_by(f"import {module}") & OF_NOTEBOOKS_ALONE


def test_the_kernel_is_launched_before_anything_of_papermill_is_loaded():
    loaded = loaded_by("import k8srun.runner.launch")
    assert not loaded & {"papermill", "nbclient", "nbformat", "jupyter_client", "zmq", "asyncio", "cryptography"}
