"""The archive that `collect.sh` makes on a node, as a tree: read in memory, nothing of it is unpacked or trusted.

`k8srun-node/manifest`: `name: value` lines, the first `format: k8srun-node/v1`. `files`: a line a path: kind, mode,
owner, group, size, time (epoch), path, link target, with tabs between. `gaps`: path, reason, detail. `content/PATH`:
a file, reduced. `output/NAME`: what a command printed, below the line `$ COMMAND`.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from k8srun.clock import parse_time
from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.sources.hostcontent import last_lines
from k8srun.sources.hosttree import Entry, EntryKind, Unreadable

MAX_UNPACKED = 64 * 1024 * 1024
MAX_MEMBERS = 20_000
FORMAT = "k8srun-node/v1"
_TOP = "k8srun-node/"
_AGAIN = "Collect it again with `k8srun collect-script`, and copy it whole."
# What is not known where the node lacks a tool; other tools print logs.
_TOOLS = {"openssl": Topic.PKI.value, "stat": "*"}
_KINDS = {"f": EntryKind.FILE, "d": EntryKind.FOLDER, "s": EntryKind.SPECIAL, "n": EntryKind.NOTHING}


class ArchiveTree:
    """The files of the node that the archive was made on. See `hosttree.Tree`.

    Raises:
        InputError: it is no such archive, damaged, too large, or of a newer format.
    """

    def __init__(self, path: Path) -> None:
        members = _members(path)
        manifest = dict(line.partition(": ")[::2] for line in _lines(members, "manifest"))
        self._check_format(manifest.get("format", ""), path)
        self.hostname = manifest.get("host", "")
        self.taken_at = parse_time(manifest.get("collected", ""), where=f"{path}: collected")
        self.origin = f"archive {path} of node {self.hostname or 'without a name'}"
        self._outputs = {name: content for name, content in members.items() if name.startswith("output/")}
        self._content = {
            f"/{name.removeprefix('content/')}": content
            for name, content in members.items()
            if name.startswith("content/")
        }
        self._gaps = [(*line.split("\t", 2), "", "")[:3] for line in _lines(members, "gaps")]
        self._entries: dict[str, Entry] = {}
        for number, line in enumerate(_lines(members, "files"), start=1):
            entry = _entry(line)
            if entry:
                self._entries[entry.path] = entry
            else:
                self._gaps.append(("stat", GapReason.MALFORMED.value, f"line {number} of the list of files"))
        self._children: dict[str, set[str]] = {}
        for entry_path in self._entries:
            rest = entry_path
            while rest:
                rest, _, name = rest.rpartition("/")
                self._children.setdefault(rest, set()).add(name)

    @staticmethod
    def _check_format(found: str, path: Path) -> None:
        if found == FORMAT:
            return
        if found.startswith("k8srun-node/"):
            problem = f"has the format {found[:40]!r}, and this version reads {FORMAT}"
            raise InputError(problem, where=str(path), do="Upgrade k8srun, or collect with this version's script.")
        raise InputError("is not an archive of `k8srun collect-script`", where=str(path), do=_AGAIN)

    def look(self, path: str) -> Entry | None:
        found = self._entries.get(path)
        if found is None and (not path or path in self._children):
            return Entry(path, EntryKind.FOLDER)
        return found

    def names(self, folder: str) -> tuple[str, ...]:
        return tuple(sorted(self._children.get(folder, ())))

    def read(self, path: str, limit: int, *, tail: bool = False) -> bytes:
        content = self._content.get(path)
        if content is None:
            reason, detail = next(
                ((reason, detail) for where, reason, detail in self._gaps if where == path),
                (GapReason.NOT_SUPPLIED.value, "its content is not in the archive"),
            )
            raise Unreadable(_reason(reason), detail)
        if len(content) > limit and not tail:
            raise Unreadable(GapReason.TOO_LARGE, f"larger than {limit} bytes")
        return content[-limit:]

    def command_outputs(self) -> Iterator[HostFile]:
        """What commands on the node printed (logs, the state of the clock), under the command in place of a path."""
        for _, content in sorted(self._outputs.items()):
            command, _, text = content.decode(errors="replace").partition("\n")
            yield HostFile(
                path=command.removeprefix("$ ")[:500],
                topic=Topic.LOG,
                host=self.hostname,
                text=last_lines(text.encode(), cut=False),
            )

    def gaps(self, topic_of: Callable[[str], str]) -> Iterator[Gap]:
        """What could not be read on the node; what is a file's is told with the file.

        Args:
            topic_of: the topic of a path.
        """
        for path, reason, detail in self._gaps:
            entry = self._entries.get(path)
            if entry is None or entry.kind is EntryKind.FOLDER:
                where = f"{path} on {self.hostname}" if self.hostname else path
                topic = topic_of(path) if path.startswith("/") else _TOOLS.get(path, Topic.LOG.value)
                yield Gap(Area.HOST, topic, _reason(reason), detail, where)


class _Bounded:
    """A stream that ends with an error, in place of filling the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise _TooLargeError
        return data


class _TooLargeError(Exception):
    pass


def _members(path: Path) -> dict[str, bytes]:
    """Name below the archive's top folder → content, of regular files alone: no link or device in it is followed."""
    members: dict[str, bytes] = {}
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream: Any = _Bounded(gzip.GzipFile(fileobj=raw) if compressed else raw)  # type: ignore[arg-type]
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for number, member in enumerate(archive):
                    if number >= MAX_MEMBERS:
                        raise _TooLargeError
                    name = member.name.removeprefix("./")
                    if not name.startswith(_TOP) or member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE}:
                        continue
                    file = archive.extractfile(member)
                    content = file.read() if file else b""
                    if len(content) != member.size:
                        raise EOFError
                    members[name.removeprefix(_TOP)] = content
    except _TooLargeError:
        raise InputError(
            f"holds more than {MAX_UNPACKED // 1024 // 1024} MiB or {MAX_MEMBERS} files", where=str(path), do=_AGAIN
        ) from None
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError, RecursionError):
        raise InputError("is no tar archive, damaged or cut off", where=str(path), do=_AGAIN) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(path), do=_AGAIN) from None
    return members


def _lines(members: dict[str, bytes], name: str) -> list[str]:
    return [line for line in members.get(name, b"").decode(errors="replace").split("\n") if line]


def _entry(line: str) -> Entry | None:
    """The entry of one line of `files`; None if the line is malformed."""
    row = line.split("\t")
    if len(row) != 8 or row[0] not in _KINDS or not row[6].startswith("/"):
        return None
    kind, mode, owner, group, size, modified, path, target = row
    return Entry(
        path=path,
        kind=_KINDS[kind],
        target=target,
        mode=_number(mode, 8),
        owner=owner,
        group=group,
        size=_number(size, 10),
        modified=_when(modified),
    )


def _number(text: str, base: int) -> int | None:
    try:
        return int(text[:20], base)
    except ValueError:
        return None


def _when(epoch: str) -> datetime | None:
    seconds = _number(epoch, 10)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _reason(text: str) -> GapReason:
    try:
        return GapReason(text)
    except ValueError:
        return GapReason.NOT_SUPPLIED
