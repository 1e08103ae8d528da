"""What a step brings about besides the change itself, as far as the object alone shows it.

The domains know more (who gains access, which traffic is blocked): theirs is the plan's own impact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from k8srun.jsonpatch import equal
from k8srun.kinds import (
    CLUSTER_ROLE_BINDING,
    CUSTOM_RESOURCE_DEFINITION,
    DAEMON_SET,
    DEPLOYMENT,
    NAMESPACE,
    ROLE_BINDING,
    STATEFUL_SET,
)
from k8srun.plan import ObjectRef
from k8srun.snapshot import JsonObject
from k8srun.text import plural, visible

_ROLLED_OUT = frozenset({DEPLOYMENT, DAEMON_SET, STATEFUL_SET})
_BINDINGS = frozenset({ROLE_BINDING, CLUSTER_ROLE_BINDING})
_POD_SECURITY = "pod-security.kubernetes.io/"
_LONGEST = 300


def effects(ref: ObjectRef, before: JsonObject | None, after: JsonObject | None) -> Iterator[str]:
    """What changing `before` into `after` brings about, a sentence each.

    Args:
        before, after: reduced; None where there is no object.
    """
    if ref.of_kind in _ROLLED_OUT:
        yield from _rollout(ref, before, after)
    if ref.of_kind == NAMESPACE:
        yield from _namespace(ref, before, after)
    if ref.of_kind in _BINDINGS:
        yield from _binding(ref, before, after)
    if ref.of_kind == CUSTOM_RESOURCE_DEFINITION and after is None:
        yield f"Deletes every object of the kind that {ref.name} defines; taking it back does not bring them back."


def _rollout(ref: ObjectRef, before: JsonObject | None, after: JsonObject | None) -> Iterator[str]:
    if before is None:
        return
    old = before.get("spec") or {}
    # What is wanted, not what is there: that changes while nobody does anything.
    wanted = (before.get("status") or {}).get("desiredNumberScheduled", 0)
    pods = wanted if ref.of_kind == DAEMON_SET else old.get("replicas", 1)
    if after is None:
        yield f"Ends {plural(pods, 'pod')} of {ref}."
        return
    new = after.get("spec") or {}
    if not equal(old.get("template"), new.get("template")):
        yield f"Restarts {plural(pods, 'pod')} of {ref}: its pod template changes."
    if old.get("replicas", 1) != new.get("replicas", 1):
        yield f"Scales {ref} from {old.get('replicas', 1)} to {new.get('replicas', 1)}."


def _namespace(ref: ObjectRef, before: JsonObject | None, after: JsonObject | None) -> Iterator[str]:
    if before is not None and after is None:
        yield f"Deletes everything in the namespace {ref.name}; taking it back makes an empty one."
    if before is None or after is None:
        return
    old, new = _labels(before), _labels(after)
    for name in sorted(label for label in {*old, *new} if label.startswith(_POD_SECURITY)):
        if old.get(name) != new.get(name):
            mode = name.removeprefix(_POD_SECURITY)
            said = f"from {old.get(name) or 'unset'} to {new.get(name) or 'unset'}"
            yield f"Pods of {ref.name} that are created from now on are judged otherwise: Pod Security {mode} {said}."


def _binding(ref: ObjectRef, before: JsonObject | None, after: JsonObject | None) -> Iterator[str]:
    old, new = _subjects(before), _subjects(after)
    role = ((after or before or {}).get("roleRef") or {}) if after or before else {}
    named = f"{role.get('kind', 'role')} {role.get('name', '')}"
    where = f"in namespace {ref.namespace}" if ref.namespace else "in the whole cluster"
    for said, subjects in (("Grants", new - old), ("Takes", old - new)):
        if subjects:
            preposition = "to" if said == "Grants" else "from"
            text = f"{said} {named} {where} {preposition} {', '.join(sorted(subjects))}."
            yield visible(text, limit=_LONGEST)


def _labels(item: JsonObject) -> Mapping[str, Any]:
    return (item.get("metadata") or {}).get("labels") or {}


def _subjects(item: JsonObject | None) -> set[str]:
    return {
        f"{subject.get('kind')} {subject['namespace']}/{subject.get('name')}"
        if subject.get("namespace")
        else f"{subject.get('kind')} {subject.get('name')}"
        for subject in (item or {}).get("subjects") or ()
    }
