"""What people call an end of a connection → the pods, addresses or names that it is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from k8srun.errors import InputError
from k8srun.kinds import POD
from k8srun.network.addresses import Address, parse_address
from k8srun.network.matching import Name, Side
from k8srun.network.obstacle import Obstacle
from k8srun.network.pods import Pod
from k8srun.network.service_obstacles import of_service
from k8srun.network.services import Service, backends_of
from k8srun.network.world import World
from k8srun.snapshot import Need
from k8srun.text import visible

_BRACKETS = re.compile(r"(?P<namespace>[^/\[\]]+)/(?P<name>[^/\[\]]+)\[(?P<kind>[A-Za-z]+)\]")
_DOMAIN = re.compile(r"(?=.*[a-z])(\*\.)?([a-z0-9_]([-a-z0-9_]*[a-z0-9])?\.)+[a-z0-9-]+\.?", re.IGNORECASE)
_IN_CLUSTER = re.compile(r"(?P<name>[^/]+?)\.(?P<kind>svc|pod)(\.cluster\.local)?\.?", re.IGNORECASE)
_HELP = "Give NAMESPACE/NAME, NAMESPACE/NAME[KIND], KIND/NAMESPACE/NAME, namespace/NAME, an IP address or a DNS name."


@dataclass(frozen=True, slots=True)
class Target:
    """One end, resolved.

    Attributes:
        name: as it is called in answers.
        sides: what it is: any of these.
        service: the Service through which it is reached, if it is.
        port: that Service's port where it is fixed by an Ingress; empty else.
        by_name: whether a client asks DNS for it.
        through: the Ingress whose controller connects to it in place of the client; empty if there is none.
        obstacles: what was met while resolving it.
    """

    name: str
    sides: tuple[Side, ...]
    service: Service | None = None
    port: str = ""
    by_name: bool = False
    through: str = ""
    obstacles: tuple[Obstacle, ...] = ()


def resolve(world: World, text: str) -> Target:
    """The end that a text names; of several kinds of one name a pod comes first, then a workload, then a Service.

    Raises:
        InputError: there is nothing of that name; the message names the nearest.
    """
    address = parse_address(text)
    if address:
        return _address(world, address)
    kind, namespace, name = _parts(text)
    if parse_address(text.partition("/")[0]):
        raise InputError(f"{visible(text, limit=80)} is a block of addresses", do="Ask about one address of it.")
    if name:
        return _object(world, kind, namespace, name)
    if _DOMAIN.fullmatch(text):
        return _in_cluster(world, text) or Target(text, (Name(text),), by_name=True)
    raise InputError(f"{visible(text, limit=80)!r} names no end of a connection", do=_HELP)


def _in_cluster(world: World, text: str, asked: tuple[Service, ...] = ()) -> Target | None:
    """What the cluster's own DNS gives for a name; None for a name of the outside.

    A short name (`db.shop`) is of the cluster if there is such a namespace, unless a final dot says that it is whole.

    Args:
        asked: the Services whose external names have led here.
    """
    full = _IN_CLUSTER.fullmatch(text)
    parts = (full["name"] if full else text.rstrip(".")).lower().split(".")
    if full and full["kind"].lower() == "pod":
        return _address_name(world, parts[0])
    short = not text.endswith(".") and parts[-1] in world.network.namespaces
    if len(parts) in {2, 3} and (full or short):
        *host, name, namespace = parts
        found = _service(world, namespace, name, asked=asked)
        return _pod_of_service(found, host[0]) if host else found
    if full or text.lower().rstrip(".").endswith(".cluster.local"):
        raise InputError(f"{visible(text, limit=80)} is no name that the cluster's DNS gives", do=_HELP)
    return None


def _address_name(world: World, name: str) -> Target:
    """`10-1-0-7` of `10-1-0-7.shop.pod.cluster.local`."""
    for separator in (".", ":"):
        address = parse_address(name.replace("-", separator))
        if address:
            return replace(_address(world, address), by_name=True)
    raise InputError(f"{visible(name, limit=80)} is no address written with hyphens", do=_HELP)


def _pod_of_service(found: Target, host: str) -> Target:
    """A pod that has a name of its own below its Service's; a StatefulSet that stands for its pods has them all."""
    pods = [side for side in found.sides if isinstance(side, Pod)]
    own = next((pod for pod in pods if host == pod.name or re.fullmatch(re.escape(pod.name) + r"-\d+", host)), None)
    if own is None:
        said = f"no pod of {found.name} is called {visible(host, limit=80)}"
        raise InputError(said, do=_near(host, [pod.name for pod in pods]))
    return Target(own.id, (own,), by_name=True)


def _object(world: World, kind: str, namespace: str, name: str) -> Target:
    if kind in _SPECIAL:
        return _SPECIAL[kind](world, namespace, name)
    found = _pods(world, kind, namespace, name)
    if found:
        return Target(found[0].id if len(found) == 1 else found[0].workload, tuple(found))
    if not kind and (namespace, name) in world.services:
        return _service(world, namespace, name)
    raise _nothing(world, f"{namespace}/{name}", kind, namespace, name)


def _parts(text: str) -> tuple[str, str, str]:
    brackets = _BRACKETS.fullmatch(text)
    if brackets:
        return brackets["kind"].lower(), brackets["namespace"], brackets["name"]
    parts = text.split("/")
    match parts:
        case ["namespace" | "ns", name]:
            return "namespace", "", name
        case [namespace, ""]:
            return "namespace", "", namespace
        case [namespace, name]:
            return "", namespace, name
        case [kind, namespace, name]:
            return (
                {"svc": "service", "deploy": "deployment", "po": "pod", "ing": "ingress"}.get(
                    kind.lower(), kind.lower()
                ),
                namespace,
                name,
            )
        case _:
            return "", "", ""


