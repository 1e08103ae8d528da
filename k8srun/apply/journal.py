"""The journal: what was about to be done and what became of it, one JSON line each, written before and after.

Every line holds the SHA-256 of the line before it, so that a line that was changed or taken out shows. With a key of
the user's every line is signed, and so is the head (the number and hash of the last line) in a file beside the journal,
so that a shortened or rewritten journal shows too, as long as nobody can put an older signed head back: for that the
head is to be kept elsewhere.

It holds no secret: plans hold none, marks hold no content, and the server's words are reduced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from k8srun.apply.signing import Signer
from k8srun.atomic import write_atomically
from k8srun.change import Answer, ClusterIdentity, Failure
from k8srun.codec import encode
from k8srun.errors import InputError, K8srunError, RefusedError
from k8srun.marks import Mark
from k8srun.plan import Plan, Step

JOURNAL_SCHEMA = "k8srun.dev/journal/v1"
HEAD_SCHEMA = "k8srun.dev/journal-head/v1"
FIRST = "0" * 64
"""What the first line holds in place of the hash of the line before it."""
_SIGNATURE = b',"signature":"'
_BEGINNING = f'{{"schema":"{JOURNAL_SCHEMA}"'.encode()
_ANOTHER = "Name another: --journal FILE."


class Event(StrEnum):
    """What a line says."""

    BEGUN = "begun"
    RESUMED = "resumed"
    INTENT = "intent"
    DONE = "done"
    NOT_DONE = "not done"
    IN_DOUBT = "in doubt"
    VERIFIED = "verified"
    ENDED = "ended"
    TORN = "torn"


class Begin(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run is about, in its first line and in that of each resumption.

    Attributes:
        plan: whole, so that the run can be undone from the journal alone; None in a resumption.
        confirm: the confirmation that was given.
        direct: that objects which somebody else keeps were to be changed all the same.
        undoes: id of the run that this one takes back.
    """

    cluster: ClusterIdentity
    confirm: str
    tool: str
    plan: Plan | None = None
    plan_digest: str = ""
    direct: bool = False
    ticket: str = ""
    undoes: str = ""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line.

    Attributes:
        seq: number of the line, counted from 1.
        prev: SHA-256 of the line before it, `FIRST` in the first.
        run: id of the run; empty for `torn`.
        step: number of the step, counted from 1; 0 where the line is about the run.
        before: the object as it was before the step; of an intent.
        after: the object as the step left it; of an intent, as the server predicted it.
        undo: how to take the step back; of an intent, as far as it is known before.
        signature: of everything before it in the line.
    """

    schema: str
    seq: int
    prev: str
    time: datetime
    event: Event
    run: str = ""
    step: int = 0
    detail: str = ""
    begin: Begin | None = None
    before: Mark | None = None
    after: Mark | None = None
    undo: Step | None = None
    failure: Failure | None = None
    answers: tuple[Answer, ...] = ()
    torn_sha256: str = ""
    signature: str = ""


class Head(msgspec.Struct, frozen=True):
    """The end of a journal: number and hash of its last line, signed."""

    schema: str
    seq: int
    hash: str
    signature: str

    def signed(self) -> bytes:
        """What the signature is of."""
        return f"{self.schema} {self.seq} {self.hash}".encode()


def line_hash(line: bytes) -> str:
    """The hash that the next line holds; `line` without its newline."""
    return hashlib.sha256(line).hexdigest()


def split_signature(line: bytes) -> tuple[bytes, bytes]:
    """What a line's signature is of, and the line without it (they differ by the closing brace)."""
    place = line.rfind(_SIGNATURE)
    return (line[:place], line[:place] + b"}") if place >= 0 else (line, line)


def head_path(journal: Path) -> Path:
    """Where the signed head of a journal is kept."""
    return journal.with_name(journal.name + ".head")


def default_path(environ: Mapping[str, str]) -> Path:
    """`$K8SRUN_JOURNAL`, else `k8srun/journal.jsonl` in the user's state folder (XDG)."""
    if environ.get("K8SRUN_JOURNAL"):
        return Path(environ["K8SRUN_JOURNAL"])
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".local" / "state")
    return Path(state) / "k8srun" / "journal.jsonl"


