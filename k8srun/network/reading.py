"""Policies as the API has them → `Policy`. What the server would refuse is a problem, and never evaluated as if right.

Source: API reference of NetworkPolicy; kubernetes `pkg/apis/networking/validation` and `v1/defaults.go` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from k8srun.kinds import NETWORK_POLICY, Kind
from k8srun.network.addresses import Block, parse_block
from k8srun.network.labels import parse_selector
from k8srun.network.policy import (
    Action,
    Addresses,
    BrokenPeer,
    Direction,
    Peer,
    Pods,
    Policy,
    Rule,
    Tier,
)
from k8srun.network.ports import LAST_PORT, PROTOCOLS, BrokenPort, NamedPort, PortMatch, PortRange
from k8srun.network.problem import PolicyProblem, only_fields, shown
from k8srun.snapshot import JsonObject, object_key

_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
_TYPES = {"Ingress": Direction.INGRESS, "Egress": Direction.EGRESS}


def parse_network_policy(item: JsonObject) -> Policy:
    """One NetworkPolicy. Never raises: what cannot be read is in `problems`, and unknown."""
    namespace, name = object_key(item)
    spec = item.get("spec")
    try:
        if not isinstance(spec, Mapping | None):
            raise PolicyProblem("spec", "is not a mapping")
        body = spec or {}
        only_fields(body, "spec", "podSelector", "policyTypes", "ingress", "egress")
        directions = _directions(body)
    except PolicyProblem as problem:
        return unreadable(NETWORK_POLICY, namespace, name, Tier.NETWORK, str(problem))
    problems: tuple[str, ...] = ()
    try:
        subject = Pods(parse_selector(body.get("podSelector"), "spec.podSelector"), namespace)
    except PolicyProblem as problem:
        subject, problems = None, (str(problem),)
    rules = {}
    for direction in directions:
        try:
            rules[direction] = tuple(_rules(body, direction, namespace))
        except PolicyProblem as problem:
            rules[direction] = (broken_rule(f"spec.{direction}", Action.ALLOW, str(problem)),)
    return Policy(NETWORK_POLICY, namespace, name, Tier.NETWORK, 0, subject, rules, (*problems, *problems_of(rules)))


def unreadable(kind: Kind, namespace: str, name: str, tier: Tier, problem: str) -> Policy:
    """A policy of which it is not even known whom it is about: everything it could do is possible."""
    actions = (Action.ALLOW,) if tier is Tier.NETWORK else tuple(Action)
    rules = tuple(broken_rule("spec", action, problem) for action in actions)
    return Policy(kind, namespace, name, tier, 0, None, dict.fromkeys(Direction, rules), (problem,))


def broken_rule(path: str, action: Action, problem: str) -> Rule:
    """A rule that may match anything or nothing."""
    return Rule(path, action, (BrokenPeer(problem),), None)


def problems_of(rules: Mapping[Direction, tuple[Rule, ...]]) -> tuple[str, ...]:
    """Every problem that reading the rules met, once."""
    return tuple(
        dict.fromkeys(
            part.problem
            for direction in rules.values()
            for rule in direction
            for part in (*(rule.peers or ()), *(rule.ports or ()))
            if isinstance(part, BrokenPeer | BrokenPort)
        )
    )


def items(value: object, path: str) -> list[Any]:
    """A list of the API; missing is empty.

    Raises:
        PolicyProblem: it is something else.
    """
    if not isinstance(value, list | None):
        raise PolicyProblem(path, f"is not a list: {shown(value)}")
    return value or []


def port_number(value: object, path: str) -> int:
    """A port between 1 and 65535.

    Raises:
        PolicyProblem: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LAST_PORT:
        raise PolicyProblem(path, f"is not a port between 1 and {LAST_PORT}: {shown(value)}")
    return value


def protocol_of(value: object, path: str) -> str:
    """TCP where nothing is said.

    Raises:
        PolicyProblem: no protocol that policies know.
    """
    if value is None:
        return "TCP"
    if value not in PROTOCOLS:
        raise PolicyProblem(path, f"is none of {', '.join(PROTOCOLS)}: {shown(value)}")
    return str(value)


def port_name(value: object, path: str) -> str:
    """A name that a container may give a port.

    Raises:
        PolicyProblem: it is none.
    """
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise PolicyProblem(path, f"is neither a number nor the name of a port: {shown(value)}")
    return value


