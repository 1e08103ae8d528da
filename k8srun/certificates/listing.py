"""The inventory as a list for people and programs: the soonest to end first, then what is broken, then the keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from k8srun.certificates.card import days_left, validity
from k8srun.certificates.connections import connections
from k8srun.certificates.contents import Contents, Item
from k8srun.certificates.inventory import Inventory, inventory
from k8srun.snapshot import Snapshot

Kind = Literal["certificate", "broken", "key"]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list. What does not apply is empty (dates and numbers: None).

    Attributes:
        kind: a certificate, something that could not be read, or a private key (of which the hash alone is known).
        where: where it lives.
        line: where it begins in its file; 0 where lines mean nothing.
        holder: what kind of place that is.
        role: the id of its row in the kubeadm table.
        serves: who presents it to whom, or trusts whom by it: `kube-apiserver to kubelet`, `kubelet trusts …`.
        used_by: the programs' flags that name its file.
        names: what it is valid for.
        validity: `valid`, `expired`, `not yet valid`.
        days_left: whole days until it ends, below zero once it has ended.
        issued_by: where the certificate lives that signed it.
        pair: of a certificate where its key lives; of a key where its certificates live.
        error: why it could not be read.
    """

    kind: Kind
    where: str
    line: int
    holder: str
    role: str = ""
    serves: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    is_ca: bool | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    validity: str = ""
    days_left: int | None = None
    key_type: str = ""
    signature_algorithm: str = ""
    issued_by: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()
    serial: str = ""
    sha256: str = ""
    public_key_sha256: str = ""
    error: str = ""


def listing(snapshot: Snapshot, now: datetime) -> tuple[Listed, ...]:
    """Every certificate, broken block and private key of a snapshot. Public keys and requests are left out."""
    found = inventory(snapshot)
    contents = Contents(found.bundles)
    served = _served(snapshot, found)
    certificates = [_certificate(item, contents, served, found, now) for item in contents.certificates]
    certificates.sort(key=lambda row: (row.not_after or now, row.where))
    broken = (_broken(item, found) for item in contents.broken)
    without = (
        Listed("broken", bundle.place, 0, bundle.holder.value, bundle.role, error=bundle.error)
        for bundle in found.bundles
        if bundle.error
    )
    return (*certificates, *broken, *without, *(_key(item, contents, found) for item in contents.keys))


def _certificate(
    item: Item, contents: Contents, served: dict[str, tuple[str, ...]], found: Inventory, now: datetime
) -> Listed:
    certificate = item.certificate
    assert certificate is not None  # noqa: S101 - the caller takes them from there
    return Listed(
        kind="certificate",
        where=item.place,
        line=item.line,
        holder=item.bundle.holder.value,
        role=item.bundle.role,
        # Who trusts a bundle trusts all of it; who presents one presents the rest along with the first.
        serves=served.get(item.bundle.place, ()),
        used_by=_used_by(item, found),
        subject=certificate.subject,
        issuer=certificate.issuer,
        names=(*certificate.dns_names, *certificate.ip_addresses, *certificate.uris, *certificate.emails),
        is_ca=certificate.is_ca,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        validity=validity(certificate, now),
        days_left=days_left(certificate, now),
        key_type=certificate.key_type,
        signature_algorithm=certificate.signature_algorithm,
        issued_by=contents.issuers_of(certificate),
        pair=contents.keys_of(certificate),
        serial=certificate.serial_hex,
        sha256=certificate.sha256,
        public_key_sha256=certificate.public_key_sha256,
        error="; ".join((*((certificate.refused,) if certificate.refused else ()), *certificate.unreadable)),
    )


def _broken(item: Item, found: Inventory) -> Listed:
    error = f"{item.block.label}: {item.block.error}" if item.block.label else item.block.error
    return Listed(
        "broken",
        item.place,
        item.line,
        item.bundle.holder.value,
        item.bundle.role,
        used_by=_used_by(item, found),
        error=error,
    )


def _key(item: Item, contents: Contents, found: Inventory) -> Listed:
    return Listed(
        "key",
        item.place,
        item.line,
        item.bundle.holder.value,
        item.bundle.role,
        used_by=_used_by(item, found),
        key_type=item.block.key_type,
        pair=contents.certificates_of(item.block),
        public_key_sha256=item.block.public_key_sha256,
        error=item.block.error,
    )


def _served(snapshot: Snapshot, found: Inventory) -> dict[str, tuple[str, ...]]:
    """Place → who presents what stands there to whom, and who trusts whom by it."""
    lines: dict[str, dict[str, None]] = {}
    for connection in connections(snapshot, found):
        presenter, verifier = connection.presenter or "a server", connection.verifier or "whoever connects"
        if connection.chain and connection.place:
            lines.setdefault(connection.place, {})[f"{presenter} to {verifier}"] = None
        if connection.trust:
            lines.setdefault(connection.trust.place, {})[f"{verifier} trusts {presenter}"] = None
    return {place: tuple(texts) for place, texts in lines.items()}


def _used_by(item: Item, found: Inventory) -> tuple[str, ...]:
    path, host = item.bundle.path, item.bundle.host
    return tuple(_flags(path, host, found)) if path else ()


def _flags(path: str, host: str, found: Inventory) -> Iterable[str]:
    for program in found.components:
        if program.host in {"", host}:
            yield from (f"{program.program} --{flag}" for flag, value in program.flags.items() if value == path)
