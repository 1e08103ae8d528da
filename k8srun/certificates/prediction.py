"""The errors that the present one hides: what fails next once it is mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from k8srun.certificates.case import Case, View
from k8srun.certificates.judges.registry import JUDGES
from k8srun.certificates.messages import read
from k8srun.certificates.roles import CLIENT, SERVER
from k8srun.certificates.verification import Problem
from k8srun.diagnosis import CauseStatus, Prediction
from k8srun.findings import Evidence


@dataclass(frozen=True, slots=True)
class Hidden:
    """An error that the present one hides: as what it will show, its cause, and the case in which it is one."""

    message: str
    cause: str
    evidence: tuple[Evidence, ...]
    case: Case


def predictions(case: Case, known: Iterable[str]) -> tuple[Prediction, ...]:
    """The errors that will appear once the present one is mended.

    Args:
        known: the causes that are confirmed already.
    """
    return tuple(Prediction(one.message, one.cause, one.evidence) for one in hidden(case, known))


def hidden(case: Case, known: Iterable[str]) -> tuple[Hidden, ...]:
    """Go's other problems with the same connection, then those of the client on the same way; each cause once.

    Args:
        known: the causes that are confirmed already.
    """
    found: dict[str, Hidden] = {}
    confirmed = set(known)
    # Another server's certificate is not mended: once the right server answers, its own counts.
    of_server = () if "wrong-endpoint" in confirmed else _of_server(case)
    for one in (*of_server, *_of_client(case)):
        if one.cause not in confirmed:
            found.setdefault(one.cause, one)
    return tuple(found.values())


def families_of(case: Case) -> tuple[str, ...]:
    """The families of what Go says of the case's connections now."""
    problems = (problem for view in (case.server, case.client) if view for problem in view.problems)
    return tuple(dict.fromkeys(symptom.family for problem in problems if (symptom := read(problem.message))))


def _explained(problem: Problem, view: View, case: Case) -> Hidden | None:
    """A problem of a connection as the error that it will be, with the cause that the evidence confirms."""
    symptom = read(problem.message)
    if symptom is None:
        return None
    server = view if view.connection.usage == SERVER else None
    client = view if view.connection.usage == CLIENT else None
    then = Case(case.world, symptom, server, client)
    cause, evidence = _confirmed(then)
    return Hidden(problem.message, cause, evidence, then) if cause else None


def _of_server(case: Case) -> Iterator[Hidden]:
    if case.server:
        yield from (one for problem in case.server.problems if (one := _explained(problem, case.server, case)))


def _of_client(case: Case) -> Iterator[Hidden]:
    """Once the server is trusted, the client's own certificate is looked at: a failure there is a plain 401."""
    for view in _same_way(case):
        for problem in view.problems:
            one = _explained(problem, view, case)
            if one:
                yield replace(one, message=f"Unauthorized (in the API server's log: {problem.message})")


def _same_way(case: Case) -> list[View]:
    if case.client:
        return [case.client]
    use = case.server.connection.config if case.server else None
    if use is None:
        return []
    return [
        view
        for view in case.world.views
        if view.connection.usage == CLIENT and view.connection.config and view.connection.config == use
    ]


def _confirmed(case: Case) -> tuple[str, tuple[Evidence, ...]]:
    causes = case.symptom.entry.causes
    if case.client:
        causes = (*(cause for cause in JUDGES if cause.startswith("client-")), *causes)
    for cause in causes:
        judgement = JUDGES[cause](case)
        if judgement.status is CauseStatus.CONFIRMED:
            return cause, judgement.evidence
    return "", ()
