"""One connection, answered directly: what each direction says, by which policy, and which rules nearly matched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from k8srun.network.addresses import Address
from k8srun.network.cluster import Network, own_nodes
from k8srun.network.explaining import NearMiss, near_misses, unsure_match, unsure_subject
from k8srun.network.matching import (
    Connection,
    described,
    matches,
    selects,
)
from k8srun.network.pods import Pod
from k8srun.network.policy import Action, Direction, Policy, Rule, Tier
from k8srun.network.tri import Tri


class Verdict(StrEnum):
    """The answer."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DirectionAnswer:
    """What the policies of one end say.

    Attributes:
        verdict: of this direction alone.
        reason: in a sentence.
        policy: what decides: the policy that allows or denies, or the first that isolates; empty when none does.
        rule: the rule that decides; empty where the absence of one does.
        isolated_by: every NetworkPolicy that isolates the pod in this direction.
        near_misses: the nearest first; for a denial only.
        unknowns: why it cannot be told, for an unknown only.
    """

    verdict: Verdict
    reason: str
    policy: str = ""
    rule: str = ""
    isolated_by: tuple[str, ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    unknowns: tuple[str, ...] = ()


class Policies:
    """The policies of a network, found by namespace. Made once, asked often."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.own_node = own_nodes(network)
        order = sorted(network.policies, key=lambda policy: (list(Tier).index(policy.tier), policy.priority))
        self._cluster_wide = tuple(policy for policy in order if not policy.namespace)
        self._of: dict[str, list[Policy]] = {}
        for policy in order:
            if policy.namespace:
                self._of.setdefault(policy.namespace, []).append(policy)

    def about(self, pod: Pod, direction: Direction) -> Iterator[tuple[Policy, Tri]]:
        """The policies that select a pod in a direction, surely (True) or possibly (None), in their tier's order."""
        for policy in (*self._cluster_wide, *self._of.get(pod.namespace, ())):
            if direction not in policy.rules or (pod.host_network and not policy.namespace):
                continue
            selected = None if policy.subject is None else selects(self.network, policy.subject, pod)
            if selected is not False:
                yield policy, selected


@dataclass(slots=True)
class _Course:
    """What can have become of the connection so far, and what has made it so."""

    undecided: bool = True
    allowed: bool = False
    denied: bool = False
    passed: bool = False
    by: tuple[Policy, Rule] | None = None


def answer(policies: Policies, direction: Direction, asked: Connection) -> DirectionAnswer:
    """What the policies about the one end (the source for egress, the destination for ingress) say."""
    network = policies.network
    subject = asked.destination if direction is Direction.INGRESS else asked.source
    if not isinstance(subject, Pod):
        return DirectionAnswer(Verdict.ALLOWED, f"{described(subject)} is no pod: no policy is about it")
    if asked.source == asked.destination and subject.replicas <= 1:
        return DirectionAnswer(Verdict.ALLOWED, "a pod always reaches itself")
    question = _Question(network, direction, asked)
    about = tuple(policies.about(subject, direction))
    other = asked.source if direction is Direction.INGRESS else asked.destination
    found = question.answer(subject, about)
    if found.verdict is not Verdict.ALLOWED and isinstance(other, Address) and other in policies.own_node(subject):
        return _with_own_node(network, other, subject, about, found)
    return found


def _with_own_node(
    network: Network, node: Address, subject: Pod, about: Sequence[tuple[Policy, Tri]], found: DirectionAnswer
) -> DirectionAnswer:
    """NetworkPolicies never come between a pod and its own node; of cluster-wide kinds that is not defined."""
    said = f"{node} is the own node of {described(subject)}: that traffic is allowed whatever NetworkPolicies say"
    unsure = [
        *(network.doubts or network.layers),
        *(
            f"whether {policy.resource} comes between a pod and its own node is not defined"
            for policy, _ in about
            if policy.tier is not Tier.NETWORK
        ),
    ]
    if unsure:
        return _unknown(unsure, found.isolated_by)
    return DirectionAnswer(Verdict.ALLOWED, said, isolated_by=found.isolated_by)


class _Question:
    def __init__(self, network: Network, direction: Direction, asked: Connection) -> None:
        self._network = network
        self._direction = direction
        self._asked = asked
        self._unsure: list[str] = []

    def answer(self, subject: Pod, about: Sequence[tuple[Policy, Tri]]) -> DirectionAnswer:
        course = _Course()
        self._ranked(course, [one for one in about if one[0].tier is Tier.ADMIN])
        ours = [one for one in about if one[0].tier is Tier.NETWORK]
        self._network_policies(course, ours, subject)
        self._ranked(course, [one for one in about if one[0].tier is Tier.BASELINE])
        allowed = course.allowed or course.undecided
        return self._told(allowed, course, [policy for policy, _ in ours], subject)

    def _matches(self, policy: Policy, rule: Rule) -> Tri:
        found = matches(self._network, policy, rule, self._direction, self._asked)
        if found is None:
            self._unsure.append(unsure_match(self._network, policy, rule, self._direction, self._asked))
        return found

    def _ranked(self, course: _Course, chosen: Iterable[tuple[Policy, Tri]]) -> None:
        for _, group in groupby(chosen, key=lambda one: one[0].priority):
            same = tuple(group)
            outcomes = [self._first_match(course.undecided, policy, sure) for policy, sure in same]
            for outcome in outcomes:
                course.by = course.by or outcome.by
            course.allowed |= any(outcome.allowed for outcome in outcomes)
            course.denied |= any(outcome.denied for outcome in outcomes)
            course.passed |= any(outcome.passed for outcome in outcomes)
            course.undecided = all(outcome.undecided for outcome in outcomes)
            if sum((o.allowed or o.denied or o.passed) for o in outcomes) > 1:
                names = ", ".join(policy.resource for policy, _ in same)
                self._unsure.append(f"of the policies of one priority any may decide first: {names}")
        course.undecided |= course.passed
        course.passed = False

    def _first_match(self, undecided: bool, policy: Policy, selected: Tri) -> _Course:
        course = _Course(undecided)
        for rule in policy.rules[self._direction]:
            if not course.undecided:
                break
            found = self._matches(policy, rule)
            if found is False:
                continue
            if found and selected is None:
                self._unsure.append(unsure_subject(policy))
            course.by = course.by or ((policy, rule) if rule.action is not Action.PASS else None)
            course.allowed |= rule.action is Action.ALLOW
            course.denied |= rule.action is Action.DENY
            course.passed |= rule.action is Action.PASS
            course.undecided = not (found and selected)
        return course

    def _network_policies(self, course: _Course, chosen: Sequence[tuple[Policy, Tri]], subject: Pod) -> None:
        if not chosen or not course.undecided:
            return
        sure = maybe = False
        for policy, selected in chosen:
            if selected is None:
                self._unsure.append(unsure_subject(policy))
            for rule in policy.rules[self._direction]:
                found = self._matches(policy, rule)
                if found is not False:
                    maybe = True
                if found and selected and not sure:
                    sure, course.by = True, (policy, rule)
        other = self._asked.source if self._direction is Direction.INGRESS else self._asked.destination
        for side in (subject, other):
            if isinstance(side, Pod) and side.host_network:
                maybe = True
                self._unsure.append(
                    f"{described(side)} is on its node's network: what NetworkPolicies mean for it is not defined"
                )
        isolated = any(selected for _, selected in chosen) and not subject.host_network
        course.allowed |= maybe
        course.denied |= not sure
        course.undecided = not isolated

    def _told(self, allowed: bool, course: _Course, ours: Sequence[Policy], subject: Pod) -> DirectionAnswer:
        names = tuple(policy.resource for policy in ours)
        if self._network.doubts:
            return _unknown(self._network.doubts, names)
        if allowed and course.denied:
            return _unknown(tuple(dict.fromkeys(self._unsure)), names)
        if allowed and self._network.layers:
            return _unknown(self._network.layers, names)
        if course.by and allowed == (course.by[1].action is Action.ALLOW):
            policy, rule = course.by
            said = f"{policy.resource} {'allows' if allowed else 'denies'} it"
            return DirectionAnswer(_known(allowed), said, policy.resource, rule.path, names)
        if allowed:
            return DirectionAnswer(Verdict.ALLOWED, f"no policy is about {self._direction} of {described(subject)}")
        said = f"{', '.join(names)} isolate{'s' * (len(names) == 1)} {described(subject)}, and no rule allows it"
        nearly = near_misses(self._network, ours, self._direction, self._asked)
        return DirectionAnswer(Verdict.DENIED, said, names[0], "", names, nearly)


def _known(allowed: bool) -> Verdict:
    return Verdict.ALLOWED if allowed else Verdict.DENIED


def _unknown(reasons: Sequence[str], isolated_by: tuple[str, ...]) -> DirectionAnswer:
    return DirectionAnswer(Verdict.UNKNOWN, "; ".join(reasons), isolated_by=isolated_by, unknowns=tuple(reasons))
