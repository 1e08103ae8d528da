"""How far each namespace is from a Pod Security level: which controls its workloads violate, and what it enforces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from k8srun.apiservers import server_minor
from k8srun.errors import InputError
from k8srun.kinds import NAMESPACE, POD
from k8srun.pods import TEMPLATE_PATHS, PodTemplate, made_pods, unreadable, workloads
from k8srun.snapshot import Gap, Need, Snapshot
from k8srun.workloads.policy import LabelError, LevelVersion, Policy
from k8srun.workloads.server import server_pod_security
from k8srun.workloads.standards.evaluate import Failure, evaluate, rules
from k8srun.workloads.standards.subject import read_subject


@dataclass(frozen=True, slots=True)
class Judged:
    """A workload against a level: what it violates, or why it cannot be judged."""

    template: PodTemplate
    failures: tuple[Failure, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Posture:
    """A namespace against a level.

    Attributes:
        namespace: its name.
        policy: what the server holds it to, by its labels and as far as they were read the server's own defaults and
            exemptions; None where the Namespace object was not read.
        label_errors: labels that cannot be read.
        judged: its workloads, each judged; and a pod for each way in which pods violate more than what made them.
        gaps: what of it could not be read, so that there may be more workloads.
    """

    namespace: str
    policy: Policy | None
    label_errors: tuple[LabelError, ...]
    judged: tuple[Judged, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def violating(self) -> tuple[Judged, ...]:
        return tuple(one for one in self.judged if one.failures)

    @property
    def unreadable(self) -> tuple[Judged, ...]:
        return tuple(one for one in self.judged if one.error)

    @property
    def counts(self) -> Mapping[str, int]:
        """Control → how many workloads violate it."""
        found: dict[str, int] = {}
        for one in self.judged:
            for failure in one.failures:
                found[failure.id] = found.get(failure.id, 0) + 1
        return found


def postures(snapshot: Snapshot, wanted: LevelVersion) -> tuple[Posture, ...]:
    """Every namespace with its workloads judged by a level, by name."""
    by_namespace: dict[str, list[Judged]] = {name: [] for name in snapshot.namespaces}
    wanted = wanted.on(server_minor(snapshot))
    for one in _all_judged(snapshot, wanted):
        by_namespace.setdefault(one.template.namespace, []).append(one)
    return tuple(_posture(snapshot, name, found) for name, found in sorted(by_namespace.items()))


def _all_judged(snapshot: Snapshot, wanted: LevelVersion) -> Iterator[Judged]:
    """The workloads, of the pods that they made those that violate more, one for each way, and what cannot be read."""
    told: set[tuple[str, str, str]] = set()
    for template in workloads(snapshot):
        one = judged(template, wanted)
        told.update(_ways(template.ref, one))
        yield one
    for ref, pod in made_pods(snapshot):
        one = judged(pod, wanted)
        if beyond := _ways(ref, one) - told:
            told |= beyond
            yield one
    yield from (Judged(template, error=error.what) for template, error in unreadable(snapshot))


def _ways(ref: str, one: Judged) -> set[tuple[str, str, str]]:
    """In which ways a workload, or a pod that it made, violates a level."""
    ways = {(ref, failure.id, "") for failure in one.failures}
    return ways | {(ref, "", one.error)} if one.error else ways


def judged(template: PodTemplate, wanted: LevelVersion) -> Judged:
    """One workload against a level, as the pods that it makes would be."""
    try:
        return Judged(template, evaluate(read_subject(template, as_pod=True), wanted))
    except InputError as error:
        return Judged(template, error=error.what)


def controls(wanted: LevelVersion) -> tuple[str, ...]:
    """The ids of the controls of a level, in the server's order."""
    return tuple(control for control, _ in rules(wanted.level, wanted.version.evaluated))


def unread_in(snapshot: Snapshot, namespace: str) -> tuple[Gap, ...]:
    """What of a namespace's pods and workloads could not be read; empty when all of them were."""
    gaps = dict.fromkeys(gap for kind in _KINDS for gap in snapshot.unmet(Need.objects(kind)))
    return tuple(gap for gap in gaps if namespace not in gap.read_in)


_KINDS = tuple(kind for kind in TEMPLATE_PATHS if kind.group or kind == POD)


def _posture(snapshot: Snapshot, name: str, found: list[Judged]) -> Posture:
    item, gaps = snapshot.find(NAMESPACE, name), unread_in(snapshot, name)
    if item is None:
        return Posture(name, None, (), tuple(found), gaps)
    server = server_pod_security(snapshot)
    policy, errors = server.configuration.policy_of((item.get("metadata") or {}).get("labels") or {})
    return Posture(name, server.policy_in(name, policy), errors, tuple(found), gaps)
