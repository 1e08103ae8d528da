"""Plans that let a flow through: the smallest addition, in a policy that exists where one is about the same pods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from k8srun import steps
from k8srun.errors import RefusedError
from k8srun.jsonpatch import Operation, find
from k8srun.kinds import NETWORK_POLICY
from k8srun.network.decision import Policies, Verdict
from k8srun.network.fixes_labels import identify, peers, unnameable
from k8srun.network.matching import Side, described, selects
from k8srun.network.pods import Pod
from k8srun.network.policy import Direction, Pods, Policy, Rule, Tier
from k8srun.network.ports import NamedPort, PortMatch, PortRange
from k8srun.network.question import Flow, flow
from k8srun.plan import Step
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.text import visible

API_VERSION = "networking.k8s.io/v1"
PortNumber = tuple[str, int]
"""Protocol and number."""
_SIDES = {Direction.INGRESS: "from", Direction.EGRESS: "to"}
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be let through: from each source to each destination, on each port of the destination's pods."""

    sources: tuple[Side, ...]
    destinations: tuple[Side, ...]
    ports: tuple[PortNumber, ...]


@dataclass(frozen=True, slots=True)
class _Missing:
    """What one direction denies: from or to `others`, at `subjects`, on `ports`."""

    direction: Direction
    subjects: tuple[Pod, ...]
    others: tuple[Side, ...]
    ports: tuple[PortNumber, ...]


def allow_steps(snapshot: Snapshot, policies: Policies, wanted: Wanted) -> tuple[Step, ...]:
    """The steps that let through what is denied of `wanted`; none where nothing is.

    Raises:
        RefusedError: no NetworkPolicy can do it; the message says why and what can.
    """
    found: list[Step] = []
    for missing in _missing(policies, wanted):
        name = unnameable(missing.others)
        if name:
            raise RefusedError(
                f"a NetworkPolicy cannot name the host {visible(name, limit=200)}: it knows pods and addresses alone",
                do="Ask for the address that it answers from, or use a policy of the network plugin that knows names.",
            )
        if not peers(missing.others, missing.subjects[0].namespace, policies.network)[0]:
            raise RefusedError(
                f"neither labels nor an address of {described(missing.others[0])} are known",
                do="Read the cluster's pods and nodes too.",
            )
        found += _placed(snapshot, policies, missing)
    return tuple(found)


def _missing(policies: Policies, wanted: Wanted) -> Iterator[_Missing]:
    """What to add, direction by direction, for subjects of one workload each."""
    denied: dict[tuple[Direction, str], dict[str, Pod]] = {}
    others: dict[tuple[Direction, str], dict[str, Side]] = {}
    ports: dict[tuple[Direction, str], dict[PortNumber, None]] = {}
    for source in wanted.sources:
        for destination in wanted.destinations:
            for protocol, port in wanted.ports:
                for direction in _denied(policies, flow(policies, source, destination, protocol, port), protocol, port):
                    subject, other = (source, destination) if direction is Direction.EGRESS else (destination, source)
                    if isinstance(subject, Pod):
                        key = direction, subject.workload
                        denied.setdefault(key, {})[subject.id] = subject
                        others.setdefault(key, {})[identity(other)] = other
                        ports.setdefault(key, {})[protocol, port] = None
    for key, subjects in denied.items():
        yield _Missing(key[0], tuple(subjects.values()), tuple(others[key].values()), tuple(ports[key]))


