"""A plan's changes for the repository of who owns the objects, as patches or as whole manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from k8srun.apply.reducing import reduced
from k8srun.apply.simulate import afterwards
from k8srun.apply.target import ApiObject, NotDone, Request, Target
from k8srun.errors import K8srunError, RefusedError
from k8srun.jsonpatch import Operation, PatchError, equal
from k8srun.marks import written
from k8srun.plan import Action, ObjectRef, Plan, Step
from k8srun.text import visible
from k8srun.yamltext import yaml_text

_ON_OBJECTS = frozenset({Action.CREATE, Action.PATCH, Action.APPLY, Action.DELETE})
_REMOVED = "# Remove it from the repository.\n"
# What a repository's manifest does not have.
_LIVE_ONLY = re.compile(r"/(status|metadata/(uid|resourceVersion|generation|creationTimestamp))(/.*)?")


def as_patches(plan: Plan) -> str:
    """Each change as a YAML document: JSON Patch operations (`kubectl patch --type=json --patch-file`), the fields of a
    server-side apply, or the object to create; what cannot be exported is a comment."""
    return "".join(f"---\n{heading(number, step)}{_body(step)}" for number, step in enumerate(plan.steps, 1))


def as_manifests(plan: Plan, target: Target) -> str:
    """Each object as it would be once every step is done, without what the server keeps, as YAML documents.

    Raises:
        RefusedError: an object holds secret values, or is not as the plan expects.
        K8srunError: an object cannot be read.
    """
    texts: dict[Any, str] = {}
    objects: dict[Any, ApiObject | None] = {}
    for number, step in enumerate(plan.steps, 1):
        ref = step.target
        if ref is None or ref.subresource or step.action not in _ON_OBJECTS:
            texts[number] = heading(number, step) + _unexported(step)
            continue
        objects[ref.key] = _afterwards(step, ref, target, objects)
        texts[ref.key] = texts.get(ref.key, "") + heading(number, step) + file_lines(step)
    manifests = {key: _manifest(item, str(key[2])) for key, item in objects.items()}
    return "".join(f"---\n{text}{manifests.get(key, '')}" for key, text in texts.items())


def _afterwards(
    step: Step, ref: ObjectRef, target: Target, earlier: Mapping[Any, ApiObject | None]
) -> ApiObject | None:
    """What a step makes of its object, and of what earlier ones have made of it."""
    if step.action is Action.CREATE:
        return deepcopy(dict(step.body or {}))
    try:
        item = earlier[ref.key] if ref.key in earlier else target.read(ref)
        if item is None:
            raise RefusedError("it does not exist any more", where=str(ref))
        return afterwards(Request(step.action, ref, "", body=step.body, operations=step.patch), item)
    except PatchError as error:
        raise RefusedError(f"it is not as the plan expects: {error}", where=str(ref)) from None
    except NotDone as error:
        raise K8srunError(str(error.failure), where=str(ref), do=error.failure.do) from None


def _manifest(item: ApiObject | None, name: str) -> str:
    if item is None:
        return _REMOVED
    shown = written(item)
    safe = {name: value for name, value in written(reduced(item)).items() if name in shown}  # of a Secret it makes data
    metadata = shown["metadata"]
    kept = safe["metadata"].get("annotations") or {}  # without those that repeat the whole object
    annotations = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key in kept}
    metadata |= {"annotations": annotations} if annotations else {}
    if not equal(shown, safe):
        raise RefusedError("it holds values that look secret, and is not printed", where=name, do="Use --patch.")
    metadata.pop("ownerReferences", None)
    return yaml_text(shown)


def heading(number: int, step: Step) -> str:
    """What a step is and why, as a comment."""
    return f"# {number}. {visible(str(step), limit=300)}: {visible(step.reason, limit=300)}\n"


def _body(step: Step) -> str:
    if step.target is None or step.target.subresource:
        return _unexported(step)
    if step.action is Action.PATCH:
        operations = [dict(operation) for operation in _portable(step.patch)]
        return file_lines(step) + (yaml_text(operations) if operations else "")
    if step.action in {Action.CREATE, Action.APPLY}:
        return file_lines(step) + yaml_text(step.body)
    return _unexported(step)


def file_lines(step: Step) -> str:
    """Comments on the values that a step takes from files."""
    return "".join(
        f"# {visible(path, limit=300)}: the content of {visible(file, limit=300)}\n"
        for path, file in sorted(step.from_files.items())
    )


def _unexported(step: Step) -> str:
    if step.action is Action.DELETE:
        return _REMOVED
    commands = "".join(f"#   {visible(command, limit=1000)}\n" for command in step.commands)
    return commands or "# This is no change of a manifest: it can only be applied.\n"


def _portable(operations: tuple[Operation, ...]) -> Iterator[Operation]:
    """Without the tests that only hold for the live object."""
    return (one for one in operations if not (one["op"] == "test" and _LIVE_ONLY.fullmatch(one["path"])))
