"""What the server would refuse in a policy, and so cannot be evaluated."""

from __future__ import annotations

from collections.abc import Iterable

from k8srun.text import visible


class PolicyProblem(Exception):  # noqa: N818 - a fact about the input, collected by the reader
    """One field of a policy that has no meaning."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path} {detail}")


def only_fields(given: Iterable[object], path: str, *known: str) -> None:
    """Refuse fields that the API does not have: a misspelt one would count as absent, and absent often means all.

    Raises:
        PolicyProblem: it names them.
    """
    unknown = sorted(set(map(str, given)) - set(known))
    if unknown:
        raise PolicyProblem(path, f"has fields that the API does not: {', '.join(map(shown, unknown))}")


def shown(value: object) -> str:
    """A value of the input, short and inert."""
    return visible(repr(value), limit=60)