def read_lines(path: Path) -> list[bytes]:
    """The lines of a journal, without their newlines; none where there is no journal.

    Raises:
        InputError: it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a device or a pipe would never end
            raise InputError("the journal cannot be read: it is no file", where=str(path))
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"the journal cannot be read: {error.strerror}", where=str(path)) from None
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def parse_line(line: bytes) -> Entry | None:
    """The entry of a line; None if it is damaged, or a process died while it wrote it."""
    try:
        return msgspec.json.decode(line, type=Entry)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The entries of a journal. Lines that cannot be read are passed over: `k8srun journal verify` names them."""
    entries = (parse_line(line) for line in read_lines(path))
    return tuple(entry for entry in entries if entry is not None and entry.schema == JOURNAL_SCHEMA)


class Journal:
    """A journal file and how it is written.

    Args:
        signer: signs every line, if given.
        clock: the time that lines carry.
    """

    def __init__(
        self, path: Path, *, signer: Signer | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.path = path
        self._signer = signer
        self._clock = clock

    def entries(self) -> tuple[Entry, ...]:
        """What it holds so far."""
        return read_entries(self.path)

    @contextmanager
    def writing(self) -> Iterator[Log]:
        """The journal opened for one run: nobody else can write to it meanwhile.

        Raises:
            RefusedError: another run is writing to it.
            InputError: it cannot be opened.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = not self.path.exists()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(
                f"the journal cannot be written: {error.strerror}",
                where=str(self.path),
                do=_ANOTHER,
            ) from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RefusedError(
                    "another change is being applied with this journal",
                    where=str(self.path),
                    do="Wait until it has ended: k8srun journal list.",
                ) from None
            if new:
                _sync_folder(self.path.parent)
            yield Log(self.path, handle, self._signer, self._clock)
        finally:
            os.close(handle)


class Log:
    """Appends to a journal that is held. Every line is on the disk before `append` returns."""

    def __init__(self, path: Path, handle: int, signer: Signer | None, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._handle = handle
        self._signer = signer
        self._clock = clock
        self._seq, self._prev = 0, FIRST
        self._continue(read_lines(path))

    def append(self, event: Event, **fields: object) -> Entry:
        """Write one line. Raises K8srunError when it cannot be written: what it announces must not be done."""
        entry = Entry(JOURNAL_SCHEMA, self._seq + 1, self._prev, self._clock(), event, **fields)  # type: ignore[arg-type]
        line = encode(entry)
        if self._signer:
            line = line[:-1] + _SIGNATURE + self._signer.sign(line[:-1]).encode() + b'"}'
        self._write(line + b"\n")
        self._seq, self._prev = entry.seq, line_hash(line)
        if self._signer:
            head = Head(HEAD_SCHEMA, self._seq, self._prev, "")
            signed = msgspec.structs.replace(head, signature=self._signer.sign(head.signed()))
            write_atomically(head_path(self._path), encode(signed) + b"\n")
        return entry

    def _continue(self, lines: list[bytes]) -> None:
        """Find the end of the chain. A last line that is not whole stays, and a line after it says so."""
        whole = [(line, entry) for line in lines if (entry := parse_line(line)) is not None]
        if whole:
            line, entry = whole[-1]
            self._seq, self._prev = entry.seq, line_hash(line)
        elif lines and lines[0][: len(_BEGINNING)] != _BEGINNING[: len(lines[0])]:
            raise InputError("this is no journal: nothing was written to it", where=str(self._path), do=_ANOTHER)
        if not lines:
            return
        if self._path.read_bytes()[-1:] != b"\n":
            self._write(b"\n")
        if parse_line(lines[-1]) is None:
            self.append(
                Event.TORN,
                detail="the line before this one was not written to its end",
                torn_sha256=line_hash(lines[-1]),
            )

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError as error:
            raise K8srunError(
                f"the journal cannot be written: {error.strerror}; nothing more was done",
                where=str(self._path),
                do="Make room, then preview the plan again: it looks up what became of the step that was under way.",
            ) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
