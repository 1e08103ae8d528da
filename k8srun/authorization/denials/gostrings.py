"""Strings as Go prints them with `%q`, read back."""

from __future__ import annotations

import re

QUOTED = r'"(?:[^"\\\n]|\\[^\n]){0,2000}"'
"""A pattern for one string of `%q`."""

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
_NAMED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HIGHEST = 0x10FFFF


def unquoted(text: str) -> str:
    """The string that `%q` printed as `text`, quotation marks included. What is no escape stays as it is.

    Bytes that were no UTF-8 (`\\xff`) become the replacement character: no name of Kubernetes holds them.
    """
    inner = text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text
    return _ESCAPE.sub(_character, inner)


def unescaped_html(text: str) -> str:
    """The reverse of what the API server does to the part of a denial that names user and request."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xuU" and len(code) > 1:
        number = int(code[1:], 16)
        if (code[0] == "x" and number >= 0x80) or number > _HIGHEST:
            return "\ufffd"
        return chr(number)
    return _NAMED.get(code, code if code in "\"\\'" else match[0])
