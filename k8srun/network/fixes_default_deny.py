"""A default deny for a namespace, together with the list of what it needs today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from k8srun import steps
from k8srun.errors import InputError, RefusedError
from k8srun.jsonpatch import patched
from k8srun.kinds import CRON_JOB, NETWORK_POLICY
from k8srun.network.decision import Policies, Verdict
from k8srun.network.difference import with_objects
from k8srun.network.fixes import Wanted, allow_steps, free_name, policy_object
from k8srun.network.fixes_impact import impact
from k8srun.network.fixes_labels import identify
from k8srun.network.fixes_needs import Needed, needs_of
from k8srun.network.flows_types import Flow
from k8srun.network.labels import NAMESPACE_NAME
from k8srun.network.pods import Pod
from k8srun.network.policy import Direction
from k8srun.network.ports import PROTOCOLS
from k8srun.network.question import verdict_of
from k8srun.network.reading import parse_network_policy
from k8srun.network.way import resolvers
from k8srun.network.world import World
from k8srun.plan import Action, Plan, Question, Step
from k8srun.snapshot import JsonObject, Snapshot, object_key
from k8srun.text import plural, visible

DENY = "default-deny"
DNS = "allow-dns"
_MOST_SHOWN = 6
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


@dataclass(frozen=True, slots=True)
class _State:
    """The cluster as it would be after the steps so far, without reading every pod again."""

    snapshot: Snapshot
    policies: Policies

    def with_policy(self, item: JsonObject) -> _State:
        parsed = parse_network_policy(item)
        network = self.policies.network
        others = tuple(
            one for one in network.policies if (one.namespace, one.name) != (parsed.namespace, parsed.name)
        )  # fmt: skip
        changed = replace(network, policies=(*others, parsed))
        return _State(with_objects(self.snapshot, [item]), Policies(changed))


def default_deny_plan(
    world: World, namespace: str, flows: Iterable[Flow] = (), *, cluster: str, planned_by: str = ""
) -> Plan:
    """Deny everything in and out of a namespace that is not needed today.

    Needed is what `flows` show that was let through, what workloads name in their environment and arguments, what an
    Ingress, LoadBalancer or node's port leads to, what the API server calls, and DNS. Of these, only what is allowed
    today is kept: nothing new is opened.

    Raises:
        InputError: there is no such namespace, or it has no pods.
        RefusedError: everything is denied by default there already.
    """
    pods = [pod for pod in world.network.pods if pod.namespace == namespace and not pod.host_network]
    if not pods:
        known = ", ".join(sorted({pod.namespace for pod in world.network.pods})[:12])
        raise InputError(
            f"no pods of a namespace {visible(namespace, limit=80)!r} were read", do=f"There are: {known}."
        )
    world = _with_scheduled(world)
    needs = needs_of(world, namespace, flows)
    deny = policy_object(
        free_name(world.snapshot, namespace, DENY), namespace, {}, {Direction.INGRESS: [], Direction.EGRESS: []}
    )
    if _denied_already(world, namespace):
        raise RefusedError(
            f"the namespace {namespace} denies everything in and out by default already",
            do="Let single connections through instead: k8srun run allow-traffic.",
        )
    dns = _dns_policy(world, namespace)
    draft = _Draft(world, namespace, (deny, dns) if dns else (deny,))
    for needed in needs.found:
        draft.keep(needed)
    creates = [
        steps.create(body, f"keep what is needed of {name.removeprefix('allow-')}") for name, body in draft.made.items()
    ]
    if dns:
        creates.append(steps.create(dns, "keep DNS, without which no name is found"))
    last = steps.create(deny, "deny what is not listed")
    found = (*draft.patches, *creates, last)
    return Plan(
        title=f"Deny everything in {namespace} that is not needed",
        cluster=cluster,
        steps=found,
        impact=(*impact(world.snapshot, found), *_notes(draft.left, needs.unclear)),
        verify=tuple(_questions(namespace, found)),
        planned_by=planned_by,
    )


class _Draft:
    """The policies as they grow, need by need.

    Attributes:
        made: new policies by name.
        patches: changes of policies that exist.
        left: needs that are not kept, and why.
    """

    def __init__(self, world: World, namespace: str, first: Iterable[JsonObject]) -> None:
        self._world = world
        self._namespace = namespace
        self._state = _State(world.snapshot, world.policies)
        for item in first:
            self._state = self._state.with_policy(item)
        self.made: dict[str, JsonObject] = {}
        self.patches: list[Step] = []
        self.left: list[str] = []

    def keep(self, needed: Needed) -> None:
        """Add what one need takes to the namespace's own policies."""
        if needed.anyone:
            self._open_to_all(needed)
            return
        allowed = _allowed_today(self._world.policies, needed.wanted)
        if allowed is None:
            self.left.append(f"{_named(needed)} is denied today already ({needed.reason})")
            return
        try:
            more = allow_steps(self._state.snapshot, self._state.policies, allowed)
        except RefusedError:
            self.left.append(f"{_named(needed)} ({needed.reason}) cannot be kept by a NetworkPolicy")
            return
        for step in more:
            if step.target is not None and step.target.namespace == self._namespace:
                self._take(step, step.target.name)

    def _take(self, step: Step, name: str) -> None:
        found = self._state.snapshot.find(NETWORK_POLICY, name, self._namespace)
        item = step.body if step.action is Action.CREATE else patched(found, step.patch)
        if item is None:
            return
        self._state = self._state.with_policy(item)
        if step.action is Action.CREATE or name in self.made:
            self.made[name] = item
        else:
            self.patches.append(step)

    def _open_to_all(self, needed: Needed) -> None:
        """A rule for every address: what is published is reached from anywhere, and not by pods alone."""
        network = self._state.policies.network
        pods = [side for side in needed.wanted.destinations if isinstance(side, Pod)]
        ports = [{"protocol": protocol, "port": port} for protocol, port in needed.wanted.ports]
        blocks = [{"ipBlock": {"cidr": _EVERYWHERE[family]}} for family in network.families]
        wanted = f"allow-published-{pods[0].owner.partition('/')[2]}"
        name = free_name(self._state.snapshot, self._namespace, wanted)
        rule = {"from": blocks, "ports": ports}
        item = policy_object(name, self._namespace, identify(pods, network).selector, {Direction.INGRESS: [rule]})
        self.made[name] = item
        self._state = self._state.with_policy(item)


