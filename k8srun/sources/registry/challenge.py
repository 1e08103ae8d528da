"""The `WWW-Authenticate` header: what a registry wants to see. Source: RFC 9110, 11.6.1; distribution's token flow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SCHEME = re.compile(r"\s*,?\s*(?P<scheme>[A-Za-z][A-Za-z0-9_-]*)(?:\s+|$)")
_PARAMETER = re.compile(
    r"""\s*,?\s*(?P<name>[A-Za-z_][A-Za-z0-9_-]*)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]+))"""
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: its scheme in lower case and its parameters (`realm`, `service`, `scope`, `error`)."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


def challenges(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """Every challenge of the `WWW-Authenticate` headers of one answer; what cannot be parsed ends its header."""
    return tuple(found for header in headers for found in _parsed(header[:8192]))


def _parsed(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = 0
    while (match := _SCHEME.match(header, at)) is not None:
        at = match.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(header, at)) is not None:
            quoted = parameter["quoted"]
            value = parameter["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters[parameter["name"].lower()] = value
            at = parameter.end()
        found.append(Challenge(match["scheme"].lower(), parameters))
    return found
