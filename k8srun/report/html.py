"""The page of one run: conclusions first, then the evidence, then what could not be checked, then how to fix."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from k8srun import __version__
from k8srun.atomic import write_atomically
from k8srun.codec import decode
from k8srun.display.html import environment, fragment, style
from k8srun.findings import Verdict
from k8srun.record import RunRecord, RunStatus
from k8srun.text import plural


def write_report(folder: Path) -> Path:
    """Write `report.html` beside the `run.json` of a run, from it and from the executed notebook.

    Raises:
        InputError: `run.json` cannot be read.
        OSError: the page cannot be written.
    """
    # Not at the top: loading nbconvert takes longer than all the rest of the command line.
    from k8srun.report.notebook import body  # noqa: PLC0415

    record = decode((folder / "run.json").read_bytes(), RunRecord, where=str(folder / "run.json"))
    notebook = folder / "notebook.ipynb"
    target = folder / "report.html"
    html = page(
        "run.html.j2",
        title=f"{record.title} — {record.result.cluster if record.result else 'no result'}",
        record=record,
        headline=headline(record),
        unchecked=_unchecked(record),
        notebook=Markup(body(notebook)) if notebook.exists() else "",  # noqa: S704 - sanitized by `body`
    )
    write_atomically(target, html.encode(), mode=0o644)
    return target


def prepare() -> None:
    """Load and compile what a report needs, so that the first one does not wait for it."""
    from k8srun.report import notebook  # noqa: PLC0415 - as above

    notebook.prepare()
    for name in ("run.html.j2", "index.html.j2"):
        _environment().get_template(name)


def page(template: str, *, title: str, **values: object) -> str:
    """A whole page: no address in it is ever asked, by its own content security policy too."""
    script = _asset("sort.js")
    sheet = style() + _asset("page.css")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
            script=Markup(script),  # noqa: S704 - ours
            sheet=Markup(sheet),  # noqa: S704 - ours
            version=__version__,
            **values,
        )
    )


def headline(record: RunRecord) -> str:
    """The outcome of a run in one sentence."""
    if record.status is not RunStatus.SUCCEEDED or record.result is None:
        return record.error.splitlines()[0] if record.error else f"The run {record.status}."
    confirmed = [cause.title for diagnosis in record.result.diagnoses for cause in diagnosis.confirmed]
    parts = []
    if record.result.diagnoses:
        parts.append("; ".join(confirmed) or "No cause could be proven.")
    if record.result.checks:
        counts = record.result.severities()
        said = ", ".join(f"{count} {severity}" for severity, count in counts.items())
        parts.append(f"{plural(sum(counts.values()), 'finding')}{f' ({said})' if said else ''}")
    return " · ".join(parts) or "Finished."


def _unchecked(record: RunRecord) -> list[tuple[str, str]]:
    """What got no answer, and why: checks that are UNKNOWN."""
    if record.result is None:
        return []
    return [(result.title, result.reason) for result in record.result.checks if result.verdict is Verdict.UNKNOWN]


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = environment("k8srun.report")
    made.filters["fragment"] = lambda value, view="": Markup(fragment(value, view))  # noqa: S704 - escaped there
    made.filters["duration"] = duration
    return made


def duration(seconds: float | None) -> str:
    """Seconds as people say them: `4.2 s`, `3 min 10 s`."""
    if seconds is None:
        return "not finished"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
