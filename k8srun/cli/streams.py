"""Standard output and standard error that outlive their reader: `k8srun … | head` is no failure, and no traceback."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from k8srun.errors import SourceError


def guard_streams() -> None:
    """Take over both streams of the process.

    Once the reader is gone the rest is dropped: the command goes on to its end, and its exit code is that of its
    answer. A full disk is an error.
    """
    if sys.stdout is sys.__stdout__:  # a program that calls us may have put its own there
        sys.stdout = _guarded(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _guarded(sys.stderr, 2)


class _Guarded(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            # Whatever is still buffered, here and in a process that was started, must not fail once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                return len(data)
            raise SourceError(f"the output cannot be written: {error.strerror}", do="Is there space?") from None


def _guarded(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:  # closed by who started us: `>&-`
        return io.TextIOWrapper(io.FileIO(os.devnull, "w"))
    return io.TextIOWrapper(
        io.BufferedWriter(_Guarded(number, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
