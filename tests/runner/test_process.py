"""Where a run happens, and what may end it."""

from __future__ import annotations

import os
import signal
import tempfile

import pytest

from k8srun.runner.batch import stopped_by_signals
from k8srun.runner.process import private_folder

LONGEST_SOCKET = 107


def test_a_private_folder_is_for_its_owner_only_and_gone_afterwards():
    with private_folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


@pytest.mark.parametrize("length", [20, 60, 90, 200])
def test_the_sockets_of_a_kernel_fit_however_long_the_temporary_folder_is(tmp_path, monkeypatch, length):
    parent = tmp_path / ("x" * length)
    parent.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(parent))
    with private_folder() as folder:
        assert len(os.fsencode(folder / "k-10")) <= LONGEST_SOCKET


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_sets_the_event_and_what_it_did_before_is_restored(number):
    at_first = signal.signal(number, signal.SIG_DFL)  # a test run under nohup ignores it
    try:
        with stopped_by_signals() as stop:
            assert not stop.is_set()
            signal.raise_signal(number)
            signal.raise_signal(number)
            assert stop.is_set()
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, at_first)


def test_a_signal_that_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_by_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)
