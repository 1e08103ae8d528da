"""The inventory as a list for people and programs.

The certificates, the soonest to end first; then what is broken, the keys, what was asked for and not issued, and what
cert-manager keeps issued.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from k8srun.certificates.card import days_left, validity
from k8srun.certificates.case import View, view_of
from k8srun.certificates.connection import Connection
from k8srun.certificates.connections import connections
from k8srun.certificates.contents import Contents, Item
from k8srun.certificates.inventory import Holder, Inventory, inventory
from k8srun.certificates.managed import Managed, managed_certificates
from k8srun.certificates.requests import SigningRequest, signing_requests
from k8srun.certificates.verification import VerificationVerdict
from k8srun.kinds import CERT_MANAGER_CERTIFICATE, CERTIFICATE_SIGNING_REQUEST
from k8srun.snapshot import Snapshot, resource_name

Kind = Literal["certificate", "broken", "key", "request", "managed"]


@dataclass(frozen=True, slots=True)
class Served:
    """A serving certificate that a caBundle must verify.

    Attributes:
        where: where the serving certificate was read; empty if it was not.
        verdict: Go's; `unknown` if it was not read.
        message: Go's message, or why it is not known.
    """

    where: str
    verdict: VerificationVerdict
    message: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list. What does not apply is empty (dates and numbers: None).

    Attributes:
        kind: a certificate, something that could not be read, a private key (of which the hash alone is known), a
            CertificateSigningRequest for which nothing was issued, or a Certificate that cert-manager keeps issued.
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
        pair: of a certificate where its key lives; of a key where its certificates live; of what cert-manager keeps
            the place in the Secret that it is written to.
        verifies: of a caBundle the serving certificates that it must verify, and whether it does.
        state: of a request `pending`, `approved`, `denied` or `failed`; of what cert-manager keeps `ready`,
            `not ready`, or `unknown` as long as it says neither.
        renewal: when cert-manager means to issue it again.
        error: why it could not be read, was denied or is not ready.
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
    verifies: tuple[Served, ...] = ()
    state: str = ""
    renewal: datetime | None = None
    serial: str = ""
    sha256: str = ""
    public_key_sha256: str = ""
    error: str = ""


def listing(snapshot: Snapshot, now: datetime) -> tuple[Listed, ...]:
    """Everything of a snapshot that is, holds or is to become a certificate or its private key. Public keys, and
    requests outside of a CertificateSigningRequest, are left out."""
    found = inventory(snapshot)
    contents = Contents(found.bundles)
    joined = connections(snapshot, found)
    uses = _Uses(_served(joined), _verified(joined, now))
    certificates = [_certificate(item, contents, uses, found, now) for item in contents.certificates]
    certificates.sort(key=lambda row: (row.not_after or now, row.where))
    broken = (_broken(item, found) for item in contents.broken)
    without = (
        Listed("broken", bundle.place, 0, bundle.holder.value, bundle.role, error=bundle.error)
        for bundle in found.bundles
        if bundle.error
    )
    return (
        *certificates,
        *broken,
        *without,
        *(_key(item, contents, found) for item in contents.keys),
        *(_request(request) for request in signing_requests(snapshot) if not request.certificate_pem),
        *(_managed(managed, now) for managed in managed_certificates(snapshot)),
    )


@dataclass(frozen=True, slots=True)
class _Uses:
    """Place → what its certificates are used for."""

    serves: dict[str, tuple[str, ...]]
    verifies: dict[str, tuple[Served, ...]]


def _certificate(item: Item, contents: Contents, uses: _Uses, found: Inventory, now: datetime) -> Listed:
    certificate = item.certificate
    assert certificate is not None  # noqa: S101 - the caller takes them from there
    return Listed(
        kind="certificate",
        where=item.place,
        line=item.line,
        holder=item.bundle.holder.value,
        role=item.bundle.role,
        # Who trusts a bundle trusts all of it; who presents one presents the rest along with the first.
        serves=uses.serves.get(item.bundle.place, ()),
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
        verifies=uses.verifies.get(item.bundle.place, ()),
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


def _request(request: SigningRequest) -> Listed:
    asked = request.request
    return Listed(
        "request",
        resource_name(CERTIFICATE_SIGNING_REQUEST, request.item),
        0,
        Holder.REQUEST.value,
        subject=asked.subject if asked else "",
        names=asked.names if asked else (),
        is_ca=asked.is_ca if asked else None,
        key_type=asked.key_type if asked else "",
        state=request.state.value,
        public_key_sha256=asked.public_key_sha256 if asked else "",
        error="; ".join(filter(None, (request.reason if not request.is_granted else "", request.error))),
    )


def _managed(managed: Managed, now: datetime) -> Listed:
    left = (managed.not_after - now).days if managed.not_after else None
    return Listed(
        "managed",
        managed.place,
        0,
        str(CERT_MANAGER_CERTIFICATE),
        issuer=managed.issuer,
        names=managed.names,
        not_before=managed.not_before,
        not_after=managed.not_after,
        days_left=left,
        pair=(managed.secret_place,) if managed.secret else (),
        state={True: "ready", False: "not ready", None: "unknown"}[managed.ready],
        renewal=managed.renewal,
        error="; ".join(managed.said),
    )


def _served(joined: tuple[Connection, ...]) -> dict[str, tuple[str, ...]]:
    """Place → who presents what stands there to whom, and who trusts whom by it."""
    lines: dict[str, dict[str, None]] = {}
    for connection in joined:
        presenter, verifier = connection.presenter or "a server", connection.verifier or "whoever connects"
        if connection.chain and connection.place:
            lines.setdefault(connection.place, {})[f"{presenter} to {verifier}"] = None
        if connection.trust:
            lines.setdefault(connection.trust.place, {})[f"{verifier} trusts {presenter}"] = None
    return {place: tuple(texts) for place, texts in lines.items()}


def _verified(joined: tuple[Connection, ...], now: datetime) -> dict[str, tuple[Served, ...]]:
    """Place of a caBundle → what it must verify."""
    found: dict[str, list[Served]] = {}
    for connection in joined:
        if connection.caller and connection.trust:
            found.setdefault(connection.trust.place, []).append(_beside(view_of(connection, now)))
    return {place: tuple(served) for place, served in found.items()}


def _beside(view: View) -> Served:
    connection, answer = view.connection, view.verification
    if answer is None:
        return Served("", VerificationVerdict.UNKNOWN, f"what serves {connection.address} was not read")
    return Served(connection.place, answer.verdict, answer.message)


def _used_by(item: Item, found: Inventory) -> tuple[str, ...]:
    path, host = item.bundle.path, item.bundle.host
    return tuple(_flags(path, host, found)) if path else ()


def _flags(path: str, host: str, found: Inventory) -> Iterable[str]:
    for program in found.components:
        if program.host in {"", host}:
            yield from (f"{program.program} --{flag}" for flag, value in program.flags.items() if value == path)
