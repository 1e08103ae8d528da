"""From any text to the failed connection in it: what kind of failure it is, and between whom as far as it tells."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from k8srun.network.symptoms_catalogue import CATALOGUE, ROWS, Chance, Failure, Row
from k8srun.network.symptoms_places import Places, places
from k8srun.pasted import normalized
from k8srun.scrub import scrub
from k8srun.text import visible

_MAX_LINE = 8192
_MOST_LINES = 20_000
_AROUND = 4
_NEAR_ENOUGH = 0.55
# Messages of other matters in which the words of a failed connection occur, too.
_OTHERS = re.compile(
    r"ErrImagePull|ImagePullBackOff|failed to pull image|pulling image|pull access denied"
    r"|is forbidden: User |CrashLoopBackOff|OOMKilled|FailedMount|FailedScheduling|violates PodSecurity",
    re.IGNORECASE,
)
# A line without any of these can match no row; the test of the catalogue holds them to it.
_TRIGGER = re.compile(
    r"time|connect|refused|reset|route|reach|resol|host|name|address|dns|nxdomain|servfail|eai_|lookup|server|upstream"
    r"|50[234]|gateway|http|status|tls|ssl|errno|error|curl|denied|endpoint|healthy|forward|pipe|reply|eof|hang|deadline"
    r"|cancel|except|fail|prohibited|filtered|open|succeed|again|enet|e?conn",
    re.IGNORECASE,
)
_PORT_FORWARD = re.compile(r"\bport-?forward", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Symptom:
    """A failed connection, and what its text tells.

    Attributes:
        failure: of which kind.
        line: the line it stood in, normalized and reduced.
        places: between whom, as far as the text names them.
        also: other kinds of failure in the same text.
    """

    failure: Failure
    line: str
    places: Places = field(default_factory=Places)
    also: tuple[Failure, ...] = ()

    @property
    def row(self) -> Row:
        return ROWS[self.failure]

    @property
    def chance(self) -> Chance:
        """Whether a NetworkPolicy can be behind it: never for what did not leave the pod."""
        return self.row.chance


def read(text: str) -> Symptom | None:
    """The failed connection in a text, the most telling if there are several; None if there is none.

    Reads at most the first 4 MiB. Never raises on any text.
    """
    plain = normalized(text)
    lines = [_cut(line) for line in plain.split("\n")[:_MOST_LINES]]
    found = list(_failures(lines))
    if not found:
        # A terminal or a chat has wrapped the message: take what there is as one line.
        lines = [" ".join(plain[: 4 * _MAX_LINE].split())]
        found = list(_failures(lines))
    if not found:
        return None
    number, row = min(found, key=lambda one: CATALOGUE.index(one[1]))
    others = dict.fromkeys(other.failure for _, other in found if other is not row)
    return Symptom(
        failure=row.failure,
        line=visible(scrub(lines[number].strip()), limit=2000),
        places=places(_neighbours(lines, number)),
        also=tuple(others),
    )


def nearest(text: str) -> tuple[str, ...]:
    """The messages of the catalogue that a text resembles, the nearest first; at most three."""
    line = normalized(text)[:400].strip().lower()
    rated = [(difflib.SequenceMatcher(None, line, row.message.lower()).ratio(), row.message) for row in CATALOGUE]
    return tuple(message for ratio, message in sorted(rated, reverse=True)[:3] if ratio >= _NEAR_ENOUGH)


def _cut(line: str) -> str:
    """A line of a bearable length: of one that is absurdly long, its beginning and its end."""
    half = _MAX_LINE // 2
    return line if len(line) <= _MAX_LINE else f"{line[:half]} {line[-half:]}"


def _failures(lines: list[str]) -> Iterator[tuple[int, Row]]:
    """The first row that each line matches. A line of another matter is passed over, whatever words it holds."""
    for number, line in enumerate(lines):
        if not _TRIGGER.search(line) or _OTHERS.search(line):
            continue
        row = next((row for row in CATALOGUE if row.patterns.search(line)), None)
        if row is not None:
            yield number, ROWS[Failure.LOOPBACK] if _forwards(row, line) else row


def _forwards(row: Row, line: str) -> bool:
    return row.failure in {Failure.REFUSED, Failure.RESET, Failure.TIMEOUT} and bool(_PORT_FORWARD.search(line))


def _neighbours(lines: list[str], number: int) -> list[str]:
    """The line itself, then those around it: a prompt before, an address or a second half after."""
    begin, end = max(0, number - _AROUND), number + _AROUND + 1
    around = [*reversed(lines[begin:number]), *lines[number + 1 : end]]
    # Two halves of one message (`Is the server running on host … \n TCP/IP connections on port …`) belong together.
    return [lines[number], " ".join(line.strip() for line in lines[number:end]), *around]
