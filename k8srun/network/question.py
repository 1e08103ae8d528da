"""From one side to another on a port: both directions together, over every family of addresses that the two share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from k8srun.network.addresses import Address, Family
from k8srun.network.cluster import Network
from k8srun.network.decision import DirectionAnswer, Policies, Verdict, answer
from k8srun.network.matching import Connection, Side, described
from k8srun.network.pods import Pod
from k8srun.network.policy import Direction


@dataclass(frozen=True, slots=True)
class Flow:
    """What the policies of both ends say of one connection.

    Attributes:
        verdict: allowed if both directions allow it, denied if one denies it.
        family: of the addresses for which this holds: with several, one that is allowed stands.
        denied_family: another family for which it is denied although this one is allowed; 0 if there is none.
    """

    verdict: Verdict
    source: Side
    destination: Side
    egress: DirectionAnswer
    ingress: DirectionAnswer
    family: Family
    denied_family: int = 0


_ORDER = (Verdict.ALLOWED, Verdict.UNKNOWN, Verdict.DENIED)


def both(egress: Verdict, ingress: Verdict) -> Verdict:
    """The verdict of two directions."""
    if Verdict.DENIED in {egress, ingress}:
        return Verdict.DENIED
    return Verdict.UNKNOWN if Verdict.UNKNOWN in {egress, ingress} else Verdict.ALLOWED


def families_of(network: Network, side: Side) -> tuple[Family, ...]:
    """The families that a side has: all of the network's where its addresses are not known."""
    if isinstance(side, Address):
        return (side.family,)
    if isinstance(side, Pod) and side.addresses:
        return tuple(dict.fromkeys(address.family for address in side.addresses))
    return network.families


def flow(policies: Policies, source: Side, destination: Side, protocol: str, port: int) -> Flow:
    """What the policies say, answered without computing the map."""
    theirs = families_of(policies.network, destination)
    shared = [family for family in families_of(policies.network, source) if family in theirs]
    if not shared:
        said = f"{described(source)} and {described(destination)} have no family of addresses in common"
        none = DirectionAnswer(Verdict.DENIED, said)
        return Flow(Verdict.DENIED, source, destination, none, none, theirs[0])
    found = []
    for family in shared:
        asked = Connection(source, destination, protocol, port, family)
        egress, ingress = answer(policies, Direction.EGRESS, asked), answer(policies, Direction.INGRESS, asked)
        found.append(Flow(both(egress.verdict, ingress.verdict), source, destination, egress, ingress, family))
    unsure = any(isinstance(side, Pod) and not side.addresses for side in (source, destination))
    if unsure and len({one.verdict for one in found}) > 1:
        # It may have any of the families, and they are not treated alike.
        return replace(max(found, key=lambda one: _ORDER.index(one.verdict)), verdict=Verdict.UNKNOWN)
    best = min(found, key=lambda one: _ORDER.index(one.verdict))
    denied = next((one.family for one in found if one.verdict is Verdict.DENIED), 0)
    if best.verdict is not Verdict.ALLOWED or not denied:
        return best
    return replace(best, denied_family=denied)


def verdict_of(policies: Policies, source: Side, destination: Side, protocol: str, port: int) -> Verdict:
    """The verdict alone."""
    return flow(policies, source, destination, protocol, port).verdict
