"""The path of one question, with the station marked at which it ends."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.figure import Figure

from k8srun.network.diagnosis_path import Station
from k8srun.text import visible

_MARKS = {True: ("✓", "#067647", "#ecfdf3"), False: ("✗", "#b42318", "#fef3f2"), None: ("?", "#b54708", "#fffaeb")}
_WORDS = {True: "passes", False: "ENDS HERE", None: "cannot be told"}
_LONGEST = 170
_WIDTH = 26
_HEIGHT = 0.75


def path_figure(stations: Sequence[Station]) -> tuple[Figure, str]:
    """A picture of a path from left to right, and the sentences that say the same."""
    texts = [textwrap.wrap(_short(station.detail), _WIDTH) for station in stations]
    tallest = max(map(len, texts), default=1)
    figure = Figure(figsize=(max(2.3 * len(stations), 4), _HEIGHT + 0.17 * tallest), layout="constrained")
    axes = figure.subplots()
    axes.set_xlim(-0.55, len(stations) - 0.45)
    axes.set_ylim(0, 1)
    axes.axis("off")
    ended = False
    for place, (station, lines) in enumerate(zip(stations, texts, strict=True)):
        mark, colour, fill = _MARKS[station.passes]
        faded = 0.45 if ended else 1.0
        axes.text(
            place, 0.93, f"{mark} {station.title}", ha="center", va="top", fontsize=10, fontweight="bold", color=colour,
            alpha=faded,
        )  # fmt: skip
        axes.text(
            place, 0.93 - 0.3 / (_HEIGHT + 0.17 * tallest), "\n".join(lines), ha="center", va="top", fontsize=8,
            parse_math=False, color="#101828", alpha=faded, linespacing=1.3,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": fill, "edgecolor": colour, "alpha": faded},
        )  # fmt: skip
        if place:
            style = "--" if ended else "-"
            axes.annotate(
                "", xy=(place - 0.36, 0.9), xytext=(place - 0.64, 0.9),
                arrowprops={"arrowstyle": "-|>", "color": "#475467", "linestyle": style, "alpha": faded},
            )  # fmt: skip
        ended = ended or station.passes is False
    return figure, _said(stations)


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _said(stations: Sequence[Station]) -> str:
    told = "; ".join(f"{station.title}: {visible(station.detail)} ({_WORDS[station.passes]})" for station in stations)
    first = next((station.title for station in stations if station.passes is False), "")
    end = f"It ends at: {first}." if first else "Nothing that was read ends it."
    return f"Path of the connection. {end} {told}."
