"""How `k8srun certs` prints lists, cards and answers for people, and the list as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from k8srun.certificates.card import card
from k8srun.certificates.contents import Contents, Item
from k8srun.certificates.inventory import Bundle
from k8srun.certificates.listing import Listed, Served
from k8srun.certificates.roles import BY_ID
from k8srun.certificates.verification import VerificationVerdict
from k8srun.cli.csv_cells import cell
from k8srun.diagnosis import CauseStatus
from k8srun.snapshot import Gap, Snapshot
from k8srun.sources.certificates import CertificateFile
from k8srun.text import plural, visible

_CARDS = 200
_SOON = 30
_FACTS = 6
_STYLES = {"expired": "bold red", "not yet valid": "bold red", "valid": ""}
_VERDICTS = {
    VerificationVerdict.OK: ("OK: Go accepts it", "bold green"),
    VerificationVerdict.INVALID: ("INVALID: Go rejects it", "bold red"),
    VerificationVerdict.UNKNOWN: ("UNKNOWN: it cannot be told", "bold yellow"),
}
CSV_COLUMNS = (
    "kind", "where", "line", "holder", "role", "serves", "used_by", "subject", "issuer", "names", "is_ca", "not_before",
    "not_after", "validity", "days_left", "key_type", "signature_algorithm", "issued_by", "pair", "verifies", "state",
    "renewal", "serial", "sha256", "public_key_sha256", "error",
)  # fmt: skip


def print_list(out: Console, snapshot: Snapshot, rows: Sequence[Listed]) -> None:
    """A table of the certificates, then what is broken, the keys, open requests, and what cert-manager keeps."""
    if snapshot.lab:
        out.print("LAB: the embedded broken cluster, not a real one", style="bold")
    if not rows:
        out.print("No certificate and no key in what was read.")
        return
    table = _table("Ends", "Days", "Role", "Where it lives, whose it is, what it serves")
    for row in rows:
        if row.kind == "certificate":
            _add_certificate(table, row)
    if table.row_count:
        out.print(table)
    for row in rows:
        if row.kind == "broken":
            line = f", line {row.line}" if row.line else ""
            out.print(f"Cannot be read: {visible(row.where)}{line}: {visible(row.error)}", style="red", soft_wrap=True)
    _print_keys(out, [row for row in rows if row.kind == "key"])
    _print_requests(out, [row for row in rows if row.kind == "request"])
    _print_managed(out, [row for row in rows if row.kind == "managed"])


def _add_certificate(table: Table, row: Listed) -> None:
    soon = row.days_left is not None and row.days_left < _SOON
    issuer = "self-issued" if row.issuer == row.subject else f"by {row.issuer}"
    facts = (
        row.where,
        f"{row.subject}, {issuer}, {row.key_type}",
        _shortened(row.serves or row.used_by or _title(row), "; "),
        _shortened([f"must verify {_beside(served)}" for served in row.verifies], "; "),
        row.error,
    )
    refused = any(served.verdict is VerificationVerdict.INVALID for served in row.verifies)
    table.add_row(
        f"{row.not_after:%Y-%m-%d}" if row.not_after else "",
        str(row.days_left),
        row.role,
        "\n".join(visible(fact, limit=300) for fact in facts if fact),
        style="bold red" if refused else _STYLES[row.validity] or ("yellow" if soon else ""),
    )


def _beside(served: Served) -> str:
    """The serving certificate that a caBundle must verify, and whether it does."""
    where = served.where or "a certificate"
    return f"{where}: {served.message or 'it does'}"


def _title(row: Listed) -> tuple[str, ...]:
    return (BY_ID[row.role].title,) if row.role in BY_ID else ()


def _print_keys(out: Console, rows: Sequence[Listed]) -> None:
    table = _table("Private key", "Type", "Belongs to")
    for row in rows:
        belongs = _shortened(row.pair) or row.error or "no certificate that was read"
        table.add_row(*(visible(cell, limit=300) for cell in (row.where, row.key_type, belongs)))
    if rows:
        out.print()
        out.print(table)


def _print_requests(out: Console, rows: Sequence[Listed]) -> None:
    table = _table("Request", "State", "Asks for")
    for row in rows:
        asked = "; ".join(filter(None, (row.subject, ", ".join(row.names), row.error)))
        table.add_row(*(visible(cell, limit=300) for cell in (row.where, row.state, asked)))
    if rows:
        out.print()
        out.print(table)


def _print_managed(out: Console, rows: Sequence[Listed]) -> None:
    table = _table("Kept by cert-manager", "State", "Ends", "Renewed", "Written to, issued by")
    for row in rows:
        facts = (_shortened(row.pair), f"by {row.issuer}", row.error)
        table.add_row(
            visible(row.where, limit=300),
            row.state,
            *(f"{at:%Y-%m-%d}" if at else "" for at in (row.not_after, row.renewal)),
            "\n".join(visible(fact, limit=300) for fact in facts if fact),
            style="" if row.state == "ready" else "bold red",
        )
    if rows:
        out.print()
        out.print(table)


def _shortened(values: Sequence[str], separator: str = ", ") -> str:
    more = f" and {len(values) - 3} more" if len(values) > 3 else ""
    return separator.join(values[:3]) + more


def print_csv(out: TextIO, rows: Iterable[Listed]) -> None:
    """One line a row; several values in a cell are separated by `; `. A spreadsheet must not take a cell for code."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, column)) for column in CSV_COLUMNS])


