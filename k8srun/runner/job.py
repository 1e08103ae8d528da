"""What runner and worker tell each other, as files in the private folder of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JOB = "job.json"
SOURCE = "runbook.ipynb"
OUTPUT = "notebook.ipynb"
CELL = "cell"
CONNECTION = "kernel.json"
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
SOCKETS = "k"  # k-1, … in the order of the channels
KERNEL = "kernel.pid"
RESULT = "result.json"
REPORT = "worker.json"
LOG = "log"


@dataclass(frozen=True, slots=True)
class Job:
    """What the worker is to do.

    Attributes:
        cwd: the folder that relative paths in parameters start from.
        parameters: checked values by name.
        stdin: whether the notebook reads standard input.
    """

    cwd: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stdin: bool = False


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """How the notebook ended, as the worker saw it.

    Attributes:
        error_name, error_message: of the exception that ended it, empty if none did.
        kernel_exit: exit code of a kernel that died, or the negative number of the signal; None if it did not.
    """

    error_name: str = ""
    error_message: str = ""
    kernel_exit: int | None = None


class Cut(StrEnum):
    """Why the runner ended a worker."""

    DEADLINE = "deadline"
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a worker ended: its exit code (negative: the signal), and why the runner cut it off, if it did."""

    code: int
    cut: Cut | None = None
