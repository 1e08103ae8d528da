"""What policies have to do with a failed connection: which isolates, and which rule was meant to let it through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from k8srun.diagnosis import CauseStatus
from k8srun.errors import RefusedError
from k8srun.findings import Evidence
from k8srun.network.addresses import Address
from k8srun.network.asking import Answer
from k8srun.network.cni import Enforcement
from k8srun.network.decision import DirectionAnswer, Verdict
from k8srun.network.diagnosis_case import Case, Judged
from k8srun.network.diagnosis_fixes import allow_fix
from k8srun.network.explaining import Cause, Failure, NearMiss
from k8srun.network.matching import selects
from k8srun.network.pods import Pod
from k8srun.network.policy import Direction, Pods, Policy, Rule
from k8srun.network.ports import NamedPort, PortRange
from k8srun.network.symptoms_catalogue import Chance
from k8srun.network.symptoms_catalogue import Failure as Kind

AND_FOR_OR = "and-for-or"
TITLES = {
    "ingress-not-allowed": "The destination's policies do not let this in",
    "egress-not-allowed": "The source's policies do not let this out",
    Cause.LABEL: "A policy's rule names a label that no pod has",
    Cause.NAMESPACE_LABEL: "A policy's rule names a label that no namespace has",
    Cause.NAMESPACE_SELECTOR: "A policy's rule names pods without saying of which namespace",
    AND_FOR_OR: "A policy's rule demands namespace and pod label at once, where either was meant",
    Cause.PORT: "A policy's rule allows another port than the pods listen on",
    Cause.PORT_NAME: "A policy's rule allows a port by a name that no container declares",
    Cause.EXCEPTED: "A policy's ipBlock takes this address out by `except`",
}
_BY_PEER = frozenset({Cause.LABEL, Cause.NAMESPACE_LABEL, Cause.NAMESPACE_SELECTOR})
_BY_PORT = frozenset({Cause.PORT, Cause.PORT_NAME})
_PLACE = re.compile(r"spec\.(?:in|e)gress\[(?P<rule>\d+)\](?:\.(?:from|to)\[(?P<peer>\d+)\])?")
_HINTED = frozenset({AND_FOR_OR, Cause.NAMESPACE_SELECTOR})
_ENOUGH = 3
_NEAR = 2


def judge_policies(case: Case) -> Iterator[Judged]:
    """What the policies of each end say."""
    answer = case.answer
    if answer is None:
        yield from _one_end(case)
        return
    for direction, answered in ((Direction.EGRESS, answer.egress), (Direction.INGRESS, answer.ingress)):
        if answered.verdict is Verdict.DENIED:
            yield _denied(case, answer, direction, answered)
        elif answered.verdict is Verdict.ALLOWED:
            cause = f"{direction}-not-allowed"
            fact = Evidence(answered.reason, _place(answered.policy, answered.rule))
            yield Judged(cause, TITLES[cause], CauseStatus.RULED_OUT, (fact,))
        elif not _only_for_host(case, answered):
            cause = f"{direction}-not-allowed"
            facts = tuple(Evidence(reason) for reason in answered.unknowns[:_ENOUGH])
            yield Judged(cause, TITLES[cause], CauseStatus.OPEN, facts, look_at=_probe(case))


def _one_end(case: Case) -> Iterator[Judged]:
    """What can be said where only one end is known: whether it is isolated, and which of its rules mean nobody."""
    for direction, target in ((Direction.EGRESS, case.start), (Direction.INGRESS, case.end)):
        pods = [side for side in (target.sides if target else ()) if isinstance(side, Pod)]
        if target is None or not pods:
            continue
        cause = f"{direction}-not-allowed"
        if case.places.probe:
            fact = Evidence("a kubelet's probe comes from the pod's own node, which policies never keep out")
            yield Judged(cause, TITLES[cause], CauseStatus.RULED_OUT, (fact,))
            continue
        about = {one.resource: one for pod in pods for one, sure in case.world.policies.about(pod, direction) if sure}
        if not about:
            fact = Evidence(f"no policy is about {direction} of {target.name}")
            yield Judged(cause, TITLES[cause], CauseStatus.RULED_OUT, (fact,))
            continue
        facts = [
            Evidence(f"{target.name} is isolated for {direction}: only what a rule allows passes", ", ".join(about))
        ]
        facts += [
            Evidence(f"element {index} of this rule means no pod at all", _place(policy.resource, rule.path))
            for policy in about.values()
            for rule in policy.rules[direction]
            for index, peer in enumerate(rule.peers or ())
            if isinstance(peer, Pods) and _means_nobody(case, peer)
        ]
        ends = (
            ("SOURCE", case.ends.destination) if direction is Direction.INGRESS else (case.ends.source, "DESTINATION")
        )
        look = f"k8srun reach {quote(ends[0])} {quote(ends[1])} --port {quote(case.ends.port or 'PORT')} --context NAME"
        yield Judged(cause, TITLES[cause], CauseStatus.OPEN, tuple(facts[: _ENOUGH + 1]), look_at=(look,))


def _means_nobody(case: Case, peer: Pods) -> bool:
    pods = (pod for pod in case.world.network.pods if not pod.host_network)
    return not any(selects(case.world.network, peer, pod) is not False for pod in pods)


def _only_for_host(case: Case, answered: DirectionAnswer) -> bool:
    """Whether it is unknown only because of the node's network, which another cause is about."""
    return bool(answered.unknowns) and all("node's network" in reason for reason in answered.unknowns)


