"""The objects of a lab as its manifests hold them: one file for each namespace and one for what is cluster-scoped."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from k8srun.apply.target import ApiObject
from k8srun.atomic import write_atomically
from k8srun.codec import parse_json, pretty
from k8srun.errors import InputError
from k8srun.kinds import Kind, kind_of

_CLUSTER = "cluster"

Key = tuple[Kind, str, str]


def key_of(item: ApiObject) -> Key:
    """Kind, namespace and name of an object."""
    metadata = item["metadata"]
    return kind_of(item["apiVersion"], item["kind"]), metadata.get("namespace") or "", metadata["name"]


class LabStore:
    """Reads and writes the folder. A file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[int, list[ApiObject]]] = {}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes to the folder meanwhile."""
        handle = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def objects(self) -> dict[Key, ApiObject]:
        """Every object. They are the store's own: who changes one gives it back to `put`.

        Raises:
            InputError: a file is not a lab's any more.
        """
        found: dict[Key, ApiObject] = {}
        for path in sorted(self._folder.glob("*.json")):
            for item in self._documents(path):
                found[key_of(item)] = item
        return found

    def put(self, item: ApiObject) -> None:
        """Store an object in place of the one of its name."""
        key = key_of(item)
        path = self._path(key)
        documents = self._documents(path) if path.exists() else []
        others = [other if key_of(other) != key else item for other in documents]
        self._write(path, others if any(key_of(other) == key for other in documents) else [*documents, item])

    def remove(self, keys: set[Key]) -> None:
        """Take objects out."""
        for path in {self._path(key) for key in keys}:
            kept = [item for item in self._documents(path) if key_of(item) not in keys]
            if kept or path.stem == _CLUSTER:
                self._write(path, kept)
            else:
                path.unlink()
                self._read.pop(path, None)

    def _path(self, key: Key) -> Path:
        return self._folder / f"{key[1] or _CLUSTER}.json"

    def _documents(self, path: Path) -> list[ApiObject]:
        changed = path.stat().st_mtime_ns
        known = self._read.get(path)
        if known is None or known[0] != changed:
            try:
                documents: list[Any] = parse_json(path.read_bytes(), where=str(path))["items"]
                for item in documents:
                    key_of(item)
            except (KeyError, TypeError, AttributeError):
                raise InputError(
                    "this is no manifest of a lab any more", where=str(path), do="Build the lab anew with --force."
                ) from None
            known = (changed, documents)
            self._read[path] = known
        return known[1]

    def _write(self, path: Path, documents: list[ApiObject]) -> None:
        whole = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": documents}
        write_atomically(path, f"{pretty(whole)}\n".encode())
        self._read.pop(path, None)
