"""The answer to a symptom: causes confirmed, ruled out or open, each with its evidence, and what to do next."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from k8srun.findings import Evidence


class CauseStatus(StrEnum):
    """What the evidence says of one cause."""

    CONFIRMED = "confirmed"
    RULED_OUT = "ruled_out"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Fix:
    """How to mend one cause: what to do in a sentence, the exact commands, and where they are to be run."""

    summary: str
    commands: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause of a symptom.

    Attributes:
        id: stable name within its family (`ca-rebuilt`).
        title: the cause in a sentence.
        status: what the evidence says.
        evidence: the facts for the status, and where each was read.
        fix: how to mend it; None for a cause that is ruled out.
        look_at: for an open cause, what to look at or run to close it.
    """

    id: str
    title: str
    status: CauseStatus
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    look_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """An error that the present one hides: it will appear once the present one is mended."""

    message: str
    cause: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of a symptom.

    Attributes:
        symptom: the text as given, reduced.
        recognised: whether the text is one that the tool knows.
        family: the row of the catalogue it belongs to (`x509-unknown-authority`), empty if not recognised.
        domain: who explains it (`certificates`, `authorization`, …).
        runbook: the runbook that investigates it.
        meaning: what the message says, in plain words.
        seen_from: whose failure it is: which side printed it, and where the evidence was taken.
        affected: for whom it is broken (blast radius).
        since: since when as far as is known, empty if not.
        causes: ranked, the confirmed first, then the open, then those that were ruled out.
        hidden: errors that will appear once this one is mended.
        next: what to run next, most useful first.
        nearest: for an unrecognised text, the nearest entries of the catalogue.
    """

    symptom: str
    recognised: bool
    family: str = ""
    domain: str = ""
    runbook: str = ""
    meaning: str = ""
    seen_from: str = ""
    affected: str = ""
    since: str = ""
    causes: tuple[Cause, ...] = ()
    hidden: tuple[Prediction, ...] = ()
    next: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()

    @property
    def confirmed(self) -> tuple[Cause, ...]:
        return tuple(cause for cause in self.causes if cause.status is CauseStatus.CONFIRMED)


_OWN = re.compile(r"\bk8srun (?:run|reach|image check) ")
_ANY_PLACE = re.compile(r" --context (?:CONTEXT|NAME)\b")
_A_PLACE = re.compile(r" --(?:context|kubeconfig|snapshot|from|host-root|endpoint|lab)\b")


def asking(found: Diagnosis, sources: str) -> Diagnosis:
    """The diagnosis with the commands of k8srun's own asking where this one was asked.

    A domain knows no more than the snapshot; without this its commands would have to be completed before they run.

    Args:
        sources: the source options as typed (`--lab --incident ca-rebuilt`); empty where a text alone was diagnosed.
    """

    def place(commands: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_asking(command, sources) for command in commands)

    causes = tuple(
        replace(
            cause,
            fix=cause.fix and replace(cause.fix, commands=place(cause.fix.commands)),
            look_at=place(cause.look_at),
        )
        for cause in found.causes
    )
    return replace(found, causes=causes, next=place(found.next))


def _asking(command: str, sources: str) -> str:
    if not _OWN.match(command):
        return command
    typed, mark, comment = command.partition("  #")
    if not _A_PLACE.search(typed):
        typed += " --context NAME"
    return (_ANY_PLACE.sub(lambda _match: f" {sources}", typed) if sources else typed) + mark + comment
