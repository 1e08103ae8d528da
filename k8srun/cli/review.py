"""`k8srun review`: SubjectAccessReviews answered offline, line by line."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from k8srun.authorization.chain import Authorization
from k8srun.authorization.nearmisses import near_misses
from k8srun.authorization.reviews import read_review
from k8srun.authorization.whocan import Finder
from k8srun.cli.authorization_documents import grant_document, near_miss_document
from k8srun.cli.authorization_options import eks_option, read_authorization
from k8srun.cli.options import now_option, source_options
from k8srun.codec import encode, parse_json
from k8srun.errors import InputError
from k8srun.sources.options import SourceOptions
from k8srun.text import visible

SCHEMA = "k8srun.dev/review/v1"
MAX_LINE = 1024 * 1024


@click.command()
@click.option("--as-authenticated", is_flag=True, help="Add the groups that authentication adds to every identity.")
@eks_option
@source_options
@now_option
def review(*, as_authenticated: bool, eks_file: Path | None, sources: SourceOptions, now: datetime) -> None:
    """Answer SubjectAccessReviews: JSON lines on standard input, the same with their status on standard output.

    The answers come in the order of the questions. A line that is no review gets an object with `error` in its place.
    What cannot be told has `allowed: false` and says UNKNOWN in `k8srun.dev/verdict`. The exit code is 0 whatever the
    answers are.

    \b
    Example:
      echo '{"spec": {"user": "jane", "resourceAttributes": {"verb": "list", "resource": "pods"}}}' |
        k8srun review --lab
    """
    if "-" in sources.from_paths:
        raise InputError("standard input can be read only once", do="Give the manifests as a file.")
    answerer = _Answerer(read_authorization(sources, now, eks_file), as_authenticated)
    for number, line in _lines():
        click.echo(encode(answerer.answer(line, number)))


def _lines() -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers; of one that is too long its beginning.

    A byte order mark, with which Windows begins a file, is no part of the first.
    """
    number = 0
    while line := sys.stdin.buffer.readline(MAX_LINE + 1):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and len(rest) > MAX_LINE and (rest := sys.stdin.buffer.readline(MAX_LINE + 1)):
            pass
        line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if line.strip():
            yield number, line


class _Answerer:
    def __init__(self, authorization: Authorization, as_authenticated: bool) -> None:
        self.authorization = authorization
        self.finder = Finder(authorization.rbac)
        self.as_authenticated = as_authenticated

    def answer(self, line: bytes, number: int) -> dict[str, Any]:
        """The review with its status, or an error object. Nothing in a line can raise."""
        try:
            if len(line) > MAX_LINE:
                raise InputError(f"is longer than {MAX_LINE} bytes")
            asked = parse_json(line)
            identity, request = read_review(asked)
        except InputError as error:
            return {"schema": SCHEMA, "line": number, "error": visible(error.what, limit=500)}
        if self.as_authenticated:
            identity = identity.as_authenticated()
        decision = self.authorization.review(identity, request)
        status: dict[str, Any] = {
            "allowed": decision.allowed is True,
            "denied": decision.denied,
            "reason": decision.reason,
        }
        if decision.unknown:
            status["evaluationError"] = "; ".join(decision.unknown)
        verdict = "UNKNOWN" if decision.allowed is None else "ALLOWED" if decision.allowed else "DENIED"
        status |= {"k8srun.dev/verdict": verdict, "k8srun.dev/authorizer": decision.authorizer}
        if decision.proof:
            status["k8srun.dev/proof"] = grant_document(decision.proof)
        if not decision.allowed:
            misses = near_misses(self.authorization, identity, request, finder=self.finder)
            status["k8srun.dev/near-misses"] = [near_miss_document(miss) for miss in misses]
        if decision.unknown:
            status["k8srun.dev/unknown"] = list(decision.unknown)
        if decision.warnings:
            status["k8srun.dev/warnings"] = list(decision.warnings)
        return {"schema": SCHEMA, **asked, "status": status} | {"schema": SCHEMA}
