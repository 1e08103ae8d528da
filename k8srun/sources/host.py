"""A node's files as a snapshot: from `/`, from a copy of a node, or from the archive that `collect-script` makes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot
from k8srun.sources.archive import ArchiveTree
from k8srun.sources.hostcontent import read_file
from k8srun.sources.hostflags import Named, named_files, static_pod_folder
from k8srun.sources.hostlayout import PEM_SUFFIXES, PLACES, Form, Place
from k8srun.sources.hosttree import EntryKind, FolderTree, Tree, Unreadable

MAX_FILES = 5_000
MAX_DEPTH = 8


def read_host(root: Path, *, now: datetime) -> Snapshot:
    """The files of one node, reduced. What could not be read is a gap; nothing outside of `root` is looked at.

    A topic counts as observed where one of its places exists: of a copy that holds /etc alone nothing can be said of
    the kubelet's files, and of a worker nothing of etcd's.

    Args:
        root: `/`, a folder that holds a node's `etc` and `var`, or a collected archive.
        now: the snapshot's time, unless it is an archive, which carries its own.

    Raises:
        InputError: there is no such folder or archive, it is damaged, or nothing of a node is in it.
    """
    tree = _open(root, now)
    reading = _Reading(tree)
    for place in PLACES:
        reading.read_place(place)
    reading.follow()
    if isinstance(tree, ArchiveTree):
        reading.add_archive(tree)
    if not reading.observed:
        raise InputError(
            "nothing that a Kubernetes node has was found",
            where=str(root),
            do="Give /, a folder that holds the node's etc/ and var/, or the archive of `k8srun collect-script`.",
        )
    return Snapshot(
        taken_at=tree.taken_at,
        origin=(tree.origin,),
        files=tuple(reading.files),
        observed=frozenset(Need.host(topic) for topic in reading.observed),
        gaps=tuple(dict.fromkeys(reading.gaps)),
    )


def _open(root: Path, now: datetime) -> Tree:
    try:
        if root.is_file():
            return ArchiveTree(root)
        if root.is_dir():
            return FolderTree(root, now)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(root), do="Check the path.") from None
    raise InputError("no such folder or archive", where=str(root), do="Check the path given with --host-root.")


class _Reading:
    """What has been read so far. Every path is read once, as its first place has it."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._seen: set[str] = set()
        self.files: list[HostFile] = []
        self.gaps: list[Gap] = []
        self.observed: set[Topic] = set()

    def read_place(self, place: Place) -> None:
        base = _base(place.pattern)
        try:
            if self._tree.look(base) is None:
                return
        except Unreadable as error:
            self._gap(place.topic, error, base)
            return
        if base:  # the root itself is always there and says nothing
            self.observed.add(place.topic)
        for path in self._paths(place, base):
            self.observed.add(place.topic)
            self._read(path, _form(place, path), place.topic)

    def follow(self) -> None:
        """Read what the files name, and what those name in turn."""
        queue = deque(self.files)
        while queue:
            file = queue.popleft()
            before = len(self.files)
            folder = static_pod_folder(file)
            if folder:
                self.read_place(Place(Form.DOCUMENT, Topic.MANIFEST, f"{folder.rstrip('/')}/*"))
            for named in named_files(file):
                self._read_named(named)
            queue.extend(self.files[before:])
        if any(file.topic is Topic.MANIFEST and file.document for file in self.files):
            self.observed.add(Topic.CONFIG)  # the flags say which configuration there is, and that there is no other

    def add_archive(self, archive: ArchiveTree) -> None:
        """Take over what commands printed on the node, and what could not be read there."""
        outputs = tuple(archive.command_outputs())
        self.files += outputs
        self.observed |= {file.topic for file in outputs}
        self.gaps += archive.gaps(self._topic_of)

    def _topic_of(self, path: str) -> str:
        """The topic of a path, as a gap names it."""
        for place in PLACES:
            if fnmatchcase(path, place.pattern) or fnmatchcase(f"{path}/", place.pattern):  # a folder of `**`
                return place.topic.value
        return next((file.topic.value for file in self.files if file.path == path), "*")

    def _read_named(self, named: Named) -> None:
        if named.path in self._seen:
            return
        self.observed.add(named.topic)
        if not self._read(named.path, named.form, named.topic):
            reason = Unreadable(GapReason.NOT_SUPPLIED, f"not there, though it is named by {named.by}")
            self._gap(named.topic, reason, named.path)

    def _read(self, path: str, form: Form, topic: Topic) -> bool:
        """Read one file. False when there is none."""
        if path in self._seen:
            return True
        if len(self.files) >= MAX_FILES:
            self._gap(topic, Unreadable(GapReason.TOO_LARGE, f"more than {MAX_FILES} files"), "")
            return True
        self._seen.add(path)
        try:
            entry = self._tree.look(path)
        except Unreadable as error:
            self._gap(topic, error, path)
            return True
        if entry is None:
            return False
        if entry.kind is EntryKind.FOLDER and form is not Form.STAT:
            return True
        file, gap = read_file(self._tree, entry, form, topic)
        self.files.append(file)
        self.gaps += [gap] if gap else []
        return True

    def _paths(self, place: Place, base: str) -> Iterator[str]:
        """The paths below `base` that match the place's pattern, sorted."""
        rest = place.pattern[len(base) :].lstrip("/")
        if not rest:
            yield base
        elif rest == "**":
            yield from self._below(place.topic, base, MAX_DEPTH)
        else:
            first, _, more = rest.partition("/")
            for name in self._names(place.topic, base):
                if fnmatchcase(name, first) and not (name.startswith(".") and not first.startswith(".")):
                    path = f"{base}/{name}"
                    deeper = Place(place.form, place.topic, f"{path}/{more}")
                    yield from self._paths(deeper, path) if more else (path,)

    def _below(self, topic: Topic, folder: str, depth: int) -> Iterator[str]:
        for name in self._names(topic, folder):
            path = f"{folder}/{name}"
            try:
                entry = self._tree.look(path)
            except Unreadable as error:
                self._gap(topic, error, path)
                continue
            if entry is not None and entry.kind is EntryKind.FOLDER and not entry.target:
                if depth:
                    yield from self._below(topic, path, depth - 1)
                else:
                    self._gap(topic, Unreadable(GapReason.TOO_LARGE, f"deeper than {MAX_DEPTH} folders"), path)
            elif entry is not None:
                yield path

    def _names(self, topic: Topic, folder: str) -> Iterator[str]:
        try:
            entry = self._tree.look(folder)
            names = self._tree.names(folder) if entry and entry.kind is EntryKind.FOLDER else ()
        except Unreadable as error:
            self._gap(topic, error, folder)
            return
        for name in names:
            if name.isprintable():
                yield name
            else:
                self._gap(topic, Unreadable(GapReason.REFUSED, "a file name that is not printable text"), folder)

    def _gap(self, topic: Topic, error: Unreadable, path: str) -> None:
        where = f"{path} on {self._tree.hostname}" if self._tree.hostname and path else path
        self.gaps.append(Gap(Area.HOST, topic.value, error.reason, error.detail, where))


def _base(pattern: str) -> str:
    """The part of a pattern before its first wildcard: a folder, or the path itself."""
    return re.sub(r"/[^/]*[*].*", "", pattern)


def _form(place: Place, path: str) -> Form:
    if place.form is Form.PEM and place.pattern.endswith("**") and not path.endswith(PEM_SUFFIXES):
        return Form.STAT
    return place.form
