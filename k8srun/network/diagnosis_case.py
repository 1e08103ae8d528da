"""One failed connection with everything known of it: the text, the two ends, and the engine's answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from k8srun.diagnosis import Cause, CauseStatus, Fix
from k8srun.errors import InputError
from k8srun.findings import Evidence
from k8srun.network.asking import Answer, ask
from k8srun.network.pods import Pod
from k8srun.network.symptoms import Symptom
from k8srun.network.symptoms_catalogue import Failure
from k8srun.network.symptoms_places import Places, is_address
from k8srun.network.targets import Target, resolve
from k8srun.network.world import World

_CONTROLLERS = frozenset({"ingress-nginx", "traefik", "haproxy-ingress", "kubernetes-ingress", "contour", "kong"})
_FROM_PROXY = frozenset({Failure.PROXY_TIMEOUT, Failure.PROXY_REFUSED, Failure.NO_ENDPOINTS})


@dataclass(frozen=True, slots=True)
class Ends:
    """What a person says of a connection besides a text; what is not said is empty.

    Attributes:
        source, destination: as `k8srun.network.asking.ask` takes them.
        port: `8080/TCP`, `8080` or a name.
    """

    source: str = ""
    destination: str = ""
    port: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What a diagnosis judges.

    Attributes:
        ends: those that were said, completed from the text.
        start, end: the two, resolved; None where one is not known or does not exist.
        answer: the engine's; None without both ends.
        problem: why there is no answer; empty if there is one, or nothing was said of the ends.
    """

    world: World
    symptom: Symptom | None
    ends: Ends
    start: Target | None = None
    end: Target | None = None
    answer: Answer | None = None
    problem: str = ""

    @property
    def failure(self) -> Failure | None:
        return self.symptom.failure if self.symptom else None

    @property
    def places(self) -> Places:
        return self.symptom.places if self.symptom else Places()

    def pods(self) -> Iterator[Pod]:
        """Every pod of both ends."""
        for target in (self.start, self.end):
            yield from (side for side in (target.sides if target else ()) if isinstance(side, Pod))


@dataclass(frozen=True, slots=True)
class Judged:
    """What the evidence says of one cause."""

    cause: str
    title: str
    status: CauseStatus
    evidence: tuple[Evidence, ...] = ()
    fix: Fix | None = None
    look_at: tuple[str, ...] = field(default=())

    def as_cause(self) -> Cause:
        fix = None if self.status is CauseStatus.RULED_OUT else self.fix
        return Cause(self.cause, self.title, self.status, self.evidence, fix, self.look_at)


def case_of(world: World, symptom: Symptom | None, said: Ends) -> Case:
    """The case: its ends taken from what was said, else from the text, and the engine asked about them."""
    ends = _through_service(world, _completed(world, symptom, said))
    case = Case(world, symptom, ends)
    try:
        start = resolve(world, ends.source) if ends.source else None
        end = resolve(world, ends.destination) if ends.destination else None
        case = replace(case, start=start, end=end)
        if start is None or end is None:
            return case
        return replace(case, answer=ask(world, ends.source, ends.destination, port=ends.port))
    except InputError as error:
        return replace(case, problem=f"{error.where}: {error.what}" if error.where else error.what)


def _completed(world: World, symptom: Symptom | None, said: Ends) -> Ends:
    if symptom is None:
        return said
    told = symptom.places
    source = said.source or _source(world, symptom)
    namespace = source.split("/")[-2] if source.count("/") else ""
    destination = said.destination or _destination(world, told, namespace)
    port = said.port or (f"{told.port}/{told.protocol}" if told.port else "")
    return Ends(source, destination, port)


def _through_service(world: World, ends: Ends) -> Ends:
    """A name that is a workload's and a Service's: people mean the Service, where it has that port."""
    namespace, slash, name = ends.destination.partition("/")
    service = world.services.get((namespace, name)) if slash and not name.endswith("]") else None
    port, _, protocol = ends.port.partition("/")
    if service is None or (port and service.port(port, protocol or "TCP") is None):
        return ends
    return replace(ends, destination=f"service/{namespace}/{name}")


def _source(world: World, symptom: Symptom) -> str:
    told = symptom.places
    if told.source_pod:
        return _named(world, told.source_pod)
    if is_address(told.source):
        return told.source
    if told.webhook:
        return _unique(world, "component", frozenset({"kube-apiserver"}))
    if symptom.failure in _FROM_PROXY:
        return _unique(world, "app.kubernetes.io/name", _CONTROLLERS)
    return ""


def _named(world: World, said: str) -> str:
    """`shop/Deployment/cart`, `shop/cart-x`, `Deployment/cart` or `cart-x` as the engine takes it."""
    match said.split("/"):
        case [namespace, kind, name]:
            return f"{kind}/{namespace}/{name}"
        case [one, name] if one[:1].isupper():
            spaces = [space for space, owner in world.workloads if owner == name]
            return f"{one}/{spaces[0]}/{name}" if len(spaces) == 1 else ""
        case [name]:
            spaces = [space for space, pod in world.pods if pod == name]
            return f"{spaces[0]}/{name}" if len(spaces) == 1 else ""
        case _:
            return said


def _unique(world: World, label: str, values: frozenset[str]) -> str:
    """The one workload whose pods have such a label; empty if there is none, or several."""
    found = {pod.workload: pod for pod in world.network.pods if pod.labels.values.get(label) in values}
    return next(iter(found)) if len(found) == 1 else ""


def _destination(world: World, told: Places, namespace: str) -> str:
    if told.backend:
        return f"service/{told.backend}"
    host = told.host or told.unresolved
    if not host or host == "localhost" or host.startswith("127."):
        return ""
    if is_address(host):
        return host
    found = service_name(world, host, namespace)
    if found:
        return f"service/{found[0]}/{found[1]}" if found in world.services or ".svc" in host else ""
    pod = host.split(".")
    if len(pod) > 2 and (pod[2], pod[0]) in world.pods:
        return f"{pod[2]}/{pod[0]}"
    # Policies know addresses: a name outside of the cluster stands for the one that the text tells.
    return told.address or (host if "." in host else "")


def service_name(world: World, host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host name means within the cluster; None for a name outside of it."""
    parts = host.rstrip(".").split(".")
    if len(parts) == 1:
        return (namespace, parts[0]) if namespace else None
    inside = len(parts) == 2 or parts[2] == "svc"
    if inside and (parts[1] in world.network.namespaces or len(parts) > 2):
        return parts[1], parts[0]
    return None
