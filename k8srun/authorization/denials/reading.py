"""From any text to the refusal in it: kubectl output, a Status, an audit event, a log line of whatever client."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.clients import client_of
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.documents import json_objects, texts
from k8srun.authorization.denials.patterns import denials
from k8srun.pasted import MAX_TEXT, normalized
from k8srun.scrub import scrub
from k8srun.text import visible

# A text without any of these holds no refusal; it spares the patterns a log of megabytes.
_TRIGGER = re.compile(
    r"forbidden|cannot|denied|unauthorized|logged in|credentials|authenticate|refresh token|not allowed|access"
    r"|permission|Security",
    re.IGNORECASE,
)
_WINDOW = 16 * 1024
_MOST_LINES = 5000
_TIME = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?|\b[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+"
)
_VAGUE = frozenset({DenialKind.CUT, DenialKind.BARE, DenialKind.OTHER})
_QUOTES = str.maketrans(dict.fromkeys("'`„“”‚‘’«»", '"') | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff", ""))
_BY_REASON = frozenset({DenialKind.UNAUTHENTICATED, DenialKind.OTHER})
_RANK = {kind: number for number, kind in enumerate(DenialKind)}


def read(text: str) -> Denial | None:
    """The refusal in a text; the most telling if there are several, None if there is none. Never raises on any text.

    A Status, an audit event or a log line in JSON is read as what it is; anything else as it was printed, and again
    without the escapes that logs add. Reads at most the first 4 MiB.
    """
    found = list(read_all(text))
    # Of equals the last: of a log, what happens now.
    return min(reversed(found), key=lambda one: (_RANK[one.kind], one.request is None, not one.reason), default=None)


def read_all(text: str) -> Iterator[Denial]:
    """Every refusal in a text, each once, in the order of the text."""
    cut = text[:MAX_TEXT]
    found: dict[tuple[object, ...], Denial] = {}
    documents = list(json_objects(cut))
    for denial in (*_of_documents(document for _, _, document in documents), *_of_lines(_without(cut, documents))):
        key = (
            denial.kind,
            denial.identity.user,
            denial.request,
            denial.about,
            denial.kind in _BY_REASON and denial.reason,
        )
        if key not in found:
            found[key] = _cleaned(denial, cut)
    kinds = {denial.kind for denial in found.values()}
    # `pods "x" is forbidden: …` is the beginning of every other one, and so is `User "u" cannot …`.
    begun = _VAGUE if kinds - _VAGUE else {DenialKind.OTHER} if DenialKind.CUT in kinds else frozenset()
    yield from (denial for denial in found.values() if denial.kind not in begun)


def _without(text: str, documents: Sequence[tuple[int, int, object]]) -> str:
    """The text around the documents: inside of them, every quotation mark and backslash is written twice over."""
    ends = (0, *(end for _, end, _ in documents))
    starts = (*(start for start, _, _ in documents), len(text))
    return "\n".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def _of_documents(documents: Iterable[Mapping[str, Any]]) -> Iterator[Denial]:
    for document in documents:
        event = _of_audit_event(document)
        if event:
            yield event
            continue
        for said in texts(document):
            whole = said == document.get("message") and document.get("kind") == "Status"
            found = [denial for _, denial in sorted(denials(said, whole=whole), key=lambda one: one[0])]
            # What a container wrote may be in JSON, or in quotation marks, once more.
            found = found if any(map(_is_telling, found)) else list(_of_lines(said)) or found
            yield from (_with_details(denial, document) for denial in found)
        if document.get("kind") == "Status" and document.get("code") == 401:
            yield Denial(DenialKind.UNAUTHENTICATED, str(document.get("message") or "Unauthorized"))


def _of_lines(text: str) -> Iterator[Denial]:
    """Of the raw text first, whose quotation marks can be told from escaped ones; then of the plain one."""
    for variant in _variants(text):
        found = [denial for window in _windows(variant) for _, denial in denials(window)]
        yield from found
        if any(map(_is_telling, found)):
            return


def _is_telling(denial: Denial) -> bool:
    return denial.kind not in _VAGUE


def _variants(text: str) -> Iterator[str]:
    """The text as it is, and then as it was before terminals, chats, tables and keyboards had it."""
    yield text
    plain = normalized(text)
    yield plain
    if len(text) > _WINDOW:
        return
    yield " ".join(re.sub(r"(?m)^\s*>|[│|╷╵]", " ", plain).split())
    requoted = html.unescape(plain).translate(_QUOTES)
    yield requoted
    yield requoted.replace('""', '"')
    yield requoted.replace("\n", "")


def _windows(text: str) -> Iterator[str]:
    """The text where it is short; else the lines that matter with those after them, which may be its reason."""
    if len(text) <= _WINDOW:
        if _TRIGGER.search(text):
            yield text
        return
    lines = text.split("\n")
    wanted = [number for number, line in enumerate(lines) if _TRIGGER.search(line)]
    for number in wanted[:_MOST_LINES]:
        yield "\n".join(line[:_WINDOW] for line in lines[number : number + 3])


def _of_audit_event(document: Mapping[str, Any]) -> Denial | None:
    """A refused request as the audit log has it: with groups, and all of the request."""
    status = document.get("responseStatus")
    if document.get("kind") != "Event" or not isinstance(status, Mapping) or status.get("code") not in {401, 403}:
        return None
    user = _mapping(document.get("impersonatedUser")) or _mapping(document.get("user"))
    notes, about = _mapping(document.get("annotations")), _mapping(document.get("objectRef"))
    groups = user.get("groups")
    identity = Identity(
        _text(user, "username"), tuple(str(group) for group in groups) if isinstance(groups, list) else ()
    )
    at = _text(document, "requestReceivedTimestamp")
    message = _text(status, "message") or _text(status, "reason")
    if status.get("code") == 401:
        return Denial(DenialKind.UNAUTHENTICATED, message or "Unauthorized", identity, at=at, client="audit log")
    verb = _text(document, "verb")
    names = ("apiGroup", "resource", "subresource", "namespace", "name")
    path = _text(document, "requestURI").partition("?")[0]
    request = Attributes(verb, *(_text(about, name) for name in names)) if about else Attributes(verb, path=path)
    told = next((denial for _, denial in denials(message, whole=True)), None)
    kind = told.kind if told else DenialKind.OTHER
    if notes.get("authorization.k8s.io/decision") == "forbid":
        kind = DenialKind.ACCESS
    reason = _text(notes, "authorization.k8s.io/reason") or (told.reason if told else "")
    base = told or Denial(kind, message)
    return replace(base, kind=kind, identity=identity, request=request, reason=reason, at=at, client="audit log")


def _with_details(denial: Denial, document: Mapping[str, Any]) -> Denial:
    """The name of the object, which a Status gives beside its message (`details.kind` is the resource)."""
    details, request = _mapping(document.get("details")), denial.request
    if document.get("kind") != "Status" or request is None or request.name or request.path is not None:
        return denial
    same = (_text(details, "kind"), _text(details, "group")) == (request.resource, request.group)
    return replace(denial, request=replace(request, name=_text(details, "name"))) if same else denial


def _cleaned(denial: Denial, text: str) -> Denial:
    """Fit to be shown, with who printed it and when."""
    time = _TIME.search(text[:MAX_TEXT])
    return replace(
        denial,
        message=visible(scrub(denial.message), limit=2000, keep_newlines=True),
        reason=visible(scrub(denial.reason), limit=2000, keep_newlines=True),
        client=denial.client or client_of(text),
        at=denial.at or (_time(time[0]) if time else ""),
    )


def _time(written: str) -> str:
    """As written; of the API server's own log, which has no year, `11-22 17:12:30` from `I1122 17:12:30.000000`."""
    return written if written[0].isdigit() else f"{written[1:3]}-{written[3:].partition('.')[0]}"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""
