"""What every domain's tests of incidents ask of an answer."""

from __future__ import annotations

from typing import Any


def is_named_right(incident: Any, found: Any) -> None:
    """The one cause of an incident is confirmed, with evidence, and its fix says what the incident wants it to say."""
    assert [cause.id for cause in found.confirmed] == [incident.cause]
    assert found.confirmed[0].evidence, "with evidence"
    fix = found.confirmed[0].fix
    said = " ".join((fix.summary, *fix.commands))
    assert [word for word in incident.fix if word not in said] == []


def is_known_by_its_text(incident: Any, found: Any, told_by_the_words: set[str]) -> None:
    """The text alone is recognised, leaves the cause open that takes evidence, and says what to look at next."""
    assert found.recognised
    assert incident.cause in {cause.id for cause in found.causes}
    assert {cause.id for cause in found.confirmed} <= told_by_the_words
    assert found.next, "it still says what to run next"
