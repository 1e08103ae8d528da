"""One question with everything on the way: `ask(World(snapshot), "shop/web", "shop/cart", port="8080/TCP")`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from k8srun.errors import InputError
from k8srun.network.addresses import Address
from k8srun.network.cni import Enforcement
from k8srun.network.decision import DirectionAnswer, Verdict
from k8srun.network.matching import Side, described
from k8srun.network.obstacle import Obstacle
from k8srun.network.pods import Pod
from k8srun.network.ports import LAST_PORT, PROTOCOLS
from k8srun.network.question import Flow, families_of, flow
from k8srun.network.service_obstacles import service_port
from k8srun.network.services import Service, ServicePort
from k8srun.network.targets import Target, behind_node_port, resolve
from k8srun.network.translation import as_translated
from k8srun.network.way import on_the_way
from k8srun.network.world import World
from k8srun.text import visible

_MOST_SIDES = 60
_NOT_ALL = "not-all-compared"
_UNSURE = frozenset({_NOT_ALL, "pods-not-read"})
"""Obstacles that leave no "allowed" sure."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands between two ends.

    Attributes:
        verdict: of the policies of both ends.
        source, destination: as they are called: `shop/web[Deployment]`, an address, a name.
        port: the number on the destination's pods; 0 where it could not be told.
        egress, ingress: what the policies of the source, and of the destination, say.
        obstacles: what else is on the way, what blocks alone first.
        enforcement: whether the network plugin enforces policies at all.
        flow: between which pods or addresses this holds: of several the worst; None where there is no destination.
    """

    verdict: Verdict
    source: str
    destination: str
    protocol: str
    port: int
    egress: DirectionAnswer
    ingress: DirectionAnswer
    obstacles: tuple[Obstacle, ...]
    enforcement: Enforcement
    flow: Flow | None = None


def ask(world: World, source: str, destination: str, *, port: str = "") -> Answer:
    """Whether traffic passes, why or why not, and every other obstacle on the way. Does not compute the map.

    Args:
        source: `NAMESPACE/NAME` of a pod or workload, `NAMESPACE/NAME[KIND]`, `KIND/NAMESPACE/NAME`,
            `namespace/NAME`, or an IP address.
        destination: likewise, also of a Service or Ingress, or a DNS name.
        port: `5432/TCP`, `5432`, or the name of a port; of the Service where that is the destination. Empty: the only
            one that the destination declares.

    Raises:
        InputError: an end or the port cannot be understood, or does not exist.
    """
    wanted, protocol = parse_port(port)
    start, end = resolve(world, source), resolve(world, destination)
    if start.service:
        raise InputError(
            f"{start.name} cannot open connections", where=source, do="Give one of its pods as the source."
        )
    end = behind_node_port(world, end, wanted, protocol)
    _require_an_end_inside(world, start, end)
    pairs, more = _pairs(world, start, end, wanted, protocol)
    # Of what was met while the source was resolved only this counts: that nobody reaches its Service is no matter.
    obstacles = [*(one for one in start.obstacles if one.id in _UNSURE), *end.obstacles, *more]
    if not pairs:
        return _without_destination(world, start, end, protocol, obstacles)
    flows = [(flow(world.policies, one, other, protocol, number), number) for one, other, number in pairs]
    worst, number = min(flows, key=lambda pair: _ORDER.index(pair[0].verdict))
    obstacles += _differences([found for found, _ in flows], worst)
    if worst.verdict is Verdict.ALLOWED and any(one.id in _UNSURE for one in obstacles):
        worst = replace(worst, verdict=Verdict.UNKNOWN)
    worst = as_translated(world, end, worst, wanted=wanted, protocol=protocol, number=number)
    obstacles += on_the_way(world, worst, end, number)
    ordered = sorted(dict.fromkeys(obstacles), key=lambda one: not one.blocks)
    return Answer(
        worst.verdict,
        start.name,
        end.name,
        protocol,
        number,
        worst.egress,
        worst.ingress,
        tuple(ordered),
        world.cni.enforcement,
        worst,
    )


_ORDER = (Verdict.DENIED, Verdict.UNKNOWN, Verdict.ALLOWED)


def _require_an_end_inside(world: World, start: Target, end: Target) -> None:
    """Refuse a question between two ends of the outside: whatever is answered, nothing here has been asked."""
    nodes = {address for node in world.network.nodes for address in node.addresses}
    inside = end.service or any(isinstance(side, Pod) or side in nodes for side in (*start.sides, *end.sides))
    if not inside and not start.obstacles and not end.obstacles:
        raise InputError(
            f"neither {start.name} nor {end.name} is in the cluster: no policy is asked",
            do="Give a pod, workload or Service as one end.",
        )


def parse_port(text: str) -> tuple[str, str]:
    """`5432/TCP` → `("5432", "TCP")`; TCP where no protocol is given.

    Raises:
        InputError: no port, or no protocol that policies know.
    """
    port, _, protocol = text.strip().partition("/")
    protocol = protocol.upper() or "TCP"
    number = int(port) if port.isdecimal() and len(port) < 6 else 0
    if protocol not in PROTOCOLS or (port.isdecimal() and not 1 <= number <= LAST_PORT) or (text and not port):
        raise InputError(f"{visible(text, limit=40)!r} is no port", do="Give it as 5432/TCP, 53/UDP, or by name.")
    return port, protocol


def _pairs(
    world: World, start: Target, end: Target, wanted: str, protocol: str
) -> tuple[list[tuple[Side, Side, int]], list[Obstacle]]:
    """Every pair of sides that policies may tell apart, with the port on the destination."""
    found: ServicePort | None = None
    # Nothing translates the port of a headless Service: clients connect to the pods on the one that they ask for.
    as_asked = end.service and end.service.headless and not end.port and wanted.isdecimal()
    if end.service and end.service.type != "ExternalName" and not as_asked:
        given = service_port(end.service, end.port or wanted, protocol)
        if isinstance(given, Obstacle):
            return [], [given]
        found = given
    obstacles: list[Obstacle] = []
    pairs = []
    sources, destinations = _distinct(world, start.sides, end.sides), _distinct(world, end.sides, start.sides)
    if max(len(sources), len(destinations)) > _MOST_SIDES:
        most = f"policies may tell {len(sources)} sources and {len(destinations)} destinations apart"
        do = "Ask about single workloads, or compute the map: k8srun connectivity."
        obstacles.append(Obstacle(_NOT_ALL, f"{most}: {_MOST_SIDES} of each were asked about", end.name, do=do))
    for other in destinations[:_MOST_SIDES]:
        number = _number(end.service, found, other, wanted, protocol)
        if number is None:
            obstacles.append(_no_port(end.service, found, other, f"{wanted}/{protocol}"))
        else:
            pairs += [(one, other, number) for one in sources[:_MOST_SIDES] if one != other or len(end.sides) == 1]
    return pairs, obstacles


def _number(service: Service | None, port: ServicePort | None, other: Side, wanted: str, protocol: str) -> int | None:
    if port and service:
        if isinstance(other, Pod):
            return service.target(port, other)
        return port.target if isinstance(port.target, int) else port.number
    if wanted.isdecimal():
        return int(wanted)
    declared = [one for one in (other.ports if isinstance(other, Pod) else ()) if one.protocol == protocol]
    if wanted:
        return next((one.number for one in declared if one.name == wanted), None)
    numbers = {one.number for one in declared}
    if len(numbers) != 1:
        listed = f"it declares {', '.join(map(str, sorted(numbers)))}" if numbers else "it declares none"
        raise InputError(f"say which port of {described(other)}: {listed}", where="--port", do="Such as 5432/TCP.")
    return numbers.pop()


def _no_port(service: Service | None, port: ServicePort | None, other: Side, wanted: str) -> Obstacle:
    ports = other.ports if isinstance(other, Pod) else ()
    declared = ", ".join(f"{one.name or '-'}={one.number}/{one.protocol}" for one in ports)
    name = f"{port.target}/{port.protocol}" if port else wanted
    message = f"no container of {described(other)} has a port {name}: they declare {declared or 'none'}"
    where = service.resource if service else described(other)
    return Obstacle("target-port-not-found", message, where, True, "Name a port that the container declares.")


def _distinct(world: World, sides: Sequence[Side], others: Sequence[Side]) -> list[Side]:
    """One of all sides that policies treat alike towards the others, the ready ones first."""
    chosen: dict[object, Side] = {}
    outside = frozenset(other for other in others if isinstance(other, Address))
    for side in sorted(sides, key=lambda one: isinstance(one, Pod) and one.ready is False):
        key: object = side
        if isinstance(side, Pod):
            labels = tuple(side.labels.values.get(key) for key in world.told_apart_by)
            addresses = side.addresses if world.by_address else families_of(world.network, side)
            own_node = outside and world.policies.own_node(side) & outside
            key = (side.namespace, labels, side.ports, side.host_network, bool(side.addresses), addresses, own_node)
        chosen.setdefault(key, side)
    return list(chosen.values())


def _without_destination(
    world: World, start: Target, end: Target, protocol: str, obstacles: Sequence[Obstacle]
) -> Answer:
    said = obstacles[0].message if obstacles else f"there is nothing behind {end.name}"
    unknown = DirectionAnswer(Verdict.UNKNOWN, f"there is no destination: {said}", unknowns=(said,))
    return Answer(
        Verdict.UNKNOWN, start.name, end.name, protocol, 0, unknown, unknown, tuple(obstacles), world.cni.enforcement
    )


def _differences(flows: Sequence[Flow], worst: Flow) -> Iterator[Obstacle]:
    others = [one for one in flows if one.verdict is not worst.verdict]
    if others:
        message = (
            f"it differs from pod to pod: {worst.verdict} from {described(worst.source)} to"
            f" {described(worst.destination)}, {others[0].verdict} from {described(others[0].source)} to"
            f" {described(others[0].destination)}"
        )
        yield Obstacle("differs-between-pods", message, described(worst.destination))
    if worst.denied_family:
        yield Obstacle("family-denied", f"over IPv{worst.denied_family} it is denied", described(worst.destination))
