"""A node's files as a tree that is read and never left: a folder of this machine, or anything that looks like one."""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from k8srun.snapshot import GapReason

MAX_NAMES = 10_000
MAX_LINKS = 40  # as the kernel's limit
_NUMBER = re.compile(r"[0-9]{1,10}")


class EntryKind(StrEnum):
    """What a path leads to once its links are followed."""

    FILE = "file"
    FOLDER = "folder"
    SPECIAL = "special"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of a tree. All but `target` is of what the links lead to; unknown values are empty or None.

    Attributes:
        path: absolute within the tree.
        target: where the path's own symbolic link points, as written; empty for anything else.
    """

    path: str
    kind: EntryKind
    target: str = ""
    mode: int | None = None
    owner: str = ""
    group: str = ""
    size: int | None = None
    modified: datetime | None = None


class Unreadable(Exception):  # noqa: N818 - becomes a gap
    """A path that is there and cannot be read."""

    def __init__(self, reason: GapReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Tree(Protocol):
    """The files of one node.

    Attributes:
        origin: what is read, for the snapshot's list of origins.
        hostname: empty when unknown.
        taken_at: when the files were as they are read.
    """

    origin: str
    hostname: str
    taken_at: datetime

    def look(self, path: str) -> Entry | None:
        """The entry at an absolute path; None when there is none. Raises Unreadable."""

    def names(self, folder: str) -> tuple[str, ...]:
        """The names in a folder, sorted. Raises Unreadable."""

    def read(self, path: str, limit: int, *, tail: bool = False) -> bytes:
        """A file's bytes, refused when there are more than `limit`; with `tail` its last ones. Raises Unreadable."""


class FolderTree:
    """A tree below a folder: `/`, or a copy of a node. Links are followed as if the folder were `/`."""

    def __init__(self, root: Path, now: datetime) -> None:
        self._root = root.resolve()
        self.origin = f"node files under {root}"
        self.taken_at = now
        self._users = self._names_of("/etc/passwd")
        self._groups = self._names_of("/etc/group")
        self.hostname = self._first_word("/etc/hostname")

    def look(self, path: str) -> Entry | None:
        try:
            resolved = self._resolve(path)
            target = self._target(path)
            if resolved is None:
                return Entry(path, EntryKind.NOTHING, target)
            found = resolved.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return Entry(path, EntryKind.NOTHING, target) if target else None
        except OSError as error:
            raise _unreadable(error) from None
        return Entry(
            path=path,
            kind=_kind(found.st_mode),
            target=target,
            mode=stat.S_IMODE(found.st_mode),
            owner=self._users.get(found.st_uid, str(found.st_uid)),
            group=self._groups.get(found.st_gid, str(found.st_gid)),
            size=found.st_size,
            modified=_time(found.st_mtime),
        )

    def names(self, folder: str) -> tuple[str, ...]:
        resolved = self._resolve(folder)
        names: list[str] = []
        try:
            with os.scandir(resolved) as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) > MAX_NAMES:
                        raise Unreadable(GapReason.TOO_LARGE, f"more than {MAX_NAMES} entries")
        except OSError as error:
            raise _unreadable(error) from None
        return tuple(sorted(names))

    def read(self, path: str, limit: int, *, tail: bool = False) -> bytes:
        try:
            resolved = self._resolve(path)
            # Not blocking: opening a pipe that replaced the file meanwhile must not wait for its writer.
            descriptor = os.open(resolved or "", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise Unreadable(GapReason.REFUSED, "not a regular file")
                if tail and found.st_size > limit:
                    file.seek(found.st_size - limit)
                content = file.read(limit if tail else limit + 1)
        except OSError as error:
            raise _unreadable(error) from None
        if len(content) > limit:
            raise Unreadable(GapReason.TOO_LARGE, f"larger than {limit} bytes")
        return content

    def _target(self, path: str) -> str:
        """The target of the link at `path`; empty when there is none."""
        folder, _, name = path.rpartition("/")
        parent = self._resolve(folder)
        if parent is None:
            return ""
        try:
            target = os.readlink(parent / name)  # noqa: PTH115 - Path would tidy the target up
        except OSError:
            return ""  # not a link; what it is instead is `look`'s to find out
        return target.encode(errors="surrogateescape").decode(errors="replace")

    def _resolve(self, path: str) -> Path | None:
        """Where a path leads on this machine, never outside of the root; None when its links go round in circles."""
        rest = deque(path.split("/"))
        done: list[str] = []
        links = 0
        while rest:
            part = rest.popleft()
            if part in {"", "."}:
                continue
            if part == "..":
                done = done[:-1]
                continue
            try:
                target = os.readlink(self._root.joinpath(*done, part))  # noqa: PTH115
            except OSError:
                done.append(part)  # no link, or not there: the caller's own call says which
                continue
            links += 1
            if links > MAX_LINKS:
                return None
            done = [] if target.startswith("/") else done
            rest.extendleft(reversed(target.split("/")))
        return self._root.joinpath(*done)

    def _names_of(self, path: str) -> dict[int, str]:
        """Number → name from /etc/passwd or /etc/group."""
        rows = (line.split(":") for line in self._lines(path))
        return {int(row[2]): row[0] for row in reversed([*rows]) if len(row) > 2 and _NUMBER.fullmatch(row[2])}

    def _first_word(self, path: str) -> str:
        return next((word[:253] for line in self._lines(path) for word in line.split()), "")

    def _lines(self, path: str) -> list[str]:
        try:
            return self.read(path, 1024 * 1024).decode(errors="replace").splitlines()
        except Unreadable:
            return []  # a copy of a node often lacks it: owners stay numbers, the host stays unnamed


def _kind(mode: int) -> EntryKind:
    if stat.S_ISREG(mode):
        return EntryKind.FILE
    return EntryKind.FOLDER if stat.S_ISDIR(mode) else EntryKind.SPECIAL


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _unreadable(error: OSError) -> Unreadable:
    reason = GapReason.FORBIDDEN if isinstance(error, PermissionError) else GapReason.UNREACHABLE
    return Unreadable(reason, (error.strerror or "cannot be read").lower())
