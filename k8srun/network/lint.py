"""What is wrong with policies as they are written: one function a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from k8srun.checks import Check, NotApplicable
from k8srun.findings import Confidence, Evidence, Finding
from k8srun.network.classes import Space
from k8srun.network.cluster import Network, read_network
from k8srun.network.labels import NAMESPACE_NAME, Operator
from k8srun.network.policy import Direction, Pods, Policy, Rule, Tier
from k8srun.network.ports import NamedPort
from k8srun.network.relation import Relations
from k8srun.snapshot import Snapshot


def network_with_policies(snapshot: Snapshot) -> Network:
    """The network; raises NotApplicable where there are no policies."""
    network = read_network(snapshot)
    if not network.policies:
        raise NotApplicable("there are no network policies")
    return network


def invalid(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Policies with parts that the server would refuse."""
    for policy in network_with_policies(snapshot).policies:
        if policy.problems:
            yield check.finding(
                policy.resource,
                f"cannot be what its author meant: {policy.problems[0]}",
                *(Evidence(problem, policy.resource) for problem in policy.problems),
            )


def selects_nothing(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Policies that are about no pod."""
    space = Space(network_with_policies(snapshot))
    for policy in space.network.policies:
        if policy.subject and not space.subjects(policy).maybe:
            yield check.finding(
                policy.resource,
                f"is about no pod: it selects {policy.subject}",
                Evidence("no pod that this matches", f"{policy.resource} spec"),
            )


def peer_matches_nothing(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Peers that mean no pod."""
    space = Space(network_with_policies(snapshot))
    for policy, rule, peer in _pod_peers(space.network):
        if not space.members(peer).maybe:
            yield check.finding(
                policy.resource,
                f"{rule.path} has an element that matches no pod: it means {peer}",
                Evidence(f"means {peer}", f"{policy.resource} {rule.path}"),
                key=f"{rule.path} {peer}",
            )


def port_matches_nothing(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Names of ports that no pod of the destination declares."""
    space = Space(network_with_policies(snapshot))
    for policy in space.network.policies:
        for direction, rules in policy.rules.items():
            for rule in rules:
                for port in rule.ports or ():
                    if isinstance(port, NamedPort) and _undeclared(space, policy, rule, direction, port):
                        yield check.finding(
                            policy.resource,
                            f"{rule.path} names the port {port}, which no pod at that end declares",
                            Evidence(f"port {port}", f"{policy.resource} {rule.path}"),
                            key=f"{rule.path} {port}",
                        )


def _undeclared(space: Space, policy: Policy, rule: Rule, direction: Direction, port: NamedPort) -> bool:
    if direction is Direction.INGRESS:
        ends = space.subjects(policy).maybe
    elif rule.peers is None:
        ends = space.pods
    else:
        ends = 0
        for peer in rule.peers:
            ends |= space.members(peer).maybe if isinstance(peer, Pods) else 0
    return bool(ends) and not any(sides & ends for sides in space.named(port).values())


def redundant(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Policies without which everything would be the same: others allow, or decide, all that they do."""
    space = Space(network_with_policies(snapshot))
    relations = Relations(space)
    for policy in space.network.policies:
        about = [(number, direction) for direction in policy.rules for number in relations.selected_by(policy)]
        if _guards_every_pod(policy, space.network.policies):
            continue
        if about and all(relations.same_without(policy, *one) for one in about):
            word = "redundant" if policy.tier is Tier.NETWORK else "shadowed"
            yield check.finding(
                policy.resource,
                f"is {word}: without it the same traffic is allowed",
                Evidence("the map is the same without it", policy.resource),
            )


def _guards_every_pod(policy: Policy, policies: Iterable[Policy]) -> bool:
    """Whether it alone isolates the pods of tomorrow in its namespace, whatever others do for today's."""
    return any(
        not any(_isolates_all(other, policy.namespace, direction) for other in policies if other is not policy)
        for direction in policy.rules
        if _isolates_all(policy, policy.namespace, direction)
    )


def _isolates_all(policy: Policy, namespace: str, direction: Direction) -> bool:
    whole = policy.subject is not None and not policy.subject.pods.requirements
    return policy.tier is Tier.NETWORK and policy.namespace == namespace and whole and direction in policy.rules


def and_or(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """A namespaceSelector and a podSelector as two elements, where one element with both is usually meant."""
    for policy in network_with_policies(snapshot).policies:
        for rules in policy.rules.values():
            for rule in rules:
                pods = [peer for peer in rule.peers or () if isinstance(peer, Pods)]
                spaces = [peer for peer in pods if not peer.namespace and not peer.pods.requirements]
                own = [peer for peer in pods if peer.namespace and peer.pods.requirements]
                if policy.tier is Tier.NETWORK and own and any(peer.namespaces.requirements for peer in spaces):
                    other = next(peer for peer in spaces if peer.namespaces.requirements)
                    yield check.finding(
                        policy.resource,
                        f"{rule.path} has its namespaceSelector and its podSelector as two elements, which is OR: it"
                        f" allows {other}, and {own[0]}",
                        Evidence("two elements, one dash each", f"{policy.resource} {rule.path}"),
                        key=rule.path,
                        confidence=Confidence.TENTATIVE,
                    )


def namespace_name(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Namespaces selected by a label that none has, with the name of one as its value."""
    network = network_with_policies(snapshot)
    present = {key for labels in network.namespaces.values() for key in labels.values}
    for policy, rule, peer in _pod_peers(network):
        for requirement in peer.namespaces.requirements:
            named = sorted(requirement.values & network.namespaces.keys())
            wanted = requirement.operator is Operator.IN and requirement.key not in present
            if wanted and named and requirement.key != NAMESPACE_NAME:
                yield check.finding(
                    policy.resource,
                    f"{rule.path} wants namespaces with {requirement}, and none has that label: {named[0]} has"
                    f" {NAMESPACE_NAME}={named[0]}",
                    Evidence(f"namespaceSelector.{requirement.path}", f"{policy.resource} {rule.path}"),
                    key=f"{rule.path} {peer}",
                )


def _pod_peers(network: Network) -> Iterator[tuple[Policy, Rule, Pods]]:
    """Every element of a rule that means pods; of equal ones the first."""
    for policy in network.policies:
        for rules in policy.rules.values():
            for rule in rules:
                for peer in dict.fromkeys(rule.peers or ()):
                    if isinstance(peer, Pods):
                        yield policy, rule, peer
