"""What the commands about permissions print as JSON: short and stable, in place of the engine's own structures."""

from __future__ import annotations

from typing import Any

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.decision import Decision
from k8srun.authorization.model import Grant, Rule, Subject
from k8srun.authorization.nearmisses import NearMiss


def identity_document(identity: Identity) -> dict[str, Any]:
    return {"user": identity.user, "groups": list(identity.groups)}


def request_document(request: Attributes) -> dict[str, Any]:
    if request.path is not None:
        return {"verb": request.verb, "path": request.path}
    fields = ("verb", "group", "resource", "subresource", "namespace", "name")
    return {field: getattr(request, field) for field in fields}


def rule_document(rule: Rule) -> dict[str, Any]:
    """As in a role's manifest, without the lists that are empty."""
    fields = {
        "verbs": rule.verbs,
        "apiGroups": rule.groups,
        "resources": rule.resources,
        "resourceNames": rule.names,
        "nonResourceURLs": rule.urls,
    }
    return {name: list(values) for name, values in fields.items() if values}


def subject_document(subject: Subject) -> dict[str, Any]:
    return {"kind": subject.kind, "namespace": subject.namespace, "name": subject.name}


def grant_document(grant: Grant) -> dict[str, Any]:
    return {
        "namespace": grant.namespace,
        "binding": str(grant.binding),
        "subject": subject_document(grant.subject),
        "role": str(grant.role),
        "rule": rule_document(grant.rule),
    }


def near_miss_document(miss: NearMiss) -> dict[str, Any]:
    return {
        "kind": miss.kind.name.lower(),
        "message": miss.message,
        "binding": str(miss.binding or (miss.grant.binding if miss.grant else "")),
        "instead": request_document(miss.instead) if miss.instead else None,
    }


def decision_document(decision: Decision, misses: tuple[NearMiss, ...] = ()) -> dict[str, Any]:
    return {
        "answer": decision.answer,
        "allowed": decision.allowed,
        "reason": decision.reason,
        "authorizer": decision.authorizer,
        "proof": grant_document(decision.proof) if decision.proof else None,
        "near_misses": [near_miss_document(miss) for miss in misses],
        "unknown": list(decision.unknown),
        "warnings": list(decision.warnings),
    }
