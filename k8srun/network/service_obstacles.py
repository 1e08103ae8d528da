"""What keeps clients from the pods of a Service, or is to be known about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8srun.network.obstacle import Obstacle
from k8srun.network.services import Service, ServicePort


def of_service(service: Service) -> Iterator[Obstacle]:
    """Its type, its selector and endpoints, and whether its pods are ready."""
    where = service.resource
    if service.type == "ExternalName":
        message = f"it is a name for {service.external_name}: policies see the addresses that DNS gives for that"
        yield Obstacle("external-name", message, where)
        return
    if service.headless:
        message = "it has no address of its own: clients connect to the pods, on the port that these listen on"
        yield Obstacle("headless-service", message, where)
    if service.selector is None and not service.endpoints:
        message = "it has neither a selector nor endpoints"
        yield Obstacle("service-without-endpoints", message, where, True, "Give it a selector, or an EndpointSlice.")
    elif service.selector is not None and not service.pods:
        message = f"its selector {service.selector} matches no pod of {service.namespace}"
        yield Obstacle("service-selector-matches-nothing", message, where, True, "Compare it with the pods' labels.")
    elif service.unready:
        return
    elif service.pods and all(pod.ready is False for pod in service.pods):
        message = f"none of its pods is ready: {_some(pod.name for pod in service.pods)}"
        yield Obstacle("pods-not-ready", message, where, True, "Find out why their readiness probes fail.")
    elif any(pod.ready is False for pod in service.pods):
        message = f"not ready, and so left out: {_some(pod.name for pod in service.pods if pod.ready is False)}"
        yield Obstacle("some-pods-not-ready", message, where)


def service_port(service: Service, wanted: str, protocol: str) -> ServicePort | Obstacle:
    """The port of a Service that is asked for, or why there is none."""
    found = service.port(wanted, protocol)
    if found:
        return found
    listed = ", ".join(f"{port.number}/{port.protocol}" for port in service.ports) or "none"
    message = f"it has no port {wanted}/{protocol}: it has {listed}" if wanted else f"say which port: it has {listed}"
    return Obstacle("service-port-not-found", message, service.resource, bool(wanted), "Ask for one of these ports.")


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")