def _denied(case: Case, answer: Answer, direction: Direction, answered: DirectionAnswer) -> Judged:
    cause, meant = _meant(case, direction, answered)
    evidence = [Evidence(answered.reason, ", ".join(answered.isolated_by) or answered.policy)]
    near = [miss for miss in answered.near_misses if _distance(miss) <= _NEAR][:_ENOUGH]
    for miss in (meant,) if meant else near:
        hint = f" ({miss.hint})" if miss.hint and cause in _HINTED else ""
        # Two ports of one rule fail alike, and are read as one.
        told = (f"{failed.field.removeprefix(f'{miss.rule}.')} {failed.detail}" for failed in miss.failed)
        evidence.append(
            Evidence(f"it nearly matches: {'; '.join(dict.fromkeys(told))}{hint}", _place(miss.policy, miss.rule))
        )
    status, why = _status(case)
    if why:
        evidence.append(why)
    try:
        fix = allow_fix(case, direction)
    except RefusedError as refused:
        fix = None
        evidence.append(Evidence(f"no NetworkPolicy can allow it: {refused.what}"))
    return Judged(cause, TITLES[cause], status, tuple(evidence), fix)


def _distance(miss: NearMiss) -> int:
    """In how many things a rule misses: all of its ports are one."""
    return sum(failed.cause not in _BY_PORT for failed in miss.failed) + any(
        failed.cause in _BY_PORT for failed in miss.failed
    )


def _status(case: Case) -> tuple[CauseStatus, Evidence | None]:
    """Whether a denial can be what was seen: not where nothing enforces it, and not if the message says otherwise."""
    cni = case.world.cni
    if cni.enforcement is Enforcement.INERT:
        where = "; ".join(map(str, cni.evidence))
        return CauseStatus.RULED_OUT, Evidence(f"{cni.name} does not enforce policies", where)
    if case.symptom and case.symptom.chance is Chance.NO:
        return CauseStatus.OPEN, Evidence("the message itself does not come from a policy: this comes after it")
    if case.failure in {Kind.DNS_TIMEOUT, Kind.DNS_FAILURE}:
        return CauseStatus.OPEN, Evidence("no connection was tried yet: the name could not be resolved")
    if case.failure is Kind.REACHED:
        return CauseStatus.OPEN, Evidence("the connection was made nevertheless")
    return CauseStatus.CONFIRMED, None


def _meant(case: Case, direction: Direction, answered: DirectionAnswer) -> tuple[str, NearMiss | None]:
    """The cause, and the rule that was surely meant for this: one that fails in one thing and matches nobody."""
    for miss in answered.near_misses:
        causes = {failed.cause for failed in miss.failed}
        policy = next((one for one in case.world.network.policies if one.resource == miss.policy), None)
        place = _PLACE.match(miss.failed[0].field) if miss.failed else None
        if policy is None or place is None or (len(miss.failed) > 1 and not causes <= _BY_PORT):
            continue
        rule = policy.rules[direction][int(place["rule"])]
        failed = miss.failed[0]
        if failed.cause is Cause.EXCEPTED:
            return str(failed.cause), miss
        if failed.cause in _BY_PORT and not _any_declared(case, rule):
            return str(failed.cause), miss
        if failed.cause in _BY_PEER and place["peer"]:
            found = _dead_peer(case, policy, rule, int(place["peer"]), failed)
            if found:
                return found, miss
    return f"{direction}-not-allowed", None


def _dead_peer(case: Case, policy: Policy, rule: Rule, index: int, failed: Failure) -> str:
    """The cause where an element of a rule means no pod at all; empty where it is there for others."""
    peer = (rule.peers or ())[index]
    if not isinstance(peer, Pods) or not _means_nobody(case, peer):
        return ""
    pods = [pod for pod in case.world.network.pods if not pod.host_network]
    both = bool(peer.pods.requirements and peer.namespaces.requirements)
    own = Pods(peer.pods, namespace=policy.namespace)
    if failed.cause is Cause.LABEL and both and any(selects(case.world.network, own, pod) for pod in pods):
        return AND_FOR_OR
    return str(failed.cause)


def _any_declared(case: Case, rule: Rule) -> bool:
    """Whether a rule's ports are there for something else that the destination listens on."""
    declared = [port for side in (case.end.sides if case.end else ()) if isinstance(side, Pod) for port in side.ports]
    for port in rule.ports or ():
        if isinstance(port, PortRange) and any(
            port.protocol == one.protocol and port.first <= one.number <= port.last for one in declared
        ):
            return True
        if isinstance(port, NamedPort) and any(port.name == one.name for one in declared):
            return True
    return not declared


def _place(policy: str, rule: str) -> str:
    return f"{policy} {rule}".strip()


def _probe(case: Case) -> tuple[str, ...]:
    """A way to see what really happens."""
    ends = case.ends
    found = case.answer.flow if case.answer else None
    if found is None or not isinstance(found.source, Pod):
        return ()
    other = found.destination
    host = str(other) if isinstance(other, Address) else ends.destination
    if isinstance(other, Pod) and other.addresses:
        host = str(other.addresses[0])
    port = case.answer.port if case.answer else 0
    inside = f"kubectl debug -n {quote(found.source.namespace)} {quote(found.source.name)} -it --image=busybox:1.37"
    return (f"{inside} -- nc -zv -w 3 {quote(host)} {port}  # from a container in the same pod",)
