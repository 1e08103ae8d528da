"""What the questions of every domain rest on. Each domain's questions are a class of their own beside this one."""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime

from k8srun.checks import Check, CheckResult
from k8srun.diagnosis import Diagnosis, asking
from k8srun.errors import InputError
from k8srun.snapshot import Snapshot
from k8srun.sources.options import SourceOptions
from k8srun.text import visible


class Questions(ABC):
    """A part of an investigation.

    Attributes:
        snapshot: everything observed.
        now: the clock that dates are judged by.
    """

    __slots__ = ()

    snapshot: Snapshot
    now: datetime

    _options: SourceOptions
    _diagnoses: list[Diagnosis]

    def _told(self, found: Diagnosis) -> Diagnosis:
        """Keep what was found for the record, its commands asking where this run has asked."""
        self._diagnoses.append(asking(found, shlex.join(self._options.words())))
        return self._diagnoses[-1]

    @abstractmethod
    def evaluated(self, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """The verdicts of some checks; they count among the findings of this run."""

    def _evaluated_of(self, checks: Sequence[Check], families: tuple[str, ...]) -> tuple[CheckResult, ...]:
        """The same for those whose ids begin as one of `families`; without families for all.

        Raises:
            InputError: no check's id begins so.
        """
        for family in families:
            if not any(check.id.startswith(family) for check in checks):
                raise InputError(f"no check of this domain begins with {visible(family, limit=80)}")
        return self.evaluated([check for check in checks if not families or check.id.startswith(families)])
