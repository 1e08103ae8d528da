"""Which connections a namespace needs: those that were seen, and those that its objects speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from k8srun.errors import InputError
from k8srun.kinds import API_SERVICE, INGRESS, MUTATING_WEBHOOK, VALIDATING_WEBHOOK
from k8srun.network.addresses import Address
from k8srun.network.diagnosis_case import service_name
from k8srun.network.fixes import Wanted
from k8srun.network.flows_types import End, Flow
from k8srun.network.matching import Side
from k8srun.network.pods import Pod, mapping, mappings, text
from k8srun.network.services import Service, backends_of
from k8srun.network.targets import resolve
from k8srun.network.world import World
from k8srun.pods import containers, workloads
from k8srun.snapshot import object_key
from k8srun.text import visible

_HOST = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+]*)://(?:[^@/\s]+@)?)?(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(?P<port>\d{1,5}))?"
)
_LONGEST_VALUE = 4096
_CONTROLLER_LABEL = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True)
class Needed:
    """A connection that is needed, and how that is known. `anyone`: from every address outside."""

    wanted: Wanted
    reason: str
    anyone: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What a namespace needs; `unclear` are flows whose ends are not known any more, a sentence each."""

    found: tuple[Needed, ...]
    unclear: tuple[str, ...] = field(default=())


def needs_of(world: World, namespace: str, flows: Iterable[Flow]) -> Needs:
    """The connections from and to the pods of a namespace that are needed today."""
    unclear: list[str] = []
    found = [*_observed(world, flows, unclear), *_spoken_of(world), *_published(world, namespace), *_called(world)]
    ours = [one for one in found if _concerns(one, namespace)]
    return Needs(tuple(ours), tuple(dict.fromkeys(unclear)))


def _concerns(one: Needed, namespace: str) -> bool:
    sides = (*one.wanted.sources, *one.wanted.destinations)
    return any(isinstance(side, Pod) and side.namespace == namespace for side in sides)


def _observed(world: World, flows: Iterable[Flow], unclear: list[str]) -> Iterator[Needed]:
    for flow in flows:
        if flow.dropped or flow.source.host:
            continue
        sources, destinations = _sides(world, flow.source), _sides(world, flow.destination)
        if not sources or not destinations:
            end = flow.source if not sources else flow.destination
            unclear.append(visible(f"{flow}: {end} is not in the snapshot", limit=300))
            continue
        yield Needed(Wanted(sources, destinations, ((flow.protocol, flow.port),)), f"seen {flow.count} times")


def _sides(world: World, end: End) -> tuple[Side, ...]:
    """The pods of the workload that an end of a flow belonged to, or its address."""
    if end.name or (end.address and not end.pod and not end.workload):
        try:
            return resolve(world, end.name or end.address).sides
        except InputError:
            return ()
    pods = [pod for pod in world.network.pods if pod.namespace == end.namespace]
    named = [pod for pod in pods if pod.name == end.pod]
    if named:
        return tuple(pod for pod in pods if pod.owner == named[0].owner)
    owned = [pod for pod in pods if end.workload and (
        pod.owner.partition("/")[2] == end.workload or pod.name.startswith(f"{end.workload}-"))]  # fmt: skip
    alike = [pod for pod in pods if end.labels and set(end.labels) <= set(pod.labels.values.items())]
    return tuple(owned or alike)


def _spoken_of(world: World) -> Iterator[Needed]:
    """Services whose name stands in a workload's environment or arguments."""
    for template in workloads(world.snapshot):
        sources = _pods_of(world, template.namespace, template.kind.kind, template.name)
        if not sources:
            continue
        for container, where in ((one, f"{template.ref}") for _, one in containers(template.spec)):
            values = [text(entry.get("value")) for entry in mappings(container.get("env"))]
            values += [
                word for name in ("command", "args") for word in container.get(name) or () if isinstance(word, str)
            ]
            for value in values:
                yield from _named_in(world, value[:_LONGEST_VALUE], sources, where)


def _pods_of(world: World, namespace: str, kind: str, name: str) -> tuple[Pod, ...]:
    return tuple(world.workloads.get((namespace, name), {}).get(kind, ()))


def _named_in(world: World, value: str, sources: tuple[Pod, ...], where: str) -> Iterator[Needed]:
    for match in _HOST.finditer(value):
        host, port = match["host"], match["port"]
        if "." not in host and not match["scheme"] and not port:
            continue  # a bare word is mostly something else
        found = world.services.get(service_name(world, host, sources[0].namespace) or ("", ""))
        if found:
            yield from _to(found, sources, f"{where} names {host}", number=int(port) if port else 0)


def _to(
    service: Service, sources: tuple[Side, ...], reason: str, *, number: int = 0, anyone: bool = False
) -> Iterator[Needed]:
    """From these sources to the pods behind a Service: on the port of that number, or on all of them."""
    ports: dict[tuple[str, int], None] = {}
    for port in service.ports:
        if number and number != port.number:
            continue
        for pod in service.pods:
            target = service.target(port, pod)
            if target:
                ports[port.protocol, target] = None
    if ports and service.pods:
        yield Needed(Wanted(sources, service.pods, tuple(ports)), reason, anyone)


def _published(world: World, namespace: str) -> Iterator[Needed]:
    """What is reached from outside: behind an Ingress by its controller, by a LoadBalancer or a node's port by all."""
    controllers = tuple(pod for pod in world.network.pods if _is_controller(pod))
    for item in world.snapshot.of(INGRESS):
        space, name = object_key(item)
        for backend, _port in backends_of(world.snapshot, space, name) or ():
            service = world.services.get((space, backend))
            if service and space == namespace and controllers:
                yield from _to(service, controllers, f"Ingress {space}/{name} leads there")
    everywhere = tuple(Address(family, 0) for family in world.network.families)
    for service in world.services.values():
        if service.namespace == namespace and service.type in {"LoadBalancer", "NodePort"}:
            yield from _to(service, everywhere, f"{service.resource} is a {service.type}", anyone=True)


def _is_controller(pod: Pod) -> bool:
    name = pod.labels.values.get(_CONTROLLER_LABEL, "")
    return "ingress" in name or name in {"traefik", "contour", "envoy-gateway"}


def _called(world: World) -> Iterator[Needed]:
    """What the API server calls: webhooks and aggregated APIs."""
    servers = tuple(pod for pod in world.network.pods if pod.labels.values.get("component") == "kube-apiserver")
    nodes = tuple(address for node in world.network.nodes for address in node.addresses)
    callers: tuple[Side, ...] = servers or nodes
    for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK):
        for item in world.snapshot.of(kind):
            for hook in mappings(item.get("webhooks")):
                given = mapping(mapping(hook.get("clientConfig")).get("service"))
                yield from _call(world, given, callers, f"{kind.kind} {object_key(item)[1]} calls it")
    for item in world.snapshot.of(API_SERVICE):
        given = mapping(mapping(item.get("spec")).get("service"))
        yield from _call(world, given, callers, f"APIService {object_key(item)[1]} calls it")


def _call(world: World, given: object, callers: tuple[Side, ...], reason: str) -> Iterator[Needed]:
    named = mapping(given)
    service = world.services.get((text(named.get("namespace")), text(named.get("name"))))
    if service and callers:
        yield from _to(service, callers, reason)
