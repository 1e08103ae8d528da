"""Whether ResourceQuotas leave room for one more pod: which of them count it, and what of theirs it takes.

Source: kubernetes `pkg/quota/v1/evaluator/core/pods.go`, `pkg/quota/v1/generic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from k8srun.kinds import RESOURCE_QUOTA, RUNTIME_CLASS
from k8srun.pods import PodTemplate
from k8srun.snapshot import JsonObject, Snapshot, resource_name
from k8srun.text import visible
from k8srun.workloads.quantities import Amounts, Asked, ContainerResources, Obstacle, amounts, of_namespace, shown

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_CPU_AND_MEMORY = ("cpu", "memory")


def beyond_quotas(snapshot: Snapshot, template: PodTemplate, asked: Asked) -> Iterator[Obstacle]:
    """Why the quotas of its namespace refuse one more pod of a template."""
    overhead = _overhead(snapshot, template)
    for item in of_namespace(snapshot, RESOURCE_QUOTA, template.namespace):
        spec, status = item.get("spec") or {}, item.get("status") or {}
        if not all(_in_scope(scope, template, asked) for scope in _scopes(spec)):
            continue
        name = resource_name(RESOURCE_QUOTA, item)
        hard = amounts(status.get("hard") or spec.get("hard"), name)
        used = amounts(status.get("used"), name)
        for resource, most in hard.items():
            silent = _silent(resource, asked)
            needed = _needed(resource, asked, overhead)
            if silent:
                yield Obstacle(name, f"container {visible(silent, limit=63)} must say {resource}")
            elif needed is not None and used.get(resource, Decimal(0)) + needed > most:
                left = most - used.get(resource, Decimal(0))
                told = f"one pod needs {shown(needed)}, {shown(left)} of {shown(most)} is left"
                yield Obstacle(name, f"{visible(resource, limit=200)}: {told}")


def _overhead(snapshot: Snapshot, template: PodTemplate) -> Amounts:
    """What its RuntimeClass adds to what a pod asks for."""
    own = template.spec.get("overhead")
    if own is None and (name := template.spec.get("runtimeClassName")):
        found: JsonObject = snapshot.find(RUNTIME_CLASS, name) or {}
        own = (found.get("overhead") or {}).get("podFixed")
    return amounts(own, template.ref)


def _needed(resource: str, asked: Asked, overhead: Amounts) -> Decimal | None:
    """What one pod adds to a quota; None for what is not of pods, or not asked for."""
    if resource in ("pods", "count/pods"):
        return Decimal(1)
    which, name = "", resource
    if resource.startswith(("requests.", "limits.")):
        which, _, name = resource.partition(".")
    of_requests = (name.startswith("hugepages-") and which != "limits") or ("/" in name and which == "requests")
    if name not in _COMPUTE and not of_requests:
        return None
    amount = (asked.limits if which == "limits" else asked.requests).get(name)
    if amount is None:
        return overhead.get(name) if which != "limits" else None
    return amount + overhead.get(name, Decimal(0))


def _silent(resource: str, asked: Asked) -> str:
    """The container that does not say what a quota asks all of them to; empty where they do, or the pod does."""
    which, _, name = resource.rpartition(".")
    if name not in _CPU_AND_MEMORY or which not in ("", "requests", "limits") or any(asked.stated):
        return ""
    field = "limits" if which == "limits" else "requests"
    return next((one.container for one in asked.containers if name not in getattr(one, field)), "")


def _scopes(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The scopes of a quota, all as expressions."""
    named = spec.get("scopes")
    for name in named if isinstance(named, list | tuple) else ():
        yield {"scopeName": name, "operator": "Exists"}
    selector = spec.get("scopeSelector")
    expressions = selector.get("matchExpressions") if isinstance(selector, Mapping) else None
    for expression in expressions if isinstance(expressions, list | tuple) else ():
        if isinstance(expression, Mapping):
            yield expression


def _in_scope(scope: Mapping[str, Any], template: PodTemplate, asked: Asked) -> bool:
    judge = _SCOPES.get(str(scope.get("scopeName")))
    return judge is not None and judge(scope, template, asked)


def _priority(scope: Mapping[str, Any], template: PodTemplate, _asked: Asked) -> bool:
    name, values = template.spec.get("priorityClassName") or "", scope.get("values") or ()
    match scope.get("operator"):
        case "In":
            return name in values
        case "NotIn":
            return name not in values
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name
    return False


def _ends(template: PodTemplate) -> bool:
    deadline = template.spec.get("activeDeadlineSeconds")
    return isinstance(deadline, int) and deadline >= 0


def _best_effort(asked: Asked) -> bool:
    """Whether a pod is of the quality of service BestEffort: it asks for neither cpu nor memory."""
    stated = ContainerResources("", *asked.stated)
    judged = (stated,) if any(asked.stated) else asked.containers
    return not any(one.requests.get(name) or one.limits.get(name) for one in judged for name in _CPU_AND_MEMORY)


def _reaches_namespaces(template: PodTemplate) -> bool:
    """Whether an affinity of a pod looks at pods of other namespaces."""
    affinity = template.spec.get("affinity") or {}
    for name in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(name) or {}
        listed = [*(terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ())]
        weighted = terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        listed += [one.get("podAffinityTerm") or {} for one in weighted]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in listed):
            return True
    return False


_SCOPES: Mapping[str, Callable[[Mapping[str, Any], PodTemplate, Asked], bool]] = {
    "Terminating": lambda _scope, template, _asked: _ends(template),
    "NotTerminating": lambda _scope, template, _asked: not _ends(template),
    "BestEffort": lambda _scope, _template, asked: _best_effort(asked),
    "NotBestEffort": lambda _scope, _template, asked: not _best_effort(asked),
    "PriorityClass": _priority,
    "CrossNamespacePodAffinity": lambda _scope, template, _asked: _reaches_namespaces(template),
}
