"""`k8srun can-i`: whether somebody may do something, and why or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from k8srun.authorization.asking import identity_of, request_of
from k8srun.authorization.chain import Authorization
from k8srun.authorization.compound import review_as_client
from k8srun.authorization.nearmisses import near_misses
from k8srun.cli.authorization_documents import decision_document, identity_document, request_document
from k8srun.cli.authorization_options import Answer, identity_options, question

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "k8srun.dev/can-i/v1"


@click.command("can-i")
@click.argument("verb")
@click.argument("resource", metavar="RESOURCE[.GROUP][/SUBRESOURCE]|/URL")
@click.argument("name", default="")
@identity_options
@question()
def can_i(
    authorization: Authorization,
    namespace: str,
    *,
    verb: str,
    resource: str,
    name: str,
    user: str,
    groups: tuple[str, ...],
    raw: bool,
) -> Answer:
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
    identity = identity_of(user, groups, raw=raw, snapshot=authorization.snapshot, eks=authorization.eks)
    request = request_of(verb, resource, name, namespace, authorization.snapshot)
    decision = review_as_client(authorization, identity, request)
    misses = () if decision.allowed else near_misses(authorization, identity, request)
    document = {
        "schema": SCHEMA,
        "identity": identity_document(identity),
        "request": request_document(request),
        **decision_document(decision, misses),
    }

    def show(out: Console, output: str) -> None:
        from k8srun.cli import authorization_output  # noqa: PLC0415 - rich and csv are not needed for -o json

        authorization_output.print_decision(out, output, identity, request, decision, misses=misses)

    return Answer(document, show, decision.allowed is None)
