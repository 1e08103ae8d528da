"""What `k8srun certs … -o json` prints: documented in docs/certificates.md, and stable within `v1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from k8srun.certificates.card import details
from k8srun.certificates.case import World, view_of
from k8srun.certificates.connection import Connection
from k8srun.certificates.contents import Contents, Item
from k8srun.certificates.explanation import explained
from k8srun.certificates.inventory import Bundle
from k8srun.certificates.listing import Listed
from k8srun.certificates.verification import ErrorKind, Verification, VerificationVerdict
from k8srun.pem import UNDECIDED
from k8srun.snapshot import Gap, Snapshot
from k8srun.sources.certificates import CertificateFile
from k8srun.x509 import Certificate

LIST_SCHEMA = "k8srun.dev/certs-list/v1"
SHOW_SCHEMA = "k8srun.dev/certs-show/v1"
VERIFY_SCHEMA = "k8srun.dev/certs-verify/v1"

_OF_THE_LEAF = frozenset(
    {
        ErrorKind.MALFORMED,
        ErrorKind.UNHANDLED_CRITICAL,
        ErrorKind.EXPIRED,
        ErrorKind.NOT_YET_VALID,
        ErrorKind.HOSTNAME,
    }
)


def list_document(snapshot: Snapshot, rows: Sequence[Listed], gaps: Sequence[Gap], now: datetime) -> dict[str, Any]:
    """The inventory: one item a certificate, broken block and key."""
    return {"schema": LIST_SCHEMA, "lab": snapshot.lab, "now": now, "items": rows, "gaps": gaps}


def contents_document(
    read: CertificateFile, contents: Contents, errors: Iterable[Bundle], now: datetime
) -> dict[str, Any]:
    """One file: its certificates in full, and of its keys what may be known."""
    certificates = [
        _place(item)
        | details(item.certificate, now)
        | {"keys": contents.keys_of(item.certificate), "issued_by": contents.issuers_of(item.certificate)}
        for item in contents.certificates
        if item.certificate
    ]
    keys = [
        _place(item)
        | {
            "key_type": item.block.key_type,
            "public_key_sha256": item.block.public_key_sha256,
            "belongs_to": contents.certificates_of(item.block),
            "error": item.block.error,
        }
        for item in contents.keys
    ]
    unread = [*_unread(contents), *({"where": it.place, "line": 0, "label": "", "error": it.error} for it in errors)]
    return {
        "schema": SHOW_SCHEMA,
        "file": read.file.path,
        "form": read.form,
        "now": now,
        "certificates": certificates,
        "keys": keys,
        "others": [_place(item) | {"key_type": item.block.key_type} for item in contents.others],
        "unread": unread,
    }


def answer_document(
    world: World, connection: Connection, presented: Bundle, trusted: Sequence[Bundle]
) -> dict[str, Any]:
    """Go's verdict on a chain, and the causes of every problem. The bundles are what it was read from."""
    view = view_of(connection, world.now)
    contents = Contents((presented, *trusted))
    result = view.verification
    causes = explained(world, view)
    doubt = next((item for item in contents.broken if item.block.error == UNDECIDED), None)
    if doubt and (result is None or doubt.bundle is presented or _is_open(result, view.leaf)):
        message = f"{doubt.place}, line {doubt.line}: {doubt.block.error}"
        result, causes = Verification(VerificationVerdict.UNKNOWN, message), ()
    if result is None:
        raise AssertionError("a question without a leaf")
    return {
        "schema": VERIFY_SCHEMA,
        "verdict": result.verdict,
        "message": result.message,
        "causes": causes,
        "leaf": view.leaf.subject if view.leaf else "",
        "name": connection.name,
        "usage": connection.usage,
        "now": world.now,
        "chains": [[certificate.subject for certificate in chain] for chain in result.chains],
        "unread": _unread(contents),
    }


def _is_open(result: Verification, leaf: Certificate | None) -> bool:
    """Whether one more authority could have led to another answer: Go looks at the leaf's own fields before any."""
    if result.verdict is not VerificationVerdict.INVALID:
        return False
    first = result.problems[0]
    return first.kind not in _OF_THE_LEAF or first.certificate != leaf


def _unread(contents: Contents) -> list[dict[str, Any]]:
    return [_place(item) | {"error": item.block.error} for item in contents.broken]


def _place(item: Item) -> dict[str, Any]:
    return {"where": item.place, "line": item.line, "label": item.block.label}