def _cell(value: Any) -> str | int:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return value
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case tuple():
            text = "; ".join(_beside(one) if isinstance(one, Served) else one for one in value)
        case _:
            text = str(value)
    return cell(text)


def print_gaps(out: Console, gaps: Iterable[Gap]) -> None:
    for gap in gaps:
        out.print(f"Not read: {visible(str(gap))}", style="yellow", soft_wrap=True)


def print_contents(
    out: Console, read: CertificateFile, contents: Contents, errors: Iterable[Bundle], now: datetime
) -> None:
    """A card for each certificate, then the keys, the rest, and what could not be read."""
    held = f"{plural(len(contents.certificates), 'certificate')}, {plural(len(contents.keys), 'private key')}"
    out.print(f"{visible(read.file.path)}: {read.form}, {held}", style="bold", soft_wrap=True)
    for item in contents.certificates[:_CARDS]:
        _print_card(out, item, contents, now)
    if len(contents.certificates) > _CARDS:
        out.print(f"\n… and {len(contents.certificates) - _CARDS} more: -o json shows all of them.", style="bold")
    for item in contents.keys:
        belongs = contents.certificates_of(item.block)
        what = (
            f"belongs to {_shortened(belongs)}" if belongs else item.block.error or "no certificate here is made for it"
        )
        kind = f" {visible(item.block.key_type)}" if item.block.key_type else ""
        out.print(f"\nPrivate key{kind}, {_where(item)}: {visible(what)}", soft_wrap=True)
    for item in contents.others:
        kind = f" {visible(item.block.key_type)}" if item.block.key_type else ""
        out.print(f"\n{visible(item.block.label)}{kind}, {_where(item)}", soft_wrap=True)
    for item in contents.broken:
        what = item.block.label or "content"
        out.print(f"\nCannot be read: {what}, {_where(item)}: {visible(item.block.error)}", style="red", soft_wrap=True)
    for bundle in errors:
        out.print(f"\nCannot be read: {visible(bundle.place)}: {visible(bundle.error)}", style="red", soft_wrap=True)


def _print_card(out: Console, item: Item, contents: Contents, now: datetime) -> None:
    if item.certificate is None:
        return
    out.print(f"\nCertificate, {_where(item)}", style="bold", soft_wrap=True)
    grid = _grid()
    for label, value in card(item.certificate, now):
        bad = label == "Refused" or value.startswith(("EXPIRED", "NOT YET"))
        grid.add_row(Text(label), Text(value, style="bold red" if bad else ""))
    issuers, keys = contents.issuers_of(item.certificate), contents.keys_of(item.certificate)
    if issuers:
        grid.add_row(Text("Issued by"), Text(visible(_shortened(issuers))))
    if keys:
        grid.add_row(Text("Its key"), Text(visible(_shortened(keys))))
    out.print(grid)


def _where(item: Item) -> str:
    return visible(f"{item.place}, line {item.line}" if item.line else item.place)


def print_answer(out: Console, answer: dict[str, Any]) -> None:
    """The verdict, Go's message, and for each problem its cause and the facts."""
    words, style = _VERDICTS[answer["verdict"]]
    out.print(words, style=style)
    grid = _grid()
    grid.add_row(Text("Leaf"), Text(visible(answer["leaf"], limit=400)))
    if answer["message"]:
        grid.add_row(Text("Message"), Text(visible(answer["message"])))
    for chain in answer["chains"][:5]:
        grid.add_row(Text("Chain"), Text(visible(" ← ".join(chain))))
    said = answer["message"]
    for cause in answer["causes"]:
        if cause.message != said:
            said = cause.message
            grid.add_row(Text("Then"), Text(visible(said)))
        is_open = cause.status is CauseStatus.OPEN
        named = f"{cause.title} [{cause.id}]" if cause.id else "none in the catalogue"
        grid.add_row(Text("Possible" if is_open else "Cause"), Text(visible(named), style="bold"))
        for fact in cause.evidence[:_FACTS]:
            grid.add_row(Text(""), Text(visible(str(fact), limit=400)))
    for item in answer["unread"]:
        line = f", line {item['line']}" if item["line"] else ""
        grid.add_row(Text("Not read"), Text(visible(f"{item['where']}{line}: {item['error']}"), style="yellow"))
    out.print(grid)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {"Ends", "Days", "Renewed"})
    return table