def _allowed_today(policies: Policies, wanted: Wanted) -> Wanted | None:
    """The part of it that passes now; None if nothing does."""
    sources = tuple(
        source
        for source in wanted.sources
        if any(
            source is not destination
            and verdict_of(policies, source, destination, protocol, port) is not Verdict.DENIED
            for destination in wanted.destinations
            for protocol, port in wanted.ports
        )
    )
    return replace(wanted, sources=sources) if sources else None


def _dns_policy(world: World, namespace: str) -> dict[str, Any] | None:
    service = next((found for found, _port in resolvers(world)), None)
    if service is None:
        return None
    numbers = {
        (port.protocol, number)
        for port in service.ports
        if port.protocol in PROTOCOLS and port.number == 53 and (number := service.target(port, service.pods[0]))
    }
    ports = [{"protocol": protocol, "port": number} for protocol, number in sorted(numbers, reverse=True)]
    elsewhere = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: service.namespace}}}
    peer = {"podSelector": identify(service.pods, world.network).selector}
    if service.namespace != namespace:
        peer = {**elsewhere, **peer}
    name = free_name(world.snapshot, namespace, DNS)
    return policy_object(name, namespace, {}, {Direction.EGRESS: [{"to": [peer], "ports": ports}]})


def _with_scheduled(world: World) -> World:
    """The same with the CronJobs that have no pods now, each standing for those that it will have."""
    idle = [item for item in world.snapshot.of(CRON_JOB) if object_key(item) not in world.workloads]
    unborn = [{**item, "metadata": {**item["metadata"], "uid": ""}} for item in idle]
    return World(with_objects(world.snapshot, unborn)) if unborn else world


def _denied_already(world: World, namespace: str) -> bool:
    """Whether policies isolate pods of any labels there in both directions."""
    theirs = [policy for policy in world.network.policies if policy.namespace == namespace]
    whole = [policy for policy in theirs if policy.subject is not None and not policy.subject.pods.requirements]
    return all(any(direction in policy.rules for policy in whole) for direction in Direction)


def _named(needed: Needed) -> str:
    first, other = needed.wanted.sources[0], needed.wanted.destinations[0]
    one, two = (side.workload if isinstance(side, Pod) else str(side) for side in (first, other))
    ports = ", ".join(f"{port}/{protocol}" for protocol, port in needed.wanted.ports)
    return f"{one} to {two} on {ports}"


def _notes(left: list[str], unclear: tuple[str, ...]) -> Iterator[str]:
    for what, texts in (("Left out", tuple(dict.fromkeys(left))), ("Not understood", unclear)):
        yield from (visible(f"{what}: {text}.", limit=400) for text in texts[:_MOST_SHOWN])
        if len(texts) > _MOST_SHOWN:
            yield f"{what}: {plural(len(texts) - _MOST_SHOWN, 'more flow')}."
    yield "What nobody has observed and no object speaks of is cut: give flows of a whole day or week."


def _questions(namespace: str, found: Iterable[Step]) -> Iterator[Question]:
    for step in found:
        if step.action is Action.CREATE and step.target is not None:
            about = {"apiVersion": step.target.api_version, "kind": step.target.kind, "name": step.target.name,
                     "namespace": namespace}  # fmt: skip
            yield Question("object-exists", {"object": about})
