"""What goes wrong in the tool itself, said so that a person can act on it.

An error names what failed, where, and what to do next. It never carries a secret: whoever raises it passes text that
has been through the reduction of `k8srun.sources`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns to a shell."""

    CLEAN = 0
    FINDINGS = 1
    BAD_INPUT = 2
    INCOMPLETE = 3


class K8srunError(Exception):
    """Base of every error that the tool raises on purpose.

    Args:
        what: what failed, a sentence without a final stop.
        where: the file, line, address or object concerned; empty if there is none.
        do: what to do next; empty if nothing can be said.
    """

    exit_code = ExitCode.INCOMPLETE

    def __init__(self, what: str, *, where: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.do = do

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  {self.do}" if self.do else text


class InputError(K8srunError):
    """What the caller gave cannot be used: a wrong parameter, an unreadable file, a malformed document."""

    exit_code = ExitCode.BAD_INPUT


class SourceError(K8srunError):
    """A source could not be read at all (a partial reading is a gap of the snapshot instead)."""


class RefusedError(K8srunError):
    """The tool could go on and will not: the gate did not match, a file would be overwritten."""

    exit_code = ExitCode.BAD_INPUT
