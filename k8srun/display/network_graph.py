"""The neighbourhood of one workload: who reaches it on the left, whom it reaches on the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from k8srun.network.connectivity import Row
from k8srun.network.ports import described
from k8srun.text import visible

_MOST_ON_A_SIDE = 16
_KNOWN, _DOUBTFUL = "#1570ef", "#dc6803"
_LEFT, _MIDDLE, _RIGHT = 0.28, 0.5, 0.72
_BEND = 0.11
_WIDTH_OF_A_CHARACTER = 0.0036  # half of it, of the figure's width
_LONGEST_PORTS = 22
_LONGEST_NAME = 34
_LONGEST_CENTRE = 24
_UNSURE = "not known"
_VARIOUS = "various ports"


def neighbourhood(rows: Iterable[Row], workload: str) -> tuple[Figure, str]:
    """A picture of whom one workload talks to, and the sentences that say the same.

    Args:
        rows: the map by workload; those of others are passed over.
        workload: `namespace/name[Kind]`.
    """
    about = [row for row in rows if workload in {row.source, row.destination} and row.source != row.destination]
    incoming = _gathered({row.source: row for row in about if row.destination == workload})
    outgoing = _gathered({row.destination: row for row in about if row.source == workload})
    tallest = max(len(incoming), len(outgoing), 1)
    figure = Figure(figsize=(10, 0.42 * tallest + 1.3), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(0, 1)
    axes.set_ylim(tallest - 0.2, -1)
    axes.axis("off")
    middle = (tallest - 1) / 2
    centre = _short(workload, _LONGEST_CENTRE)
    half = len(centre) * _WIDTH_OF_A_CHARACTER + 0.012
    for place, (name, row) in zip(_places(len(incoming), middle), incoming.items(), strict=True):
        _box(axes, _LEFT, place, _short(name), "right")
        _arrow(axes, (_LEFT, place), (_LEFT + _BEND, place), (_MIDDLE - half, middle), row, inward=True)
    for place, (name, row) in zip(_places(len(outgoing), middle), outgoing.items(), strict=True):
        _box(axes, _RIGHT, place, _short(name), "left")
        _arrow(axes, (_RIGHT, place), (_RIGHT - _BEND, place), (_MIDDLE + half, middle), row, inward=False)
    _box(axes, _MIDDLE, middle, centre, "center", bold=True)
    for x, align, said in ((_LEFT, "right", "may reach it"), (_RIGHT, "left", "it may reach")):
        axes.text(x, -0.8, said, fontsize=9, color="#475467", ha=align)
    return figure, _said(workload, incoming, outgoing)


def _gathered(found: Mapping[str, Row]) -> dict[str, Row]:
    """By name, what is not known by namespace; with many, each namespace as one; at last as many as can be read."""
    sure = {name: row for name, row in found.items() if row.connections}
    unsure = _by_namespace({name: row for name, row in found.items() if not row.connections})
    rows = {**_sorted(sure), **unsure}
    if len(rows) > _MOST_ON_A_SIDE:
        rows = {**_by_namespace(sure), **unsure}
    if len(rows) <= _MOST_ON_A_SIDE:
        return rows
    rest = list(rows.values())[_MOST_ON_A_SIDE - 1 :]
    return {**dict(list(rows.items())[: _MOST_ON_A_SIDE - 1]), f"and {len(rest)} more": _union(rest)}


def _sorted(rows: Mapping[str, Row]) -> dict[str, Row]:
    """Workloads before addresses."""
    return dict(sorted(rows.items(), key=lambda entry: (not entry[0].endswith("]"), entry[0])))


def _by_namespace(rows: Mapping[str, Row]) -> dict[str, Row]:
    groups: dict[str, list[str]] = {}
    for name in _sorted(rows):
        groups.setdefault(name.partition("/")[0] if name.endswith("]") else "outside the cluster", []).append(name)
    result: dict[str, Row] = {}
    for namespace, names in groups.items():
        many = "ranges of addresses" if namespace.startswith("outside") else "workloads"
        named = names[0] if len(names) == 1 else f"{namespace}: {len(names)} {many}"
        result[named] = _union([rows[name] for name in names])
    return result


def _union(rows: Sequence[Row]) -> Row:
    """Several as one: their ports where all have the same."""
    same = all(row.connections == rows[0].connections for row in rows)
    return Row("", "", rows[0].connections) if same else Row("", "", {}, reason=_VARIOUS)


def _places(count: int, middle: float) -> list[float]:
    first = middle - (count - 1) / 2
    return [first + index for index in range(count)]


def _box(axes: Axes, x: float, y: float, name: str, align: str, *, bold: bool = False) -> None:
    axes.text(
        x, y, name, ha=align, va="center", fontsize=9 if bold else 8, parse_math=False, zorder=3,
        fontweight="bold" if bold else "normal", color="#101828",
        bbox={"boxstyle": "round,pad=0.35", "facecolor": "#eff4ff" if bold else "white", "edgecolor": "#98a2b3"},
    )  # fmt: skip


def _arrow(
    axes: Axes,
    outer: tuple[float, float],
    bend: tuple[float, float],
    inner: tuple[float, float],
    row: Row,
    *,
    inward: bool,
) -> None:
    """From box to box; the ports stand on the level part beside the outer box, where the arrows lie apart."""
    ports = _ports(row)
    colour = _DOUBTFUL if ports == _UNSURE else _KNOWN
    line: dict[str, Any] = {
        "color": colour,
        "linewidth": 1,
        "linestyle": "--" if ports == _UNSURE else "-",
        "zorder": 1,
    }
    head: dict[str, Any] = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, **line}
    if inward:
        axes.plot(*zip(outer, bend, strict=True), **line)
        axes.annotate("", xy=inner, xytext=bend, arrowprops=head)
    else:
        axes.plot(*zip(inner, bend, strict=True), **line)
        axes.annotate("", xy=outer, xytext=bend, arrowprops={**head, "shrinkB": 4})
    axes.text((outer[0] + bend[0]) / 2, outer[1] - 0.06, ports, fontsize=6.5, ha="center", va="bottom", color=colour)


def _ports(row: Row) -> str:
    if row.connections:
        return _cut(described(row.connections), _LONGEST_PORTS)
    return row.reason if row.reason == _VARIOUS else _UNSURE


def _short(name: str, longest: int = _LONGEST_NAME) -> str:
    return _cut(visible(name.partition("[")[0]), longest)


def _cut(text: str, longest: int) -> str:
    """Without its middle where it is too long: names differ at their beginning and at their end."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half + 1 :]}"


def _said(workload: str, incoming: Mapping[str, Row], outgoing: Mapping[str, Row]) -> str:
    def listed(rows: Mapping[str, Row]) -> str:
        said = [f"{visible(name.partition('[')[0], limit=100)} ({_ports(row)})" for name, row in rows.items()]
        return "; ".join(said) or "nobody"

    return visible(
        f"Graph of the neighbourhood of {workload}. May reach it: {listed(incoming)}. It may reach: {listed(outgoing)}."
    )
