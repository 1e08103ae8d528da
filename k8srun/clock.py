"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

from k8srun.errors import InputError


def parse_time(text: str, *, where: str) -> datetime:
    """RFC 3339 (or a date alone) as an aware datetime; without a zone it is UTC.

    Raises:
        InputError: it is not a time; `where` names the option or parameter it was given as.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is not a time", where=where, do="Write it as 2026-01-31 or 2026-01-31T12:00:00Z."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
