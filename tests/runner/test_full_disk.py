"""A disk that fills up: what was written whole stays, and nothing half-written looks whole."""

from __future__ import annotations

import subprocess
import tempfile
import threading

import pytest

from k8srun.errors import ExitCode
from k8srun.record import RunStatus
from k8srun.runner.execute import Limits, Request, execute
from k8srun.runner.folder import read_record, settle
from tests.runner.notebooks import FINISH, write_runbook

FILL = """\
import contextlib
with contextlib.suppress(OSError), open(target, "wb", buffering=0) as file:
    while True:
        file.write(b"x" * 512)
"""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def run(runbook, out, **parameters):
    return execute(Request(runbook, parameters), out, Limits(timeout=120), threading.Event())


def fill(folder):
    (folder / "filler").write_bytes(b"x" * 1024 * 64)


def test_a_disk_that_is_full_at_the_start_runs_nothing_and_leaves_nothing(small_disk, tmp_path):
    fill(small_disk)
    runbook = write_runbook(tmp_path, "any", f"open({str(tmp_path / 'ran')!r}, 'w')")
    ended = run(runbook, small_disk)
    assert ended.record.status is RunStatus.FAILED
    assert "No space left on device" in ended.record.error
    assert ended.record.exit_code == ExitCode.INCOMPLETE
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    assert not (tmp_path / "ran").exists()


def test_a_disk_that_fills_up_during_the_run_leaves_a_whole_record_that_claims_no_success(small_disk, tmp_path):
    runbook = write_runbook(tmp_path, "fills", FILL, FINISH, parameters='target: str = ""  # a file')
    ended = run(runbook, small_disk, target=str(small_disk / "filler"))
    assert ended.record.status is RunStatus.FAILED
    assert "No space left on device" in ended.record.error
    assert read_record(ended.folder).status is RunStatus.RUNNING
    (small_disk / "filler").unlink()
    settle(small_disk)
    assert read_record(ended.folder).status is RunStatus.KILLED
    assert [path.name for path in ended.folder.iterdir()] == ["run.json"]


def test_a_notebook_too_large_for_the_disk_is_said_so_and_the_result_kept(small_disk, tmp_path):
    runbook = write_runbook(tmp_path, "large", "print('x' * 200_000)", FINISH)
    record = read_record(run(runbook, small_disk).folder)
    assert record.status is RunStatus.FAILED
    assert record.error == "the executed notebook could not be kept: No space left on device"
    assert record.result.cluster == "test"
    assert record.exit_code == ExitCode.INCOMPLETE


def test_a_full_temporary_folder_is_said_so(small_disk, tmp_path, monkeypatch):
    fill(small_disk)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    record = read_record(run(write_runbook(tmp_path, "any", FINISH), tmp_path / "out").folder)
    assert record.status is RunStatus.FAILED
    assert "No space left on device" in record.error
