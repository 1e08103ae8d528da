"""What is known of a plan before it is applied (its preview) and afterwards (its outcome)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import yaml

from k8srun.marks import written
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import Plan, Question, Step


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """What a plan is applied to, and who applies it.

    Attributes:
        uid: of the kube-system namespace; empty if it could not be read.
        server: URL, or the folder of a lab.
        simulated: it is no API server but manifests in a folder: nothing is admitted or refused by a real one.
        username, groups: as the server sees the caller; empty if it did not say.
        problem: why `uid` is empty.
    """

    uid: str
    server: str
    simulated: bool = False
    username: str = ""
    groups: tuple[str, ...] = ()
    problem: str = ""


class FailureKind(StrEnum):
    """Why a step was not done, or why that is not known."""

    CHANGED = "the object was changed"
    EXISTS = "the object exists already"
    GONE = "the object does not exist"
    OWNED = "another manager owns the field"
    FORBIDDEN = "not permitted"
    ADMISSION = "refused by admission"
    QUOTA = "quota exceeded"
    TERMINATING = "the namespace is being deleted"
    UNAUTHENTICATED = "the credentials are not accepted"
    INVALID = "the server calls it invalid"
    BUSY = "the server is too busy"
    UNREACHABLE = "the server could not be reached"
    LOST = "the connection was lost after the request was sent"
    LOCAL = "a local file"
    BY_HAND = "to be done by hand"
    TIMED_OUT = "it did not happen in time"
    OTHER = "refused"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step is not, or cannot be, done.

    Attributes:
        detail: in the words of who refused, reduced.
        do: what to do next.
    """

    kind: FailureKind
    detail: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Validation(StrEnum):
    """Who has judged a step before it is done."""

    SERVER = "dry run by the server"
    SIMULATED = "simulated, no server has judged it"
    CLIENT = "not validated by the server"
    LOCAL = "a local file"
    BY_HAND = "to be done by hand"
    NONE = "cannot be tried"
    DONE = "done already"


@dataclass(frozen=True, slots=True)
class Owner:
    """Who keeps an object as it is, and would take a direct change back.

    Attributes:
        tool: `Argo CD`, `Flux`, `Helm`, `Deployment`, …
        name: the application, release or object that it belongs to.
        evidence: the label, annotation or field that says so.
    """

    tool: str
    name: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.tool} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What one step would do.

    Attributes:
        number: of the step in its plan, counted from 1.
        validation: who has judged it; `note` says why nobody has, or what is to be known besides.
        diff: lines of a unified diff of the object as YAML, secrets reduced; empty where there is nothing to compare.
        failure: why it would not be done.
        warnings: what the server said in its Warning headers.
        owner: who keeps the object, if anybody but people does.
    """

    number: int
    step: Step
    validation: Validation
    note: str = ""
    diff: tuple[str, ...] = ()
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    owner: Owner | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What applying a plan would do, to be read by who decides.

    Attributes:
        confirm: the digest that applies exactly this; empty while `blockers` is not.
        expires: until when.
        impact: what else it brings about, a sentence each.
        permissions: what the steps need, and whether the caller holds it.
        blockers: why it cannot be applied, a sentence each.
        resumes: id of the run in the journal that applying it goes on with; empty for a new one.
        applied: the run that has applied the plan already, when and by whom; empty if none has, or it was taken back.
    """

    plan: Plan
    cluster: ClusterIdentity
    taken_at: datetime
    steps: tuple[StepPreview, ...]
    impact: tuple[str, ...] = ()
    permissions: tuple[PermissionCheck, ...] = ()
    confirm: str = ""
    expires: datetime | None = None
    blockers: tuple[str, ...] = ()
    resumes: str = ""
    applied: str = ""

    @property
    def missing(self) -> tuple[Permission, ...]:
        """The permissions that the caller is known not to hold."""
        return tuple(check.permission for check in self.permissions if check.allowed is False)


class StepState(StrEnum):
    """What became of a step."""

    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "in doubt"
    NOT_DONE = "not done"
    BY_HAND = "to be done by hand"


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of one step; `detail` says how, or why not."""

    number: int
    step: Step
    state: StepState
    detail: str = ""
    failure: Failure | None = None


class AnswerState(StrEnum):
    """What asking a question again has shown."""

    FIXED = "fixed"
    NOT_FIXED = "not fixed"
    COULD_NOT_CHECK = "could not check"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question of a plan, in a sentence."""

    question: Question
    state: AnswerState
    detail: str


class ChangeStatus(StrEnum):
    """How applying a plan ended."""

    PREVIEWED = "previewed"
    APPLIED = "applied"
    STOPPED = "stopped"
    IN_DOUBT = "in doubt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What applying a plan has done, or, without a confirmation, what it would do.

    Attributes:
        run: its id in the journal; empty for a preview.
        steps: one for each step of the plan, in its order.
        answers: the plan's questions, asked again.
        next: how to go on and how to take it back, a sentence each.
    """

    status: ChangeStatus
    preview: Preview
    run: str = ""
    steps: tuple[StepOutcome, ...] = ()
    answers: tuple[Answer, ...] = ()
    next: tuple[str, ...] = ()

    @property
    def fixed(self) -> AnswerState:
        """The worst of the answers; without any, that it could not be checked."""
        states = {answer.state for answer in self.answers}
        for state in (AnswerState.NOT_FIXED, AnswerState.COULD_NOT_CHECK, AnswerState.FIXED):
            if state in states:
                return state
        return AnswerState.COULD_NOT_CHECK


def diff_lines(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, *, status: bool = False
) -> tuple[str, ...]:
    """A unified diff of two reduced objects as YAML, without what the server keeps for itself.

    Args:
        status: compare the status too.
    """
    old, new = (_text(item, status) for item in (before, after))
    return tuple(line.rstrip("\n") for line in difflib.unified_diff(old, new, n=3))[2:]


def _text(item: Mapping[str, Any] | None, status: bool) -> list[str]:
    if item is None:
        return []
    shown = written(item)
    if status and "status" in item:
        shown["status"] = item["status"]
    # Keys in the order in which kubectl prints them, the same for both sides.
    return yaml.safe_dump(shown, sort_keys=True, allow_unicode=True, width=1000).splitlines(keepends=True)
