"""A request to a cluster that did not give an answer, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from k8srun.errors import SourceError
from k8srun.snapshot import GapReason


class ReadError(SourceError):
    """Something of a live cluster could not be read; `reason` and `detail` are what its gap says.

    Attributes:
        detail: the words of who refused (the server, the TLS library, an exec plugin), reduced.
        status: the HTTP status; 0 when there was no answer.
        answer: the Status object that the server sent, if it sent one.
    """

    def __init__(
        self,
        reason: GapReason,
        detail: str,
        *,
        where: str = "",
        do: str = "",
        status: int = 0,
        answer: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}", where=where, do=do)
        self.reason = reason
        self.detail = detail
        self.status = status
        self.answer = answer or {}
