"""The shape of the error catalogue's rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

RUNBOOK = "x509-error"
WEBHOOK_RUNBOOK = "webhook-tls"


class Stage(IntEnum):
    """When Go meets an error, in its order of checking: an error hides those of every later stage.

    Source: crypto/x509 `Certificate.Verify`, crypto/tls handshakes; policies since Go 1.22.
    """

    FILES = 0
    CONNECTION = 10
    CRITICAL_EXTENSION = 20
    DATES = 30
    NAME = 40
    CHAIN = 50
    POLICY = 60
    USAGE = 70
    NAME_CONSTRAINTS = 80
    PEER = 90


class Party(StrEnum):
    """Whose certificate a message is about."""

    SERVER = "server"
    CLIENT = "client"
    EITHER = "either"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue: a family of messages that mean the same.

    Attributes:
        family: stable id.
        message: the canonical spelling, shown where a text is near it but not it.
        meaning: what it says, in plain words.
        causes: ids of the causes that can bring it about, the likeliest first.
        patterns: every spelling, as regular expressions over one line of normalized text, case ignored. Named groups
            become evidence: `time`, `bound`, `names`, `name`, `hint`, `authority`, `serial`, `ski`, `aki`, `file`.
        party: whose certificate it is about.
        stage: when Go meets it.
        generic: whether the words also occur where no certificate is to blame, so that any other message is preferred.
    """

    family: str
    message: str
    meaning: str
    causes: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    party: Party
    stage: Stage
    generic: bool = False


def spellings(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """The patterns, compiled."""
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


def openssl(*codes: int) -> str:
    """A pattern for OpenSSL's verify codes as `openssl s_client` and `openssl verify` print them."""
    numbers = "|".join(str(code) for code in codes)
    return (
        rf"(?:verify error:num=(?:{numbers}):|verify return code: ?(?:{numbers}) \(|error (?:{numbers}) at \d+ depth)"
    )
