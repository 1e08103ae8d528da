"""What a registry's error says: its status, its error codes, its words.

Source: OCI distribution specification 1.1, error codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from k8srun.scrub import scrub
from k8srun.sources.registry.answers import PullCause, Step
from k8srun.sources.registry.wire import Answer, Unanswered
from k8srun.text import visible


def refused(answer: Answer, *, anonymous: bool) -> Unanswered:
    """What an error status with the registry's error codes says. Source: distribution specification, error codes."""
    codes, words = codes_of(answer), words_of(answer)
    cause = PullCause.NOT_A_REGISTRY
    if answer.status == 429 or "TOOMANYREQUESTS" in codes:
        cause = PullCause.RATE_LIMITED
    elif answer.status >= 500:
        cause = PullCause.REGISTRY_ERROR
    elif answer.status == 403:
        cause = PullCause.DENIED_OR_MISSING if anonymous else PullCause.DENIED
    elif answer.status == 400 and "HTTPS server" in words:
        return Unanswered(Step.TLS, PullCause.TLS_FAILED, f"the registry speaks TLS on this port: {words}")
    elif codes & {"NAME_UNKNOWN", "NAME_INVALID"}:
        cause = PullCause.REPOSITORY_MISSING
    elif "MANIFEST_UNKNOWN" in codes:
        cause = PullCause.TAG_MISSING
    return Unanswered(Step.MANIFEST, cause, f"{answer.status}: {words}")


def document_of(answer: Answer) -> Mapping[str, Any]:
    """The JSON object of an answer; empty where it is none."""
    try:
        document = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def codes_of(answer: Answer) -> frozenset[str]:
    """The registry's error codes: `MANIFEST_UNKNOWN`."""
    errors = document_of(answer).get("errors")
    return frozenset(
        str(error.get("code")) for error in (errors if isinstance(errors, list) else ()) if isinstance(error, dict)
    )


def words_of(answer: Answer) -> str:
    """The registry's own words for an error, reduced and short."""
    errors = document_of(answer).get("errors")
    said = [
        f"{error.get('code', '')} {error.get('message', '')}".strip()
        for error in (errors if isinstance(errors, list) else ())
        if isinstance(error, dict)
    ]
    text = "; ".join(said) or answer.body[:300].decode(errors="replace")
    if text.lstrip()[:15].lower().startswith(("<!doctype html", "<html")):
        text = "an HTML page"
    return visible(scrub(" ".join(text.split())), limit=300) or "no words"
