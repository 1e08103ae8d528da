"""Without any text: what keeps connections from being made, as far as the objects alone prove it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from k8srun.diagnosis import Cause, CauseStatus, Diagnosis, Fix
from k8srun.findings import Evidence
from k8srun.kinds import POD, SERVICE
from k8srun.network.cni import Enforcement
from k8srun.network.diagnosis_case import Case, Ends, Judged
from k8srun.network.diagnosis_fixes import switch_on
from k8srun.network.diagnosis_names import judged_as
from k8srun.network.diagnosis_others import agent_not_ready
from k8srun.network.labels import Labels
from k8srun.network.pods import labels_of
from k8srun.network.services import Service
from k8srun.network.world import World
from k8srun.pods import workloads
from k8srun.snapshot import Need

DOMAIN = "network"
RUNBOOK = "blocked-traffic"


def survey(world: World) -> Diagnosis:
    """Services that lead nowhere, and a network plugin that enforces nothing or is not ready. Cheap, and no guess."""
    causes = tuple(_together(_found(world)))
    looked = Need.objects(SERVICE) in world.snapshot.observed and Need.objects(POD) in world.snapshot.observed
    return Diagnosis(
        symptom="",
        recognised=looked,
        domain=DOMAIN,
        runbook=RUNBOOK,
        meaning=_meaning(causes) if looked else "Neither Services nor pods were read.",
        causes=causes,
        next=tuple(command for cause in causes[:1] if cause.fix for command in cause.fix.commands),
    )


def _together(found: Iterable[Judged]) -> Iterator[Cause]:
    """One cause of each kind, with the evidence of all."""
    kinds: dict[str, list[Judged]] = {}
    for one in found:
        kinds.setdefault(one.cause, []).append(one)
    for ones in kinds.values():
        yield replace(ones[0], evidence=tuple(fact for one in ones for fact in one.evidence)).as_cause()


def _meaning(causes: tuple[Cause, ...]) -> str:
    return "What the objects show by themselves." if causes else "Every Service has pods behind it."


def _found(world: World) -> Iterator[Judged]:
    cni = world.cni
    if cni.enforcement is Enforcement.INERT and world.network.policies:
        fact = Evidence(f"{cni.name} enforces none of the {len(world.network.policies)} policies", _where(world))
        yield judged_as("cni-does-not-enforce", CauseStatus.CONFIRMED, fact, fix=switch_on(cni.name))
    if cni.not_ready:
        yield agent_not_ready(Case(world, None, Ends()), sorted(set(cni.not_ready)), CauseStatus.CONFIRMED)
    if not world.snapshot.of(POD):
        return
    templates = [
        (template.namespace, Labels(labels_of({"metadata": template.metadata})))
        for template in workloads(world.snapshot)
    ]
    for service in world.services.values():
        yield from _leads_nowhere(service, templates)


def _leads_nowhere(service: Service, templates: list[tuple[str, Labels]]) -> Iterator[Judged]:
    if service.selector is not None and not service.pods:
        selector = service.selector
        if any(space == service.namespace and selector.matches(labels) for space, labels in templates):
            return  # its workload is there, and has no pods now: that may be wanted
        fact = Evidence(f"its selector {selector} matches no pod of {service.namespace}", service.resource)
        fix = Fix(f"Compare the selector of {service.resource} with the labels of the pods that it is for")
        yield judged_as("service-selector-matches-nothing", CauseStatus.CONFIRMED, fact, fix=fix)
    for port in service.ports:
        if service.pods and all(service.target(port, pod) is None for pod in service.pods):
            fact = Evidence(f"no container has a port {port.target}, where port {port.number} leads", service.resource)
            fix = Fix(f"Let targetPort of {service.resource} name a port that the containers declare")
            yield judged_as("target-port-not-found", CauseStatus.CONFIRMED, fact, fix=fix)


def _where(world: World) -> str:
    return "; ".join(map(str, world.cni.evidence))
