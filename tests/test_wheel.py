"""An installed k8srun has everything that a checkout has: runbooks, templates, the lab, the collection script."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True,
                   capture_output=True)  # fmt: skip
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_carries_every_file_of_the_package_and_every_runbook(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "k8srun", "runbooks"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    wanted = {name.replace("runbooks/", "k8srun/_runbooks/", 1) if name.startswith("runbooks/") else name
              for name in tracked if (ROOT / name).exists()}  # fmt: skip
    assert {"k8srun/_runbooks/investigate/x509-error.ipynb", "k8srun/sources/collect.sh"} <= held
    assert wanted - held == set()


def test_the_console_script_is_installed_under_both_of_its_names(wheel):
    entry = next(name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("entry_points.txt"))
    said = zipfile.ZipFile(wheel).read(entry).decode()
    assert "k8srun = k8srun.cli.main:main" in said
    assert "kubectl-k8srun = k8srun.cli.main:main" in said


def test_an_unpacked_wheel_runs_without_the_checkout(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from k8srun.cli.main import main; main()", "list"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "x509-error" in done.stdout
