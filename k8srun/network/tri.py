"""Three answers: True, False, and None for "cannot be told from what was read"."""

from __future__ import annotations

from collections.abc import Iterable

Tri = bool | None


def all_of(answers: Iterable[Tri]) -> Tri:
    """False if any is False, else None if any is unknown, else True."""
    result: Tri = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def any_of(answers: Iterable[Tri]) -> Tri:
    """True if any is True, else None if any is unknown, else False."""
    result: Tri = False
    for answer in answers:
        if answer:
            return True
        if answer is None:
            result = None
    return result
