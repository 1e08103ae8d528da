"""`k8srun can-i`: whether somebody may do something, and why or why not."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from k8srun.authorization.asking import identity_of, request_of
from k8srun.authorization.compound import review_as_client
from k8srun.authorization.nearmisses import near_misses
from k8srun.cli.authorization_documents import decision_document, identity_document, request_document
from k8srun.cli.authorization_options import (
    eks_option,
    identity_options,
    namespace_of,
    read_authorization,
)
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import pretty
from k8srun.errors import ExitCode
from k8srun.sources.options import SourceOptions

SCHEMA = "k8srun.dev/can-i/v1"


@click.command("can-i")
@click.argument("verb")
@click.argument("resource", metavar="RESOURCE[.GROUP][/SUBRESOURCE]|/URL")
@click.argument("name", default="")
@identity_options
@eks_option
@source_options
@now_option
@output_option("table", "json", "csv")
@click.pass_context
def can_i(
    context: click.Context,
    *,
    verb: str,
    resource: str,
    name: str,
    user: str,
    groups: tuple[str, ...],
    raw: bool,
    eks_file: Path | None,
    sources: SourceOptions,
    now: datetime,
    output: str,
) -> None:
    """Say whether somebody may do something, with the proof, or with what comes close where they may not.

    -n says in which namespace; without it the cluster scope (all namespaces at once) is meant. The part behind the
    slash is a subresource, never a name. Without --as it is you, as the live cluster knows you. Exit code 0 once
    answered, 3 if it cannot be told.

    \b
    Examples:
      k8srun can-i list pods -n shop --as jane --lab
      k8srun can-i create pods/exec -n shop --as shop:web --snapshot prod.k8srun
      k8srun can-i get secrets web-tls -n shop --as-group developers --context
      k8srun can-i get /metrics --as jane --context -o json
    """
    authorization = read_authorization(sources, now, eks_file)
    identity = identity_of(user, groups, raw=raw, snapshot=authorization.snapshot, eks=authorization.eks)
    request = request_of(verb, resource, name, namespace_of(sources), authorization.snapshot)
    decision = review_as_client(authorization, identity, request)
    misses = () if decision.allowed else near_misses(authorization, identity, request)
    if output == "json":
        answer = {
            "schema": SCHEMA,
            "identity": identity_document(identity),
            "request": request_document(request),
            **decision_document(decision, misses),
        }
        click.echo(pretty(answer))
    else:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        if output == "csv":
            authorization_output.print_decision_csv(identity, request, decision)
        else:
            authorization_output.print_decision(console(), identity, request, decision, misses)
    context.exit(ExitCode.INCOMPLETE if decision.allowed is None else ExitCode.CLEAN)
