"""The shape of the catalogue's rows: families of messages about pods that are refused or do not start."""

from __future__ import annotations

import re
from dataclasses import dataclass

REFUSED, NOT_STARTING, IMAGE_PULL = "pod-refused", "pod-not-starting", "image-pull"


@dataclass(frozen=True, slots=True)
class Row:
    """A family of messages that mean the same.

    Attributes:
        family: stable id.
        runbook: which one investigates it.
        message: the canonical spelling, shown where a text is near it but not it.
        meaning: what it says, in plain words.
        causes: ids of the causes that can bring it about, the likeliest first.
        patterns: every spelling over one line of normalized text, case ignored. Named groups become evidence.
        state: whether it is only a state that the kubelet is in, and the cause stands in another message.
    """

    family: str
    runbook: str
    message: str
    meaning: str
    causes: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    state: bool = False


def row(family: str, runbook: str, message: str, meaning: str, causes: str, *patterns: str, state: bool = False) -> Row:
    """A row, its patterns compiled; `causes` are ids with spaces in between."""
    compiled = tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)
    return Row(family, runbook, message, meaning, tuple(causes.split()), compiled, state)
