"""Who may do what as a heat map, and the ways to cluster-admin as a graph: for ten subjects and for a thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from textwrap import shorten, wrap

from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.text import Text

from k8srun.authorization.paths import GOAL, AttackPath
from k8srun.authorization.permissions import AccessMatrix
from k8srun.text import plural, visible

_MOST_ROWS = 40
_MOST_IN_LAYER = 12
_READ = frozenset({"get", "list", "watch"})
_COLOURS = ListedColormap(["#f2f4f7", "#9fc5f8", "#fdb022", "#b42318"])
_LETTERS = ("", "r", "w", "all")
_GOAL_COLOUR, _STEP_COLOUR, _LINE = "#b42318", "#175cd3", "#667085"
_TEXT = "#344054"
_PLAIN = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"}


def heatmap(found: AccessMatrix) -> tuple[Figure, str]:
    """A row for each subject and a column for each resource: nothing, reads, writes, or every verb that was asked.

    Who may do the same share a row, and who may do nothing has none. Beyond forty rows the others share the last.
    """
    columns = list(dict.fromkeys(row.resource for row in found.rows))
    levels: dict[str, dict[str, int]] = {}
    for row in found.rows:
        held = [verb for verb, one in zip(found.verbs, row.decisions, strict=True) if one.allowed]
        levels.setdefault(str(row.subject), {})[row.resource] = _level(held, found.verbs)
    some = {name: cells for name, cells in levels.items() if any(cells.values())}
    alike: dict[tuple[int, ...], list[str]] = {}
    for name, cells in some.items():
        alike.setdefault(tuple(cells.get(column, 0) for column in columns), []).append(name)
    ranked = sorted(alike.items(), key=lambda one: (-sum(one[0]), one[1]))
    shown, rest = ranked[:_MOST_ROWS], ranked[_MOST_ROWS:]
    grid = [list(cells) for cells, _ in shown]
    names = [_named(members, 62) for _, members in shown]
    if rest:
        names.append(f"{plural(sum(len(members) for _, members in rest), 'other subject')}, at most")
        grid.append([max(cells[at] for cells, _ in rest) for at in range(len(columns))])
    figure = Figure(figsize=(max(6.5, 0.6 * len(columns) + 4), 0.27 * max(len(names), 1) + 2.1), layout="constrained")
    axes = figure.subplots()
    if grid:
        _cells(axes, grid, names, columns)
    else:
        axes.text(0.5, 0.5, "Nobody may do any of it.", ha="center", va="center", fontsize=10)
        axes.set_axis_off()
    axes.spines[:].set_visible(False)
    where = f"in namespace {visible(found.namespace, limit=40)}" if found.namespace else "at the cluster scope"
    figure.suptitle(
        f"Who may do what {where}\nr reads, w writes, all = every verb that was asked", x=0.01, ha="left", fontsize=10
    )
    return figure, _matrix_said(some, len(levels), columns, where)


def graph(paths: Sequence[AttackPath]) -> tuple[Figure, str]:
    """Who can become cluster-admin and by what, the goal on the right; who goes the same way is one box."""
    layers, edges = _layers(paths)
    height = max((len(nodes) for nodes in layers), default=1)
    figure = Figure(figsize=(max(7.0, 4.2 * max(len(layers) - 1, 1) + 2), 0.8 * height + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_title(f"Ways to {GOAL}", loc="left", fontsize=10)
    boxes = {name: _box(axes, name, place) for name, place in _places(layers, height).items()}
    for (start, end), action in edges.items():
        _arrow(axes, boxes[start], boxes[end], action)
    axes.set_xlim(-0.5, max(len(layers) - 0.5, 0.5))
    axes.set_ylim(-0.6, height - 0.4)
    return figure, _paths_said(paths)


def _level(held: Sequence[str], asked: Sequence[str]) -> int:
    if not held:
        return 0
    if len(held) == len(asked) and not set(asked) <= _READ:
        return 3
    return 1 if set(held) <= _READ else 2


def _cells(axes: Axes, grid: list[list[int]], names: Sequence[str], columns: Sequence[str]) -> None:
    axes.imshow(grid, cmap=_COLOURS, vmin=0, vmax=3, interpolation="nearest", aspect="auto")
    # A dollar sign in a name is no formula.
    axes.set_yticks(range(len(names)), names, fontsize=7, parse_math=False)
    axes.set_xticks(
        range(len(columns)), columns, rotation=45, ha="left", rotation_mode="anchor", fontsize=7, parse_math=False
    )
    axes.tick_params(which="both", length=0, labeltop=True, labelbottom=False)
    axes.set_xticks([place - 0.5 for place in range(1, len(columns))], minor=True)
    axes.set_yticks([place - 0.5 for place in range(1, len(names))], minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    for row, cells in enumerate(grid):
        for column, level in enumerate(cells):
            colour = "white" if level == 3 else "#1d2939"
            axes.text(column, row, _LETTERS[level], ha="center", va="center", fontsize=7, color=colour)


def _layers(paths: Iterable[AttackPath]) -> tuple[list[list[str]], dict[tuple[str, str], str]]:
    """Boxes by their distance from the goal, the farthest first, and the arrows between them with what is done."""
    ways: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for path in paths:
        following = [*(str(step.subject) for step in path.steps[1:]), GOAL]
        steps = tuple((step.action, after) for step, after in zip(path.steps, following, strict=False))
        ways.setdefault(steps or (("is bound to it", GOAL),), []).append(str(path.subject))
    distance: dict[str, int] = {GOAL: 0}
    edges: dict[tuple[str, str], str] = {}
    shown = sorted(ways.items(), key=lambda one: (len(one[0]), -len(one[1])))
    for chain, subjects in shown[: 2 * _MOST_IN_LAYER]:
        named = _named(subjects, 200)
        before = named
        for at, (action, after) in enumerate(chain):
            distance[before] = max(distance.get(before, 0), len(chain) - at)
            edges.setdefault((before, after), action)
            before = after
    far = max(distance.values())
    layers: list[list[str]] = [[] for _ in range(far + 1)]
    for name, away in distance.items():
        layers[far - away].append(name)
    return layers, edges


def _places(layers: Sequence[Sequence[str]], height: int) -> dict[str, tuple[float, float]]:
    places: dict[str, tuple[float, float]] = {}
    for column, nodes in enumerate(layers):
        gap = height / max(len(nodes), 1)
        for row, name in enumerate(nodes):
            places[name] = (float(column), height - gap * (row + 0.5) - 0.5)
    return places


def _box(axes: Axes, name: str, place: tuple[float, float]) -> Text:
    colour = _GOAL_COLOUR if name == GOAL else _STEP_COLOUR
    box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": colour}
    return axes.text(*place, _lines(name, 34), ha="center", va="center", fontsize=7.5, parse_math=False, bbox=box)


def _arrow(axes: Axes, start: Text, end: Text, action: str) -> None:
    """From the edge of one box to the edge of the other, however wide their texts are."""
    ends = {"patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(), "shrinkA": 0, "shrinkB": 1}
    (x, y), (to_x, to_y) = start.get_position(), end.get_position()
    axes.annotate("", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "-|>", "color": _LINE, "lw": 0.9, **ends})
    middle = ((x + to_x) / 2, (y + to_y) / 2)
    said = _lines(action, 30)
    axes.text(*middle, said, ha="center", va="center", fontsize=6.5, color=_TEXT, parse_math=False, bbox=_PLAIN)


def _named(members: Sequence[str], most: int) -> str:
    """One name, or how many share what follows."""
    if len(members) == 1:
        return shorten(visible(members[0], limit=200), most, placeholder="…")
    return shorten(visible(f"{len(members)} subjects: {', '.join(members)}", limit=400), most, placeholder="…")


def _lines(text: str, width: int) -> str:
    """At most two lines."""
    return "\n".join(wrap(visible(text, limit=300), width, max_lines=2, placeholder="…"))


def _matrix_said(some: dict[str, dict[str, int]], asked: int, columns: Sequence[str], where: str) -> str:
    most = sorted(some, key=lambda name: (-sum(some[name].values()), name))[:5]
    by_resource = ", ".join(
        f"{column} {sum(cells.get(column, 0) > 0 for cells in some.values())}" for column in columns
    )
    return (
        f"Heat map of {plural(asked, 'subject')} by {plural(len(columns), 'resource')} {where}: {len(some)} may do"
        f" something. "
        f"Those who may do most: {visible(', '.join(most), limit=500) or 'nobody'}. "
        f"Subjects by resource: {by_resource or 'none'}."
    )


def _paths_said(paths: Sequence[AttackPath]) -> str:
    counts = sorted(Counter(path.length for path in paths).items())
    said = ", ".join(f"{count} in {plural(away, 'step')}" if away else f"{count} already" for away, count in counts)
    first = visible("; ".join(str(path) for path in paths[:3]), limit=1000)
    return f"Graph of ways to {GOAL}: {plural(len(paths), 'subject')} ({said or 'none'}). {first or 'Nobody has one'}."
