"""How the commands about permissions print for people, and as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.decision import Decision
from k8srun.authorization.nearmisses import NearMiss
from k8srun.authorization.permissions import AccessMatrix, Permissions
from k8srun.authorization.whocan import Holder, WhoCan
from k8srun.cli.csv_cells import cell
from k8srun.cli.options import console
from k8srun.text import plural, visible

_STYLES = {"yes": "bold green", "no": "bold red", "unknown": "bold yellow"}
_WAYS = 5


def print_decision(
    out: Console,
    output: str,
    identity: Identity,
    request: Attributes,
    decision: Decision,
    *,
    misses: Sequence[NearMiss],
) -> None:
    """The answer, its proof or what comes close; in CSV one line."""
    if output == "csv":
        proof = str(decision.proof) if decision.proof else ""
        row = (identity.user, " ".join(identity.groups), str(request), decision.answer, decision.reason, proof)
        header = ("user", "groups", "request", "answer", "reason", "proof", "unknown")
        _csv(header, [(*row, "; ".join(decision.unknown))])
        return
    out.print(decision.answer, style=_STYLES[decision.answer])
    _line(out, f"{identity}: {request}")
    if decision.proof:
        _line(out, f"by {decision.proof}")
    elif decision.reason or decision.authorizer:
        _line(out, decision.reason or f"by {decision.authorizer}")
    for miss in misses:
        _line(out, f"near miss: {miss.message}")
    _print_warnings(out, decision.warnings)
    _print_unknown(out, decision.unknown)


def print_holders(out: Console, output: str, found: WhoCan, *, anywhere: bool = False) -> None:
    """Everybody who can, a line each; in CSV a line for each way."""
    if output == "csv":
        rows = [
            (holder.subject.kind, holder.subject.namespace, holder.subject.name, where, way, " ".join(holder.workloads))
            for holder in found.holders
            for where, way in _ways(holder)
        ]
        _csv(("kind", "namespace", "name", "holds_in", "by", "workloads"), rows)
        _print_warnings(console(stderr=True), found.warnings)
        _print_unknown(console(stderr=True), found.unknown)
        return
    asked = (
        f"{str(found.request).removesuffix(' at the cluster scope')} in any namespace" if anywhere else found.request
    )
    _line(out, f"who can {asked}: {plural(len(found.holders), 'holder')}")
    table = _table("Who", "By", "Runs")
    for holder in found.holders:
        ways = [way for _, way in _ways(holder)]
        more = [f"and {len(ways) - _WAYS} more"] if len(ways) > _WAYS else []
        meaning = f"\n({holder.meaning})" if holder.meaning else ""
        cells = (f"{holder.subject}{meaning}", "\n".join((*ways[:_WAYS], *more)), "\n".join(holder.workloads))
        table.add_row(*(visible(cell, limit=4000, keep_newlines=True) for cell in cells))
    out.print(table)
    _print_warnings(out, found.warnings)
    _print_unknown(out, found.unknown)


def _ways(holder: Holder) -> list[tuple[str, str]]:
    """Where and by what; a line even for who needs no grant."""
    ways = [(grant.namespace or "*", f"{grant.binding} → {grant.role}") for grant in holder.grants]
    return ways or [("*", holder.reason or "needs no binding")]


def print_permissions(out: Console, output: str, found: Permissions) -> None:
    """The rules, those that hold everywhere first."""
    if output == "csv":
        user = found.identity.user or " ".join(found.identity.groups)
        rows = [
            (user, item.namespace or "*", str(item.rule), str(grant.binding), str(grant.role))
            for item in found.rules
            for grant in item.grants
        ]
        _csv(("user", "namespace", "rule", "binding", "role"), rows)
        _print_unknown(console(stderr=True), found.unknown)
        return
    _line(out, str(found.identity))
    if found.everything:
        _line(out, "may do everything: it is in system:masters, or the server allows everything", style="bold red")
    table = _table("Where", "Rule", "By")
    for item in found.rules:
        by = "\n".join(f"{grant.binding} → {grant.role}" for grant in item.grants[:_WAYS])
        cells = (item.namespace or "everywhere", str(item.rule), by)
        table.add_row(*(visible(cell, limit=2000, keep_newlines=True) for cell in cells))
    out.print(table if found.rules else "holds no permission")
    for binding in found.dangling:
        _line(out, f"{binding} gives {binding.role_kind} {binding.role_name}, which does not exist", style="yellow")
    _print_unknown(out, found.unknown)


def print_matrix(out: Console, output: str, matrix: AccessMatrix) -> None:
    """A line for each subject and resource, a column for each verb."""
    rows = [(str(row.subject), row.resource, *(decision.answer for decision in row.decisions)) for row in matrix.rows]
    unknown = tuple(dict.fromkeys(why for row in matrix.rows for item in row.decisions for why in item.unknown))
    if output == "csv":
        _csv(("subject", "resource", *matrix.verbs), rows)
        _print_unknown(console(stderr=True), unknown)
        return
    _line(out, f"in namespace {matrix.namespace}" if matrix.namespace else "at the cluster scope")
    table = _table("Subject", "Resource", *matrix.verbs)
    marks = {"yes": "yes", "no": "·", "unknown": "?"}
    for subject, resource, *answers in rows:
        table.add_row(visible(subject, limit=300), resource, *(marks[answer] for answer in answers))
    out.print(table if rows else "no binding names anybody")
    _print_unknown(out, unknown)


def _print_warnings(out: Console, warnings: Iterable[str]) -> None:
    for warning in warnings:
        _line(out, f"warning: {warning}", style="yellow")


def _print_unknown(out: Console, unknown: Iterable[str]) -> None:
    for why in unknown:
        _line(out, f"unknown: {why}", style="yellow")


def _line(out: Console, text: str, *, style: str = "") -> None:
    out.print(visible(text, limit=4000), style=style or None, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
