"""The page of one run: conclusions first, then the evidence, then what could not be checked, then how to fix."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from k8srun import __version__
from k8srun.atomic import write_atomically
from k8srun.change import Outcome
from k8srun.checks import CheckResult
from k8srun.diagnosis import CauseStatus, Diagnosis
from k8srun.display.html import environment, fragment, style, when
from k8srun.errors import ExitCode
from k8srun.findings import Finding, Verdict
from k8srun.record import RunRecord, RunStatus, parse_record
from k8srun.runbook import RunbookKind
from k8srun.text import plural


def write_report(folder: Path) -> Path:
    """Write `report.html` beside the `run.json` of a run, from it and from the executed notebook.

    Raises:
        InputError: `run.json` cannot be read.
        OSError: the page cannot be written.
    """
    # Not at the top: loading nbconvert takes longer than all the rest of the command line.
    from k8srun.report.notebook import body  # noqa: PLC0415

    record = parse_record((folder / "run.json").read_bytes(), where=str(folder / "run.json"))
    notebook = folder / "notebook.ipynb"
    target = folder / "report.html"
    html = page(
        "run.html.j2",
        title=f"{record.title} — {record.result.cluster if record.result else 'no result'}",
        record=record,
        headline=headline(record),
        new=_new(record),
        checked=tuple(result for result in _checks(record) if result.verdict is not Verdict.UNKNOWN),
        unchecked=[result for result in _checks(record) if result.verdict is Verdict.UNKNOWN],
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
    parts = [_changed(outcome) for outcome in record.result.changes]
    if record.result.diagnoses and (confirmed or not parts):
        parts.append("; ".join(confirmed) or _unproven(record.result.diagnoses))
    if record.result.checks:
        counts = record.result.severities()
        said = ", ".join(f"{count} {severity}" for severity, count in counts.items())
        parts.append(f"{plural(sum(counts.values()), 'finding')}{f' ({said})' if said else ''}")
    if record.since:
        parts.append(f"{record.since} since {when(record.since.started)}")
    if record.kind == RunbookKind.REMEDIATE and not record.result.changes:
        parts.append("Nothing was changed: this is a preview.")
    return " · ".join(parts) or "Finished."


def _changed(outcome: Outcome) -> str:
    return f"{outcome.preview.plan.title}: {outcome.status}, {outcome.fixed}"


def _unproven(diagnoses: Sequence[Diagnosis]) -> str:
    for unknown in (diagnosis for diagnosis in diagnoses if not diagnosis.recognised):
        return "The message is not one that is known." if unknown.symptom else unknown.meaning
    still_open = any(cause.status is CauseStatus.OPEN for diagnosis in diagnoses for cause in diagnosis.causes)
    if still_open:
        return "No cause could be proven."
    return (
        "Every known cause is ruled out." if any(diagnosis.causes for diagnosis in diagnoses) else diagnoses[0].meaning
    )


def _new(record: RunRecord) -> list[Finding]:
    """The findings that the run before it had not."""
    if record.result is None or record.since is None:
        return []
    return [finding for finding in record.result.findings if finding.fingerprint in record.since.new]


def _checks(record: RunRecord) -> tuple[CheckResult, ...]:
    return record.result.checks if record.result else ()


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    made = environment("k8srun.report")
    made.filters["fragment"] = lambda value, view="": Markup(fragment(value, view))  # noqa: S704 - escaped there
    made.filters["duration"] = duration
    made.filters["ended"] = _ended
    return made


def _ended(record: RunRecord) -> str:
    """How a status is coloured: green is for what is clean, not for a run that found something."""
    if record.status is not RunStatus.SUCCEEDED:
        return "k8s-fail"
    return "k8s-pass" if record.exit_code == ExitCode.CLEAN else ""


def duration(seconds: float | None) -> str:
    """Seconds as people say them: `4.2 s`, `3 min 10 s`."""
    if seconds is None:
        return "not finished"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"
