"""What the server would refuse in a policy, and so cannot be evaluated."""

from __future__ import annotations

from k8srun.text import visible


class PolicyProblem(Exception):  # noqa: N818 - a fact about the input, collected by the reader
    """One field of a policy that has no meaning."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path} {detail}")


def shown(value: object) -> str:
    """A value of the input, short and inert."""
    return visible(repr(value), limit=60)
