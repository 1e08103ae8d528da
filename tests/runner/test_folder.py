"""The folder of a run, and what a killed runner leaves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.errors import InputError
from k8srun.record import RECORD_SCHEMA, RunRecord, RunStatus
from k8srun.runner.folder import new_id, open_folder, read_record, settle

STARTED = datetime(2026, 1, 31, 3, 0, tzinfo=UTC)


@pytest.fixture
def record():
    identity = new_id("x509-error", STARTED)
    return RunRecord(RECORD_SCHEMA, identity, "x509-error", "t", "investigate", RunStatus.RUNNING, STARTED)


def test_ids_sort_by_time_and_are_unique():
    later = new_id("a", datetime(2026, 1, 31, 3, 1, tzinfo=UTC))
    ids = {new_id("x509-error", STARTED) for _ in range(50)}
    assert len(ids) == 50
    assert all(identity.startswith("20260131T030000Z-x509-error-") and identity < later for identity in ids)


def test_a_run_is_on_disk_as_running_before_anything_happens(tmp_path, record):
    with open_folder(tmp_path, record) as folder:
        assert read_record(folder) == record


def test_a_run_whose_runner_lives_is_left_alone(tmp_path, record):
    with open_folder(tmp_path, record) as folder:
        settle(tmp_path)
        assert read_record(folder).status is RunStatus.RUNNING


def test_a_record_that_could_not_be_written_last_is_settled_as_killed(tmp_path, record):
    with pytest.raises(OSError, match="full"), open_folder(tmp_path, record) as folder:
        raise OSError("full")
    settle(tmp_path)
    settled = read_record(folder)
    assert (settled.status, settled.exit_code, settled.finished) == (RunStatus.KILLED, 3, None)


def test_a_runner_killed_before_its_first_record_leaves_no_folder(tmp_path):
    (tmp_path / "some-run").mkdir()
    (tmp_path / "some-run" / ".running").touch()
    settle(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_read_stands_in_the_way_of_no_other(tmp_path, record):
    with pytest.raises(OSError, match="full"), open_folder(tmp_path, record) as folder:
        raise OSError("full")
    (tmp_path / "0-broken").mkdir()
    (tmp_path / "0-broken" / ".running").touch()
    (tmp_path / "0-broken" / "run.json").write_text("{")
    settle(tmp_path)
    assert read_record(folder).status is RunStatus.KILLED
    assert (tmp_path / "0-broken" / "run.json").read_text() == "{"


def test_a_missing_record_is_said_with_its_path(tmp_path):
    with pytest.raises(InputError, match=r"run\.json: cannot be read: No such file"):
        read_record(tmp_path)


def test_records_and_notebooks_are_for_their_owner_only(tmp_path, record):
    with open_folder(tmp_path, record) as folder:
        assert (folder / "run.json").stat().st_mode & 0o077 == 0
