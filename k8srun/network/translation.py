"""What nobody can say of a connection because an address on its way is put in another's place.

A Service, a node or an Ingress's controller may each stand in for one of the two ends; whose address a policy then
sees is not defined.
"""

from __future__ import annotations

from dataclasses import replace

from k8srun.network.addresses import Address
from k8srun.network.decision import DirectionAnswer, Verdict
from k8srun.network.matching import described
from k8srun.network.pods import Pod
from k8srun.network.policy import Addresses
from k8srun.network.question import Flow, both, flow
from k8srun.network.services import Service
from k8srun.network.targets import Target
from k8srun.network.world import World


def as_translated(world: World, end: Target, found: Flow, *, wanted: str, protocol: str, number: int) -> Flow:
    """The flow, unknown where another address than those of its ends may count and would change the answer.

    Args:
        wanted: the port that is asked for, of the Service if the destination is one.
        number: the one on the destination.
    """
    found = _from_a_controller(end, _from_a_node(world, end.service, found, protocol, number))
    return _to_a_service(world, end.service, _returned(world, end.service, found, protocol, number), protocol, wanted)


def _from_a_node(world: World, service: Service | None, found: Flow, protocol: str, number: int) -> Flow:
    """What holds for a client of the outside whose address a node may have replaced with its own on the way."""
    balanced = service and not service.local and service.type in {"NodePort", "LoadBalancer"}
    if not balanced or not isinstance(found.source, Address) or not _decided_by_block(world, found.ingress):
        return found
    nodes = [one for node in world.network.nodes for one in node.addresses if one.family == found.family]
    if found.ingress.verdict is not Verdict.ALLOWED or (
        nodes
        and all(
            flow(world.policies, node, found.destination, protocol, number).ingress.verdict is Verdict.ALLOWED
            for node in nodes
        )
    ):
        return found
    said = f"{found.ingress.reason} by the client's address, in place of which the pod may see that of a node"
    ingress = DirectionAnswer(Verdict.UNKNOWN, said, isolated_by=found.ingress.isolated_by, unknowns=(said,))
    return replace(found, verdict=both(found.egress.verdict, Verdict.UNKNOWN), ingress=ingress)


def _from_a_controller(end: Target, found: Flow) -> Flow:
    """What holds for a client of the outside in whose place an Ingress's controller connects to the pods."""
    answer = found.ingress
    if not end.through or isinstance(found.source, Pod) or not (answer.policy or answer.isolated_by):
        return found
    said = f"the pods see the controller of {end.through} in place of {described(found.source)}"
    ingress = DirectionAnswer(Verdict.UNKNOWN, said, isolated_by=answer.isolated_by, unknowns=(said,))
    return replace(found, verdict=Verdict.UNKNOWN, ingress=ingress)


def _returned(world: World, service: Service | None, found: Flow, protocol: str, number: int) -> Flow:
    """What holds for a pod that is sent back to itself: that it always reaches itself is not said of a Service."""
    pod = found.source
    if not service or service.headless or not isinstance(pod, Pod) or pod != found.destination or pod.replicas > 1:
        return found
    as_others = replace(pod, replicas=2)
    other = flow(world.policies, as_others, as_others, protocol, number)
    if other.verdict is Verdict.ALLOWED:
        return found
    said = f"whether {described(pod)} reaches itself through {service.resource} in spite of policies is not defined"
    egress, ingress = (
        one if one.verdict is Verdict.ALLOWED else DirectionAnswer(Verdict.UNKNOWN, said, unknowns=(said,))
        for one in (other.egress, other.ingress)
    )
    return replace(found, verdict=Verdict.UNKNOWN, egress=egress, ingress=ingress)


def _to_a_service(world: World, service: Service | None, found: Flow, protocol: str, wanted: str) -> Flow:
    """What holds for a backend, unknown where blocks of addresses would tell the Service's own address apart.

    Whether a policy sees the Service's address or the backend's is not defined.
    """
    if not service or service.headless or not isinstance(found.source, Pod) or not world.by_address:
        return found
    port = service.port(wanted, protocol)
    for address in service.addresses if port else ():
        if address.family != found.family or port is None:
            continue
        direct = flow(world.policies, found.source, address, protocol, port.number).egress
        if direct.verdict is found.egress.verdict or not _decided_by_block(world, direct, found.egress):
            continue
        said = (
            f"towards the backend it is {found.egress.verdict}, towards the Service's own address {address}"
            f" {direct.verdict}: which of the two a network plugin looks at is not defined"
        )
        egress = DirectionAnswer(Verdict.UNKNOWN, said, isolated_by=found.egress.isolated_by, unknowns=(said,))
        verdict = both(egress.verdict, found.ingress.verdict)
        return Flow(verdict, found.source, found.destination, egress, found.ingress, found.family)
    return found


def _decided_by_block(world: World, *answers: DirectionAnswer) -> bool:
    """Whether a rule that decided one of them names blocks of addresses."""
    places = {(one.policy, one.rule) for one in answers if one.rule}
    return any(
        (policy.resource, rule.path) in places and any(isinstance(peer, Addresses) for peer in rule.peers or ())
        for policy in world.network.policies
        for rules in policy.rules.values()
        for rule in rules
    )
