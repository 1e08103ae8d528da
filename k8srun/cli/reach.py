"""`k8srun reach`: whether traffic passes, why not, and what else is on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from k8srun.cli.network_options import ip_blocks_option, print_gaps, read_network_sources
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.cli.reach_documents import REACH_SCHEMA, answer_document
from k8srun.codec import encode, parse_json, pretty
from k8srun.errors import ExitCode, InputError
from k8srun.network.asking import ask
from k8srun.network.cluster import IpBlocks
from k8srun.network.decision import Verdict
from k8srun.network.world import World
from k8srun.sources.options import SourceOptions


@click.command()
@click.argument("source", metavar="FROM", default="")
@click.argument("destination", metavar="TO", default="")
@click.option("--port", default="", metavar="PORT[/PROTOCOL]", help="5432/TCP, 53/UDP, or the name of a port.")
@click.option("--probes", default="", metavar="FILE", help="JSON lines of {from, to, port, protocol}; - for stdin.")
@ip_blocks_option
@source_options
@output_option("table", "json")
@now_option
@click.pass_context
def reach(
    context: click.Context,
    *,
    source: str,
    destination: str,
    port: str,
    probes: str,
    ip_blocks: IpBlocks,
    sources: SourceOptions,
    output: str,
    now: datetime,
) -> None:
    """Say whether FROM reaches TO on a port: what the policies of both ends say, which rule nearly allows it, and what
    else is in the way.

    An end is NAMESPACE/NAME of a pod, workload or Service, NAMESPACE/NAME[KIND], KIND/NAMESPACE/NAME,
    namespace/NAME, an IP address or a DNS name. Without --port it is the only one that TO declares. Exit code 0 once
    answered, 3 if it cannot be told.

    \b
    Examples:
      k8srun reach shop/web shop/cart --port 8080/TCP --lab
      k8srun reach shop/web 169.254.169.254 --port 80 --context
      k8srun reach --probes probes.jsonl -o json --from manifests/
    """
    if bool(probes) == bool(source):
        raise InputError("give FROM and TO, or --probes", do="k8srun reach shop/web shop/cart --port 8080/TCP")
    if source and not destination:
        raise InputError("TO is missing", do="k8srun reach shop/web shop/cart --port 8080/TCP")
    if probes == "-" and "-" in sources.from_paths:
        raise InputError("standard input can be read only once", do="Give the probes or the manifests as a file.")
    world = World(read_network_sources(sources, now), ip_blocks=ip_blocks)
    if probes:
        context.exit(_each(world, _lines(probes), probes))
    answer = ask(world, source, destination, port=port)
    print_gaps(world.snapshot)
    if output == "json":
        click.echo(pretty(answer_document(answer)))
    else:
        from k8srun.cli.reach_output import print_answer  # noqa: PLC0415 - rich is not needed for -o json

        print_answer(console(), answer)
    context.exit(ExitCode.INCOMPLETE if answer.verdict is Verdict.UNKNOWN else ExitCode.CLEAN)


def _each(world: World, lines: Iterator[bytes], where: str) -> ExitCode:
    """Answer line by line, as JSON lines; a line that cannot be answered says so in its place."""
    code = ExitCode.CLEAN
    print_gaps(world.snapshot)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            probe = _probe(parse_json(line))
            answer = answer_document(ask(world, probe["from"], probe["to"], port=probe["port"]))
            if answer["verdict"] is Verdict.UNKNOWN and code is ExitCode.CLEAN:
                code = ExitCode.INCOMPLETE
        except InputError as error:
            said = f"{where}:{number}: {error}"
            answer = {"schema": REACH_SCHEMA, "verdict": "unknown", "line": number, "error": said}
            code = ExitCode.BAD_INPUT
        click.echo(encode(answer))
    return code


def _probe(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not isinstance(value.get("from"), str) or not isinstance(value.get("to"), str):
        raise InputError("is no probe", do='Write {"from": "shop/web", "to": "shop/cart", "port": 8080}.')
    port, protocol = ("" if value.get(name) is None else value[name] for name in ("port", "protocol"))
    if not isinstance(port, str | int) or isinstance(port, bool) or not isinstance(protocol, str):
        raise InputError("port is neither a number nor a name, or protocol is no string", do="Write 5432 and TCP.")
    return {"from": value["from"], "to": value["to"], "port": f"{port}/{protocol}" if protocol else str(port)}


def _lines(path: str) -> Iterator[bytes]:
    if path == "-":
        yield from sys.stdin.buffer
        return
    try:
        with Path(path).open("rb") as file:
            yield from file
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
