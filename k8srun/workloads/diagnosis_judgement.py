"""What the evidence says of one cause, and the ways to say it."""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.diagnosis import CauseStatus
from k8srun.findings import Evidence
from k8srun.workloads.diagnosis_view import Case


@dataclass(frozen=True, slots=True)
class Judgement:
    """The status of a cause, its evidence, and what of the fix is known by it (`name`, `capability`, …)."""

    status: CauseStatus
    evidence: tuple[Evidence, ...] = ()
    known: tuple[tuple[str, str], ...] = ()


def confirmed(*evidence: Evidence, **known: str) -> Judgement:
    return Judgement(CauseStatus.CONFIRMED, evidence, tuple(known.items()))


def ruled_out(fact: str, where: str = "") -> Judgement:
    return Judgement(CauseStatus.RULED_OUT, (Evidence(fact, where),))


def still_open(fact: str = "", where: str = "", **known: str) -> Judgement:
    return Judgement(CauseStatus.OPEN, (Evidence(fact, where),) if fact else (), tuple(known.items()))


def message_of(case: Case) -> Evidence:
    """The message as evidence, and where it was read."""
    where = case.trouble.where if case.trouble else "the message"
    return Evidence(case.symptom.line, where)
