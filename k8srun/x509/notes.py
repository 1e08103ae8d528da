"""What Go makes of the extensions of a certificate besides their values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Notes:
    """What Go makes of the extensions besides their values; of several reasons the first stands.

    Attributes:
        refused: why Go's parser refuses the certificate, in its words.
        doubtful: why it cannot be told whether it does.
    """

    refused: str = ""
    doubtful: str = ""

    def refuse(self, reason: str) -> None:
        if not self.refused and not self.doubtful:
            self.refused = reason

    def doubt(self, reason: str) -> None:
        if not self.refused and not self.doubtful:
            self.doubtful = reason
