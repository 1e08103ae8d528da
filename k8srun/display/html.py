"""The vocabulary as HTML fragments, for notebooks and for the report.

Every string goes through the template engine's escaping and through `k8srun.text.visible`, since most come from a
cluster. The fragments carry classes and no styles: `STYLE` is put once into the page or the first output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache, singledispatch
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from k8srun.change import AnswerState, ChangeStatus, Outcome, Preview, Validation
from k8srun.checks import CheckResult
from k8srun.controlplane.distribution import Distribution
from k8srun.diagnosis import CauseStatus, Diagnosis
from k8srun.findings import Finding, Severity, Verdict
from k8srun.lab import Lab
from k8srun.permission import roles_for
from k8srun.plan import Plan
from k8srun.snapshot import Gap, Snapshot
from k8srun.text import plural, visible
from k8srun.yamltext import yaml_text

_PACKAGE = "k8srun.display"
_MOST_AT_ONCE = 25  # findings; of more, the low ones are folded away


@cache
def style() -> str:
    """The style sheet of the fragments; holds no address and no script."""
    return files(__package__).joinpath("templates/style.css").read_text(encoding="utf-8")


@cache
def environment(package: str) -> Environment:
    """The templates of a package: everything escaped, every string inert, a name that is missing is an error."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )
    made.filters.update(plural=plural, when=when)
    made.globals.update(CauseStatus=CauseStatus, Verdict=Verdict)
    return made


def _inert(value: object) -> object:
    # Only plain strings come from outside; Markup (another fragment) is already escaped.
    return visible(value, keep_newlines=True) if type(value) is str else value


def render(template: str, **values: object) -> str:
    """One of this package's templates, with everything in it escaped."""
    return environment(_PACKAGE).get_template(template).render(**values)


def when(moment: datetime | None) -> str:
    """A time as people read it, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


@singledispatch
def fragment(value: object, view: str = "") -> str:
    """`value` as an HTML fragment; `view` picks one where a type has several.

    Raises:
        TypeError: there is no fragment for that type.
    """
    raise TypeError(f"{type(value).__name__} cannot be shown")


@fragment.register
def _(value: Diagnosis, view: str = "") -> str:
    return render(f"diagnosis{f'-{view}' if view else ''}.html.j2", diagnosis=value)


@fragment.register
def _(value: Snapshot, view: str = "") -> str:
    return render(f"snapshot{f'-{view}' if view else ''}.html.j2", snapshot=value)


@fragment.register
def _(value: Distribution, view: str = "") -> str:
    return render("distribution.html.j2", distribution=value)


@fragment.register
def _(value: Lab, view: str = "") -> str:
    return render("incident.html.j2", incident=value.incident, symptom=value.symptom)


@fragment.register
def _(value: Plan, view: str = "") -> str:
    return render("plan.html.j2", plan=value)


@fragment.register
def _(value: Preview, view: str = "") -> str:
    roles = yaml_text(*roles_for(value.missing, "k8srun-plan"))
    return render("plan-preview.html.j2", preview=value, roles=roles, trusted=(Validation.SERVER, Validation.DONE))


@fragment.register
def _(value: Outcome, view: str = "") -> str:
    """What applying a plan has done; without a confirmation, what it would do."""
    if value.status is ChangeStatus.PREVIEWED:
        return fragment(value.preview)
    good = value.status is ChangeStatus.APPLIED and value.fixed is not AnswerState.NOT_FIXED
    return render("plan-outcome.html.j2", outcome=value, good=good)


@fragment.register
def _(value: tuple, view: str = "") -> str:  # type: ignore[type-arg]
    """Several of one type as one table; `view` says what an empty tuple would have been."""
    if value and isinstance(value[0], CheckResult):
        first, folded = _by_weight(value)
        return render("checks.html.j2", groups=by_verdict(value), first=first, folded=folded)
    if value and isinstance(value[0], Gap):
        return render("gaps.html.j2", gaps=value)
    if not value:
        return render("nothing.html.j2", what=view)
    raise TypeError(f"a tuple of {type(value[0]).__name__} cannot be shown")


def by_verdict(results: Sequence[CheckResult]) -> list[tuple[Verdict, list[CheckResult]]]:
    """Failed first (worst severity first), then unknown, passed, not applicable; verdicts without any left out."""
    order = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)
    ranked = sorted(results, key=lambda result: (-_worst(result).rank, result.check))
    groups = [(verdict, [result for result in ranked if result.verdict is verdict]) for verdict in order]
    return [(verdict, members) for verdict, members in groups if members]


def _by_weight(results: Iterable[CheckResult]) -> tuple[list[Finding], list[Finding]]:
    """The findings that are shown at once, the worst first, and those that a long list is folded without."""
    found = [finding for result in results for finding in result.findings]
    found.sort(key=lambda one: (-one.severity.rank, one.check, one.resource))
    weighty = [one for one in found if one.severity.rank > Severity.LOW.rank]
    at_once = len(weighty) if weighty and len(found) > _MOST_AT_ONCE else len(found)
    return found[:at_once], found[at_once:]


def _worst(result: CheckResult) -> Severity:
    return max((finding.severity for finding in result.findings), key=lambda one: one.rank, default=result.severity)
