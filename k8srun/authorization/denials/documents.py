"""JSON that stands in a text: a Status that `curl` or a client printed, an audit event, a structured log line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BEGINNING = re.compile(r'\{\s*"')
_MOST = 2000
_FAILURES = 50
_DEEPEST = 6
_DECODER = json.JSONDecoder()


def json_objects(text: str) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """The JSON objects in a text that are not inside of one another, at most 2,000: where from, where to, and what."""
    at, failures = 0, 0
    for _ in range(_MOST):
        match = _BEGINNING.search(text, at)
        if match is None or failures > _FAILURES:
            return
        try:
            value, at = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            # What is no JSON could be tried at each of its braces, each time to the end.
            at, failures = match.end(), failures + 1
            continue
        if isinstance(value, Mapping):
            yield match.start(), at, value


def texts(value: object, depth: int = 0) -> Iterator[str]:
    """Every string of a JSON value, the message first."""
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, Mapping):
        for name in sorted(value, key=lambda name: (name not in {"message", "msg", "error", "err"}, str(name))):
            yield from texts(value[name], depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for item in value:
            yield from texts(item, depth + 1)
