"""`k8srun lab`: build the embedded lab, list what it can be broken with, and serve it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from k8srun.cli.options import console, now_option, output_option
from k8srun.codec import encode
from k8srun.lab import HEALTHY, Incident, Lab, Served, build, build_all, incident, incidents, load

_DIRECTORY = click.Path(path_type=Path)


@click.group()
def lab() -> None:
    """The embedded lab: a company's cluster on disk, broken on purpose.

    \b
    Examples:
      k8srun lab incidents
      k8srun lab build ./lab
      k8srun lab serve ./lab
    """


@lab.command("build")
@click.argument("directory", metavar="DIR", type=_DIRECTORY)
@click.option("--incident", "name", default="", metavar="NAME", help="Only this one, directly in DIR.")
@click.option("--force", is_flag=True, help="Build anew where a lab stands; what was changed in it is lost.")
@now_option
@output_option("table", "json")
def build_command(directory: Path, name: str, force: bool, now: datetime, output: str) -> None:
    """Build a lab for every incident, each in a folder of its name, and a healthy one.

    \b
    Example:
      k8srun lab build ./lab
    """
    built = (build(directory, name, now, replace=force),) if name else build_all(directory, now, replace=force)
    if output == "json":
        for one in built:
            click.echo(encode({"schema": "k8srun.dev/lab-build/v1", **_described(one)}))
        return
    _table(("Incident", "Folder"), [(_name(one), str(one.directory)) for one in built])
    click.echo(f"\nServe {'it' if name else 'them'}, for real handshakes:  k8srun lab serve {directory}")


@lab.command("incidents")
@output_option("table", "json")
def incidents_command(output: str) -> None:
    """List what the lab can be broken with."""
    if output == "json":
        for one in incidents():
            click.echo(encode({"schema": "k8srun.dev/lab-incidents/v1", **_explained(one)}))
        return
    _table(("Incident", "What is wrong", "Runbook"), [(one.name, one.title, one.runbook) for one in incidents()])


@lab.command("runs")
@click.option("-o", "--output", type=click.Choice(["jsonl"]), default="jsonl", expose_value=False, help="How to print.")
@click.option("--all", "everything", is_flag=True, help="Every incident, not only those of a first look.")
@click.argument("names", nargs=-1, metavar="[INCIDENT]...")
def runs_command(names: tuple[str, ...], everything: bool) -> None:
    """Print the runs that investigate incidents, one JSON object a line, for `k8srun batch`.

    Without names, those of a first look at the lab.

    \b
    Example:
      k8srun lab runs | k8srun batch - --lab
    """
    wanted = [incident(name) for name in names] or [one for one in incidents() if everything or one.tour]
    for one in wanted:
        click.echo(encode({"runbook": one.runbook, "parameters": {"incident": one.name}}))


@lab.command("serve")
@click.argument("directory", metavar="DIR", type=_DIRECTORY)
@output_option("table", "json")
def serve_command(directory: Path, output: str) -> None:
    """Answer on a loopback port for each lab in DIR until Ctrl-C; its kubeconfig leads there.

    \b
    Example:
      k8srun lab serve ./lab
      kubectl --kubeconfig ./lab/expired-serving-certificate/kubeconfig get nodes   # in another terminal
    """
    labs = load(directory)
    with ExitStack() as serving, suppress(KeyboardInterrupt):
        _print_served([(one, serving.enter_context(one.serve())) for one in labs], output)
        threading.Event().wait()
    click.echo("stopped", err=True)


def _print_served(served: list[tuple[Lab, Served]], output: str) -> None:
    if output == "json":
        for one, where in served:
            fields = {"incident": _name(one), "address": where.address, "kubeconfig": str(one.kubeconfig)}
            click.echo(encode({"schema": "k8srun.dev/lab-serve/v1", **fields}))
        return
    rows = [(_name(one), where.address, str(one.kubeconfig)) for one, where in served]
    _table(("Incident", "Address", "Kubeconfig"), rows)
    click.echo("\nServing until Ctrl-C.")


def _name(one: Lab) -> str:
    return one.incident.name if one.incident else HEALTHY


def _described(one: Lab) -> dict[str, Any]:
    return {
        "incident": _name(one),
        "directory": str(one.directory),
        "kubeconfig": str(one.kubeconfig),
        "nodes": {name: str(path) for name, path in one.nodes.items()},
        "manifests": str(one.manifests),
        "symptom": one.symptom,
    }


def _explained(one: Incident) -> dict[str, Any]:
    """Everything but how the lab is broken: the exercise and its expected answer."""
    fields = ("name", "title", "domain", "runbook", "symptom", "wrong", "cause", "fix", "hides")
    return {field: getattr(one, field) for field in fields}


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - not needed for -o json

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)