def _denied(policies: Policies, found: Flow, protocol: str, port: int) -> Iterator[Direction]:
    """The directions that a NetworkPolicy can open. Raises RefusedError where another kind decides."""
    if not found.egress.isolated_by and not found.ingress.isolated_by and found.verdict is Verdict.DENIED:
        raise RefusedError(
            f"{found.egress.reason if found.egress.verdict is Verdict.DENIED else found.ingress.reason}",
            do="No NetworkPolicy can allow what is denied there: ask whoever keeps that policy.",
        )
    for direction, answered in ((Direction.EGRESS, found.egress), (Direction.INGRESS, found.ingress)):
        by_host = direction is Direction.INGRESS and _host_denied(policies, found, protocol, port)
        if answered.verdict is not Verdict.DENIED and not by_host:
            continue
        if answered.policy and not answered.policy.startswith(f"{NETWORK_POLICY.kind} "):
            raise RefusedError(
                f"{answered.policy} denies it ({answered.rule or 'by its rules'})",
                do="It decides before any NetworkPolicy: ask the cluster's administrators, who keep it.",
            )
        yield direction


def _host_denied(policies: Policies, found: Flow, protocol: str, port: int) -> bool:
    """Whether a pod on its node's network is not let in by its node's addresses, which are what is seen of it."""
    source = found.source
    if not isinstance(source, Pod) or not source.host_network or not found.ingress.isolated_by:
        return False
    seen = [flow(policies, address, found.destination, protocol, port) for address in source.addresses]
    return not seen or any(one.ingress.verdict is not Verdict.ALLOWED for one in seen)


def _placed(snapshot: Snapshot, policies: Policies, missing: _Missing) -> Iterator[Step]:
    """A peer or a port more in a rule that fits, else a rule more in a policy that fits, else a new policy."""
    subjects = missing.subjects
    namespace = subjects[0].namespace
    chosen = identify(subjects, policies.network)
    made, besides = peers(missing.others, namespace, policies.network)
    ports: list[dict[str, Any]] = [{"protocol": protocol, "port": port} for protocol, port in missing.ports]
    side = _SIDES[missing.direction]
    reason = _reason(missing, (*chosen.besides, *besides))
    meant = {pod.id for pod in (*subjects, *chosen.besides)}
    fitting = list(_about_exactly(policies, namespace, meant, missing.direction))
    for policy in fitting:
        item = snapshot.find(NETWORK_POLICY, policy.name, policy.namespace)
        operations = _in_a_rule(policies, policy, missing, made, ports) if item else []
        if item and operations:
            yield steps.patch(item, operations, reason)
            return
    rule = {side: made, "ports": ports}
    if fitting:
        item = snapshot.find(NETWORK_POLICY, fitting[0].name, fitting[0].namespace)
        if item:
            yield steps.patch(item, [_appended(item, f"/spec/{missing.direction}", [rule])], reason)
            return
    body = policy_object(
        free_name(snapshot, namespace, f"allow-{missing.direction}-{subjects[0].owner.partition('/')[2]}"),
        namespace,
        chosen.selector,
        {missing.direction: [rule]},
    )
    yield steps.create(body, reason)


def _about_exactly(policies: Policies, namespace: str, meant: set[str], direction: Direction) -> Iterator[Policy]:
    """The NetworkPolicies that are about these pods and no others, in that direction."""
    network = policies.network
    for policy in network.policies:
        if policy.tier is not Tier.NETWORK or policy.namespace != namespace or direction not in policy.rules:
            continue
        # A policy about every pod of a namespace is about those to come, too, even where there is but one today.
        if policy.problems or policy.subject is None or not policy.subject.pods.requirements:
            continue
        about = {
            pod.id for pod in network.pods
            if pod.namespace == namespace and not pod.host_network and selects(network, policy.subject, pod)
        }  # fmt: skip
        if about == meant:
            yield policy


def _in_a_rule(
    policies: Policies, policy: Policy, missing: _Missing, made: list[dict[str, Any]], ports: list[dict[str, Any]]
) -> list[Operation]:
    """A peer more in a rule for exactly these ports, or a port more in a rule for exactly these peers."""
    for index, rule in enumerate(policy.rules[missing.direction]):
        place = f"/spec/{missing.direction}/{index}"
        if not rule.peers or not rule.ports:
            continue
        if _only_on(rule.ports, missing):
            return [{"op": "add", "path": f"{place}/{_SIDES[missing.direction]}/-", "value": peer} for peer in made]
        if _only_with(policies, rule, missing):
            return [{"op": "add", "path": f"{place}/ports/-", "value": port} for port in ports]
    return []


