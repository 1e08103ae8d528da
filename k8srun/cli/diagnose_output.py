"""A diagnosis for people: the first screen answers what is broken, for whom, since when, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from k8srun.diagnosis import Cause, CauseStatus, Diagnosis
from k8srun.text import visible

_STYLES = {CauseStatus.CONFIRMED: "bold red", CauseStatus.OPEN: "yellow", CauseStatus.RULED_OUT: "dim"}
_EVIDENCE = 6
_MARKS = {CauseStatus.CONFIRMED: "confirmed", CauseStatus.OPEN: "open", CauseStatus.RULED_OUT: "ruled out"}


def print_diagnosis(console: Console, found: Diagnosis) -> None:
    """Print it. Readable at 80 columns; commands stay on one line, so that they can be copied."""
    if found.symptom:
        console.print(Text(visible(found.symptom, limit=400), style="dim"))
    if not found.recognised:
        _print_unknown(console, found)
        return
    confirmed = found.confirmed
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, value in _facts(found):
        if value:
            facts.add_row(label, Text(value))
    console.print()
    console.print(facts)
    for cause in confirmed[:1]:
        _print_bullets(console, (str(item) for item in cause.evidence[:_EVIDENCE]))
    _print_commands(console, found)
    _print_hidden(console, found)
    _print_others(console, [cause for cause in found.causes if cause not in confirmed[:1]])
    console.print()


def _facts(found: Diagnosis) -> tuple[tuple[str, str], ...]:
    confirmed = found.confirmed
    if confirmed:
        cause = confirmed[0].title
    elif any(cause.status is CauseStatus.OPEN for cause in found.causes):
        cause = "not decided yet: see the open causes below, the likeliest first"
    else:
        cause = "none that the evidence shows now: see what was ruled out" if found.causes else ""
    family = f" [{found.family}]" if found.family else ""
    return (
        ("What", f"{found.meaning}{family}"),
        ("Cause", cause),
        ("For whom", found.affected),
        ("Since", found.since),
        ("Seen", found.seen_from),
    )


def _print_unknown(console: Console, found: Diagnosis) -> None:
    console.print(Text(found.meaning, style="bold"))
    if found.nearest:
        console.print("The nearest messages that it knows:")
        _print_bullets(console, found.nearest)
    for command in found.next:
        _command(console, command)


def _print_commands(console: Console, found: Diagnosis) -> None:
    fix = found.confirmed[0].fix if found.confirmed else None
    console.print()
    if fix:
        console.print(Text("Fix", style="bold green"))
        console.print(Padding(Text(fix.summary), (0, 0, 0, 2), expand=False))
        if fix.where:
            console.print(Padding(Text(f"Where: {fix.where}"), (0, 0, 0, 2), expand=False))
    elif found.next:
        console.print(Text("Next", style="bold green"))
    for command in found.next:
        _command(console, command)


def _print_hidden(console: Console, found: Diagnosis) -> None:
    if found.hidden:
        console.print()
        console.print(Text("Once that is mended, this fails next", style="bold"))
        _print_bullets(console, (f"{item.cause}: {item.message}" for item in found.hidden))


def _print_others(console: Console, causes: Iterable[Cause]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for cause in causes:
        reason = f": {cause.evidence[0]}" if cause.evidence else ""
        title = Text(f"{cause.title} [{cause.id}]{reason}")
        table.add_row(Text(_MARKS[cause.status], style=_STYLES[cause.status]), title)
    if table.row_count:
        console.print()
        console.print(Text("Other causes", style="bold"))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _print_bullets(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        bullet = Table.grid(padding=(0, 1))
        bullet.add_column(no_wrap=True)
        bullet.add_column(overflow="fold")
        bullet.add_row("  -", Text(visible(line, limit=600)))
        console.print(bullet)


def _command(console: Console, command: str) -> None:
    """A command as it is to be typed: never broken by us, since a line that is broken cannot be pasted."""
    for line in command.splitlines():
        console.print(Text(f"    {line}", style="cyan"), soft_wrap=True)
