"""What a run found against the run before it: what is new, what is gone, and what is still there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from glob import escape
from pathlib import Path

from k8srun.errors import InputError
from k8srun.findings import Verdict
from k8srun.record import RunRecord, RunResult, RunStatus, Since
from k8srun.runner.folder import RECORD, read_record

# They differ from night to night although the question is the same.
_OF_ONE_NIGHT = ("now", "snapshot")


def with_since(record: RunRecord, out: Path) -> RunRecord:
    """`record` with what is different since the latest run in `out` that asked the same of the same cluster."""
    if record.status is not RunStatus.SUCCEEDED or not (record.result and record.result.checks):
        return record
    found = (since(earlier, record) for earlier in _earlier(out, record))
    return replace(record, since=next(filter(None, found), None))


def since(earlier: RunRecord, later: RunRecord) -> Since | None:
    """What is different in `later`; None where the two cannot be compared."""
    if earlier.result is None or later.result is None or not _comparable(earlier, later):
        return None
    before = {finding.fingerprint: finding for finding in earlier.result.findings}
    after = {finding.fingerprint for finding in later.result.findings}
    # What is not among the findings of a check is gone only if that check has seen everything.
    seen = {one.check for one in later.result.checks if one.verdict is not Verdict.UNKNOWN and not one.gaps}
    missing = [finding for fingerprint, finding in before.items() if fingerprint not in after]
    return Since(
        run=earlier.id,
        started=earlier.started,
        new=tuple(dict.fromkeys(one.fingerprint for one in later.result.findings if one.fingerprint not in before)),
        gone=tuple(finding for finding in missing if finding.check in seen),
        unseen=tuple(finding for finding in missing if finding.check not in seen),
        still=len(after & before.keys()),
    )


def _earlier(out: Path, record: RunRecord) -> Iterator[RunRecord]:
    """The records of the runbook's other runs, the latest first: the name of a folder begins with the time."""
    for path in sorted(out.glob(f"*-{escape(record.runbook)}-*/{RECORD}"), reverse=True):
        try:
            yield read_record(path.parent)
        except InputError:
            continue  # Of another program, or damaged: the index lists it as unreadable.


def _comparable(earlier: RunRecord, later: RunRecord) -> bool:
    return (
        earlier.started < later.started
        and earlier.status is RunStatus.SUCCEEDED
        and (earlier.runbook, earlier.kind) == (later.runbook, later.kind)
        and _question(earlier) == _question(later)
        and earlier.result is not None
        and later.result is not None
        and bool(earlier.result.checks)
        and _same_cluster(earlier.result, later.result)
    )


def _question(record: RunRecord) -> dict[str, object]:
    return {name: value for name, value in record.parameters.items() if name not in _OF_ONE_NIGHT}


def _same_cluster(one: RunResult, other: RunResult) -> bool:
    """By uid where both know theirs, else by what people call it."""
    uids = [result.server.uid for result in (one, other) if result.server and result.server.uid]
    known = uids if len(uids) == 2 else [one.cluster, other.cluster]
    return one.lab == other.lab and known[0] == known[1]
