"""What the checks of ServiceAccounts and of dated grants look at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from k8srun.authorization.inspections import shown
from k8srun.authorization.scene import scene_of
from k8srun.checks import Check
from k8srun.clock import parse_time
from k8srun.errors import InputError
from k8srun.findings import Confidence, Evidence, Finding, Severity
from k8srun.kinds import CLUSTER_ROLE_BINDING, ROLE_BINDING
from k8srun.snapshot import Snapshot, object_key
from k8srun.text import visible

EXPIRES = "k8srun.dev/expires"
"""Annotation of a binding: when it is to be taken away, RFC 3339."""

_SHOWN = 5


def legacy_tokens(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Tokens in Secrets that do not end; one that the server refuses already is only litter."""
    for account in scene_of(snapshot).accounts:
        for token in account.tokens:
            if token.invalid_since:
                continue
            made = "made by hand" if token.by_hand else "made by a controller"
            used = f"last used {token.last_used}" if token.last_used else "no use of it noted"
            resource = visible(f"Secret {account.namespace}/{token.name}", limit=300)
            message = f"a token of {shown(account)} that never ends, {made}"
            severity = Severity.HIGH if account.bindings else Severity.MEDIUM
            yield check.finding(resource, message, Evidence(visible(used), resource), severity=severity)


def default_accounts(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """default ServiceAccounts that were given something, or that something runs as."""
    for account in scene_of(snapshot).accounts:
        if account.name != "default":
            continue
        if account.bindings:
            facts = [Evidence(f"bound by {shown(binding)}") for binding in account.bindings[:_SHOWN]]
            message = "it has permissions, and so has every pod that names no ServiceAccount"
            yield check.finding(shown(account), message, *facts, key="bound", severity=Severity.MEDIUM)
        mounting = [usage for usage in account.usages if usage.automount]
        if mounting and account.namespace != "kube-system":
            facts = [Evidence(f"{shown(usage.workload)} runs as it") for usage in mounting[:_SHOWN]]
            yield check.finding(shown(account), "pods run as it and mount its token", *facts, key="used")


def automounts(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Tokens mounted although nothing was granted to use them for. Default accounts have a check of their own."""
    for account in scene_of(snapshot).accounts:
        if account.name == "default" or account.namespace == "kube-system":
            continue
        for usage in account.idle_mounts:
            why = f"set by the {usage.explicit}" if usage.explicit else "nothing sets automountServiceAccountToken"
            message = f"its pods mount a token of {shown(account)}, which has no permission of its own"
            fact = Evidence(why, shown(usage.workload))
            yield check.finding(shown(usage.workload), message, fact, confidence=Confidence.FIRM)


def expired(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Bindings whose date is past, or cannot be read."""
    for kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING):
        for item in snapshot.of(kind):
            until = ((item.get("metadata") or {}).get("annotations") or {}).get(EXPIRES)
            if not isinstance(until, str):
                continue
            namespace, name = object_key(item)
            resource = visible(f"{kind.kind} {namespace}/{name}" if namespace else f"{kind.kind} {name}", limit=300)
            fact = Evidence(f"{EXPIRES}: {visible(until, limit=80)}", resource)
            try:
                past = parse_time(until, where=EXPIRES) <= now.astimezone(UTC)
            except InputError:
                yield check.finding(resource, f"its annotation {EXPIRES} is no time, so that it never ends", fact)
                continue
            if past:
                yield check.finding(resource, f"it was to end at {visible(until, limit=80)}", fact)
