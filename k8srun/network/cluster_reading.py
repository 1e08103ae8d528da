"""AdminNetworkPolicy, BaselineAdminNetworkPolicy (v1alpha1) and ClusterNetworkPolicy (v1alpha2) → `Policy`.

Source: network-policy-api `apis/v1alpha1` and `apis/v1alpha2`. An element that has none of the fields known here is of
a newer version, and fails closed as the API demands: an allowing rule does not match it, any other denies everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.kinds import ADMIN_NETWORK_POLICY, BASELINE_ADMIN_NETWORK_POLICY, CLUSTER_NETWORK_POLICY, Kind
from k8srun.network.addresses import parse_block
from k8srun.network.labels import parse_selector
from k8srun.network.policy import (
    Action,
    Addresses,
    BrokenPeer,
    Direction,
    Domains,
    Nodes,
    Peer,
    Pods,
    Policy,
    Rule,
    Tier,
)
from k8srun.network.ports import BrokenPort, NamedPort, PortMatch, PortRange
from k8srun.network.problem import PolicyProblem, only_fields, shown
from k8srun.network.reading import broken_rule, items, port_name, port_number, problems_of, protocol_of, unreadable
from k8srun.snapshot import JsonObject, object_key

_AFTER_EVERY_PRIORITY = 1001
_ACTIONS = {"Allow": Action.ALLOW, "Accept": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
_TIERS = {"Admin": Tier.ADMIN, "Baseline": Tier.BASELINE}


@dataclass(frozen=True, slots=True)
class _Dialect:
    """In what the three kinds differ."""

    actions: tuple[str, ...]
    ports: str
    order: tuple[str, ...]


_DIALECTS = {
    ADMIN_NETWORK_POLICY: _Dialect(("Allow", "Deny", "Pass"), "ports", ("priority",)),
    BASELINE_ADMIN_NETWORK_POLICY: _Dialect(("Allow", "Deny"), "ports", ()),
    CLUSTER_NETWORK_POLICY: _Dialect(("Accept", "Deny", "Pass"), "protocols", ("tier", "priority")),
}


def parse_cluster_policy(item: JsonObject, kind: Kind) -> Policy:
    """One policy of a cluster-wide kind. Never raises: what cannot be read is in `problems`, and unknown."""
    _, name = object_key(item)
    spec = item.get("spec")
    tier = Tier.BASELINE if kind == BASELINE_ADMIN_NETWORK_POLICY else Tier.ADMIN
    try:
        if not isinstance(spec, Mapping):
            raise PolicyProblem("spec", "is missing")
        only_fields(spec, "spec", "subject", "ingress", "egress", *_DIALECTS[kind].order)
        tier, priority = _order(spec, kind, name)
        subject = _subject(spec.get("subject"))
    except PolicyProblem as problem:
        return unreadable(kind, "", name, tier, str(problem))
    rules = {}
    for direction in Direction:
        try:
            found = tuple(_rules(spec, direction, _DIALECTS[kind]))
        except PolicyProblem as problem:
            found = tuple(broken_rule(f"spec.{direction}", action, str(problem)) for action in Action)
        if found:
            rules[direction] = found
    return Policy(kind, "", name, tier, priority, subject, rules, problems_of(rules))


def _order(spec: JsonObject, kind: Kind, name: str) -> tuple[Tier, int]:
    if kind == BASELINE_ADMIN_NETWORK_POLICY:
        if name != "default":
            raise PolicyProblem("metadata.name", "must be default: there is one baseline policy")
        return Tier.BASELINE, _AFTER_EVERY_PRIORITY
    priority = spec.get("priority")
    if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= 1000:
        raise PolicyProblem("spec.priority", f"is not between 0 and 1000: {shown(priority)}")
    if kind == ADMIN_NETWORK_POLICY:
        return Tier.ADMIN, priority
    if spec.get("tier") not in list(_TIERS):
        raise PolicyProblem("spec.tier", f"is neither Admin nor Baseline: {shown(spec.get('tier'))}")
    return _TIERS[spec["tier"]], priority


def _subject(value: Any) -> Pods:
    chosen = _chosen(value, "spec.subject", ("namespaces", "pods"))
    if not chosen:
        raise PolicyProblem("spec.subject", "has neither namespaces nor pods")
    return _pods(value, "spec.subject")


def _chosen(value: Any, path: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Which of the known fields is set, at most one.

    Raises:
        PolicyProblem: several are, or it is no mapping.
    """
    if not isinstance(value, Mapping):
        raise PolicyProblem(path, f"is not a mapping: {shown(value)}")
    given = tuple(name for name in known if value.get(name) is not None)
    if len(value) > 1:
        raise PolicyProblem(path, f"must have exactly one field, not {', '.join(shown(name) for name in value)}")
    return given


def _pods(value: Mapping[str, Any], path: str) -> Pods:
    if value.get("namespaces") is not None:
        return Pods(namespaces=parse_selector(value["namespaces"], f"{path}.namespaces"))
    both = value["pods"]
    if not isinstance(both, Mapping):
        raise PolicyProblem(f"{path}.pods", f"is not a mapping: {shown(both)}")
    only_fields(both, f"{path}.pods", "podSelector", "namespaceSelector")
    return Pods(
        parse_selector(both.get("podSelector"), f"{path}.pods.podSelector"),
        namespaces=parse_selector(both.get("namespaceSelector"), f"{path}.pods.namespaceSelector"),
    )