def _address(world: World, address: Address) -> Target:
    side = _holder(world, address)
    if isinstance(side, Pod):
        return Target(side.id, (side,))
    if address not in world.pods_at:
        for service in world.services.values():
            if address in (*service.addresses, *service.outer):
                return _service(world, service.namespace, service.name, by_name=False)
    unread = next((gap for gap in world.snapshot.gaps if gap.touches(Need.objects(POD))), None)
    at_a_node = any(address in node.addresses for node in world.network.nodes)
    if unread and not at_a_node and not ipaddress.ip_address(str(address)).is_global:
        said = f"it may be a pod that was not read: {unread}"
        return Target(str(address), (address,), obstacles=(Obstacle("pods-not-read", said, str(address)),))
    return Target(str(address), (address,))


def _holder(world: World, address: Address) -> Side:
    """The pod that has an address; the address itself where it is none of a pod's own.

    An address of a node belongs to all of its pods on the host's network: to none of them in particular.
    """
    return next((pod for pod in world.pods_at.get(address, ()) if not pod.host_network), address)


def behind_node_port(world: World, end: Target, wanted: str, protocol: str) -> Target:
    """The Service that answers on a port of every node, where an end is the address of a node; else the end itself."""
    if (
        end.service
        or not wanted.isdecimal()
        or not any(
            side in node.addresses for node in world.network.nodes for side in end.sides if isinstance(side, Address)
        )
    ):
        return end
    for service in world.services.values():
        for port in service.ports:
            if (str(port.on_nodes), port.protocol) == (wanted, protocol):
                return replace(_service(world, service.namespace, service.name, by_name=False), port=str(port.number))
    return end


def _namespace(world: World, _namespace: str, name: str) -> Target:
    pods = tuple(pod for pod in world.network.pods if pod.namespace == name)
    if pods:
        return Target(f"namespace {name}", pods)
    if name in world.network.namespaces:
        raise InputError(f"the namespace {name} has no pods", do="Ask about a namespace or workload that has.")
    raise InputError(f"there is no namespace {visible(name, limit=80)}", do=_near(name, world.network.namespaces))


def _pods(world: World, kind: str, namespace: str, name: str) -> list[Pod]:
    pod = world.pods.get((namespace, name))
    if pod and kind in {"", pod.kind.lower()}:
        return [pod]
    owners = world.workloads.get((namespace, name), {})
    return next((pods for owner, pods in owners.items() if kind in {"", owner.lower()}), [])


def _service(
    world: World, namespace: str, name: str, *, by_name: bool = True, asked: tuple[Service, ...] = ()
) -> Target:
    service = world.services.get((namespace, name))
    if service is None:
        raise _nothing(world, f"{namespace}/{name}", "service", namespace, name)
    called, obstacles = f"{namespace}/{name}[Service]", tuple(of_service(service))
    if service.type != "ExternalName":
        behind = (*service.pods, *(_holder(world, address) for address in service.endpoints))
        return Target(called, behind, service, by_name=by_name, obstacles=obstacles)
    try:
        if any(service is one for one in asked):
            raise InputError("the external names lead back to it")
        meant = _in_cluster(world, service.external_name, (*asked, service))
    except InputError as error:
        said = f"it is a name for {visible(service.external_name, limit=80)}, which leads nowhere: {error.what}"
        nowhere = Obstacle("external-name", said, service.resource, True, "Correct its externalName.")
        return Target(called, (), service, by_name=True, obstacles=(nowhere,))
    if meant is None:
        return Target(called, (Name(service.external_name),), service, by_name=True, obstacles=obstacles)
    return replace(meant, name=called, by_name=True, obstacles=(*obstacles, *meant.obstacles))


def _ingress(world: World, namespace: str, name: str) -> Target:
    backends = backends_of(world.snapshot, namespace, name)
    if backends is None:
        raise _nothing(world, f"{namespace}/{name}", "ingress", namespace, name)
    if not backends:
        raise InputError(f"Ingress {namespace}/{name} has no Service behind it", do="Give it a backend.")
    service, port = backends[0]
    found = _service(world, namespace, service, by_name=False)
    through = f"Ingress {namespace}/{name}"
    said = "its controller connects to the pods in place of the client: ask with the controller's pod as the source"
    more = [Obstacle("ingress-controller", said, through)]
    if len(backends) > 1:
        others = ", ".join(other for other, _ in backends[1:])
        more.append(Obstacle("ingress-has-more-backends", f"asked about the first only, not {others}", through))
    return replace(found, port=port, through=through, obstacles=(*found.obstacles, *more))


_SPECIAL: dict[str, Callable[[World, str, str], Target]] = {
    "namespace": _namespace,
    "service": _service,
    "ingress": _ingress,
}


def _nothing(world: World, text: str, kind: str, namespace: str, name: str) -> InputError:
    shown = visible(text, limit=80)
    if namespace not in world.network.namespaces:
        spaces = world.network.namespaces
        return InputError(
            f"there is no namespace {visible(namespace, limit=80)}", where=shown, do=_near(namespace, spaces)
        )
    served = world.services if kind == "service" else (*world.pods, *world.workloads, *world.services)
    known = {other for space, other in served if space == namespace}
    what = kind or "pod, workload or Service"
    return InputError(
        f"there is no {what} {visible(name, limit=80)} in {namespace}", where=shown, do=_near(name, known)
    )


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else _HELP
