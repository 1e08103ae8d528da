"""Which controls of a Pod Security level the namespaces violate, as a heat map for ten and for a thousand."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from k8srun.text import plural, visible
from k8srun.workloads.posture import Posture

_MOST_ROWS = 40
_COLOURS = LinearSegmentedColormap.from_list("violations", ["#f2f4f7", "#fdb022", "#b42318", "#7a271a"])


def heatmap(found: Sequence[Posture], controls: Sequence[str], level: str) -> tuple[Figure, str]:
    """A row for each namespace and a column for each control with the number of workloads that violate it, the darker
    the larger their share.

    Only controls that somebody violates have a column. Beyond forty namespaces the worst have a row, and the others
    share one.

    Args:
        controls: of the level, in the server's order.
        level: its name, for the title.
    """
    columns = [control for control in controls if any(one.counts.get(control) for one in found)]
    worst = sorted(found, key=lambda one: (-len(one.violating), -sum(one.counts.values()), one.namespace))
    shown, rest = worst[:_MOST_ROWS], worst[_MOST_ROWS:]
    names = [
        f"{visible(one.namespace, limit=32)} ({len(one.violating)}/{len(one.judged)}{' or more' if one.gaps else ''})"
        for one in shown
    ]
    grid = [[one.counts.get(control, 0) for control in columns] for one in shown]
    sizes = [max(len(one.judged), 1) for one in shown]
    if rest:
        names.append(f"{plural(len(rest), 'other namespace')} ({sum(len(one.violating) for one in rest)})")
        grid.append([sum(one.counts.get(control, 0) for one in rest) for control in columns])
        sizes.append(sum(len(one.judged) for one in rest) or 1)
    figure = Figure(figsize=(max(5.5, 0.55 * len(columns) + 3), 0.27 * max(len(names), 1) + 1.9), layout="constrained")
    axes = figure.subplots()
    if not columns:
        axes.text(0.5, 0.5, "No workload that was read violates " + level + ".", ha="center", va="center", fontsize=10)
        axes.set_axis_off()
    else:
        # The colour is the share of a row's workloads, so that a row of many namespaces does not outshine the others.
        shares = [[count / size for count in counts] for counts, size in zip(grid, sizes, strict=True)]
        axes.imshow(shares, cmap=_COLOURS, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        # A dollar sign in a name is no formula.
        axes.set_yticks(range(len(names)), names, fontsize=7, parse_math=False)
        axes.set_xticks(
            range(len(columns)), columns, rotation=45, ha="left", rotation_mode="anchor", fontsize=7, parse_math=False
        )
        axes.tick_params(which="both", length=0, labeltop=True, labelbottom=False)
        axes.set_xticks([place - 0.5 for place in range(1, len(columns))], minor=True)
        axes.set_yticks([place - 0.5 for place in range(1, len(names))], minor=True)
        axes.grid(which="minor", color="white", linewidth=1)
        _numbers(axes, grid, shares)
    axes.spines[:].set_visible(False)
    axes.set_title(f"Workloads that violate {level}, by namespace and control", loc="left", fontsize=10)
    return figure, _said(worst, columns, level)


def _numbers(axes: Axes, grid: list[list[int]], shares: list[list[float]]) -> None:
    for row, counts in enumerate(grid):
        for column, count in enumerate(counts):
            if count:
                colour = "white" if shares[row][column] > 0.45 else "#1d2939"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)


def _said(worst: Sequence[Posture], columns: Sequence[str], level: str) -> str:
    bad = [one for one in worst if one.violating]
    total = sum(len(one.violating) for one in bad)
    unread = sum(len(one.unreadable) for one in worst)
    partly = sum(bool(one.gaps) for one in worst)
    first = "; ".join(f"{one.namespace}: {len(one.violating)} of {len(one.judged)}" for one in bad[:10])
    more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
    totals = ", ".join(f"{control} {sum(one.counts.get(control, 0) for one in worst)}" for control in columns)
    return (
        f"Heat map of {plural(len(worst), 'namespace')} by controls of {level}: {plural(total, 'workload')} in "
        f"{plural(len(bad), 'namespace')} violate it. {first or 'None'}{more}. By control: {totals or 'none'}."
        + (f" {plural(unread, 'workload')} could not be judged." if unread else "")
        + (f" Of {plural(partly, 'namespace')} not everything could be read." if partly else "")
    )
