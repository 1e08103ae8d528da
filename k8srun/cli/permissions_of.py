"""`k8srun permissions-of`: everything that somebody may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from k8srun.authorization.asking import identity_of
from k8srun.authorization.chain import Authorization
from k8srun.authorization.permissions import Permissions, permissions_of
from k8srun.cli.authorization_documents import grant_document, identity_document, rule_document
from k8srun.cli.authorization_options import Answer, identity_options, question
from k8srun.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "k8srun.dev/permissions-of/v1"


@click.command("permissions-of")
@click.argument("subject", metavar="USER", default="")
@identity_options
@question()
def permissions_of_command(
    authorization: Authorization,
    namespace: str,
    *,
    subject: str,
    user: str,
    groups: tuple[str, ...],
    raw: bool,
) -> Answer:
    """List every rule that USER holds, where it holds and by which binding; with -n what counts in one namespace.

    Exit code 3: it may be more; what could not be seen is named.

    \b
    Examples:
      k8srun permissions-of shop:web --lab
      k8srun permissions-of jane --as-group developers -n shop --snapshot prod.k8srun -o csv
    """
    if subject and user:
        raise InputError("USER and --as name somebody both", do="Give one of them.")
    identity = identity_of(subject or user, groups, raw=raw, snapshot=authorization.snapshot, eks=authorization.eks)
    found = permissions_of(authorization, identity, namespace or None)

    def show(out: Console, output: str) -> None:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        authorization_output.print_permissions(out, output, found)

    return Answer(_document(found), show, bool(found.unknown))


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
