"""`k8srun access-matrix`: many subjects, resources and verbs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from k8srun.authorization.asking import request_of
from k8srun.authorization.chain import Authorization
from k8srun.authorization.model import Subject
from k8srun.authorization.permissions import SENSITIVE, VERBS, AccessMatrix, access_matrix, bound_subjects
from k8srun.cli.authorization_documents import subject_document
from k8srun.cli.authorization_options import Answer, question
from k8srun.errors import InputError
from k8srun.text import visible

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "k8srun.dev/access-matrix/v1"


@click.command("access-matrix")
@click.option("--subject", "subjects", multiple=True, metavar="SUBJECT", help="User:NAME, Group:NAME or NS:NAME.")
@click.option("--resource", "names", multiple=True, metavar="RESOURCE", help="RESOURCE[.GROUP][/SUBRESOURCE].")
@click.option("--verb", "verbs", multiple=True, metavar="VERB", help="Repeatable, as the others.")
@click.option("--system", is_flag=True, help="Without --subject: the subjects of the server's own bindings too.")
@question()
def access_matrix_command(
    authorization: Authorization,
    namespace: str,
    *,
    subjects: tuple[str, ...],
    names: tuple[str, ...],
    verbs: tuple[str, ...],
    system: bool,
) -> Answer:
    """Show who may do what, as a table: each subject and resource a line, each verb a column.

    -n says in which namespace; without it the cluster scope is meant. Without --subject it is everybody whom a binding
    names; without --resource and --verb the ones that matter most. Exit code 3: an answer is unknown.

    \b
    Examples:
      k8srun access-matrix -n shop --lab
      k8srun access-matrix --subject shop:web --subject User:jane --resource secrets --verb list --context -o csv
    """
    asked = [request_of("", name, "", namespace, authorization.snapshot) for name in names or SENSITIVE]
    if any(request.path is not None for request in asked):
        raise InputError("a URL is no resource", where="--resource", do="Ask for it with k8srun can-i or who-can.")
    named = [_subject(text) for text in subjects] or bound_subjects(authorization, system=system)
    matrix = access_matrix(authorization, named, asked, verbs or VERBS, namespace)

    def show(out: Console, output: str) -> None:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        authorization_output.print_matrix(out, output, matrix)

    unknown = any(decision.allowed is None for row in matrix.rows for decision in row.decisions)
    return Answer(_document(matrix), show, unknown)


def _subject(text: str) -> Subject:
    kind, colon, name = text.partition(":")
    if not colon or not kind or not name:
        raise InputError(
            f"{visible(text, limit=100)!r} is no subject",
            where="--subject",
            do="Write User:NAME, Group:NAME, or NAMESPACE:NAME for a ServiceAccount.",
        )
    return Subject(kind, name) if kind in {"User", "Group"} else Subject("ServiceAccount", name, kind)


def _document(matrix: AccessMatrix) -> dict[str, object]:
    rows = [
        {
            "subject": subject_document(row.subject),
            "resource": row.resource,
            "answers": {verb: item.answer for verb, item in zip(matrix.verbs, row.decisions, strict=True)},
        }
        for row in matrix.rows
    ]
    unknown = dict.fromkeys(why for row in matrix.rows for decision in row.decisions for why in decision.unknown)
    return {
        "schema": SCHEMA,
        "namespace": matrix.namespace,
        "verbs": list(matrix.verbs),
        "rows": rows,
        "unknown": list(unknown),
    }
