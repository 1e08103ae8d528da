"""When a webhook's certificate blocks the cluster itself: let requests pass without it, for a time.

A change of a webhook's configuration is never sent to a webhook, so that this works whatever is blocked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from k8srun import steps
from k8srun.certificates.callers import Caller
from k8srun.certificates.case import World
from k8srun.certificates.fixes.commands import quote
from k8srun.certificates.plans.remedy import Remedy, field_equals, joined
from k8srun.certificates.shapes import at, entries, mapping, text
from k8srun.errors import InputError
from k8srun.jsonpatch import Operation
from k8srun.kinds import MUTATING_WEBHOOK, NAMESPACE, VALIDATING_WEBHOOK
from k8srun.snapshot import object_key
from k8srun.text import visible

AT_MOST = timedelta(hours=24)
"""After that somebody should have mended the certificate, or decided anew."""
_NAME_LABEL = "kubernetes.io/metadata.name"
_SYSTEM = "kube-system"


@dataclass(frozen=True, slots=True)
class Gate:
    """A webhook without whose answer requests are refused.

    Attributes:
        caller: the webhook.
        webhook: its entry.
        fails: whether the API server can verify what it serves; None if that is not known.
    """

    caller: Caller
    webhook: Mapping[str, Any]
    fails: bool | None

    @property
    def namespace(self) -> str:
        """That of its service; empty for one that is called by URL."""
        return text(at(self.caller.config, "service", "namespace"))

    @property
    def judges(self) -> str:
        """The requests that it is asked about: `CREATE, UPDATE of pods`."""
        rules = []
        for rule in entries(self.webhook.get("rules")):
            operations, resources = (", ".join(map(str, rule.get(name) or ())) for name in ("operations", "resources"))
            rules.append(f"{operations} of {resources}")
        return visible("; ".join(dict.fromkeys(rules)) or "nothing", limit=300)


def gates(world: World) -> tuple[Gate, ...]:
    """Every webhook whose failure refuses requests (failurePolicy Fail, which is the default)."""
    found = []
    for view in world.views:
        caller = view.connection.caller
        if caller is None or caller.kind not in {VALIDATING_WEBHOOK, MUTATING_WEBHOOK}:
            continue
        webhook = entries(caller.item.get("webhooks"))[caller.number]
        if (text(webhook.get("failurePolicy")) or "Fail") == "Fail":
            found.append(Gate(caller, webhook, view.fails if view.leaf else None))
    return tuple(found)


def blocked(gate: Gate, world: World) -> tuple[str, ...]:
    """Which of the namespaces that the cluster itself needs it stands before: kube-system, and its own."""
    needed = dict.fromkeys((_SYSTEM, *((gate.namespace,) if gate.namespace else ())))
    return tuple(name for name in needed if _selects(gate.webhook, name, world))


def break_glass(world: World, webhook: str = "", *, namespaces: Sequence[str] = ()) -> Remedy:
    """Let requests pass that a webhook cannot be asked about, until it is taken back.

    Args:
        webhook: its name; empty = every one whose certificate the API server does not accept.
        namespaces: only requests in these pass without it; empty = all of them (failurePolicy Ignore).

    Raises:
        InputError: there is no such webhook that refuses requests.
    """
    every = gates(world)
    found = [gate for gate in every if (gate.caller.name == webhook if webhook else gate.fails)]
    if not found:
        names = ", ".join(visible(gate.caller.name, limit=120) for gate in every) or "none"
        raise InputError(
            "no webhook of that name refuses requests" if webhook else "no webhook fails for its certificate",
            where=visible(webhook, limit=120),
            do=f"Those that refuse when they cannot be asked: {names}.",
        )
    return joined(_opened(gate, world, namespaces) for gate in found)


def _opened(gate: Gate, world: World, namespaces: Sequence[str]) -> Remedy:
    change = _exclusion(gate, namespaces) if namespaces else _ignored(gate)
    name = {"op": "test", "path": f"/webhooks/{gate.caller.number}/name", "value": gate.caller.name}
    shown = visible(gate.caller.name, limit=200)
    reason = f"{shown} cannot be asked, and what it is asked about is refused: {gate.judges}"
    step = steps.patch(gate.caller.item, (name, change), reason)
    return Remedy((step,), tuple(_impact(gate, world, namespaces)), (_proof(gate, change),))


def _ignored(gate: Gate) -> Operation:
    path = f"/webhooks/{gate.caller.number}/failurePolicy"
    return {"op": "replace" if "failurePolicy" in gate.webhook else "add", "path": path, "value": "Ignore"}


def _exclusion(gate: Gate, namespaces: Sequence[str]) -> Operation:
    """One more condition: all of them must hold, so that those that are there stay."""
    path = f"/webhooks/{gate.caller.number}/namespaceSelector"
    expression = {"key": _NAME_LABEL, "operator": "NotIn", "values": sorted(namespaces)}
    selector = gate.webhook.get("namespaceSelector")
    if not isinstance(selector, Mapping):
        return {"op": "add", "path": path, "value": {"matchExpressions": [expression]}}
    present = list(entries(selector.get("matchExpressions")))
    verb = "replace" if "matchExpressions" in selector else "add"
    return {"op": verb, "path": f"{path}/matchExpressions", "value": [*present, expression]}


def _proof(gate: Gate, change: Operation) -> Any:
    return field_equals(gate.caller.item, change["path"], change["value"])


def _impact(gate: Gate, world: World, namespaces: Sequence[str]) -> Iterator[str]:
    name = visible(gate.caller.name, limit=200)
    where = f" in {', '.join(visible(one, limit=80) for one in namespaces)}" if namespaces else ""
    yield f"Until it is taken back {name} judges nothing{where}: what it would refuse is admitted ({gate.judges})."
    before = blocked(gate, world)
    if before and not namespaces:
        narrow = " ".join(before)
        yield f"It stands before {narrow} too; to open these alone, name them as the namespaces to let pass."
    end = world.now + AT_MOST
    kind, item = gate.caller.kind.kind.lower(), quote(object_key(gate.caller.item)[1])
    back = "failurePolicy Fail" if not namespaces else "its namespaceSelector"
    yield (
        f"Take it back once the check WEBHOOK-CA passes, at the latest at {end:%Y-%m-%d %H:%M} UTC: k8srun plan undo"
        f" --run RUN with the run that applying prints, or kubectl edit {kind} {item} ({back})."
    )
    yield "What was admitted meanwhile is not judged afterwards: look for it by its creation time."


def _selects(webhook: Mapping[str, Any], namespace: str, world: World) -> bool:
    """Whether the webhook is asked about requests in a namespace, by its namespaceSelector."""
    item = world.snapshot.find(NAMESPACE, namespace)
    labels = {**mapping(at(item, "metadata", "labels")), _NAME_LABEL: namespace}
    selector = mapping(webhook.get("namespaceSelector"))
    wanted = mapping(selector.get("matchLabels"))
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in entries(selector.get("matchExpressions"))
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, operator = text(expression.get("key")), expression.get("operator")
    values = expression.get("values") or ()
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }.get(str(operator), True)
