"""What build.sh promises around the compiler. The compiler here is a few lines of shell; the real one takes minutes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controlplane.binaries import MissingBinariesError, find_binaries, pinned_kubernetes

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "tests/controlplane/build.sh"
TOOLS = ("awk", "cat", "date", "dirname", "grep", "head", "mkdir", "mktemp", "mv", "rm", "sed", "sh", "sleep", "tail")

GO = """#!/bin/sh
case "$1 $*" in
env*) echo {version} ;;
"list "*Time*) echo 2026-01-02T03:04:05Z ;;
list*) echo some/package ;;
build*)
    echo some/package
    {build}
    ;;
esac
"""
WRITE_THE_OUTPUT = 'while [ "$1" != -o ]; do shift; done; echo "#!built" >"$2"'


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with what a POSIX shell script needs, and without Go."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name))
    return folder


def install_go(tools: Path, *, version: str = "go1.99.1", build: str = WRITE_THE_OUTPUT) -> None:
    go = tools / "go"
    go.write_text(GO.format(version=version, build=build))
    go.chmod(0o755)


def environment(tools: Path) -> dict[str, str]:
    return {"PATH": str(tools), "HOME": str(tools.parent), "K8SRUN_CACHE": str(tools.parent / "cache")}


def run_build(tools: Path, *args: str) -> subprocess.CompletedProcess:
    return subprocess.run([BUILD, *args], env=environment(tools), capture_output=True, text=True, check=False)


def left_in_the_cache(tools: Path) -> list[str]:
    return [path.name for path in (tools.parent / "cache/controlplane").iterdir()]


def test_the_folder_is_named_by_both_versions_and_lies_in_the_cache(tools):
    where = Path(run_build(tools, "--where").stdout.strip())
    assert where.parent == tools.parent / "cache/controlplane"
    assert where.name.startswith(f"k8s-{pinned_kubernetes().removeprefix('v')}_etcd-3.")
    assert not where.exists()


def test_the_cache_is_where_the_desktop_standard_says_unless_told_otherwise(tools):
    home = {"PATH": str(tools), "HOME": "/home/me"}
    for extra, cache in [({}, "/home/me/.cache/k8srun"), ({"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/k8srun")]:
        run = subprocess.run([BUILD, "--where"], env=home | extra, capture_output=True, text=True, check=True)
        assert run.stdout.startswith(f"{cache}/controlplane/k8s-")


def test_four_binaries_are_built_and_the_folder_is_printed(tools):
    install_go(tools)
    run = run_build(tools)
    folder = Path(run.stdout.strip())
    assert run.returncode == 0
    assert {path.name for path in folder.iterdir()} == {"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"}
    assert left_in_the_cache(tools) == [folder.name]
    assert "built kube-apiserver in" in run.stderr


def test_what_is_there_is_not_built_again(tools):
    install_go(tools)
    first = run_build(tools)
    (tools / "go").unlink()
    second = run_build(tools)
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")


def test_a_missing_go_is_said_with_what_to_install_and_what_follows(tools):
    run = run_build(tools)
    assert (run.returncode, run.stdout) == (1, "")
    assert "'go' was not found. Install Go 1.26 or newer" in run.stderr
    assert "the live tests skip" in run.stderr


@pytest.mark.parametrize("version", ["go1.19.8", "go1.25.9"])
def test_a_go_that_is_too_old_is_said_with_its_version(tools, version):
    install_go(tools, version=version)
    run = run_build(tools)
    assert run.returncode == 1
    assert f"needs Go 1.26 or newer, and {tools}/go is {version}" in run.stderr


@pytest.mark.parametrize("version", ["go1.26rc1", "go1.100"])
def test_a_go_that_is_new_enough_is_used(tools, version):
    install_go(tools, version=version)
    assert run_build(tools).returncode == 0


def test_a_failed_build_shows_the_error_of_the_compiler_and_leaves_nothing(tools):
    install_go(tools, build='echo "main.go:7:2: undefined: nothing"; exit 1')
    run = run_build(tools)
    assert run.returncode == 1
    assert "main.go:7:2: undefined: nothing" in run.stderr
    assert "some/package" not in run.stderr
    assert left_in_the_cache(tools) == []


def test_an_interrupted_build_ends_the_compiler_and_leaves_nothing(tools):
    install_go(tools, build='echo "$$" >"$HOME/compiler"; exec sleep 600')
    with subprocess.Popen([BUILD], env=environment(tools), stderr=subprocess.PIPE, text=True) as build:
        while "compiled" not in build.stderr.readline():
            pass
        build.send_signal(signal.SIGTERM)
        assert build.wait() == 143
    assert left_in_the_cache(tools) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((tools.parent / "compiler").read_text()), 0)


def test_an_unknown_argument_is_refused(tools):
    run = run_build(tools, "--force")
    assert run.returncode == 2
    assert "unknown argument '--force'" in run.stderr


def test_assets_without_a_controller_manager_are_refused_by_name(tmp_path, monkeypatch):
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with pytest.raises(
        MissingBinariesError, match=f"kube-controller-manager not in {tmp_path}, which KUBEBUILDER_ASSETS"
    ):
        find_binaries()


def test_an_empty_cache_says_how_to_fill_it(tmp_path, monkeypatch):
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("K8SRUN_CACHE", str(tmp_path))
    with pytest.raises(MissingBinariesError, match="run `make controlplane`"):
        find_binaries()


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 skipped"), ("1", "1 error")])
def test_a_live_test_without_binaries_skips_unless_they_are_required(tmp_path, required, outcome):
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-rsE",
            "-p",
            "no:cacheprovider",
            "tests/live",
            "-k",
            "version_that_is_pinned",
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "K8SRUN_CACHE": str(tmp_path), "K8SRUN_REQUIRE_LIVE": required},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome in run.stdout
    assert "run `make controlplane`" in run.stdout
