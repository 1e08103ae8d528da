"""A plan's changes for the repository of who owns the objects: patches, a Kustomize component, or whole manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from k8srun.apply.lookup import whole
from k8srun.apply.reducing import reduced
from k8srun.apply.simulate import afterwards
from k8srun.apply.target import NotDone, Request, Target
from k8srun.atomic import write_atomically
from k8srun.errors import K8srunError, RefusedError
from k8srun.jsonpatch import Operation, PatchError, equal
from k8srun.marks import written
from k8srun.plan import Action, ObjectRef, Plan, Step
from k8srun.text import visible

# What a repository's manifest does not have.
_LIVE_ONLY = re.compile(r"/(status|metadata/(uid|resourceVersion|generation|creationTimestamp))(/.*)?")
_NOT_A_FILE_NAME = re.compile(r"[^a-z0-9.-]+")


def as_patches(plan: Plan) -> str:
    """Each change as a YAML document: JSON Patch operations (`kubectl patch --type=json --patch-file`), the fields of a
    server-side apply, or the object to create; what cannot be exported is a comment."""
    return "".join(f"---\n{_heading(number, step)}{_body(step)}" for number, step in enumerate(plan.steps, 1))


def write_component(plan: Plan, folder: Path) -> tuple[Path, ...]:
    """Write a Kustomize component: its `kustomization.yaml`, a file for each object to create, the changes as patches.

    Args:
        folder: made if it does not exist; nothing in it is overwritten.

    Returns:
        the files.

    Raises:
        RefusedError: the folder holds something, or there is nothing to export.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RefusedError("is not an empty folder: nothing was written", where=str(folder), do="Name a new one.")
    resources: dict[str, str] = {}
    patches: list[dict[str, Any]] = []
    for number, step in enumerate(plan.steps, 1):
        if step.target is None:
            continue
        if step.action is Action.CREATE:
            resources[_file_name(number, step.target)] = _heading(number, step) + _yaml(step.body)
        elif step.action in {Action.PATCH, Action.APPLY, Action.DELETE} and not step.target.subresource:
            patches.append({"target": _selector(step.target), "patch": _kustomize_patch(step)})
    if not resources and not patches:
        raise RefusedError("the plan changes nothing that a repository could hold")
    component: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
    component |= {"resources": sorted(resources)} if resources else {}
    component |= {"patches": patches} if patches else {}
    files = {**resources, "kustomization.yaml": f"# {visible(plan.title, limit=200)}\n{_yaml(component)}"}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_atomically(folder / name, text.encode(), mode=0o644)
    return tuple(folder / name for name in files)


def as_manifests(plan: Plan, target: Target) -> str:
    """Each object as it would be afterwards, without what the server keeps, as YAML documents.

    Raises:
        RefusedError: an object holds secret values, or is not as the plan expects.
        K8srunError: an object cannot be read.
    """
    return "".join(
        f"---\n{_heading(number, step)}{_manifest(step, target)}" for number, step in enumerate(plan.steps, 1)
    )


def _manifest(step: Step, target: Target) -> str:
    if step.action is Action.CREATE:
        return _yaml(step.body)
    if step.target is None or step.target.subresource or step.action not in {Action.PATCH, Action.APPLY}:
        return _unexported(step)
    try:
        item = target.read(whole(step.target))
        after = afterwards(Request(step.action, step.target, "", body=step.body, operations=step.patch), item)
    except PatchError as error:
        raise RefusedError(f"it is not as the plan expects: {error}", where=str(step.target)) from None
    except NotDone as error:
        raise K8srunError(str(error.failure), where=str(step.target), do=error.failure.do) from None
    if item is None or after is None:
        raise RefusedError("it does not exist any more", where=str(step.target))
    shown = written(after)
    if not equal(shown, dict(written(reduced(after)))):
        raise RefusedError(
            "it holds values that look secret, and is not printed", where=str(step.target), do="Use --patch."
        )
    shown.get("metadata", {}).pop("ownerReferences", None)
    return _yaml(shown)


def _heading(number: int, step: Step) -> str:
    return f"# {number}. {visible(str(step), limit=300)}: {visible(step.reason, limit=300)}\n"


def _body(step: Step) -> str:
    if step.target is None or step.target.subresource:
        return _unexported(step)
    if step.action is Action.PATCH and step.patch:
        return _yaml([dict(operation) for operation in _portable(step.patch)])
    if step.action in {Action.CREATE, Action.APPLY}:
        files = "".join(f"# {path}: the content of {file}\n" for path, file in sorted(step.from_files.items()))
        return files + _yaml(step.body)
    return _unexported(step)


def _unexported(step: Step) -> str:
    if step.action is Action.DELETE:
        return "# Remove it from the repository.\n"
    commands = "".join(f"#   {visible(command, limit=1000)}\n" for command in step.commands)
    return commands or "# This is no change of a manifest: it can only be applied.\n"


def _kustomize_patch(step: Step) -> str:
    if step.action is Action.PATCH:
        return _yaml([dict(operation) for operation in _portable(step.patch)])
    ref = step.target
    body: dict[str, Any] = dict(step.body or {})
    if step.action is Action.DELETE and ref is not None:
        metadata = {"name": ref.name} | ({"namespace": ref.namespace} if ref.namespace else {})
        body = {"$patch": "delete", "apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
    return _yaml(body)


def _portable(operations: tuple[Operation, ...]) -> Iterator[Operation]:
    """Without the tests that only hold for the live object."""
    return (one for one in operations if not (one["op"] == "test" and _LIVE_ONLY.fullmatch(one["path"])))


def _selector(ref: ObjectRef) -> dict[str, str]:
    group, _, version = ref.api_version.rpartition("/")
    selected = {"group": group, "version": version, "kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
    return {name: value for name, value in selected.items() if value}


def _file_name(number: int, ref: ObjectRef) -> str:
    return f"{number:02}-{_NOT_A_FILE_NAME.sub('-', f'{ref.kind}-{ref.name}'.lower())}.yaml"


def _yaml(value: Mapping[str, Any] | list[Any] | None) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)
    return text
