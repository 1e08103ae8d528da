"""How the server words what violates a control, word for word. Source: pod-security-admission, policy/helpers.go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Violation(NamedTuple):
    """What a control forbids of a pod: the reason, and the detail that the server puts in parentheses."""

    reason: str
    detail: str


def one_or_many(singular: str, many: str, count: int) -> str:
    return singular if count == 1 else many


def quoted(items: Iterable[str]) -> str:
    """`"a", "b"`. Go joins without escaping, and so does this."""
    return ", ".join(f'"{item}"' for item in items)


def by_bytes(items: Iterable[str]) -> list[str]:
    """Each once, in the order of their bytes."""
    return sorted(set(items), key=str.encode)


def of_containers(names: Sequence[str]) -> str:
    """`container "a"`, `containers "a", "b"`."""
    return f"{one_or_many('container', 'containers', len(names))} {quoted(names)}"


def setters(pod: bool, names: Sequence[str]) -> list[str]:
    """Who set something: the pod, its containers, or both; joined with `and`."""
    return [*(["pod"] if pod else []), *([of_containers(names)] if names else [])]
