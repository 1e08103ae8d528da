"""`k8srun who-can`: everybody who may do something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from k8srun.authorization.asking import request_of
from k8srun.authorization.chain import Authorization
from k8srun.authorization.whocan import WhoCan, who_can
from k8srun.cli.authorization_documents import grant_document, request_document, subject_document
from k8srun.cli.authorization_options import Answer, question
from k8srun.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "k8srun.dev/who-can/v1"


@click.command("who-can")
@click.argument("verb")
@click.argument("resource", metavar="RESOURCE[.GROUP][/SUBRESOURCE]|/URL")
@click.argument("name", default="")
@click.option("--any-namespace", is_flag=True, help="Also who may in one namespace only, whichever it is.")
@question(workloads=True)
def who_can_command(
    authorization: Authorization,
    namespace: str,
    *,
    verb: str,
    resource: str,
    name: str,
    any_namespace: bool,
) -> Answer:
    """List everybody who may do something: users, groups, ServiceAccounts and what runs as them.

    -n says in which namespace; without it those who may at the cluster scope. Groups that the server fills are
    explained, system:masters is always among them. Exit code 3: there may be more; what could not be seen is named.

    \b
    Examples:
      k8srun who-can get secrets -n shop --lab
      k8srun who-can create pods/exec --any-namespace --snapshot prod.k8srun
      k8srun who-can get /metrics --context -o json
    """
    if any_namespace and namespace:
        raise InputError("--any-namespace and --namespace exclude each other")
    request = request_of(verb, resource, name, namespace, authorization.snapshot)
    found = who_can(authorization, request, anywhere=any_namespace)

    def show(out: Console, output: str) -> None:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        authorization_output.print_holders(out, output, found, anywhere=any_namespace)

    return Answer(_document(found), show, bool(found.unknown))


def _document(found: WhoCan) -> dict[str, object]:
    holders = [
        {
            **subject_document(holder.subject),
            "meaning": holder.meaning,
            "workloads": list(holder.workloads),
            "reason": holder.reason,
            "grants": [grant_document(grant) for grant in holder.grants],
        }
        for holder in found.holders
    ]
    return {
        "schema": SCHEMA,
        "request": request_document(found.request),
        "holders": holders,
        "unknown": list(found.unknown),
        "warnings": list(found.warnings),
    }
