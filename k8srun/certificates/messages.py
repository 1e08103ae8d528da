"""From any text to the certificate error in it: kubectl output, log lines of every component, a paste of many lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from k8srun.certificates.catalogue import entry_of, matches
from k8srun.certificates.entry import Entry
from k8srun.certificates.wrappers import Wrapper, unwrap
from k8srun.pasted import normalized
from k8srun.scrub import scrub
from k8srun.text import visible

_MAX_LINE = 8192
_LONGEST = 10 * _MAX_LINE  # each character that is made visible takes up to ten
_MAX_CONTINUATION = 3

# A line without any of these can match no row; the test of the catalogue holds them to it.
TRIGGER = re.compile(
    r"x509|tls|cert|unauthorized|logged in|credentials|\beof\b|http|ssl|pem\b|asn1|base64|key|verif|_md_|_key_"
    r"|pkix|handshake|curve|subject alternative|altname"
    r"|protocol|alert|peer|hostname|mismatch|issuer|purpose|violation|bootstrap|dnsnames|no such file|version|hint"
    r"|constraint|extension|chains|cipher|end line|wrong|packet|identifier|digest|depth",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """One certificate error, and what its text tells. Fields are empty (times: None) where it does not tell.

    Attributes:
        family: the row of the catalogue.
        message: the core message, without its wrappers.
        line: the line it stood in, normalized and reduced.
        wrapper: the evidence around the message.
        time: the current time that the message states, by the clock of whoever printed it.
        bound: the date that `time` is before or after.
        valid_for: the names that the certificate is valid for.
        wanted: the name that was wanted instead.
        hint, authority: why a candidate CA was thrown out, and its name.
        serial, ski, aki: of the certificate that the apiserver refused: decimal, and hex without colons.
        file: the file that the message names.
        also: the other families in the same text.
        spoken: whether somebody saw it; False where it is what Go would say of what a snapshot shows.
    """

    family: str
    message: str
    line: str
    wrapper: Wrapper = field(default_factory=Wrapper)
    time: datetime | None = None
    bound: datetime | None = None
    valid_for: tuple[str, ...] = ()
    wanted: str = ""
    hint: str = ""
    authority: str = ""
    serial: str = ""
    ski: str = ""
    aki: str = ""
    file: str = ""
    also: tuple[str, ...] = ()
    spoken: bool = True

    @property
    def entry(self) -> Entry:
        return entry_of(self.family)


def read(text: str) -> Symptom | None:
    """The certificate error in a text, the most telling if there are several; None if there is none.

    Reads at most the first 4 MiB. Never raises on any text.
    """
    plain = normalized(text).replace("''", "'")  # as YAML quotes it
    found = list(_symptoms(_logical_lines(plain)))
    if not found:
        # A terminal or a chat has wrapped the message: take what there is as one line.
        words = plain[: 4 * _MAX_LINE].split("\n")
        found = list(_symptoms(_windows(" ".join(" ".join(words).split()))))
        found = found or list(_symptoms(_windows("".join(words))))
    if not found:
        return None
    chosen = min(found, key=_rank)
    others = dict.fromkeys(symptom.family for symptom in found if symptom.family != chosen.family)
    return replace(chosen, also=tuple(dict.fromkeys((*chosen.also, *others))))


def _logical_lines(text: str) -> Iterator[str]:
    """Lines that may hold a message. One that ends inside of brackets or quotes goes on in the next."""
    pending, count = "", 0
    for raw in text.split("\n"):
        line = f"{pending} {raw.strip()}" if pending else raw.strip()
        open_end = line.count("(") > line.count(")") or line.count('"') % 2
        if open_end and count < _MAX_CONTINUATION and TRIGGER.search(line) and len(line) < _MAX_LINE:
            pending, count = line, count + 1
            continue
        yield from _windows(line)
        pending, count = "", 0
    yield from _windows(pending)


def _windows(line: str) -> Iterator[str]:
    """The line, or, of one that is absurdly long, the parts around the words that matter."""
    if len(line) <= _MAX_LINE:
        if TRIGGER.search(line):
            yield visible(line, limit=_LONGEST)
        return
    at = 0
    while (match := TRIGGER.search(line, at)) is not None:
        begin = max(0, match.start() - _MAX_LINE // 4)
        yield visible(line[begin : begin + _MAX_LINE], limit=_LONGEST)
        at = begin + _MAX_LINE


def _symptoms(lines: Iterable[str]) -> Iterator[Symptom]:
    for line in dict.fromkeys(lines):
        found = list(matches(line))
        if found:
            yield _symptom(line, found)


def _symptom(line: str, found: list[tuple[Entry, re.Match[str]]]) -> Symptom:
    entry, match = found[0]
    groups: dict[str, str] = {}
    for _, other in found:  # an inner message tells what the outer does not: the dates within the apiserver's refusal
        groups = {**{name: value for name, value in other.groupdict().items() if value}, **groups}
    before = scrub(line[: match.start()])
    return Symptom(
        family=entry.family,
        message=visible(scrub(_core(line, match)), limit=600),
        line=visible(scrub(line), limit=2000),
        wrapper=unwrap(before + scrub(line[match.start() :]), len(before)),
        time=_time(groups.get("time", "")),
        bound=_time(groups.get("bound", "")),
        valid_for=_names(groups.get("names", "")),
        wanted=groups.get("name", "").strip("[]'\".")[:300],
        hint=groups.get("hint", "")[:300],
        authority=groups.get("authority", "")[:300],
        serial=groups.get("serial", "")[:80],
        ski=groups.get("ski", "").replace(":", "").lower(),
        aki=groups.get("aki", "").replace(":", "").lower(),
        file=groups.get("file", "").rstrip(":,")[:300],
        also=tuple(dict.fromkeys(other.family for other, _ in found[1:])),
    )


_PREFIX = re.compile(
    r"(?:remote error: )?(?:x509: (?:certificate signed by unknown authority \()?|tls: (?!failed to verify))+$"
    r"|http: $|SSL certificate problem: $"
)
_TAIL = re.compile(r" \(possibly because of [^)]*\)|\)(?= *$)|[^\n\"\])]{0,200}")


def _core(line: str, match: re.Match[str]) -> str:
    """The message without what stands before it: from its `x509:`, `tls:` or `remote error:` to its end."""
    named = match.groupdict().get("core")
    start = match.start("core") if named else match.start()
    prefix = _PREFIX.search(line[:start])
    begin = prefix.start() if prefix else start
    tail = _TAIL.match(line, match.end())
    core = line[begin : match.end()] + (tail.group() if tail else "")
    return core.partition(" (_ssl.c:")[0].strip(' "\\')


def _rank(symptom: Symptom) -> tuple[bool, bool, bool]:
    """The least is chosen; of equals, the first in the text."""
    verification = symptom.family.startswith(("x509-", "kubelet-", "etcd-"))
    return (
        symptom.entry.generic,
        not verification,
        not (symptom.hint or symptom.bound or symptom.serial or symptom.wanted),
    )


def _time(text: str) -> datetime | None:
    cleaned = re.sub(r" ?([+-]\d\d):?(\d\d)\b.*$", r"\1:\2", text.strip()) if " " in text.strip() else text.strip()
    try:
        parsed = datetime.fromisoformat(cleaned)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _names(text: str) -> tuple[str, ...]:
    """`kubernetes, 10.96.0.1` or `'a', 'b'` or `"a" "b"` as names."""
    found = (name.strip("'\"")[:300] for name in re.split(r"[,\s]+", text[:4000]))
    return tuple(name for name in found if name)
