"""The map for people: one line a source, its destinations grouped by the ports on which they connect."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from k8srun.network.connectivity import Row
from k8srun.network.ports import described
from k8srun.text import plural, visible

_MOST_NAMES = 6


def print_map(console: Console, rows: Iterable[Row]) -> None:
    """Print it, grouped: a source, the ports, and whom it reaches on them."""
    grouped: dict[tuple[str, str], list[str]] = {}
    total = 0
    for row in rows:
        total += 1
        for mark, connections in (("", row.connections), ("? ", row.unknown)):
            if connections:
                grouped.setdefault((row.source, mark + described(connections)), []).append(row.destination)
    if not grouped:
        console.print("Nothing reaches anything.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("From", "On", "To"):
        table.add_column(title, overflow="fold")
    for (source, ports), names in grouped.items():
        table.add_row(Text(visible(source)), Text(visible(ports)), Text(visible(_listed(names))))
    console.print(table)
    console.print(f"{plural(total, 'pair')} that connect; ? = cannot be told (reasons: -o json)")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"
