"""`k8srun connectivity`: the whole map, exact for machines, grouped for people."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime

import click

from k8srun.cli.csv_cells import cell
from k8srun.cli.network_options import ip_blocks_option, print_gaps, read_network_sources
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.cli.reach_documents import row_document
from k8srun.codec import encode
from k8srun.errors import ExitCode
from k8srun.network.cluster import IpBlocks, read_network
from k8srun.network.connectivity import By, Row, rows
from k8srun.network.decision import Policies
from k8srun.network.ports import Connections
from k8srun.network.reach import reach
from k8srun.network.reasons import reasons
from k8srun.sources.options import SourceOptions


@click.command()
@click.option(
    "--by", type=click.Choice([by.value for by in By]), default=By.WORKLOAD.value, show_default=True, help="A row a …"
)
@ip_blocks_option
@source_options
@output_option("table", "json", "csv")
@now_option
@click.pass_context
def connectivity(
    context: click.Context, *, by: str, ip_blocks: IpBlocks, sources: SourceOptions, output: str, now: datetime
) -> None:
    """Show who reaches whom on which ports, from and to outside as ranges of addresses. Pairs that do not connect are
    left out.

    Of a workload with several pods it says what holds between some of them; --by pod is exact. Exit code 3 if a pair
    is unknown.

    \b
    Examples:
      k8srun connectivity --lab
      k8srun connectivity --from manifests/ -o json
      k8srun connectivity --context --by pod -o csv > map.csv
    """
    snapshot = read_network_sources(sources, now)
    network = read_network(snapshot, ip_blocks=ip_blocks)
    watched = _Watched(rows(reach(network), By(by), reasons(Policies(network))))
    print_gaps(snapshot)
    if output == "json":
        _print_json(watched)
    elif output == "csv":
        _print_csv(watched)
    else:
        from k8srun.cli.connectivity_output import print_map  # noqa: PLC0415 - rich is not needed for -o json

        print_map(console(), tuple(watched))
    context.exit(ExitCode.INCOMPLETE if watched.unknown or snapshot.gaps else ExitCode.CLEAN)


class _Watched:
    """Rows as they pass, and whether one of them is unknown."""

    def __init__(self, given: Iterable[Row]) -> None:
        self._given = given
        self.unknown = False

    def __iter__(self) -> Iterator[Row]:
        for row in self._given:
            self.unknown = self.unknown or bool(row.unknown)
            yield row


def _print_json(given: Iterable[Row]) -> None:
    """One array, a row a line: it may be long, and is written as it comes."""
    separator = "["
    for row in given:
        click.echo(f"{separator}\n{encode(row_document(row)).decode()}", nl=False)
        separator = ","
    click.echo("\n]" if separator == "," else "[]")


def _print_csv(given: Iterable[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("source", "destination", "protocol", "ports", "verdict", "reason"))
    for row in given:
        for verdict, connections in (("allowed", row.connections), ("unknown", row.unknown)):
            for protocol, ports in connections.items():
                reason = row.reason if verdict == "unknown" else ""
                texts = (row.source, row.destination, protocol, _ranges({protocol: ports}), verdict, reason)
                writer.writerow(map(cell, texts))


def _ranges(connections: Connections) -> str:
    ports = (port for ranges in connections.values() for port in ranges)
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in ports)
