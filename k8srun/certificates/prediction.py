"""The errors that the present one hides: what fails next once it is mended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8srun.certificates.case import Case, View
from k8srun.certificates.judges.registry import JUDGES
from k8srun.certificates.messages import read
from k8srun.certificates.roles import CLIENT, SERVER
from k8srun.certificates.verification import Problem
from k8srun.diagnosis import CauseStatus, Prediction
from k8srun.findings import Evidence


def predictions(case: Case, known: Iterable[str]) -> tuple[Prediction, ...]:
    """Go's other problems with the same connection, then those of the client on the same way.

    Args:
        known: the causes that are confirmed already.
    """
    found: dict[str, Prediction] = {}
    confirmed = set(known)
    # Another server's certificate is not mended: once the right server answers, its own counts.
    of_server = () if "wrong-endpoint" in confirmed else _of_server(case)
    for prediction in (*of_server, *_of_client(case)):
        if prediction.cause not in confirmed:
            found.setdefault(prediction.cause, prediction)
    return tuple(found.values())


def families_of(case: Case) -> tuple[str, ...]:
    """The families of what Go says of the case's connections now."""
    problems = (problem for view in (case.server, case.client) if view for problem in view.problems)
    return tuple(dict.fromkeys(symptom.family for problem in problems if (symptom := read(problem.message))))


def explain(problem: Problem, view: View, case: Case) -> Prediction | None:
    """A problem of a connection as the error that it will be, with the cause that the evidence confirms."""
    symptom = read(problem.message)
    if symptom is None:
        return None
    server = view if view.connection.usage == SERVER else None
    client = view if view.connection.usage == CLIENT else None
    cause, judgement = _confirmed(Case(case.world, symptom, server, client))
    return Prediction(problem.message, cause, judgement) if cause else None


def _of_server(case: Case) -> Iterator[Prediction]:
    if case.server:
        yield from (item for problem in case.server.problems if (item := explain(problem, case.server, case)))


def _of_client(case: Case) -> Iterator[Prediction]:
    """Once the server is trusted, the client's own certificate is looked at: a failure there is a plain 401."""
    for view in _same_way(case):
        for problem in view.problems:
            item = explain(problem, view, case)
            if item:
                said = f"Unauthorized (in the API server's log: {problem.message})"
                yield Prediction(said, item.cause, item.evidence)


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
