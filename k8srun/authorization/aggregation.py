"""ClusterRole aggregation, as the controller writes it: only for manifests that no server has seen yet.

Source: kubernetes `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from k8srun.authorization.model import Role, Rule


@dataclass(frozen=True, slots=True)
class Aggregating:
    """A ClusterRole with its labels. `selectors` is None where its rules are to stay as they are."""

    role: Role
    labels: Mapping[str, str]
    selectors: tuple[Mapping[str, Any], ...] | None


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The roles in their order, and the names of those of which nobody can tell what they hold (they get no rules)."""

    roles: tuple[Role, ...]
    unsettled: tuple[str, ...] = ()


def materialised(given: Sequence[Aggregating]) -> Aggregated:
    """Replace the rules of every aggregated role by those of the roles that it selects, until nothing changes.

    Rules of its own are lost, except where roles select each other: what one took over before they were replaced goes
    around for ever, and it depends on the controller's timing whether it did.
    """
    selected = {item.role.name: _selected(item, given) for item in given if item.selectors is not None}
    written = {item.role.name: item.role.rules for item in given}
    rules = _settled(selected, {name: () if name in selected else own for name, own in written.items()})
    kept = _settled(selected, written)
    unsettled = tuple(name for name in sorted(selected) if set(rules[name]) != set(kept[name]))
    roles = (replace(item.role, rules=() if item.role.name in unsettled else rules[item.role.name]) for item in given)
    return Aggregated(tuple(roles), unsettled)


def _settled(selected: Mapping[str, Sequence[str]], rules: dict[str, tuple[Rule, ...]]) -> dict[str, tuple[Rule, ...]]:
    # A chain of n roles settles in n rounds.
    for _ in selected:
        before = dict(rules)
        for name in sorted(selected):
            rules[name] = tuple(dict.fromkeys(rule for other in selected[name] for rule in rules[other]))
        if rules == before:
            break
    return rules


def _selected(role: Aggregating, given: Sequence[Aggregating]) -> list[str]:
    """The names of the roles whose rules it takes, in the order in which it takes them: by selector, then by name."""
    names: dict[str, None] = {}
    for selector in role.selectors or ():
        found = (item.role.name for item in given if _matches(selector, item.labels))
        names.update(dict.fromkeys(name for name in sorted(found) if name != role.role.name))
    return list(names)


def _matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression_matches(expression, labels) for expression in selector.get("matchExpressions") or ())


def _expression_matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = str(expression.get("key")), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