def _only_on(ports: Iterable[PortMatch], missing: _Missing) -> bool:
    """Whether ports are exactly those that are wanted, at each of the subjects where they have a name."""
    wanted = {(protocol, port, port) for protocol, port in missing.ports}
    listed = tuple(ports)
    return all(set(_numbers(listed, pod, missing.direction)) == wanted for pod in missing.subjects)


def _numbers(ports: Iterable[PortMatch], pod: Pod, direction: Direction) -> Iterator[tuple[str, int, int]]:
    """Protocol, first and last number. What has none here (a name at the other end) is a range that nobody wants."""
    for port in ports:
        if isinstance(port, PortRange):
            yield port.protocol, port.first, port.last
        elif isinstance(port, NamedPort) and direction is Direction.INGRESS:
            for declared in pod.ports:
                if declared.name == port.name and port.protocol in {"", declared.protocol}:
                    yield declared.protocol, declared.number, declared.number
        else:
            yield "", 0, 0


def _only_with(policies: Policies, rule: Rule, missing: _Missing) -> bool:
    """Whether the rule is for exactly the pods that are wanted, whatever its ports are."""
    network = policies.network
    chosen = [peer for peer in rule.peers or () if isinstance(peer, Pods)]
    if len(chosen) != len(rule.peers or ()):
        return False
    ordinary = [pod for pod in network.pods if not pod.host_network]
    meant = {pod.id for pod in ordinary if any(selects(network, peer, pod) for peer in chosen)}
    return meant == {identity(side) for side in missing.others}


def _appended(item: JsonObject, path: str, rules: list[dict[str, Any]]) -> Operation:
    if find(item, path) is None:
        return {"op": "add", "path": path, "value": rules}
    return {"op": "add", "path": f"{path}/-", "value": rules[0]}


def policy_object(
    name: str, namespace: str, selector: dict[str, Any], rules: dict[Direction, list[dict[str, Any]]]
) -> dict[str, Any]:
    """A NetworkPolicy to create, for the directions of `rules`."""
    types = [direction.value.capitalize() for direction in Direction if direction in rules]
    listed = {direction.value: rules[direction] for direction in Direction if rules.get(direction)}
    return {
        "apiVersion": API_VERSION,
        "kind": NETWORK_POLICY.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": selector, "policyTypes": types, **listed},
    }


def free_name(snapshot: Snapshot, namespace: str, wanted: str, taken: Iterable[str] = ()) -> str:
    """A name for a new policy that is none's yet: the wanted one, or with a number behind it."""
    base = re.sub(r"[^a-z0-9-]+", "-", wanted.lower())[:_LONGEST_NAME].strip("-") or "allow"
    number, name = 1, base
    while name in taken or snapshot.find(NETWORK_POLICY, name, namespace) is not None:
        number += 1
        name = f"{base[: _LONGEST_NAME - 4]}-{number}"
    return name


def _reason(missing: _Missing, besides: Sequence[Pod]) -> str:
    subjects, others = _listed(missing.subjects), _listed(missing.others)
    ports = ", ".join(f"{port}/{protocol}" for protocol, port in missing.ports)
    said = (
        f"let {others} reach {subjects} on {ports}"
        if missing.direction is Direction.INGRESS
        else f"let {subjects} reach {others} on {ports}"
    )
    also = f"; no label tells {_listed(besides)} apart, so that it holds for them too" if besides else ""
    return visible(said + also, limit=600)


def identity(side: Side) -> str:
    """What tells a side from every other one."""
    return side.id if isinstance(side, Pod) else described(side)


def _listed(sides: Iterable[Side]) -> str:
    names = dict.fromkeys(side.workload if isinstance(side, Pod) else described(side) for side in sides)
    shown = list(names)[:4]
    return ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
