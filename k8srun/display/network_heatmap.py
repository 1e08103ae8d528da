"""Who reaches whom, as a heat map: by workload while their names can be read, by namespace beyond that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from k8srun.network.connectivity import Row
from k8srun.network.ports import EVERY_PORT
from k8srun.text import plural, visible

_MOST_NAMES = 40
_FEW_NAMESPACES = 4
_FEW_CELLS = 14
_OUTSIDE = "outside the cluster"
_NOTHING, _UNKNOWN, _SOME, _EVERYTHING = range(4)
_COLOURS = ("#f2f4f7", "#fdb022", "#84adff", "#1849a9")
_LEGEND = ("nothing", "not known", "some ports", "every port")
_SHARES = LinearSegmentedColormap.from_list("shares", ["#f2f4f7", "#84adff", "#1849a9"])


def heatmap(rows: Iterable[Row], workloads: Sequence[str]) -> tuple[Figure, str]:
    """The map as a picture, and the sentences that say the same.

    Args:
        rows: the map by workload.
        workloads: the name of every workload, `namespace/name[Kind]`, also of those that reach nobody.
    """
    cells = _cells(rows)
    ordered = sorted(workloads)
    namespaces = sorted({_namespace(name) for name in ordered})
    if len(ordered) <= _MOST_NAMES:
        figure = _by_workload(cells, ordered, labelled=True)
    elif len(namespaces) < _FEW_NAMESPACES:
        figure = _by_workload(cells, ordered, labelled=False)
    else:
        figure = _by_namespace(cells, ordered, namespaces)
    return figure, _said(cells, ordered, namespaces)


def _cells(rows: Iterable[Row]) -> dict[tuple[str, str], int]:
    """Source and destination → how much is allowed; what is outside is one side."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        pair = _side(row.source), _side(row.destination)
        level = _EVERYTHING if dict(row.connections) == EVERY_PORT else _SOME if row.connections else _UNKNOWN
        found[pair] = max(found.get(pair, _NOTHING), level)
    return found


def _side(name: str) -> str:
    return name if name.endswith("]") else _OUTSIDE


def _namespace(name: str) -> str:
    return name.partition("/")[0]


