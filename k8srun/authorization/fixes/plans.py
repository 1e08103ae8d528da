"""An option as a plan: with its impact, and the questions that prove it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from k8srun import steps
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.fixes.impact import impact
from k8srun.authorization.fixes.options import Option, Proposal
from k8srun.errors import InputError
from k8srun.kinds import NAMESPACE, SERVICE_ACCOUNT
from k8srun.plan import ObjectRef, Plan, Question, Step
from k8srun.snapshot import Snapshot
from k8srun.text import visible

SHORTEST_SECONDS = 600
"""The API server issues no token for less."""


def grant_plan(proposal: Proposal, option: Option, snapshot: Snapshot) -> Plan:
    """The plan that carries out one of the options of a proposal."""
    return Plan(
        title=option.title,
        cluster=cluster_of(snapshot),
        steps=option.steps,
        impact=impact(option.steps, snapshot),
        verify=tuple(_questions(proposal.identity, proposal.needed, option.steps)),
        planned_by=snapshot.server.username if snapshot.server else "",
    )


def token_plan(
    namespace: str, name: str, path: str, snapshot: Snapshot, *, seconds: int = 3600, audiences: Sequence[str] = ()
) -> Plan:
    """Issue a token of a ServiceAccount for a time, into a file of mode 0600 that must not exist.

    The token is bound to an empty Secret, so that deleting that ends it: a token by itself cannot be called back.

    Raises:
        InputError: there is no such ServiceAccount, or the time is too short.
    """
    account = snapshot.find(SERVICE_ACCOUNT, name, namespace)
    where = f"ServiceAccount {visible(namespace, limit=100)}/{visible(name, limit=100)}"
    if account is None:
        raise InputError("does not exist", where=where, do="k8srun run service-accounts lists those that do.")
    if seconds < SHORTEST_SECONDS:
        raise InputError(f"{seconds} seconds are too short", do=f"The API server wants at least {SHORTEST_SECONDS}.")
    if not path:
        raise InputError("names no file for the token", do="Name one that does not exist: it is made with mode 0600.")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{name[:50]}-token", "namespace": namespace},
        "type": "Opaque",
    }
    why = f"a token of {where} is needed for {seconds} seconds"
    return Plan(
        title=f"Issue a token of {where}",
        cluster=cluster_of(snapshot),
        steps=(
            steps.create(secret, f"{why}: deleting this Secret ends it"),
            steps.token(account, steps.ref(secret), path, why, expiration_seconds=seconds, audiences=audiences),
        ),
        impact=(f"Whoever can read the file acts as {where}, for {seconds} seconds or until the Secret is deleted.",),
        verify=(Question("object-exists", {"object": _named(steps.ref(secret))}),),
        planned_by=snapshot.server.username if snapshot.server else "",
    )


def cluster_of(snapshot: Snapshot) -> str:
    """The uid of the cluster's kube-system namespace; empty if it was not read."""
    system = snapshot.find(NAMESPACE, "kube-system")
    known = snapshot.server.uid if snapshot.server else ""
    return known or ((system or {}).get("metadata") or {}).get("uid") or ""


def _questions(identity: Identity, needed: Sequence[Attributes], made: Sequence[Step]) -> Iterator[Question]:
    for request in needed:
        if request.path is None:
            names = ("verb", "group", "resource", "subresource", "namespace", "name")
            about = {name: getattr(request, name) for name in names if getattr(request, name)}
            yield Question("access", {"user": identity.user, "groups": list(identity.groups), **about})
    if any(request.path is not None for request in needed):
        # A review of a URL is no question that a plan can ask: that the binding is there is what can be said.
        yield from (Question("object-exists", {"object": _named(step.target)}) for step in made if step.target)


def _named(target: ObjectRef) -> dict[str, str]:
    return {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "namespace": target.namespace,
        "name": target.name,
    }
