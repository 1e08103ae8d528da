"""Text as a cell of a CSV file."""

from __future__ import annotations

from k8srun.text import visible

_LONGEST = 32_000  # what a spreadsheet takes


def cell(text: str) -> str:
    """`text` so that neither a terminal nor a spreadsheet, which runs what begins like a formula, acts on it."""
    shown = visible(text, limit=_LONGEST)
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
