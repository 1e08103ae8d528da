"""Observed flows: what a network plugin or a person wrote down of who reached whom, read line by line.

Three forms: the JSON lines of `hubble observe -o json`, Calico's flow logs as JSON, and a CSV with the columns
`from,to,port,protocol`. A line that cannot be read is reported with its number; every other line is kept.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from k8srun.codec import parse_json
from k8srun.errors import InputError
from k8srun.network.flows_json import FORMS
from k8srun.network.flows_types import End, Flow, NotAFlow, PassedOver, flow_of
from k8srun.scrub import scrub
from k8srun.text import visible

_COLUMNS = ("from", "to", "port")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read: its number from 1, and why."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Flows:
    """What a file of observed flows holds.

    Attributes:
        flows: each once, with how often it was seen, in the order in which they were first seen.
        bad: the lines that could not be read.
        passed_over: why lines are of no use although they could be read (`an answer`, `ICMPv4`) → how many.
    """

    flows: tuple[Flow, ...] = ()
    bad: tuple[BadLine, ...] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)


def read_flows(text: str, *, where: str) -> Flows:
    """The flows of a file.

    Args:
        where: its name, for errors.

    Raises:
        InputError: it is of none of the three forms, or no line of it can be read.
    """
    begin = text.lstrip("\ufeff \t\r\n")[:1]
    if not begin:
        return Flows()
    entries = _json_entries(text, where) if begin in {"{", "["} else _rows(text, where)
    counts: Counter[Flow] = Counter()
    bad: list[BadLine] = []
    passed_over: Counter[str] = Counter()
    for number, entry in entries:
        if isinstance(entry, str):
            bad.append(BadLine(number, entry))
            continue
        try:
            counts[entry if isinstance(entry, Flow) else _flow(entry)] += 1
        except PassedOver as reason:
            passed_over[str(reason)] += 1
        except NotAFlow as problem:
            bad.append(BadLine(number, visible(scrub(str(problem)), limit=300)))
    if bad and not counts and not passed_over:
        raise InputError(
            f"no line of it is a flow; {bad[0]}",
            where=where,
            do="Give what `hubble observe -o json` prints, Calico's flow logs as JSON, or a CSV from,to,port,protocol.",
        )
    return Flows(tuple(flow.times(count) for flow, count in counts.items()), tuple(bad), dict(passed_over))


Entry = Mapping[str, Any] | Flow | str
"""A JSON object, a flow, or what is wrong with the line."""


def _flow(entry: Mapping[str, Any]) -> Flow:
    for recognised, read in FORMS:
        if recognised(entry):
            return read(entry)
    raise NotAFlow(f"neither Hubble's nor Calico's fields are in it, but {', '.join(sorted(map(str, entry))[:6])}")


def _json_entries(text: str, where: str) -> Iterator[tuple[int, Entry]]:
    if text.lstrip("\ufeff \t\r\n").startswith("["):
        document = parse_json(text.lstrip("\ufeff"), where=where)
        yield from ((number, _mapping(entry)) for number, entry in enumerate(document, 1))
        return
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> Entry:
    try:
        return _mapping(parse_json(line))
    except InputError as error:
        return f"{error.what}: {visible(scrub(line.strip()), limit=_SHOWN)}"


def _mapping(value: object) -> Entry:
    return value if isinstance(value, Mapping) else f"is a JSON {type(value).__name__}, not an object"


def _rows(text: str, where: str) -> Iterator[tuple[int, Entry]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), skipinitialspace=True)
    names = [name.strip().lower() for name in _header(reader, where)]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        raise InputError(
            f"its first line lacks the column {missing[0]}",
            where=where,
            do="Begin a CSV with the line: from,to,port,protocol",
        )
    reader.fieldnames = names
    yield from _read_rows(reader)


def _header(reader: csv.DictReader[str], where: str) -> Iterable[str]:
    try:
        return reader.fieldnames or ()
    except csv.Error as error:
        raise InputError(f"cannot be read as CSV: {error}", where=where) from None


def _read_rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, Entry]]:
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"cannot be read as CSV: {error}"
            continue
        yield reader.line_num, _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Entry:
    told = {name: value.strip() for name, value in row.items() if isinstance(value, str)}
    if not told.get("from") or not told.get("to"):
        return "names not both ends of the flow"
    try:
        return flow_of(
            End(name=told["from"]),
            End(name=told["to"]),
            told.get("port", ""),
            told.get("protocol") or "TCP",
            dropped=told.get("verdict", "").lower() in {"deny", "denied", "dropped"},
        )
    except (NotAFlow, PassedOver) as problem:
        return str(problem)
