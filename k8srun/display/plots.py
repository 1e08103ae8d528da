"""Plots, each with the sentence that says the same to who cannot see it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

from IPython.display import display
from matplotlib.figure import Figure

from k8srun.findings import Severity
from k8srun.text import plural

_COLOURS = {
    Severity.CRITICAL: "#7a271a",
    Severity.HIGH: "#b42318",
    Severity.MEDIUM: "#dc6803",
    Severity.LOW: "#1570ef",
    Severity.INFO: "#667085",
}


def show_figure(figure: Figure, alt: str) -> None:
    """Display a figure as PNG with its alternative text, which the report keeps."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, bbox_inches="tight")
    image = base64.b64encode(buffer.getvalue()).decode()
    display({"image/png": image, "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})


def findings_by_severity(counts: Mapping[Severity, int]) -> tuple[Figure, str]:
    """A bar for each severity, worst first, and the sentence that says the same."""
    # A Figure of its own, not pyplot's: no global state, no backend, nothing to close.
    figure = Figure(figsize=(6, 0.45 * max(len(counts), 1) + 0.6), layout="constrained")
    axes = figure.subplots()
    names = [severity.value for severity in counts]
    bars = axes.barh(names, list(counts.values()), color=[_COLOURS[severity] for severity in counts])
    axes.bar_label(bars, padding=4)
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.xaxis.set_visible(False)
    axes.set_title("Findings by severity", loc="left", fontsize=11)
    said = ", ".join(f"{count} {severity.value}" for severity, count in counts.items()) or "none"
    return figure, f"Bar chart of {plural(sum(counts.values()), 'finding')} by severity: {said}."
