"""What is open to the outside, in and out, and how far policies cover the pods of each namespace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from k8srun.network.addresses import METADATA_ADDRESSES, Block, Family, parse_address, whole
from k8srun.network.cells import Ports
from k8srun.network.cluster import Network
from k8srun.network.connectivity import By, Mapper, merged_ranges
from k8srun.network.decision import Policies
from k8srun.network.policy import Direction, Policy, Tier
from k8srun.network.ports import Connections
from k8srun.network.reach import Reach


@dataclass(frozen=True, slots=True)
class Exposed:
    """What a workload can exchange with the outside.

    Attributes:
        workload: `namespace/name[Kind]`.
        ingress: ranges of addresses from which it is reached (surely or possibly), with the ports.
        egress: ranges that it reaches, likewise.
        from_anywhere: the ports on which every address of a family reaches it.
        to_anywhere: the ports on which it reaches every address of a family.
        metadata: the ports on which it reaches the metadata service of a cloud.
        unknown: whether some of it cannot be told.
    """

    workload: str
    ingress: tuple[tuple[Block, Connections], ...]
    egress: tuple[tuple[Block, Connections], ...]
    from_anywhere: Connections
    to_anywhere: Connections
    metadata: Connections
    unknown: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the NetworkPolicies of a namespace go.

    Attributes:
        pods: how many there are, those on their node's network left out.
        isolated: of these, how many a policy isolates, by direction.
        default_deny: by direction, whether a pod with any labels would be isolated, and not let in by everybody again.
    """

    namespace: str
    pods: int
    isolated: dict[Direction, int]
    default_deny: dict[Direction, bool]


def exposure(reach: Reach, by: By = By.WORKLOAD) -> tuple[Exposed, ...]:
    """The exposure of every workload, by name."""
    mapper = Mapper(reach, by)
    outside = mapper.from_outside()
    return tuple(_exposed(reach, unit.name, outside[unit.name], mapper.from_unit(unit)[1]) for unit in mapper.units)


def _exposed(reach: Reach, name: str, coming: dict[Block, Ports], going: dict[Block, Ports]) -> Exposed:
    space = reach.space
    connections = space.ports.connections
    ingress, egress = ([(block, ports.maybe) for block, ports in merged_ranges(one)] for one in (coming, going))
    metadata = 0
    for text in METADATA_ADDRESSES:
        address = parse_address(text)
        metadata |= next((ports.maybe for block, ports in going.items() if address and address in block), 0)
    return Exposed(
        name,
        tuple((block, connections(ports)) for block, ports in ingress),
        tuple((block, connections(ports)) for block, ports in egress),
        connections(_anywhere(space.network.families, ingress)),
        connections(_anywhere(space.network.families, egress)),
        connections(metadata),
        any(ports.maybe != ports.sure for ports in (*coming.values(), *going.values())),
    )


def _anywhere(families: tuple[Family, ...], ranges: list[tuple[Block, int]]) -> int:
    """The ports that every address of some family has."""
    result = 0
    for family in families:
        here = [(block, ports) for block, ports in ranges if block.family == family]
        covered = sum(block.last - block.first + 1 for block, _ in here)
        everywhere = whole(family)
        if covered == everywhere.last + 1:
            common = here[0][1]
            for _, ports in here:
                common &= ports
            result |= common
    return result


def coverage(network: Network) -> tuple[Coverage, ...]:
    """The coverage of every namespace that has pods, by name."""
    policies = Policies(network)
    found = []
    for namespace in sorted({pod.namespace for pod in network.pods}):
        pods = [pod for pod in network.pods if pod.namespace == namespace and not pod.host_network]
        isolated = {
            direction: sum(
                any(selected and policy.tier is Tier.NETWORK for policy, selected in policies.about(pod, direction))
                for pod in pods
            )
            for direction in Direction
        }
        theirs = [policy for policy in network.policies if policy.namespace == namespace]
        deny = {direction: _denies(theirs, direction) for direction in Direction}
        found.append(Coverage(namespace, len(pods), isolated, deny))
    return tuple(found)


def _denies(policies: Iterable[Policy], direction: Direction) -> bool:
    """Whether policies isolate every pod of their namespace, and none of these allows everything again."""
    whole_namespace = [
        policy.rules[direction]
        for policy in policies
        if direction in policy.rules and policy.subject is not None and not policy.subject.pods.requirements
    ]
    everything = any(rule.peers is None and rule.ports is None for rules in whole_namespace for rule in rules)
    return bool(whole_namespace) and not everything
