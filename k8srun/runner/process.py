"""Starting the worker, waiting for it, and ending it together with its kernel."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

import k8srun
from k8srun.codec import encode
from k8srun.record import RESULT_VARIABLE
from k8srun.runner.job import JOB, KERNEL, LOG, RESULT, SOURCE, Cut, Ended, Job

# The path of a socket holds at most 107 bytes; papermill's names of its files are short.
_LONGEST_FOLDER = 80
_PAUSE = 0.03


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder that only this user can enter, gone afterwards."""
    parent = tempfile.gettempdir()
    if len(os.fsencode(parent)) > _LONGEST_FOLDER:
        parent = "/tmp"  # noqa: S108 - mkdtemp makes a folder of mode 0700 there
    folder = Path(tempfile.mkdtemp(prefix="k8srun-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_worker(work: Path, notebook: bytes, job: Job, *, timeout: float, stop: Event) -> Ended:
    """Have a worker execute `notebook` in the folder `work`, and wait until it ended, `timeout` is over or `stop` set.

    When this returns neither the worker nor its kernel nor what that started are left.

    Args:
        timeout: seconds.
        stop: set by whoever wants the run to end.
    """
    (work / SOURCE).write_bytes(notebook)
    (work / JOB).write_bytes(encode(job))
    (work / "tmp").mkdir()
    lifeline, held = os.pipe()
    try:
        with (work / LOG).open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "k8srun.runner.worker", str(lifeline)],
                cwd=work,
                env=_environment(work),
                stdin=None if job.stdin else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lifeline,),
                start_new_session=True,
            )
        try:
            return _wait(worker, monotonic() + timeout, stop)
        finally:
            _end(worker, work)
    finally:
        # The worker reads the other end: should we be killed, it learns so by the end of the pipe.
        os.close(held)
        os.close(lifeline)


def end_kernel(work: Path) -> None:
    """Kill the kernel of the run in `work` with everything it started, if there is any left."""
    try:
        leader = int((work / KERNEL).read_text())
    except (OSError, ValueError):
        return  # No kernel was started, or not even its number could be written: it ends itself without its parent.
    _kill_group(leader)


def _wait(worker: subprocess.Popen[bytes], deadline: float, stop: Event) -> Ended:
    while (code := worker.poll()) is None:
        if stop.wait(_PAUSE):
            return Ended(-signal.SIGKILL, Cut.INTERRUPT)
        if monotonic() > deadline:
            return Ended(-signal.SIGKILL, Cut.DEADLINE)
    return Ended(code)


def _end(worker: subprocess.Popen[bytes], work: Path) -> None:
    # The worker first: it would take the end of its kernel for a result.
    _kill_group(worker.pid)
    worker.wait()
    end_kernel(work)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return  # All of them ended by themselves.


def _environment(work: Path) -> dict[str, str]:
    """That of the user, with what the notebook leaves behind kept in `work` and without what would change the run."""
    environment = dict(os.environ)
    environment.pop("PYTHONSTARTUP", None)
    environment[RESULT_VARIABLE] = str(work / RESULT)
    environment["TMPDIR"] = str(work / "tmp")
    environment["IPYTHONDIR"] = str(work / "ipython")
    # The worker starts in another folder, and must import the same package as we do.
    search = [str(Path(entry).absolute()) for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    home = Path(k8srun.__file__).resolve().parent.parent
    if home.name not in {"site-packages", "dist-packages"}:
        search.append(str(home))
    environment["PYTHONPATH"] = os.pathsep.join(search)
    return environment
