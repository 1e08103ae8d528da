"""Keeping the start of our own processes short."""

from __future__ import annotations

import sys


def skip_iri_grammar() -> None:
    """Make jsonschema do without its optional checker of IRIs, which takes more than a second to load.

    nbformat loads jsonschema, which looks for the checker; nothing in a notebook is an IRI that anybody checks. For a
    process of our own only: it holds for everything that the process loads afterwards.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None is how an import is refused
