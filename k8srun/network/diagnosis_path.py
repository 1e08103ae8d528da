"""A question's path, station by station: where it passes, where it ends, and where that cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k8srun.diagnosis import CauseStatus, Diagnosis
from k8srun.network.asking import Answer
from k8srun.network.decision import DirectionAnswer, Verdict

_OF_SERVICE = frozenset(
    {
        *("service-selector-matches-nothing", "service-without-endpoints", "service-port-not-found"),
        *("target-port-not-found", "pods-not-ready"),
    }
)


@dataclass(frozen=True, slots=True)
class Station:
    """One station of a path.

    Attributes:
        title: what it is: `Egress policies`.
        detail: what happens there, in a few words.
        passes: whether a packet gets past it; None where that cannot be told.
    """

    title: str
    detail: str
    passes: bool | None


def path(answer: Answer, found: Diagnosis | None = None) -> tuple[Station, ...]:
    """The stations from source to destination, in the order in which a packet meets them.

    Args:
        found: a diagnosis of the same question, whose confirmed causes are marked at their station.
    """
    return tuple(_stations(answer, found))


def _stations(answer: Answer, found: Diagnosis | None) -> Iterator[Station]:
    obstacles = {one.id: one for one in answer.obstacles}
    confirmed = {cause.id: cause for cause in (found.causes if found else ()) if cause.status is CauseStatus.CONFIRMED}
    host = "host-network" in confirmed
    yield Station("Source", answer.source + (" on its node's network" if host else ""), not host)
    dns = obstacles.get("dns-egress-closed")
    if dns:
        yield Station("DNS", dns.message, False if "dns-egress-closed" in confirmed or dns.blocks else None)
    elif "no-such-service" in confirmed:
        yield Station("DNS", "there is no such name", False)
    yield _policies("Egress policies", answer.egress)
    service = next((obstacles[one] for one in obstacles if one in _OF_SERVICE and obstacles[one].blocks), None)
    if service:
        yield Station("Service", service.message, False)
    elif answer.destination.endswith("[Service]"):
        yield Station("Service", answer.destination, True)
    agent = confirmed.get("cni-agent-not-ready")
    if agent:
        yield Station("Network plugin", str(agent.evidence[0].fact), False)
    elif "cni-does-not-enforce" in obstacles:
        yield Station("Network plugin", "it enforces no policy: all of this passes", True)
    yield _policies("Ingress policies", answer.ingress)
    port = f" on {answer.port}/{answer.protocol}" if answer.port else ""
    undeclared = obstacles.get("port-not-declared")
    yield Station("Destination", f"{answer.destination}{port}", None if undeclared else True)


def _policies(title: str, answered: DirectionAnswer) -> Station:
    passes = {Verdict.ALLOWED: True, Verdict.DENIED: False}.get(answered.verdict)
    return Station(title, answered.reason, passes)
