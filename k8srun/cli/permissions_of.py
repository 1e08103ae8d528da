"""`k8srun permissions-of`: everything that somebody may do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from k8srun.authorization.asking import identity_of
from k8srun.authorization.permissions import Permissions, permissions_of
from k8srun.cli.authorization_documents import grant_document, identity_document, rule_document
from k8srun.cli.authorization_options import eks_option, identity_options, namespace_of, read_authorization
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import pretty
from k8srun.errors import ExitCode
from k8srun.sources.options import SourceOptions

SCHEMA = "k8srun.dev/permissions-of/v1"


@click.command("permissions-of")
@click.argument("subject", metavar="USER", default="")
@identity_options
@eks_option
@source_options
@now_option
@output_option("table", "json", "csv")
@click.pass_context
def permissions_of_command(
    context: click.Context,
    *,
    subject: str,
    user: str,
    groups: tuple[str, ...],
    raw: bool,
    eks_file: Path | None,
    sources: SourceOptions,
    now: datetime,
    output: str,
) -> None:
    """List every rule that USER holds, where it holds and by which binding; with -n what counts in one namespace.

    Exit code 3: it may be more; what could not be seen is named.

    \b
    Examples:
      k8srun permissions-of shop:web --lab
      k8srun permissions-of jane --as-group developers -n shop --snapshot prod.k8srun -o csv
    """
    authorization = read_authorization(sources, now, eks_file)
    identity = identity_of(subject or user, groups, raw=raw, snapshot=authorization.snapshot, eks=authorization.eks)
    found = permissions_of(authorization, identity, namespace_of(sources) or None)
    if output == "json":
        click.echo(pretty(_document(found)))
    else:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        authorization_output.print_permissions(console(), output, found)
    context.exit(ExitCode.INCOMPLETE if found.unknown else ExitCode.CLEAN)


def _document(found: Permissions) -> dict[str, object]:
    rules = [
        {
            "namespace": item.namespace,
            "rule": rule_document(item.rule),
            "grants": [grant_document(grant) for grant in item.grants],
        }
        for item in found.rules
    ]
    return {
        "schema": SCHEMA,
        "identity": identity_document(found.identity),
        "everything": found.everything,
        "rules": rules,
        "dangling": [str(binding) for binding in found.dangling],
        "unknown": list(found.unknown),
    }
