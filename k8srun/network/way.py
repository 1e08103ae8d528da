"""What stands on the way of a connection beside policies: pods, ports, the network plugin, nodes, DNS."""

from __future__ import annotations

from collections.abc import Iterator

from k8srun.network.addresses import Address
from k8srun.network.cni import Enforcement
from k8srun.network.decision import Verdict
from k8srun.network.matching import described
from k8srun.network.obstacle import Obstacle
from k8srun.network.pods import Pod
from k8srun.network.question import Flow, flow
from k8srun.network.services import Service, ServicePort
from k8srun.network.targets import Target
from k8srun.network.world import World

DNS_SERVICES = (
    "kube-system/kube-dns",
    "kube-system/coredns",
    "kube-system/rke2-coredns-rke2-coredns",
    "openshift-dns/dns-default",
)
_MAY_ALLOW = frozenset({"Calico", "Cilium"})
"""Layers whose own policies can also allow what no NetworkPolicy allows; the others only ever take away."""


def on_the_way(world: World, found: Flow, end: Target, port: int) -> Iterator[Obstacle]:
    """What else stands between the two sides of a flow, or is to be known about them."""
    for side in (found.source, found.destination):
        if isinstance(side, Pod) and side.host_network:
            message = f"{described(side)} is on its node's network: what policies mean for it is not defined"
            yield Obstacle("host-network", message, described(side))
    if isinstance(found.destination, Pod):
        yield from _of_pod(found.destination, port, end)
    others = sorted({layer.partition(":")[0] for layer in world.network.layers} & _MAY_ALLOW)
    if found.verdict is Verdict.DENIED and others:
        message = f"{' and '.join(others)} policies, which are not evaluated, may allow what these policies deny"
        yield Obstacle("other-layers", message, found.egress.policy or found.ingress.policy)
    yield from _of_plugin(world, found)
    yield from _of_node(world, found)
    if isinstance(found.source, Pod):
        yield from dns_obstacles(world, found.source, blocks=end.by_name)
    elif end.service and not end.service.local and end.service.type in {"NodePort", "LoadBalancer"}:
        message = "externalTrafficPolicy is Cluster: a node may put its own address in place of the client's"
        yield Obstacle("source-address-translated", message, end.service.resource)


def _of_pod(pod: Pod, port: int, end: Target) -> Iterator[Obstacle]:
    if pod.ready is False and end.service is None:
        message = f"{described(pod)} is not ready: it may not listen yet"
        yield Obstacle("pods-not-ready", message, described(pod), do="Find out why its readiness probe fails.")
    if pod.ports and all(declared.number != port for declared in pod.ports):
        listed = ", ".join(f"{one.number}/{one.protocol}" for one in pod.ports)
        message = f"no container declares the port {port}: they declare {listed}"
        yield Obstacle("port-not-declared", message, described(pod), do="Make sure that something listens there.")


def _of_plugin(world: World, found: Flow) -> Iterator[Obstacle]:
    cni = world.cni
    isolated = (*found.egress.isolated_by, *found.ingress.isolated_by)
    if cni.enforcement is Enforcement.INERT and isolated:
        message = f"{cni.name} does not enforce policies: whatever they say, the traffic passes"
        do = "Install a plugin that enforces them, or switch enforcement on."
        yield Obstacle("cni-does-not-enforce", message, "; ".join(map(str, cni.evidence)), do=do)
    for side in (found.source, found.destination):
        if isinstance(side, Pod) and side.node and side.node in cni.not_ready:
            message = f"the {cni.name} agent of {side.node} is not ready: the rules there may be old, or missing"
            do = "Mend the agent first: look at its pod's log and events."
            yield Obstacle("cni-agent-not-ready", message, f"Node {side.node}", True, do)
        if isinstance(side, Pod) and f"{side.namespace}/{side.name}" in cni.secondary:
            message = "it has further interfaces (Multus), which policies do not cover"
            yield Obstacle("secondary-interfaces", message, described(side))


def _of_node(world: World, found: Flow) -> Iterator[Obstacle]:
    for one, other in ((found.source, found.destination), (found.destination, found.source)):
        if isinstance(one, Pod) and isinstance(other, Address) and other in world.policies.own_node(one):
            message = f"{other} is the own node of {described(one)}: NetworkPolicies never come between the two"
            yield Obstacle("own-node", message, f"Node {one.node or other}")


def resolvers(world: World) -> Iterator[tuple[Service, ServicePort]]:
    """The Services of the cluster's DNS that have pods, each with its UDP port."""
    for name in DNS_SERVICES:
        namespace, _, service_name = name.partition("/")
        service = world.services.get((namespace, service_name))
        port = next((port for port in service.ports if port.protocol == "UDP"), None) if service else None
        if service and service.pods and port:
            yield service, port


def dns_obstacles(world: World, source: Pod, *, blocks: bool = False) -> Iterator[Obstacle]:
    """Whether a pod is kept from asking the cluster's DNS; nothing where no DNS Service is known."""
    for service, port in resolvers(world):
        resolver = service.pods[0]
        number = service.target(port, resolver) or port.number
        found = flow(world.policies, source, resolver, port.protocol, number)
        if found.verdict is Verdict.DENIED:
            denied = found.egress if found.egress.verdict is Verdict.DENIED else found.ingress
            message = f"{described(source)} cannot ask DNS ({number}/{port.protocol}): {denied.reason}"
            do = f"Allow egress to the pods of {service.resource} on {number}/UDP and {number}/TCP."
            yield Obstacle("dns-egress-closed", message, denied.policy, blocks, do)
        return
