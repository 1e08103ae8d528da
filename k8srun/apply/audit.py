"""Whether a journal is as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from k8srun.apply.journal import (
    FIRST,
    HEAD_SCHEMA,
    JOURNAL_SCHEMA,
    Entry,
    Event,
    Head,
    head_path,
    line_hash,
    parse_line,
    read_lines,
    split_signature,
)
from k8srun.apply.signing import Verifier
from k8srun.codec import decode
from k8srun.errors import InputError


@dataclass(frozen=True, slots=True)
class Audit:
    """What verifying a journal has shown.

    Attributes:
        path: of the journal.
        lines: how many it has.
        signed: how many of them are signed.
        head: `NUMBER:HASH` of its last whole line, to be kept elsewhere; empty for an empty journal.
        signatures_checked: whether a public key was given.
        problems: what is not as it was written, a sentence each.
        notes: what is to be known and is no problem.
    """

    path: str
    lines: int
    signed: int
    head: str
    signatures_checked: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()


def audit(path: Path, *, verifier: Verifier | None = None, anchor: str = "") -> Audit:
    """Verify a journal: the chain of its lines, their signatures, its signed head, and a head kept elsewhere.

    Args:
        verifier: the public key of who signed it.
        anchor: `NUMBER:HASH` as it was printed before; the journal must still hold that line.

    Raises:
        InputError: it cannot be read, or `anchor` is not of that form.
    """
    lines = read_lines(path)
    parsed = [parse_line(line) for line in lines]
    known = [(line, entry) for line, entry in zip(lines, parsed, strict=True) if entry is not None]
    signed = [entry for _line, entry in known if entry.signature]
    hashes = {entry.seq: line_hash(line) for line, entry in known}
    problems = [*_chain(lines, parsed), *_anchor(anchor, hashes)]
    notes = []
    if lines and parsed[-1] is None:
        notes.append(f"line {len(lines)}, the last, is not whole: a process died, or the disk was full, as it wrote it")
    if verifier:
        problems += [*_signatures(known, verifier), *_head(path, hashes, verifier, expected=bool(known))]
        if signed and not known[0][1].signature:
            notes.append(f"entries {known[0][1].seq} to {signed[0].seq - 1} were written before it was signed")
    elif signed:
        notes.append("it is signed, and the signatures were not checked: give the public key with --public-key")
    last = known[-1] if known else None
    return Audit(
        path=str(path),
        lines=len(lines),
        signed=len(signed),
        head=f"{last[1].seq}:{line_hash(last[0])}" if last else "",
        signatures_checked=verifier is not None,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _chain(lines: list[bytes], parsed: list[Entry | None]) -> Iterator[str]:
    """Each line names the one before it. A line that is not whole is fine where the next says so, or at the end."""
    seq, prev = 0, FIRST
    for number, (line, entry) in enumerate(zip(lines, parsed, strict=True), 1):
        if entry is None:
            following = parsed[number] if number < len(parsed) else None
            said = following is not None and following.event is Event.TORN and following.torn_sha256 == line_hash(line)
            if number < len(lines) and not said:
                yield f"line {number} is damaged: it is no entry of a journal"
            continue
        if entry.schema != JOURNAL_SCHEMA:
            yield f"line {number} has the schema {entry.schema!r}"
        if (entry.seq, entry.prev) != (seq + 1, prev):
            yield (
                f"line {number} does not follow the one before it: "
                + (f"entries {seq + 1} to {entry.seq - 1} are missing" if entry.seq > seq + 1 else "one was changed")
            )
        seq, prev = entry.seq, line_hash(line)


def _signatures(known: list[tuple[bytes, Entry]], verifier: Verifier) -> Iterator[str]:
    begun = False
    for line, entry in known:
        if entry.signature:
            begun = True
            if not verifier.accepts(entry.signature, split_signature(line)[0]):
                yield f"entry {entry.seq} has a signature that is not of this key"
        elif begun:
            yield f"entry {entry.seq} is not signed, though earlier ones are"


def _head(path: Path, hashes: dict[int, str], verifier: Verifier, *, expected: bool) -> Iterator[str]:
    file = head_path(path)
    if not file.exists():
        if expected:
            yield f"the signed head {file.name} is missing: whether the end of the journal is there cannot be told"
        return
    try:
        head = decode(file.read_bytes(), Head, where=str(file))
    except (InputError, OSError) as error:
        yield f"the signed head cannot be read: {error}"
        return
    if head.schema != HEAD_SCHEMA or not verifier.accepts(head.signature, head.signed()):
        yield f"the signed head {file.name} has a signature that is not of this key"
    elif hashes.get(head.seq) != head.hash:
        yield f"the journal was shortened or rewritten: it does not hold entry {head.seq} of the signed head"


def _anchor(anchor: str, hashes: dict[int, str]) -> Iterator[str]:
    if not anchor:
        return
    number, _, digest = anchor.partition(":")
    if not number.isdecimal() or len(digest) != len(FIRST):
        raise InputError(f"{anchor!r} is not NUMBER:HASH", where="--head", do="Give it as `journal verify` printed it.")
    if hashes.get(int(number)) != digest.lower():
        yield f"the journal was shortened or rewritten: it does not hold entry {number} as it was anchored"
