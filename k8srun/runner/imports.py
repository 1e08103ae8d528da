"""Keeping the start of our own processes short."""

from __future__ import annotations

import sys

# What jsonschema loads, where it is installed, to check the formats of strings.
_FORMAT_CHECKERS = ("rfc3987_syntax", "rfc3986_validator", "rfc3339_validator", "isoduration", "fqdn", "uri_template")


def skip_format_checkers() -> None:
    """Make jsonschema do without its optional checkers, of which that of IRIs alone takes more than a second to load.

    nbformat loads jsonschema, which looks for them; nothing in a notebook is an IRI or a duration that anybody checks.
    For a process of our own only: it holds for everything that the process loads afterwards.
    """
    for name in _FORMAT_CHECKERS:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is how an import is refused
