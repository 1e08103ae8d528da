"""How snapshots and their differences are printed for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from k8srun.codec import encode
from k8srun.fieldchanges import Change
from k8srun.snapshot import Gap, Snapshot
from k8srun.text import plural, visible

if TYPE_CHECKING:
    from rich.console import Console

    from k8srun.snapshotdiff import ItemChange, SnapshotDiff, Unknown

_SHOWN_VALUE = 160
_SHOWN_NAMES = 10
_SIGNS = {Change.ADDED: ("+", "green"), Change.REMOVED: ("-", "red"), Change.CHANGED: ("~", "yellow")}


def print_saved(out: Console, file: Path, taken: Snapshot) -> None:
    """That it was saved, and how much."""
    out.print(f"Saved {visible(str(file))}: {_amount(taken)}", soft_wrap=True)
    _print_gaps(out, "Could not be read", taken.gaps)


def print_snapshot(out: Console, taken: Snapshot) -> None:
    """Where it comes from, how much of what it holds, and what could not be read."""
    if taken.lab:
        out.print("LAB: the embedded broken cluster, not a real one", style="bold")
    out.print(f"Taken:  {taken.taken_at:%Y-%m-%d %H:%M:%S %Z}")
    for line in taken.origin:
        out.print(f"Source: {visible(line)}", soft_wrap=True)
    if taken.server:
        out.print(f"Server: {visible(taken.server.url)} {visible(taken.server.version)}", soft_wrap=True)
    out.print(f"Holds:  {_amount(taken)}\n")
    _print_counts(out, "Objects", {str(kind): len(taken.objects[kind]) for kind in sorted(taken.objects)})
    _print_counts(out, "Host files", Counter(file.topic.value for file in taken.files))
    _print_counts(out, "TLS endpoints", Counter(f"{seen.address}: {seen.outcome}" for seen in taken.endpoints))
    _print_gaps(out, "Could not be read", taken.gaps)


def print_diff(out: Console, found: SnapshotDiff) -> None:
    """What changed, item by item, then what cannot be told."""
    if found.same_cluster is False:
        out.print("These are snapshots of two different clusters.", style="bold red")
    out.print(f"From {found.old_taken_at:%Y-%m-%d %H:%M:%S %Z} to {found.new_taken_at:%Y-%m-%d %H:%M:%S %Z}\n")
    for change in found.server:
        out.print(f"~ server {visible(change.path)}: {_value(change.old)} → {_value(change.new)}", style="yellow")
    for item in (*found.objects, *found.files, *found.endpoints):
        _print_item(out, item)
    if found.empty:
        out.print("No difference in what both could read.")
    for unknown in found.unknown:
        _print_unknown(out, unknown)
    _print_gaps(out, "Could no longer be read", found.gaps_appeared)
    _print_gaps(out, "Can be read again", found.gaps_gone)


def _print_item(out: Console, item: ItemChange) -> None:
    sign, colour = _SIGNS[item.change]
    again = " (deleted and made again)" if item.replaced else ""
    out.print(f"{sign} {visible(item.what)}{again}", style=colour, soft_wrap=True)
    for change in item.fields:
        match change.change:
            case Change.ADDED:
                what = f"+ {_value(change.new)}"
            case Change.REMOVED:
                what = f"- {_value(change.old)}"
            case Change.CHANGED:
                what = f"{_value(change.old)} → {_value(change.new)}"
        out.print(f"    {visible(change.path, limit=_SHOWN_VALUE)}: {what}", soft_wrap=True)


def _print_unknown(out: Console, unknown: Unknown) -> None:
    other = "new" if unknown.missing_in == "old" else "old"
    names = ", ".join(visible(name) for name in unknown.items[:_SHOWN_NAMES])
    more = f" and {len(unknown.items) - _SHOWN_NAMES} more" if len(unknown.items) > _SHOWN_NAMES else ""
    out.print(
        f"? {visible(unknown.what)}: {names}{more} only in the {other} one; the {unknown.missing_in} one cannot tell: "
        f"{visible(unknown.reason, limit=500)}",
        style="magenta",
        soft_wrap=True,
    )


def _print_counts(out: Console, heading: str, counts: dict[str, int]) -> None:
    if counts:
        out.print(f"{heading}:")
        for name, count in counts.items():
            out.print(f"  {count:>6}  {visible(name)}", soft_wrap=True)


def _print_gaps(out: Console, heading: str, gaps: Iterable[Gap]) -> None:
    lines = [visible(str(gap)) for gap in gaps]
    if lines:
        out.print(f"{heading}:")
        for line in lines:
            out.print(f"  {line}", soft_wrap=True)


def _amount(taken: Snapshot) -> str:
    objects = sum(len(items) for items in taken.objects.values())
    parts = [f"{plural(objects, 'object')} of {plural(len(taken.objects), 'kind')}"]
    if taken.files:
        parts.append(plural(len(taken.files), "host file"))
    if taken.endpoints:
        parts.append(plural(len(taken.endpoints), "TLS endpoint"))
    if taken.gaps:
        parts.append(plural(len(taken.gaps), "gap"))
    return ", ".join(parts)


def _value(value: Any) -> str:
    return visible(value if isinstance(value, str) else encode(value).decode(), limit=_SHOWN_VALUE)
