"""A plan's changes as a Kustomize component, for the repository of who owns the objects.

A repository's manifest lacks what the server fills in, and what it has may stand elsewhere than in the live object. So
a change is a strategic merge where that says the same, which needs no parents and finds entries of lists by name; else
it is a JSON Patch, with the tests that show that its indexes mean the same entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from k8srun.apply.export import file_lines, heading
from k8srun.apply.simulate import merged
from k8srun.atomic import write_atomically
from k8srun.errors import RefusedError
from k8srun.jsonpatch import Operation, pointer, tokens
from k8srun.kinds import RESOURCES
from k8srun.plan import Action, ObjectRef, Plan, Step
from k8srun.text import visible
from k8srun.yamltext import yaml_text

_NOT_A_FILE_NAME = re.compile(r"[^a-z0-9.-]+")
_SILENT = "# Look at what it builds: where a target finds no object Kustomize changes nothing, and does not say so.\n"
_CHANGES = frozenset({Action.PATCH, Action.APPLY, Action.DELETE})


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
    by_hand = ""
    for number, step in enumerate(plan.steps, 1):
        ref = step.target
        if ref is not None and step.action is Action.CREATE:
            resources[_file_name(number, ref)] = heading(number, step) + file_lines(step) + yaml_text(step.body)
        elif ref is not None and step.action in _CHANGES and not ref.subresource:
            patches += [_entry(patch, ref) for patch in _patches(step, ref)]
            by_hand += heading(number, step) + file_lines(step) if step.from_files else ""
        else:
            by_hand += heading(number, step)
    if not resources and not patches:
        raise RefusedError("the plan changes nothing that a repository could hold")
    component: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
    component |= {"resources": sorted(resources)} if resources else {}
    component |= {"patches": patches} if patches else {}
    comments = f"# {visible(plan.title, limit=200)}\n"
    comments += _SILENT if any("target" in patch for patch in patches) else ""
    comments += f"# Not in here, to be done beside it:\n{by_hand}" if by_hand else ""
    files = {**resources, "kustomization.yaml": comments + yaml_text(component)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_atomically(folder / name, text.encode(), mode=0o644)
    return tuple(folder / name for name in files)


def _entry(patch: Any, ref: ObjectRef) -> dict[str, Any]:
    """A strategic merge says itself which object it is for, and Kustomize says when there is none."""
    return {"patch": yaml_text(patch)} | ({"target": _selector(ref)} if isinstance(patch, list) else {})


def _patches(step: Step, ref: ObjectRef) -> Iterator[Any]:
    """A step as patches that Kustomize takes: strategic merges, and a JSON Patch of what is none."""
    metadata = {"name": ref.name} | ({"namespace": ref.namespace} if ref.namespace else {})
    identity = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
    if step.action is Action.DELETE:
        yield {"$patch": "delete", **identity}
    elif step.action is Action.APPLY:
        yield dict(step.body or {})
    else:
        expected = {one["path"]: one["value"] for one in step.patch if one["op"] == "test"}
        changes = [one for one in step.patch if one["op"] != "test"]
        fragments = [_fragment(one, expected, ref) for one in changes]
        together: dict[str, Any] = {}
        for fragment in fragments:
            together = merged(together, fragment or {})
        if together:
            yield merged(identity, together)
        rest = [dict(one) for one, fragment in zip(changes, fragments, strict=True) if fragment is None]
        if rest:
            yield [*_tests(expected, rest), *rest]


def _fragment(operation: Operation, expected: dict[str, Any], ref: ObjectRef) -> dict[str, Any] | None:
    """An operation as a strategic merge; None where that would say something else."""
    kind, path = operation["op"], operation["path"]
    keys = tokens(path)
    value = operation.get("value")
    was_absent = path in expected and expected[path] is None
    if kind != "remove" and isinstance(value, dict | list) and not was_absent:
        return None  # it would be merged into what is there
    if _is_index(keys[-1]):
        return None
    fragment: Any = value
    for depth in range(len(keys) - 1, -1, -1):
        key = keys[depth]
        if not _is_index(key):
            fragment = {key: fragment}
            continue
        name = expected.get(pointer(*keys[: depth + 1], "name"))
        # Kustomize merges the lists of kinds that it knows, and replaces those of all others. What it merges comes
        # first afterwards, which matters where entries run one after the other.
        if not isinstance(name, str) or ref.of_kind not in RESOURCES or keys[depth - 1] == "initContainers":
            return None
        fragment = [{"name": name, **fragment}]
    return fragment if isinstance(fragment, dict) else None


def _tests(expected: dict[str, Any], operations: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What shows that the indexes of the operations mean the same entries as in the cluster. Kustomize takes no test
    for null."""
    for path, value in expected.items():
        keys = tokens(path)
        place = keys[:-1] if len(keys) > 1 and keys[-1] == "name" and _is_entry(keys[-2]) else keys
        changed = [tokens(one["path"]) for one in operations]
        beyond = [keys[len(place) :] for keys in changed if keys[: len(place)] == place]
        if value is not None and any(_is_entry(place[-1]) or any(map(_is_entry, keys)) for keys in beyond):
            yield {"op": "test", "path": path, "value": value}


def _selector(ref: ObjectRef) -> dict[str, str]:
    """Which object is meant. Kustomize reads names as regular expressions."""
    group, _, version = ref.api_version.rpartition("/")
    name, namespace = (re.escape(text).replace("\\-", "-") for text in (ref.name, ref.namespace))
    selected = {"group": group, "version": version, "kind": ref.kind, "name": name, "namespace": namespace}
    return {name: value for name, value in selected.items() if value}


def _file_name(number: int, ref: ObjectRef) -> str:
    return f"{number:02}-{_NOT_A_FILE_NAME.sub('-', f'{ref.kind}-{ref.name}'.lower())}.yaml"


def _is_entry(key: str) -> bool:
    return key.isascii() and key.isdigit()


def _is_index(key: str) -> bool:
    return key == "-" or _is_entry(key)
