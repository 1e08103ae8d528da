"""What stands before a refusal: `pods is forbidden: `, `pods "web" is forbidden: `, or `forbidden: `.

It is read backwards from where the refusal proper begins. A pattern for it would be tried at every word and every
quotation mark of a log.
"""

from __future__ import annotations

import re

_ENDS = (" is forbidden: ", " is forbidden:")
_LONGEST_NAME = 2000
_RESOURCE = re.compile(r"[^\s\":]{1,300}\Z")


def target_before(text: str, at: int) -> tuple[str, str]:
    """Resource with its group, and the name as `%q` printed it; empty where there is none.

    Args:
        at: where the refusal begins, behind `forbidden: `.
    """
    end = next((at - len(said) for said in _ENDS if text.startswith(said, max(0, at - len(said)))), 0)
    if end <= 0:
        return "", ""
    name = ""
    if text[end - 1 : end] == '"':
        begin = _opening(text, end - 1)
        if begin < 1 or text[begin - 1] != " ":
            return "", ""
        name, end = text[begin:end], begin - 1
    found = _RESOURCE.search(text, max(0, end - 300), end)
    return (found[0], name) if found else ("", "")


def _opening(text: str, closing: int) -> int:
    """Where the string begins that ends with the quotation mark at `closing`; -1 if that is too far away."""
    lowest = max(0, closing - _LONGEST_NAME)
    at = text.rfind('"', lowest, closing)
    while at >= 0 and _is_escaped(text, at):
        at = text.rfind('"', lowest, at)
    return at


def _is_escaped(text: str, at: int) -> bool:
    before = at
    while before and text[before - 1] == "\\" and at - before < _LONGEST_NAME:
        before -= 1
    return (at - before) % 2 == 1
