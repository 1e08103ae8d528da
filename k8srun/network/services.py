"""Services and Ingresses: which pods stand behind them, and on which of their ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.kinds import ENDPOINT_SLICE, INGRESS, SERVICE
from k8srun.network.addresses import Address, parse_address
from k8srun.network.labels import Operator, Requirement, Selector
from k8srun.network.pods import Pod, mapping, mappings, strings, text
from k8srun.network.ports import LAST_PORT
from k8srun.snapshot import JsonObject, Snapshot, object_key

_SERVICE_OF_SLICE = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service; `target` is a number, or the name that the containers give it; `on_nodes` 0 for none."""

    name: str
    protocol: str
    number: int
    target: int | str
    on_nodes: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """One Service.

    Attributes:
        selector: None for a Service without one: its endpoints are made by somebody else.
        outer: further addresses at which it is reached: `externalIPs`, and those of its load balancer.
        pods: those that the selector selects, ready or not.
        endpoints: addresses of its EndpointSlices that belong to none of these pods.
        unready: whether clients are sent to its pods before these are ready.
        headless: it has no address of its own: clients reach the pods on the port that these listen on.
    """

    namespace: str
    name: str
    type: str
    selector: Selector | None
    ports: tuple[ServicePort, ...]
    addresses: tuple[Address, ...]
    outer: tuple[Address, ...]
    external_name: str
    headless: bool
    local: bool
    unready: bool
    pods: tuple[Pod, ...]
    endpoints: tuple[Address, ...]

    @property
    def resource(self) -> str:
        return f"Service {self.namespace}/{self.name}"

    def port(self, wanted: str, protocol: str) -> ServicePort | None:
        """The port of that number or name; the only one where nothing is asked."""
        if not wanted:
            return self.ports[0] if len(self.ports) == 1 else None
        for port in self.ports:
            if wanted in {str(port.number), port.name} and port.protocol == protocol:
                return port
        return None

    def target(self, port: ServicePort, pod: Pod) -> int | None:
        """The number that a port means for one of the pods; None where it declares no port of that name."""
        if isinstance(port.target, int):
            return port.target
        for declared in pod.ports:
            if declared.name == port.target and declared.protocol == port.protocol:
                return declared.number
        return None


def read_services(snapshot: Snapshot, pods: Iterable[Pod]) -> dict[tuple[str, str], Service]:
    """Every Service by namespace and name."""
    by_namespace: dict[str, list[Pod]] = {}
    for pod in pods:
        by_namespace.setdefault(pod.namespace, []).append(pod)
    slices: dict[tuple[str, str], list[JsonObject]] = {}
    for item in snapshot.of(ENDPOINT_SLICE):
        labels = mapping(mapping(item.get("metadata")).get("labels"))
        slices.setdefault((object_key(item)[0], text(labels.get(_SERVICE_OF_SLICE))), []).append(item)
    return {
        object_key(item): _service(item, by_namespace.get(object_key(item)[0], ()), slices.get(object_key(item), ()))
        for item in snapshot.of(SERVICE)
    }


def _service(item: JsonObject, pods: Iterable[Pod], slices: Iterable[JsonObject]) -> Service:
    namespace, name = object_key(item)
    spec = mapping(item.get("spec"))
    wanted = {str(key): value for key, value in mapping(spec.get("selector")).items() if isinstance(value, str)}
    selector = Selector(tuple(Requirement(key, Operator.IN, frozenset({value}), key) for key, value in wanted.items()))
    slices = tuple(slices)
    listening = {} if wanted else _ports_of_endpoints(slices)
    chosen = tuple(pod for pod in pods if wanted and selector.matches(pod.labels))
    theirs = {address for pod in chosen for address in pod.addresses}
    given = strings(spec.get("clusterIPs")) or [text(spec.get("clusterIP"))]
    balancers = mappings(mapping(mapping(item.get("status")).get("loadBalancer")).get("ingress"))
    outer = [*strings(spec.get("externalIPs")), *(text(one.get("ip")) for one in balancers)]
    return Service(
        namespace,
        name,
        text(spec.get("type")) or "ClusterIP",
        selector if wanted else None,
        tuple(_port(port, listening) for port in mappings(spec.get("ports")) if type(port.get("port")) is int),
        tuple(address for address in map(parse_address, given) if address),
        tuple(address for address in map(parse_address, outer) if address),
        text(spec.get("externalName")),
        "None" in given,
        spec.get("externalTrafficPolicy") == "Local",
        spec.get("publishNotReadyAddresses") is True,
        chosen,
        tuple(address for address in _endpoints(slices) if address not in theirs),
    )


def _port(item: Mapping[str, Any], listening: Mapping[tuple[str, str], int]) -> ServicePort:
    name, protocol = text(item.get("name")), text(item.get("protocol")) or "TCP"
    target = listening.get((name, protocol), item.get("targetPort"))
    number: int = item["port"]
    chosen = target if type(target) is int and 1 <= target <= LAST_PORT else text(target) or number
    if isinstance(chosen, str) and chosen.isdigit():
        chosen = int(chosen)
    on_nodes = item["nodePort"] if type(item.get("nodePort")) is int else 0
    return ServicePort(name, protocol, number, chosen, on_nodes)


def _ports_of_endpoints(slices: Iterable[JsonObject]) -> dict[tuple[str, str], int]:
    """By name and protocol of a Service's port, what its endpoints listen on: without a selector that alone counts."""
    return {
        (text(port.get("name")), text(port.get("protocol")) or "TCP"): port["port"]
        for item in slices
        for port in mappings(item.get("ports"))
        if type(port.get("port")) is int
    }


def _endpoints(slices: Iterable[JsonObject]) -> tuple[Address, ...]:
    given = [
        address
        for item in slices
        for endpoint in mappings(item.get("endpoints"))
        for address in strings(endpoint.get("addresses"))
    ]
    return tuple(dict.fromkeys(address for address in map(parse_address, given) if address))


def backends_of(snapshot: Snapshot, namespace: str, name: str) -> tuple[tuple[str, str], ...] | None:
    """The Services behind an Ingress, each with its port as a number or name; None if there is no such Ingress."""
    item = snapshot.find(INGRESS, name, namespace)
    if item is None:
        return None
    spec = mapping(item.get("spec"))
    paths = [path for rule in mappings(spec.get("rules")) for path in mappings(mapping(rule.get("http")).get("paths"))]
    backends = [mapping(spec.get("defaultBackend")), *(mapping(path.get("backend")) for path in paths)]
    found = []
    for backend in backends:
        service = mapping(backend.get("service"))
        port = mapping(service.get("port"))
        if text(service.get("name")):
            found.append((text(service["name"]), str(port.get("number") or port.get("name") or "")))
    return tuple(dict.fromkeys(found))
