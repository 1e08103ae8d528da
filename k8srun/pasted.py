"""What people paste, made fit to be read: by every domain that looks for its messages in a text."""

from __future__ import annotations

import re

MAX_TEXT = 4 * 1024 * 1024
"""How much of a text is read, in characters."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "\u00a0": " ", "\t": " "})
_ESCAPED_QUOTE = re.compile(r"\\+(?=[\"'])")
_ESCAPED_NEWLINE = re.compile(r"\\+n(?![a-z]{2})")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)


def normalized(text: str) -> str:
    """A text without colours, escapes and private keys, its quotation marks made plain: what is matched on."""
    plain = _ANSI.sub("", text[:MAX_TEXT]).translate(_QUOTES)
    plain = _ESCAPED_QUOTE.sub("", plain)
    return _PRIVATE_KEY.sub("[private key]", _ESCAPED_NEWLINE.sub("\n", plain).replace("\r", "\n"))
