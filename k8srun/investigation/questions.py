"""What the questions of every domain rest on. Each domain's questions are a class of their own beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from k8srun.checks import Check, CheckResult
from k8srun.snapshot import Snapshot


class Questions(ABC):
    """A part of an investigation.

    Attributes:
        snapshot: everything observed.
        now: the clock that dates are judged by.
    """

    __slots__ = ()

    snapshot: Snapshot
    now: datetime

    @abstractmethod
    def evaluated(self, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """The verdicts of some checks; they count among the findings of this run."""
