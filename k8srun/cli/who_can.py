"""`k8srun who-can`: everybody who may do something."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from k8srun.authorization.asking import request_of
from k8srun.authorization.whocan import WhoCan, who_can
from k8srun.cli.authorization_documents import grant_document, request_document, subject_document
from k8srun.cli.authorization_options import eks_option, namespace_of, read_authorization
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import pretty
from k8srun.errors import ExitCode, InputError
from k8srun.sources.options import SourceOptions

SCHEMA = "k8srun.dev/who-can/v1"


@click.command("who-can")
@click.argument("verb")
@click.argument("resource", metavar="RESOURCE[.GROUP][/SUBRESOURCE]|/URL")
@click.argument("name", default="")
@click.option("--any-namespace", is_flag=True, help="Also who may in one namespace only, whichever it is.")
@eks_option
@source_options
@now_option
@output_option("table", "json", "csv")
@click.pass_context
def who_can_command(
    context: click.Context,
    *,
    verb: str,
    resource: str,
    name: str,
    any_namespace: bool,
    eks_file: Path | None,
    sources: SourceOptions,
    now: datetime,
    output: str,
) -> None:
    """List everybody who may do something: users, groups, ServiceAccounts and what runs as them.

    -n says in which namespace; without it those who may at the cluster scope. Groups that the server fills are
    explained, system:masters is always among them. Exit code 3: there may be more; what could not be seen is named.

    \b
    Examples:
      k8srun who-can get secrets -n shop --lab
      k8srun who-can create pods/exec --any-namespace --snapshot prod.k8srun
      k8srun who-can get /metrics --context -o json
    """
    if any_namespace and sources.namespaces:
        raise InputError("--any-namespace and --namespace exclude each other")
    authorization = read_authorization(sources, now, eks_file, workloads=True)
    request = request_of(verb, resource, name, namespace_of(sources), authorization.snapshot)
    found = who_can(authorization, request, anywhere=any_namespace)
    if output == "json":
        click.echo(pretty(_document(found)))
    else:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        authorization_output.print_holders(console(), output, found, anywhere=any_namespace)
    context.exit(ExitCode.INCOMPLETE if found.unknown else ExitCode.CLEAN)


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
    }
