"""Strings from a cluster, made inert and short enough to show.

A label, an event or a certificate's subject is written by whoever can write to the cluster. Shown as it is, it can
move a terminal's cursor, reorder a line (right-to-left overrides) or fill a page.
"""

from __future__ import annotations

import unicodedata

# Cc: control, Cf: format (bidirectional overrides, zero-width characters), Co/Cs: private use and surrogates.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def visible(text: str, *, limit: int = 2000, keep_newlines: bool = False) -> str:
    """`text` with every character that could act instead of being seen written as `\\u{…}`, cut at `limit` characters.

    HTML is not escaped here: that belongs to the page that shows it.
    """
    cut = text[:limit]
    safe = cut if cut.isascii() and cut.isprintable() else "".join(_shown(char, keep_newlines) for char in cut)
    return safe if len(text) <= limit else f"{safe}… (+{len(text) - limit} characters)"


def _shown(char: str, keep_newlines: bool) -> str:
    if char == "\n" and keep_newlines:
        return char
    if char == "\t":
        return " "
    return f"\\u{{{ord(char):x}}}" if unicodedata.category(char) in _INVISIBLE else char


def plural(count: int, singular: str, many: str = "") -> str:
    """`1 finding`, `2 findings`, `2 entries`."""
    return f"{count} {singular if count == 1 else many or singular + 's'}"
