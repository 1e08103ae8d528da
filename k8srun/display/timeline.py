"""When certificates end, by the CA that signed them: readable with ten of them and with hundreds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from k8srun.certificates.chains import Signed
from k8srun.text import plural, visible

_MOST_LANES = 12
_OTHERS = "other issuers"
_SELF_SIGNED = "self-signed, no CA"
_SOON = 30
_BAD, _WARN, _FINE = "#b42318", "#dc6803", "#1570ef"
# Days from now: what is near is told apart by days, what is far by years.
_TICKS = {-365: "a year ago", -90: "90 days ago", -30: "30 days ago", 0: "now", 30: "30 days", 90: "90 days",
          365: "1 year", 1095: "3 years", 3650: "10 years"}  # fmt: skip
_LINEAR_DAYS = 30
_BINS_PER_DECADE = 9


def expiries_by_ca(found: Iterable[Signed], now: datetime) -> tuple[Figure, str]:
    """A row for each CA, a dot where what it signed ends (numbered where several do), and the sentence that says so."""
    lanes = _lanes(found, now)
    figure = Figure(figsize=(9, 0.5 * max(len(lanes), 1) + 1.1), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("symlog", linthresh=_LINEAR_DAYS, linscale=1)
    for row, days in enumerate(lanes.values()):
        _draw(axes, row, days)
    everything = [day for days in lanes.values() for day in days]
    first, last = min([-10.0, *everything]) * 1.3, max([400.0, *everything]) * 1.3
    axes.set_xlim(first, last)
    axes.set_ylim(max(len(lanes), 1) - 0.4, -0.6)
    axes.axvline(0, color=_BAD, linewidth=1)
    axes.axvspan(0, _SOON, color=_WARN, alpha=0.1, linewidth=0)
    axes.set_xticks([day for day in _TICKS if first <= day <= last], minor=False)
    axes.set_xticklabels([name for day, name in _TICKS.items() if first <= day <= last], fontsize=8)
    axes.minorticks_off()
    # A dollar sign in a name is no formula, and what the font lacks is no warning.
    axes.set_yticks(range(len(lanes)), [_label(name) for name in lanes], parse_math=False, fontsize=9)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.set_title("When certificates end, by the CA that signed them", loc="left", fontsize=11)
    return figure, _said(lanes)


def _lanes(found: Iterable[Signed], now: datetime) -> dict[str, list[float]]:
    """Name of a CA → the days from now at which its certificates end; the CA with the first end comes first."""
    signed = list(found)
    namesakes = Counter(authority.subject for authority in {one.signer for one in signed if one.signer})
    lanes: dict[str, list[float]] = {}
    for one in signed:
        days = (one.certificate.not_after - now).total_seconds() / 86400
        lanes.setdefault(_lane(one, namesakes), []).append(days)
    ordered = sorted(lanes, key=lambda name: min(lanes[name]))
    kept = {name: sorted(lanes[name]) for name in ordered[:_MOST_LANES]}
    rest = sorted(days for name in ordered[_MOST_LANES:] for days in lanes[name])
    return kept | ({_OTHERS: rest} if rest else {})


def _lane(one: Signed, namesakes: Counter[str]) -> str:
    signer = one.signer
    if signer is None:
        return visible(f"{one.certificate.issuer} (not found)", limit=60)
    if signer == one.certificate and not signer.is_ca:
        return _SELF_SIGNED
    name = visible(signer.subject, limit=60)
    return f"{name} {signer.sha256[:8]}" if namesakes[signer.subject] > 1 else name


def _draw(axes: Axes, row: int, days: list[float]) -> None:
    transform = axes.xaxis.get_transform()
    # What would lie on one another becomes one larger dot with its number.
    width = 1 / _BINS_PER_DECADE
    groups: dict[int, list[float]] = {}
    for day, place in zip(days, transform.transform(days) / _LINEAR_DAYS, strict=True):
        groups.setdefault(round(float(place) / width), []).append(day)
    for members in groups.values():
        middle = members[len(members) // 2]
        colour = _BAD if members[0] < 0 else _WARN if members[0] < _SOON else _FINE
        size = 60 if len(members) == 1 else 130 if len(members) < 10 else 210
        axes.scatter([middle], [row], s=size, color=colour, zorder=3)
        if len(members) > 1:
            axes.annotate(
                str(len(members)), (middle, row), color="white", ha="center", va="center", fontsize=8, zorder=4
            )


def _label(name: str) -> str:
    return name.encode("latin-1", "replace").decode("latin-1")


def _said(lanes: dict[str, list[float]]) -> str:
    days = [day for members in lanes.values() for day in members]
    ended, soon = sum(day < 0 for day in days), sum(0 <= day < _SOON for day in days)
    by_ca = "; ".join(f"{name}: {len(members)}, the first {_from_now(members[0])}" for name, members in lanes.items())
    return (
        f"Timeline of when {plural(len(days), 'certificate')} end, by CA: {ended} ended already, "
        f"{soon} within {_SOON} days. {by_ca or 'None was found'}."
    )


def _from_now(days: float) -> str:
    whole = int(abs(days))
    return f"{plural(whole, 'day')} ago" if days < 0 else f"in {plural(whole, 'day')}"
