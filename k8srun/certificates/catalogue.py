"""The error catalogue: every message that certificates and TLS bring about, as data, and the search in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from k8srun.certificates.entries_connection import CONNECTION_ENTRIES
from k8srun.certificates.entries_verification import VERIFICATION_ENTRIES
from k8srun.certificates.entry import Entry

# The connection's rows first: some wrap a verification message (the apiserver's log of a refused client certificate).
CATALOGUE: tuple[Entry, ...] = (*CONNECTION_ENTRIES, *VERIFICATION_ENTRIES)

_BY_FAMILY = {entry.family: entry for entry in CATALOGUE}
_WORD = re.compile(r"[a-z0-9]{3,}")
_COMMON = frozenset(
    {"the", "and", "for", "not", "from", "with", "was", "has", "are", "error", "server", "client", "failed"}
)
_NEAR = 0.45


def entry_of(family: str) -> Entry:
    """The row of a family. Raises KeyError: there is none."""
    return _BY_FAMILY[family]


def matches(line: str) -> Iterable[tuple[Entry, re.Match[str]]]:
    """Every row that a normalized line belongs to with its match, the most telling row first, the generic ones last."""
    found = (
        (entry, match)
        for entry in CATALOGUE
        if (match := next(filter(None, (pattern.search(line) for pattern in entry.patterns)), None))
    )
    return sorted(found, key=lambda item: item[0].generic)


def nearest(text: str, *, count: int = 3) -> tuple[Entry, ...]:
    """The rows whose message resembles a text that none of them matches, the nearest first; none if nothing is near."""
    words, letters = _words(text), _letters(text)
    if not words:
        return ()
    scored = ((_likeness(words, letters, known), entry) for entry, known in _KNOWN)
    near = sorted((item for item in scored if item[0] >= _NEAR), key=lambda item: item[0], reverse=True)
    return tuple(entry for _, entry in near[:count])


def _likeness(words: frozenset[str], letters: frozenset[str], known: tuple[frozenset[str], frozenset[str]]) -> float:
    """From 0 to 1: by words in common, whatever their order, or by groups of letters, whatever the typing errors."""
    own_words, own_letters = known
    shared = len(words & own_words)
    # Most of the entry's words must be there; a long paste around them counts less against it than words it lacks.
    by_words = (0.7 * shared / len(own_words) + 0.3 * shared / len(words)) if shared >= 2 else 0.0
    if len(words) < 3:  # too little to be the misspelling of a sentence
        return by_words
    by_letters = 2 * len(letters & own_letters) / (len(letters) + len(own_letters))
    return max(by_words, by_letters)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text[:2000].lower())) - _COMMON


def _letters(text: str) -> frozenset[str]:
    """Every three letters in a row: of two spellings of one sentence most are the same."""
    plain = " ".join(text[:300].lower().split())
    return frozenset(plain[at : at + 3] for at in range(max(1, len(plain) - 2)))


_KNOWN = tuple((entry, (_words(entry.message), _letters(entry.message))) for entry in CATALOGUE)
