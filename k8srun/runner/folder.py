"""The folder of a run: `run.json`, the executed notebook, and a lock that says whether its runner still lives."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from k8srun.atomic import write_atomically
from k8srun.codec import encode, parse_json, pretty
from k8srun.errors import ExitCode, InputError
from k8srun.record import RunRecord, RunStatus, parse_record
from k8srun.runbook import INJECTED_TAG, source, tags
from k8srun.scrub import scrub

RECORD = "run.json"
NOTEBOOK = "notebook.ipynb"
_LOCK = ".running"


def new_id(runbook: str, started: datetime) -> str:
    """`20260131T030000Z-x509-error-1f2e3d`: sorts by time, and is unique."""
    return f"{started:%Y%m%dT%H%M%SZ}-{runbook}-{secrets.token_hex(3)}"


@contextmanager
def open_folder(out: Path, record: RunRecord) -> Iterator[Path]:
    """Make the folder of a run with its first `run.json`, and hold its lock while the body runs.

    A lock that nobody holds beside a record that says `running` means that the runner was killed.

    Raises:
        OSError: it could not be made.
    """
    folder = out / record.id
    folder.mkdir(parents=True)
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _save_first(folder, record)
        yield folder
        (folder / _LOCK).unlink()
    finally:
        os.close(lock)


def _save_first(folder: Path, record: RunRecord) -> None:
    try:
        save_record(folder, record)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)  # Nothing has run yet: there is nothing to tell.
        raise


def save_record(folder: Path, record: RunRecord) -> None:
    """Write `run.json`, whole or not at all."""
    write_atomically(folder / RECORD, (pretty(record) + "\n").encode())


def read_record(folder: Path) -> RunRecord:
    """The record of a run.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / RECORD
    try:
        return parse_record(path.read_bytes(), where=str(path))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None


def settle(out: Path) -> None:
    """Mark the runs in `out` whose runner was killed as such: what it left says `running`."""
    for path in out.glob(f"*/{_LOCK}"):
        lock = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _mark_killed(path.parent)
            path.unlink(missing_ok=True)
        except (BlockingIOError, InputError):
            continue  # Its runner lives, or someone else wrote the record: the index lists it as unreadable.
        finally:
            os.close(lock)


def _mark_killed(folder: Path) -> None:
    if not (folder / RECORD).exists():
        shutil.rmtree(folder)  # Killed before it began.
        return
    record = read_record(folder)
    if record.status is RunStatus.RUNNING:
        error = "the runner was killed, or could not write how the run ended"
        save_record(folder, replace(record, status=RunStatus.KILLED, error=error, exit_code=ExitCode.INCOMPLETE))


def save_notebook(folder: Path, executed: bytes) -> None:
    """Keep the executed notebook, with secrets scrubbed from its parameters, its tracebacks and what was printed.

    Raises:
        InputError: it is not whole: the run ended while it was being written.
    """
    notebook = parse_json(executed, where=NOTEBOOK)
    notebook["metadata"].get("papermill", {}).pop("parameters", None)
    for cell in notebook["cells"]:
        if INJECTED_TAG in tags(cell):
            cell["source"] = scrub(source(cell))
        for output in cell.get("outputs", ()):
            _scrub_output(output)
    write_atomically(folder / NOTEBOOK, encode(notebook))


def _scrub_output(output: dict[str, Any]) -> None:
    if output["output_type"] == "stream":
        output["text"] = scrub("".join(output["text"]))
    elif output["output_type"] == "error":
        output["evalue"] = scrub(output["evalue"])
        output["traceback"] = scrub("\n".join(output["traceback"])).split("\n")
