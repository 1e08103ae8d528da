"""How a plan is to be applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from k8srun.apply.gate import VALID_FOR
from k8srun.checks import Check
from k8srun.plan import Plan
from k8srun.snapshot import Need, Snapshot

PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of who applies a plan.

    Attributes:
        direct: change objects also where GitOps, Helm or a controller keeps them.
        ticket: a reference for the journal.
        second_person: refuse if who applies is who planned, or if it is not known who planned.
        by_hand: numbers of the host steps that a person has done.
        undoes: id of the run that the plan takes back.
        valid_for: how long a confirmation is valid.
        impact: computes the plan's impact anew; None takes the one in the plan.
        snapshot: takes a fresh snapshot, for questions that need one.
        checks: the checks that questions may name.
        patience: seconds to look for a request whose answer was lost, and to wait for an answer to become true.
    """

    direct: bool = False
    ticket: str = ""
    second_person: bool = False
    by_hand: frozenset[int] = frozenset()
    undoes: str = ""
    valid_for: timedelta = VALID_FOR
    impact: Callable[[Plan], tuple[str, ...]] | None = None
    snapshot: Callable[[Sequence[Need]], Snapshot] | None = None
    checks: tuple[Check, ...] = ()
    patience: float = PATIENCE
