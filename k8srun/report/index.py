"""`reports/index.html`: every run of a folder, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from k8srun.atomic import write_atomically
from k8srun.errors import InputError
from k8srun.findings import Severity
from k8srun.record import RunRecord, parse_record
from k8srun.report.html import headline, page


@dataclass(frozen=True, slots=True)
class _Row:
    record: RunRecord
    link: str
    age: str
    headline: str
    severities: tuple[tuple[Severity, int], ...]
    weight: int


def write_index(out: Path, *, now: datetime | None = None) -> Path:
    """Write `out/index.html`, listing every run below `out`, and return its path.

    A run whose record cannot be read is listed apart with the reason: it is not left out.

    Raises:
        OSError: the page cannot be written.
    """
    moment = now or datetime.now(UTC)
    rows: list[_Row] = []
    broken: list[tuple[str, str]] = []
    for path in sorted(out.glob("*/run.json")):
        try:
            rows.append(_row(parse_record(path.read_bytes(), where=path.name), path.parent, moment))
        except (OSError, InputError) as error:
            broken.append((path.parent.name, str(error)))
    rows.sort(key=lambda row: row.record.started, reverse=True)
    target = out / "index.html"
    html = page("index.html.j2", title="k8srun reports", runs=rows, broken=broken)
    write_atomically(target, html.encode(), mode=0o644)
    return target


def _row(record: RunRecord, folder: Path, now: datetime) -> _Row:
    counts = record.result.severities() if record.result else {}
    return _Row(
        record=record,
        link=f"{folder.name}/report.html" if (folder / "report.html").exists() else "",
        age=_age(now - record.started),
        headline=headline(record),
        severities=tuple(counts.items()),
        weight=sum(count * 1000**severity.rank for severity, count in counts.items()),
    )


def _age(past: timedelta) -> str:
    hours = past.total_seconds() / 3600
    if hours < 1:
        return "less than an hour ago"
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
