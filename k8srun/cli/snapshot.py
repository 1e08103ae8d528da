"""`k8srun snapshot save`, `show` and `diff`: what was observed, in one file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from k8srun.cli import snapshot_output
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import document, pretty
from k8srun.errors import ExitCode
from k8srun.snapshot import Snapshot
from k8srun.snapshotdiff import diff as difference
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions
from k8srun.sources.saved import load
from k8srun.sources.saved import save as write

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def snapshot() -> None:
    """Save what was observed to one file, look into it, compare two.

    A snapshot holds no secret, and every command takes it with --snapshot in place of the cluster.
    """


@snapshot.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@source_options
@now_option
def save(*, file: Path, force: bool, sources: SourceOptions, now: datetime) -> int:
    """Save what the sources show to FILE, for another time or another person.

    \b
    Examples:
      k8srun snapshot save lab.k8srun --lab
      k8srun snapshot save prod.k8srun --context prod
    """
    taken = collect(sources, now=now)
    write(taken, file, overwrite=force)
    snapshot_output.print_saved(console(), file, taken)
    return _complete(taken)


@snapshot.command()
@click.argument("file", type=_FILE, required=False)
@source_options
@now_option
@output_option("table", "json")
def show(*, file: Path | None, sources: SourceOptions, now: datetime, output: str) -> int:
    """Show what a saved snapshot holds, or what the sources would give.

    \b
    Examples:
      k8srun snapshot show prod.k8srun
      k8srun snapshot show --lab -o json
    """
    taken = collect(replace(sources, snapshot=str(file)) if file else sources, now=now)
    if output == "json":
        click.echo(pretty(_whole(taken)))
    else:
        snapshot_output.print_snapshot(console(), taken)
    return _complete(taken)


@snapshot.command()
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@output_option("table", "json")
def diff(*, old: Path, new: Path, output: str) -> None:
    """Show what is different in snapshot NEW against snapshot OLD, field by field.

    What one of them could not read is not called added or removed, but unknown.

    \b
    Example:
      k8srun snapshot diff monday.k8srun tuesday.k8srun
    """
    found = difference(load(old), load(new))
    if output == "json":
        click.echo(pretty(document("k8srun.dev/snapshot-diff/v1", found)))
    else:
        snapshot_output.print_diff(console(), found)


def _whole(taken: Snapshot) -> dict[str, object]:
    """Everything in it, as `-o json` prints it."""
    return {
        "schema": "k8srun.dev/snapshot-show/v1",
        "taken_at": taken.taken_at,
        "origin": taken.origin,
        "lab": taken.lab,
        "server": taken.server,
        "observed": sorted(taken.observed, key=str),
        "gaps": taken.gaps,
        "objects": {str(kind): taken.objects[kind] for kind in sorted(taken.objects)},
        "files": taken.files,
        "endpoints": taken.endpoints,
    }


def _complete(taken: Snapshot) -> ExitCode:
    """INCOMPLETE when nothing could be read at all: a script must not take that for a snapshot of an empty cluster."""
    seen = any(taken.objects.values()) or taken.files or taken.endpoints
    return ExitCode.CLEAN if seen or (taken.observed and not taken.gaps) else ExitCode.INCOMPLETE
