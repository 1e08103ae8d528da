"""The rows of a notebook's tables about network policies and who reaches whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from k8srun.display.tables import frame
from k8srun.network.asking import Answer
from k8srun.network.cni import Cni
from k8srun.network.connectivity import Row
from k8srun.network.difference import Difference
from k8srun.network.exposure import Coverage, Exposed
from k8srun.network.flows import Flows
from k8srun.network.policy import Direction, Policy, Rule
from k8srun.network.ports import described

if TYPE_CHECKING:
    import pandas as pd

_ANSWER = ("Station", "Answer", "Why", "Where")
_ROWS = ("From", "To", "On", "Not known", "Why")
_POLICIES = ("Policy", "About", "Direction", "Rule", "From or to", "Ports")
_CHANGES = ("From", "To", "Opens", "Closes", "Cannot be told")
_EXPOSED = ("Workload", "From every address", "From addresses", "To every address", "To addresses", "Metadata service")
_COVERAGE = ("Namespace", "Pods", "Isolated for ingress", "Isolated for egress", "Default deny")
_CNI = ("Network plugin", "Policies", "By what it was told", "Agent not ready on", "Pods with further interfaces")
_FLOWS = ("From", "To", "Port", "Seen", "Let through")
_MOST = 4


def answer(found: Answer) -> pd.DataFrame:
    """The verdict of one question, what each end's policies say, and what else is on the way."""
    rows: list[dict[str, object]] = [_line("verdict", found.verdict, f"{found.source} to {found.destination}", "")]
    for name, one in (("egress", found.egress), ("ingress", found.ingress)):
        rows.append(_line(name, one.verdict, one.reason, f"{one.policy} {one.rule}".strip()))
        for miss in one.near_misses[:_MOST]:
            why = "; ".join(failed.detail for failed in miss.failed)
            rows.append(_line(f"{name}: nearly", "no match", why, f"{miss.policy} {miss.rule}"))
    rows += [_line(one.id, "blocks" if one.blocks else "to know", one.message, one.where) for one in found.obstacles]
    return frame(rows, _ANSWER)


def _line(station: str, said: str, why: str, where: str) -> dict[str, object]:
    return dict(zip(_ANSWER, (station, str(said), why, where), strict=True))


def connectivity(rows: Iterable[Row], most: int = 0) -> pd.DataFrame:
    """The map: a row for each pair that connects, or may; at most so many (0 = all), and how many are left out."""
    return _first(
        [
            dict(
                zip(
                    _ROWS,
                    (row.source, row.destination, described(row.connections), described(row.unknown), row.reason),
                    strict=True,
                )
            )
            for row in rows
        ],
        _ROWS,
        most,
    )


def policies(found: Iterable[Policy]) -> pd.DataFrame:
    """Every rule of every policy, in words; a direction without rules denies."""
    rows: list[dict[str, object]] = []
    for policy in found:
        for direction, rules in policy.rules.items():
            listed: Sequence[Rule | None] = rules or (None,)
            for rule in listed:
                rows.append(_rule(policy, direction, rule))
    return frame(rows, _POLICIES)


def _rule(policy: Policy, direction: Direction, rule: Rule | None) -> dict[str, object]:
    if rule is None:
        peers, ports, name = "nobody", "", "none: everything is denied"
    else:
        peers = "; or ".join(map(str, rule.peers)) if rule.peers is not None else "everybody"
        ports = ", ".join(map(str, rule.ports)) if rule.ports is not None else "every port"
        name = f"{rule.path} {rule.name}".strip()
    about = str(policy.subject) if policy.subject else "cannot be read"
    return dict(zip(_POLICIES, (policy.resource, about, str(direction), name, peers, ports), strict=True))


def changes(found: Difference, most: int = 0) -> pd.DataFrame:
    """What a change opens and closes; at most so many pairs (0 = all), and how many are left out."""
    return _first(
        [
            {
                "From": change.source,
                "To": change.destination,
                "Opens": described(change.opened),
                "Closes": described(change.closed),
                "Cannot be told": described(change.uncertain),
            }
            for change in found.changes
        ],
        _CHANGES,
        most,
    )


def exposed(found: Iterable[Exposed]) -> pd.DataFrame:
    """What each workload exchanges with the outside; those that exchange nothing are left out."""
    return frame(
        [
            {
                "Workload": one.workload,
                "From every address": described(one.from_anywhere),
                "From addresses": _some([f"{block} ({described(ports)})" for block, ports in one.ingress]),
                "To every address": described(one.to_anywhere),
                "To addresses": _some([f"{block} ({described(ports)})" for block, ports in one.egress]),
                "Metadata service": "reachable" if one.metadata else "",
            }
            for one in found
            if one.ingress or one.egress
        ],
        _EXPOSED,
    )


def coverage(found: Iterable[Coverage]) -> pd.DataFrame:
    """How far the policies of each namespace go."""
    rows: list[dict[str, object]] = []
    for one in found:
        denied = [direction.value for direction in Direction if one.default_deny[direction]]
        rows.append(
            {
                "Namespace": one.namespace,
                "Pods": one.pods,
                "Isolated for ingress": one.isolated[Direction.INGRESS],
                "Isolated for egress": one.isolated[Direction.EGRESS],
                "Default deny": " and ".join(denied) or "none",
            }
        )
    return frame(rows, _COVERAGE)


def plugin(found: Cni) -> pd.DataFrame:
    """The network plugin and, apart from it, whether policies have an effect."""
    row: dict[str, object] = {
        "Network plugin": found.name,
        "Policies": str(found.enforcement),
        "By what it was told": "; ".join(map(str, found.evidence)),
        "Agent not ready on": ", ".join(found.not_ready),
        "Pods with further interfaces": _some(list(found.secondary)),
    }
    return frame([row], _CNI)


def flows(found: Flows) -> pd.DataFrame:
    """Observed flows, and at the end the lines that could not be read."""
    rows: list[dict[str, object]] = [
        {
            "From": str(flow.source),
            "To": str(flow.destination),
            "Port": f"{flow.port}/{flow.protocol}",
            "Seen": flow.count,
            "Let through": "no" if flow.dropped else "yes",
        }
        for flow in found.flows
    ]
    rows += [
        dict(zip(_FLOWS, (f"line {bad.number}", bad.reason, "", "", "not read"), strict=True)) for bad in found.bad
    ]
    return frame(rows, _FLOWS)


def _first(rows: list[dict[str, object]], columns: tuple[str, ...], most: int) -> pd.DataFrame:
    """The first rows, and at the end how many there are besides: never fewer than there are without a word."""
    if most and len(rows) > most:
        left: dict[str, object] = dict.fromkeys(columns, "")
        rows = [*rows[:most], {**left, columns[0]: f"… and {len(rows) - most} more"}]
    return frame(rows, columns)


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:_MOST]) + (f" and {len(texts) - _MOST} more" if len(texts) > _MOST else "")
