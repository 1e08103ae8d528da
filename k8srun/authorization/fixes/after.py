"""A snapshot as it will be once the roles and bindings of a plan are written: what its impact is computed of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from k8srun.jsonpatch import PatchError, patched
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING, Kind
from k8srun.plan import Action, Step
from k8srun.snapshot import JsonObject, Snapshot, object_key

RBAC_KINDS = (ROLE, CLUSTER_ROLE, ROLE_BINDING, CLUSTER_ROLE_BINDING)


def after(snapshot: Snapshot, steps: Iterable[Step]) -> Snapshot:
    """The snapshot with the steps carried out that create, patch or delete an RBAC object.

    A patch whose tests fail changes nothing: applying the plan would stop there.
    """
    objects: dict[Kind, dict[tuple[str, str], JsonObject]] = {
        kind: {object_key(item): item for item in snapshot.of(kind)} for kind in RBAC_KINDS
    }
    for step in steps:
        if step.target is None or step.target.of_kind not in objects:
            continue
        known, key = objects[step.target.of_kind], (step.target.namespace, step.target.name)
        if step.action is Action.CREATE and step.body is not None:
            known[key] = step.body
        elif step.action is Action.DELETE:
            known.pop(key, None)
        elif step.action is Action.PATCH and key in known:
            known[key] = _patched(known[key], step)
    written = {kind: tuple(items.values()) for kind, items in objects.items()}
    return replace(snapshot, objects={**snapshot.objects, **written})


def _patched(item: JsonObject, step: Step) -> JsonObject:
    try:
        changed: JsonObject = patched(item, step.patch)
    except PatchError:
        return item
    return changed
