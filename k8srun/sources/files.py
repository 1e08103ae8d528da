"""Manifests as a source: files, folders and standard input, as people write them and as kubectl prints them.

A file says nothing of what is not in it: only the kinds that occur are observed (and those of an empty `PodList`), all
others stay "not supplied". As kubectl would, objects of a namespaced kind without a namespace are put into `default`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from k8srun.errors import InputError
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot
from k8srun.sources.garbage import collector_paused
from k8srun.sources.manifests import Manifests
from k8srun.sources.yamlreader import MAX_BYTES
from k8srun.text import plural

SUFFIXES = frozenset({".yaml", ".yml", ".json"})


def read_files(paths: Sequence[str], *, now: datetime, stdin: BinaryIO | None = None) -> Snapshot:
    """Read manifests into a snapshot.

    Args:
        paths: files of any name, folders (their `.yaml`, `.yml` and `.json` files at any depth, in the order of their
            paths, hidden ones left out), and `-` for standard input. The first of two objects of one name stands.
        now: the time that the snapshot carries.
        stdin: in place of the process's own.

    Raises:
        InputError: a path does not exist, a folder has no such file, or a file or stream is empty.
    """
    manifests = Manifests()
    origin = []
    with collector_paused():
        for path in paths:
            before = manifests.total
            if not path:
                raise InputError("an empty name names no file", where="--from", do="Is a variable empty?")
            what = _stdin(manifests, stdin or sys.stdin.buffer) if path == "-" else _path(manifests, Path(path))
            left_out = [f"{count} left out ({reason})" for reason, count in manifests.left_out.items()]
            manifests.left_out.clear()
            origin.append(f"{what}: {'; '.join([plural(manifests.total - before, 'object'), *left_out])}")
    return Snapshot(
        taken_at=now,
        origin=tuple(origin),
        objects={kind: tuple(items) for kind, items in manifests.objects.items()},
        observed=frozenset(Need.objects(kind) for kind in manifests.objects),
        gaps=tuple(manifests.gaps),
    )


def _stdin(manifests: Manifests, stream: BinaryIO) -> str:
    data = stream.read(MAX_BYTES + 1)
    if not data.strip():
        raise InputError("standard input is empty", do="Look at the command before the pipe: it printed nothing.")
    manifests.read(data, "standard input")
    return "standard input"


def _path(manifests: Manifests, path: Path) -> str:
    if path.is_dir():
        return _folder(manifests, path)
    if not path.exists():
        raise InputError(
            "no such file or folder", where=str(path), do="--from takes a file, a folder, or - for standard input."
        )
    if _file(manifests, path) == 0:
        raise InputError("the file is empty", where=str(path), do="Was it written to its end?")
    return f"file {path}"


def _folder(manifests: Manifests, folder: Path) -> str:
    errors: list[OSError] = []
    outside: list[Path] = []
    files = sorted(_manifest_files(folder, errors, outside))
    if outside:
        manifests.left_out["a link that leads out of the folder"] = len(outside)
    for error in errors:
        manifests.gaps.append(_unreadable(Path(error.filename or folder), error))
    if not files and not errors:
        raise InputError(
            "no .yaml, .yml or .json file in this folder",
            where=str(folder),
            do="Give the folder that holds the manifests; files of other names one by one.",
        )
    for file in files:
        _file(manifests, file)
    return f"folder {folder} ({plural(len(files), 'file')})"


def _file(manifests: Manifests, path: Path) -> int | None:
    """Read one file; how many bytes it holds, or None when it could not be read."""
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        manifests.gaps.append(_unreadable(path, error))
        return None
    manifests.read(data, str(path))
    return len(data)


def _unreadable(path: Path, error: OSError) -> Gap:
    reason = {PermissionError: GapReason.FORBIDDEN, FileNotFoundError: GapReason.NOT_SUPPLIED}.get(
        type(error), GapReason.UNREACHABLE
    )
    return Gap(Area.OBJECTS, "*", reason, error.strerror or "cannot be read", str(path))


def _manifest_files(folder: Path, errors: list[OSError], outside: list[Path]) -> Iterator[Path]:
    """The manifests of a folder. Links to folders within it are followed, but no folder is entered twice."""
    entered: set[tuple[int, int]] = set()
    top = folder.resolve()
    for root, folders, names in os.walk(folder, followlinks=True, onerror=errors.append):
        stat = Path(root).stat()
        if (stat.st_dev, stat.st_ino) in entered:
            folders.clear()
            continue
        entered.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        leaving = [name for name in folders if not Path(root, name).resolve().is_relative_to(top)]
        outside += [Path(root, name) for name in leaving]
        folders[:] = [name for name in folders if name not in leaving]
        for name in names:
            path = Path(root, name)
            # A pipe or a device in a folder is no manifest, and might never end. A dangling link is reported.
            regular = path.is_file() or (path.is_symlink() and not path.exists())
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and regular:
                yield path