def _directions(spec: JsonObject) -> tuple[Direction, ...]:
    types = items(spec.get("policyTypes"), "spec.policyTypes")
    if not types:
        egress = bool(items(spec.get("egress"), "spec.egress"))
        return (Direction.INGRESS, Direction.EGRESS) if egress else (Direction.INGRESS,)
    for index, entry in enumerate(types):
        if entry not in list(_TYPES):
            raise PolicyProblem(f"spec.policyTypes[{index}]", f"is neither Ingress nor Egress: {shown(entry)}")
    return tuple(direction for name, direction in _TYPES.items() if name in types)


def _rules(spec: JsonObject, direction: Direction, namespace: str) -> Iterator[Rule]:
    side = "from" if direction is Direction.INGRESS else "to"
    for index, item in enumerate(items(spec.get(direction), f"spec.{direction}")):
        path = f"spec.{direction}[{index}]"
        if not isinstance(item, Mapping | None):
            yield broken_rule(path, Action.ALLOW, f"{path} is not a mapping: {shown(item)}")
            continue
        rule = item or {}
        try:
            only_fields(rule, path, side, "ports")
            peers = tuple(
                _peer(peer, f"{path}.{side}[{number}]", namespace)
                for number, peer in enumerate(items(rule.get(side), f"{path}.{side}"))
            )
            ports = tuple(
                _port(port, f"{path}.ports[{number}]")
                for number, port in enumerate(items(rule.get("ports"), f"{path}.ports"))
            )
        except PolicyProblem as problem:
            yield broken_rule(path, Action.ALLOW, str(problem))
            continue
        yield Rule(path, Action.ALLOW, peers or None, ports or None)


def _peer(item: Any, path: str, namespace: str) -> Peer:
    try:
        if not isinstance(item, Mapping):
            raise PolicyProblem(path, f"is not a mapping: {shown(item)}")
        only_fields(item, path, "podSelector", "namespaceSelector", "ipBlock")
        given = {name for name in ("podSelector", "namespaceSelector", "ipBlock") if item.get(name) is not None}
        if not given:
            raise PolicyProblem(path, "has none of podSelector, namespaceSelector and ipBlock")
        if "ipBlock" in given:
            if len(given) > 1:
                raise PolicyProblem(path, "has an ipBlock and a selector: only one may stand in an element")
            return _block(item["ipBlock"], f"{path}.ipBlock")
        pods = parse_selector(item.get("podSelector"), f"{path}.podSelector")
        if "namespaceSelector" not in given:
            return Pods(pods, namespace)
        return Pods(pods, "", parse_selector(item["namespaceSelector"], f"{path}.namespaceSelector"))
    except PolicyProblem as problem:
        return BrokenPeer(str(problem))


def _block(item: Any, path: str) -> Addresses:
    if not isinstance(item, Mapping):
        raise PolicyProblem(path, f"is not a mapping: {shown(item)}")
    only_fields(item, path, "cidr", "except")
    block = parse_block(item.get("cidr"), f"{path}.cidr")
    excepted = []
    for index, text in enumerate(items(item.get("except"), f"{path}.except")):
        place = f"{path}.except[{index}]"
        hole = parse_block(text, place)
        if not _strictly_within(hole, block):
            raise PolicyProblem(place, f"is not a part of {item['cidr']}: {shown(text)}")
        excepted.append(hole)
    text = str(item["cidr"]) + (f" except {', '.join(map(str, item['except']))}" if excepted else "")
    return Addresses(block, tuple(excepted), text)


def _strictly_within(inner: Block, outer: Block) -> bool:
    same = inner.family == outer.family and outer.first <= inner.first and inner.last <= outer.last
    return same and inner != outer


def _port(item: Any, path: str) -> PortMatch:
    try:
        if not isinstance(item, Mapping):
            raise PolicyProblem(path, f"is not a mapping: {shown(item)}")
        only_fields(item, path, "protocol", "port", "endPort")
        protocol = protocol_of(item.get("protocol"), f"{path}.protocol")
        port, end = item.get("port"), item.get("endPort")
        if port is None:
            if end is not None:
                raise PolicyProblem(f"{path}.endPort", "stands without a port")
            return PortRange(protocol)
        if isinstance(port, str):
            if end is not None:
                raise PolicyProblem(f"{path}.endPort", "stands with the name of a port")
            return NamedPort(port_name(port, f"{path}.port"), protocol)
        first = port_number(port, f"{path}.port")
        last = first if end is None else port_number(end, f"{path}.endPort")
        if last < first:
            raise PolicyProblem(f"{path}.endPort", f"is less than the port: {last} < {first}")
        return PortRange(protocol, first, last)
    except PolicyProblem as problem:
        return BrokenPort(str(problem))