def _rules(spec: JsonObject, direction: Direction, dialect: _Dialect) -> Iterator[Rule]:
    for index, item in enumerate(items(spec.get(direction), f"spec.{direction}")):
        path = f"spec.{direction}[{index}]"
        action = item.get("action") if isinstance(item, Mapping) else None
        if action not in dialect.actions:
            problem = f"{path}.action is none of {', '.join(dialect.actions)}: {shown(action)}"
            yield from (broken_rule(path, possible, problem) for possible in Action)
            continue
        try:
            yield _rule(item, path, direction, _ACTIONS[action], dialect)
        except PolicyProblem as problem:
            yield broken_rule(path, _ACTIONS[action], str(problem))


def _rule(item: Mapping[str, Any], path: str, direction: Direction, action: Action, dialect: _Dialect) -> Rule:
    side = "from" if direction is Direction.INGRESS else "to"
    name = item.get("name") if isinstance(item.get("name"), str) else ""
    only_fields(item, path, "name", "action", side, dialect.ports)
    given = _some(item.get(side), f"{path}.{side}")
    peers: list[Peer] = []
    for index, element in enumerate(given):
        found = _peers(element, f"{path}.{side}[{index}]", direction)
        if not found and action is not Action.ALLOW:
            return Rule(path, Action.DENY, None, None, name or "")
        peers.extend(found)
    ports = tuple(
        _port(element, f"{path}.{dialect.ports}[{index}]", dialect)
        for index, element in enumerate(items(item.get(dialect.ports), f"{path}.{dialect.ports}"))
    )
    return Rule(path, action, tuple(peers), ports or None, name or "")


def _some(value: object, path: str) -> list[Any]:
    """A list of the API that must not be empty."""
    given = items(value, path)
    if not given:
        raise PolicyProblem(path, "must have at least one element")
    return given


def _peers(item: Any, path: str, direction: Direction) -> tuple[Peer, ...]:
    """The peers that one element names; none where it has no field that is known."""
    known: tuple[str, ...] = ("namespaces", "pods")
    if direction is Direction.EGRESS:
        known = (*known, "nodes", "networks", "domainNames")
    try:
        chosen = _chosen(item, path, known)
        if not chosen:
            return ()
        match chosen[0]:
            case "nodes":
                return (Nodes(parse_selector(item["nodes"], f"{path}.nodes")),)
            case "networks":
                return tuple(
                    Addresses(parse_block(text, f"{path}.networks[{index}]"), text=str(text), api=True)
                    for index, text in enumerate(_some(item["networks"], f"{path}.networks"))
                )
            case "domainNames":
                return (Domains(tuple(map(str, _some(item["domainNames"], f"{path}.domainNames")))),)
            case _:
                return (_pods(item, path),)
    except PolicyProblem as problem:
        return (BrokenPeer(str(problem)),)


def _port(item: Any, path: str, dialect: _Dialect) -> PortMatch:
    try:
        if dialect.ports == "protocols":
            return _protocol(item, path)
        known = ("portNumber", "portRange", "namedPort")
        chosen = _chosen(item, path, known)
        if not chosen:
            raise PolicyProblem(path, f"has none of {', '.join(known)}")
        if chosen[0] == "namedPort":
            return NamedPort(port_name(item["namedPort"], f"{path}.namedPort"))
        value, place = item[chosen[0]], f"{path}.{chosen[0]}"
        if not isinstance(value, Mapping):
            raise PolicyProblem(place, f"is not a mapping: {shown(value)}")
        protocol = protocol_of(value.get("protocol"), f"{place}.protocol")
        if chosen[0] == "portNumber":
            number = port_number(value.get("port"), f"{place}.port")
            return PortRange(protocol, number, number)
        return _range(value, place, protocol)
    except PolicyProblem as problem:
        return BrokenPort(str(problem))


def _protocol(item: Any, path: str) -> PortMatch:
    known = ("tcp", "udp", "sctp", "destinationNamedPort")
    chosen = _chosen(item, path, known)
    if not chosen:
        raise PolicyProblem(path, f"has none of {', '.join(known)}")
    if chosen[0] == "destinationNamedPort":
        return NamedPort(port_name(item["destinationNamedPort"], f"{path}.destinationNamedPort"))
    place = f"{path}.{chosen[0]}.destinationPort"
    inner = item[chosen[0]]
    value: Any = inner.get("destinationPort") if isinstance(inner, Mapping) else None
    if not _chosen(value, place, ("number", "range")):
        raise PolicyProblem(place, "has neither number nor range")
    protocol = chosen[0].upper()
    if value.get("number") is not None:
        number = port_number(value["number"], f"{place}.number")
        return PortRange(protocol, number, number)
    if not isinstance(value["range"], Mapping):
        raise PolicyProblem(f"{place}.range", f"is not a mapping: {shown(value['range'])}")
    return _range(value["range"], f"{place}.range", protocol)


def _range(value: Mapping[str, Any], path: str, protocol: str) -> PortRange:
    first, last = port_number(value.get("start"), f"{path}.start"), port_number(value.get("end"), f"{path}.end")
    if first >= last:
        raise PolicyProblem(path, f"must end after it starts: {first}-{last}")
    return PortRange(protocol, first, last)
