"""A snapshot as one file: written here, opened on any machine.

The file is gzip of JSON lines: a header that says what follows, then the objects, the host files and the endpoints,
each on a line of its own, so that neither writing nor reading holds the whole text in memory beside the objects.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from k8srun import __version__
from k8srun.atomic import write_atomically
from k8srun.codec import encode, kind_from_text
from k8srun.errors import InputError, RefusedError
from k8srun.hostfiles import HostFile
from k8srun.kinds import Kind
from k8srun.snapshot import Area, Gap, GapReason, JsonObject, Need, ServerInfo, Snapshot
from k8srun.sources.garbage import collector_paused
from k8srun.sources.reduce import reduce_object
from k8srun.sources.shapes import wrong_shape
from k8srun.tls import TlsObservation

VERSION = 1
SCHEMA = f"k8srun.dev/snapshot/v{VERSION}"

MAX_LINE = 64 * 1024 * 1024
MAX_BYTES = 4 * 1024 * 1024 * 1024
# Objects of a cluster compress ten to sixty times. What unpacks to more is made to fill the memory.
_MAX_RATIO, _RATIO_FREE = 500, 64 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Header:
    """The first line: what of, and how many lines of each kind, of files and of endpoints follow it, in this order."""

    schema: str
    tool: str
    taken_at: Annotated[datetime, msgspec.Meta(tz=True)]
    origin: tuple[str, ...]
    lab: bool
    server: ServerInfo | None
    observed: tuple[Need, ...]
    gaps: tuple[Gap, ...]
    objects: Mapping[str, int]
    files: int
    endpoints: int


def save(snapshot: Snapshot, path: Path, *, overwrite: bool = False) -> None:
    """Write a snapshot to a file that only its owner may read, whole or not at all. The same snapshot, the same bytes.

    Raises:
        RefusedError: the file exists, and `overwrite` is not set.
        InputError: it cannot be written.
    """
    if path.exists() and not overwrite:
        raise RefusedError("the file exists already", where=str(path), do="Choose another name, or pass --force.")
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=6, mtime=0) as file:
        for line in _lines(snapshot):
            file.write(line)
            file.write(b"\n")
    try:
        write_atomically(path, packed.getvalue())
    except OSError as error:
        raise InputError(
            f"the snapshot cannot be written: {error.strerror}",
            where=str(path),
            do="Is there such a folder, and space?",
        ) from None


def _lines(snapshot: Snapshot) -> Iterator[bytes]:
    yield encode(
        _Header(
            schema=SCHEMA,
            tool=__version__,
            taken_at=snapshot.taken_at,
            origin=snapshot.origin,
            lab=snapshot.lab,
            server=snapshot.server,
            observed=tuple(sorted(snapshot.observed, key=lambda need: (need.area, need.what))),
            gaps=snapshot.gaps,
            objects={str(kind): len(items) for kind, items in snapshot.objects.items()},
            files=len(snapshot.files),
            endpoints=len(snapshot.endpoints),
        )
    )
    for items in snapshot.objects.values():
        yield from map(encode, items)
    yield from map(encode, snapshot.files)
    yield from map(encode, snapshot.endpoints)


def load(path: Path) -> Snapshot:
    """Read a saved snapshot.

    Objects pass the border again: a file from elsewhere may hold what this version would not have saved.

    Raises:
        InputError: there is no such file, it is no snapshot, it is damaged or cut off, a newer version wrote it, or it
            unpacks to more than a snapshot does.
    """
    where = str(path)
    try:
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as file, collector_paused():
            return _read(_Lines(file, path.stat().st_size, where), where)
    except FileNotFoundError:
        raise InputError("no such file", where=where, do="Make one: k8srun snapshot save FILE --context") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        if str(error).startswith("Not a gzipped file"):
            raise _not_a_snapshot(where) from None
        raise InputError("the snapshot is damaged or cut off", where=where, do="Copy or save it again.") from None
    except OSError as error:
        raise InputError(f"the snapshot cannot be read: {error.strerror}", where=where) from None


class _Lines:
    """The lines of a saved file, counted, and refused when there is more than a snapshot of that size holds."""

    def __init__(self, file: gzip.GzipFile, packed: int, where: str) -> None:
        self._file = file
        self._left = min(MAX_BYTES, max(_RATIO_FREE, packed * _MAX_RATIO))
        self._where = where

    def next(self, kind: type[T]) -> T:
        line = self._file.readline(min(MAX_LINE, self._left) + 1)
        self._left -= len(line)
        if self._left < 0 or len(line) > MAX_LINE:
            raise InputError("unpacks to more than a snapshot of this size", where=self._where, do="Who made it?")
        if not line.endswith(b"\n"):
            raise EOFError
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"the snapshot is damaged: {error}", where=self._where, do="Save it again.") from None

    def end(self) -> None:
        """Nothing may follow. Reading on is also what checks gzip's sum of the whole file."""
        if self._file.read(1):
            raise EOFError


def _read(lines: _Lines, where: str) -> Snapshot:
    header = _header(lines, where)
    objects: dict[Kind, tuple[JsonObject, ...]] = {}
    broken: list[Gap] = []
    for text, count in header.objects.items():
        kind = kind_from_text(text)
        found = (lines.next(dict[str, Any]) for _ in range(count))
        objects[kind] = tuple(reduce_object(item) for item in found if not _is_broken(item, kind, where, broken))
    snapshot = Snapshot(
        taken_at=header.taken_at,
        origin=header.origin,
        lab=header.lab,
        server=header.server,
        objects=objects,
        files=tuple(lines.next(HostFile) for _ in range(header.files)),
        endpoints=tuple(lines.next(TlsObservation) for _ in range(header.endpoints)),
        observed=frozenset(header.observed),
        gaps=(*header.gaps, *dict.fromkeys(broken)),
    )
    lines.end()
    return snapshot


def _is_broken(item: Mapping[str, Any], kind: Kind, where: str, gaps: list[Gap]) -> bool:
    """Whether it is no object that a source would have let through, which is a gap."""
    wrong = wrong_shape(item, kind)
    if wrong:
        gaps.append(Gap(Area.OBJECTS, str(kind), GapReason.MALFORMED, wrong, where))
    return bool(wrong)


def _header(lines: _Lines, where: str) -> _Header:
    try:
        raw = lines.next(dict[str, Any])
    except InputError:
        raise _not_a_snapshot(where) from None
    version = re.fullmatch(r"k8srun\.dev/snapshot/v(\d{1,6})", str(raw.get("schema")))
    if version is None:
        raise _not_a_snapshot(where)
    if int(version[1]) > VERSION:
        tool = f", k8srun {raw['tool']}" if isinstance(raw.get("tool"), str) else ""
        raise InputError(
            f"written by a newer k8srun (snapshot v{version[1]}{tool}); this one, {__version__}, reads v{VERSION}",
            where=where,
            do="Upgrade k8srun, or save the snapshot again with this version.",
        )
    try:
        return msgspec.convert(raw, _Header, strict=True)
    except msgspec.ValidationError as error:
        raise InputError(f"the snapshot is damaged: its header {error}", where=where, do="Save it again.") from None


def _not_a_snapshot(where: str) -> InputError:
    return InputError(
        "is not a saved snapshot",
        where=where,
        do="k8srun snapshot save makes one. Manifests are given with --from, a node's files with --host-root.",
    )