def _by_workload(cells: dict[tuple[str, str], int], workloads: Sequence[str], *, labelled: bool) -> Figure:
    names = [*workloads, _OUTSIDE]
    grid = [[cells.get((source, target), _NOTHING) for target in names] for source in names]
    size = max(4.5, 0.27 * len(names) + 2.6) if labelled else 9.0
    figure = Figure(figsize=(size + 0.6, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(grid, cmap=ListedColormap(_COLOURS), vmin=-0.5, vmax=3.5, interpolation="nearest", aspect="equal")
    if labelled:
        _names(axes, [_short(name) for name in names])
        axes.set_xticks([place - 0.5 for place in range(1, len(names))], minor=True)
        axes.set_yticks([place - 0.5 for place in range(1, len(names))], minor=True)
        axes.tick_params(which="both", length=0)
        axes.grid(which="minor", color="white", linewidth=1)
    else:
        _namespace_ticks(axes, names)
    _boundaries(axes, names)
    _titled(axes, "Who reaches whom, by workload")
    _legend(figure, cells)
    return figure


def _by_namespace(cells: dict[tuple[str, str], int], workloads: Sequence[str], namespaces: Sequence[str]) -> Figure:
    sizes = Counter(_namespace(name) for name in workloads)
    largest = sorted(namespaces, key=lambda name: (-sizes[name], name))[:_MOST_NAMES]
    shown = sorted(largest)
    rest = len(namespaces) - len(shown)
    other = f"{rest} other namespaces"
    names = [*shown, *([other] if rest else []), _OUTSIDE]
    sizes[other] = len(workloads) - sum(sizes[name] for name in shown)
    sizes[_OUTSIDE] = 1
    place = {name: index for index, name in enumerate(names)}
    counts: Counter[tuple[int, int]] = Counter()
    for (source, target), level in cells.items():
        if level >= _SOME and source != target:
            ends = (name if name == _OUTSIDE else _namespace(name) for name in (source, target))
            row, column = (place.get(name, place.get(other, 0)) for name in ends)
            counts[row, column] += 1
    grid = [[_share(counts, sizes, names, row, column) for column in range(len(names))] for row in range(len(names))]
    size = max(5.0, 0.27 * len(names) + 2.6)
    figure = Figure(figsize=(size + 0.9, size), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid, cmap=_SHARES, norm=PowerNorm(0.5, 0, 1), interpolation="nearest", aspect="equal")
    _names(axes, [f"{visible(name, limit=28)} ({sizes[name]})" if name != _OUTSIDE else name for name in names])
    if len(names) <= _FEW_CELLS:
        for row, values in enumerate(grid):
            for column, share in enumerate(values):
                colour = "white" if share > 0.55 else "#1d2939"
                axes.text(column, row, f"{share:.0%}", ha="center", va="center", fontsize=7, color=colour)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02)
    bar.set_label("share of the pairs of workloads that connect on some port", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    _titled(axes, "Who reaches whom, by namespace (number of workloads)")
    return figure


def _share(counts: Counter[tuple[int, int]], sizes: Counter[str], names: Sequence[str], row: int, column: int) -> float:
    size, other = sizes[names[row]], sizes[names[column]]
    pairs = size * (size - 1) if row == column else size * other
    return counts[row, column] / pairs if pairs else 0.0


def _names(axes: Axes, names: Sequence[str]) -> None:
    # A dollar sign in a name is no formula.
    axes.set_xticks(
        range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=7, parse_math=False
    )
    axes.set_yticks(range(len(names)), names, fontsize=7, parse_math=False)
    axes.tick_params(which="both", length=0)


def _namespace_ticks(axes: Axes, names: Sequence[str]) -> None:
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(_namespace(name), []).append(place)
    middles = [sum(places) / len(places) for places in groups.values()]
    axes.set_xticks(middles, [visible(name, limit=28) for name in groups], fontsize=8, parse_math=False)
    axes.set_yticks(middles, [visible(name, limit=28) for name in groups], fontsize=8, parse_math=False)
    axes.tick_params(which="both", length=0)


def _boundaries(axes: Axes, names: Sequence[str]) -> None:
    for place in range(1, len(names)):
        if _namespace(names[place]) != _namespace(names[place - 1]):
            axes.axhline(place - 0.5, color="#475467", linewidth=0.8)
            axes.axvline(place - 0.5, color="#475467", linewidth=0.8)


def _titled(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel("from", fontsize=9)
    axes.set_xlabel("to", fontsize=9, loc="left")
    axes.spines[:].set_visible(False)


def _legend(figure: Figure, cells: dict[tuple[str, str], int]) -> None:
    used = [level for level in range(4) if level == _NOTHING or level in cells.values()]
    handles = [Patch(facecolor=_COLOURS[level], edgecolor="#98a2b3", linewidth=0.5) for level in used]
    figure.legend(
        handles, [_LEGEND[level] for level in used], loc="outside lower right", ncols=4, fontsize=8, frameon=False
    )


def _short(name: str) -> str:
    return visible(name.partition("[")[0], limit=42)


def _said(cells: dict[tuple[str, str], int], workloads: Sequence[str], namespaces: Sequence[str]) -> str:
    inside = {pair: level for pair, level in cells.items() if _OUTSIDE not in pair and pair[0] != pair[1]}
    possible = len(workloads) * (len(workloads) - 1)
    connected = sum(level >= _SOME for level in inside.values())
    unknown = sum(level == _UNKNOWN for level in inside.values())
    across = sum(level >= _SOME and _namespace(a) != _namespace(b) for (a, b), level in inside.items())
    reached = sum(level >= _SOME and source == _OUTSIDE for (source, _), level in cells.items())
    leaving = sum(level >= _SOME and target == _OUTSIDE for (_, target), level in cells.items())
    share = f" ({connected / possible:.0%})" if possible else ""
    size = f"{plural(len(workloads), 'workload')} in {plural(len(namespaces), 'namespace')}"
    return (
        f"Heat map of who reaches whom among {size}: {connected} of {possible} pairs connect on some port{share},"
        f" {across} of them across namespaces; {unknown} are not known. From outside the cluster"
        f" {plural(reached, 'workload is', 'workloads are')} reachable, and {leaving} can reach outside."
    )
