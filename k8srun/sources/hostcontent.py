"""One file of a node, read and reduced: what a snapshot may hold of it, and the gap where it could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.pem import read_pem
from k8srun.scrub import scrub
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.sources.hostlayout import Form
from k8srun.sources.hosttree import Entry, EntryKind, Tree, Unreadable
from k8srun.sources.kubeconfig import reduce_kubeconfig
from k8srun.sources.reduce import reduce_object
from k8srun.sources.yamlreader import read_documents

LOG_LINES = 300
_LOG_BYTES = 512 * 1024
_TEXT_BYTES = 256 * 1024
_FILE_BYTES = 4 * 1024 * 1024


def read_file(tree: Tree, entry: Entry, form: Form, topic: Topic) -> tuple[HostFile, Gap | None]:
    """The file at `entry` as a snapshot holds it. With a gap, its content is missing and `error` says why."""
    what: dict[str, Any] = {
        "path": entry.path,
        "topic": topic,
        "host": tree.hostname,
        "mode": entry.mode,
        "owner": entry.owner,
        "group": entry.group,
        "size": entry.size,
        "modified": entry.modified,
        "target": entry.target,
    }
    try:
        if entry.kind is EntryKind.NOTHING:
            raise Unreadable(GapReason.MALFORMED, f"a link that leads nowhere: {entry.target}")
        if entry.kind is EntryKind.SPECIAL:
            raise Unreadable(GapReason.REFUSED, "a pipe, a socket or a device, where a file is expected")
        return HostFile(**what, **_content(tree, entry, form)), None
    except Unreadable as error:
        gap = Gap(Area.HOST, topic.value, error.reason, error.detail, _place(tree, entry.path))
        return HostFile(**what, error=error.detail), gap
    except InputError as error:
        where = error.where or _place(tree, entry.path)
        return HostFile(**what, error=error.what), Gap(Area.HOST, topic.value, GapReason.MALFORMED, error.what, where)


def _place(tree: Tree, path: str) -> str:
    return f"{path} on {tree.hostname}" if tree.hostname else path


def _content(tree: Tree, entry: Entry, form: Form) -> dict[str, Any]:
    path = entry.path
    match form:
        case Form.PEM:
            return {"pem": read_pem(tree.read(path, _FILE_BYTES))}
        case Form.KUBECONFIG:
            return {"kubeconfig": _kubeconfig(tree, path)}
        case Form.DOCUMENT:
            return {"document": reduce_object(_document(tree, path))}
        case Form.TEXT:
            return {"text": scrub(tree.read(path, _TEXT_BYTES).decode(errors="replace"))}
        case Form.LOG:
            return {"text": last_lines(tree.read(path, _LOG_BYTES, tail=True), cut=(entry.size or 0) > _LOG_BYTES)}
        case Form.STAT:
            return {}


def last_lines(content: bytes, *, cut: bool) -> str:
    """The last lines of a log, reduced; when its beginning was cut off, the first line may be half a one and goes."""
    lines = content.decode(errors="replace").splitlines()
    return scrub("\n".join(lines[1 if cut else 0 :][-LOG_LINES:]))


def _document(tree: Tree, path: str) -> dict[str, Any]:
    """The first document of a file: neither the kubelet nor the apiserver reads on after it."""
    found = next(read_documents(tree.read(path, _FILE_BYTES), path), None)
    if found is None:
        raise InputError("is empty")
    if found.error:
        where = f"{path}:{found.line}"
        raise InputError(found.error.removeprefix(f"{where}: "), where=_place(tree, where))
    if not isinstance(found.value, dict):
        raise InputError("holds no mapping, so no configuration")
    return found.value


def _kubeconfig(tree: Tree, path: str) -> Any:
    def read(named: Path) -> bytes:
        try:
            return tree.read(str(named), _FILE_BYTES)
        except Unreadable as error:
            raise OSError(None, error.detail) from None

    document: Mapping[str, Any] = _document(tree, path)
    return reduce_kubeconfig(document, Path(path).parent, read=read)
