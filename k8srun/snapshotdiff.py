"""What changed between two snapshots: objects, host files, TLS endpoints and gaps, field by field.

What one side could not read is neither added nor removed: it is unknown, and said so. Secrets are compared as the
snapshots hold them; that a hidden value changed shows only in the Secret's resourceVersion, which is why that counts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from k8srun.fieldchanges import Change, FieldChange, field_changes
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import NAMESPACE, SECRET
from k8srun.pem import CERTIFICATE_LABELS, read_pem
from k8srun.snapshot import Gap, JsonObject, Need, Snapshot, resource_name
from k8srun.tls import TlsObservation
from k8srun.x509.certificate import Certificate, MalformedCertificate


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One object (`Secret shop/web-tls`), host file (`/etc/… on node-1`) or endpoint (`10.0.0.1:6443 from …`).

    `replaced` says that it was deleted and made again under its name; `fields` are set when it changed.
    """

    what: str
    change: Change
    fields: tuple[FieldChange, ...] = ()
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """What only one snapshot holds, while the other did not look, or could not read everything.

    Attributes:
        what: the kind of thing (`Secret objects`).
        missing_in: `old` or `new`: the snapshot that cannot tell.
        reason: why it cannot.
        items: what the other snapshot holds.
    """

    what: str
    missing_in: str
    reason: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """What is different in the new snapshot. `same_cluster` is None when one of them does not say which it is of."""

    old_taken_at: datetime
    new_taken_at: datetime
    same_cluster: bool | None = None
    server: tuple[FieldChange, ...] = ()
    objects: tuple[ItemChange, ...] = ()
    files: tuple[ItemChange, ...] = ()
    endpoints: tuple[ItemChange, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    gaps_appeared: tuple[Gap, ...] = ()
    gaps_gone: tuple[Gap, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing that both could read is different."""
        return not (self.server or self.objects or self.files or self.endpoints)


def diff(old: Snapshot, new: Snapshot) -> SnapshotDiff:
    """The differences, ordered by what they are about."""
    objects, files, endpoints = _Section(), _Section(), _Section()
    both = (old, new)
    for kind in sorted({*old.objects, *new.objects}):
        need = Need.objects(kind)
        sides = [
            _Side({resource_name(kind, item): item for item in side.of(kind)}, _blind(side, need)) for side in both
        ]
        objects.compare(str(need), sides, _secret if kind == SECRET else _object)
    for topic in Topic:
        need = Need.host(topic)
        sides = [_Side({file.place: file for file in side.files_of(topic)}, _blind(side, need)) for side in both]
        files.compare(str(need), sides, _file)
    # That an endpoint was not tried says nothing of it.
    sides = [_Side({_endpoint_name(seen): seen for seen in side.endpoints}, "not tried") for side in both]
    endpoints.compare("TLS endpoints", sides, _endpoint)
    clusters = [_cluster(side) for side in both]
    return SnapshotDiff(
        old_taken_at=old.taken_at,
        new_taken_at=new.taken_at,
        same_cluster=clusters[0] == clusters[1] if all(clusters) else None,
        server=tuple(field_changes(*(_readable(msgspec.to_builtins(side.server or {})) for side in both))),
        objects=tuple(objects.changes),
        files=tuple(files.changes),
        endpoints=tuple(endpoints.changes),
        unknown=(*objects.unknown, *files.unknown, *endpoints.unknown),
        gaps_appeared=tuple(gap for gap in dict.fromkeys(new.gaps) if gap not in old.gaps),
        gaps_gone=tuple(gap for gap in dict.fromkeys(old.gaps) if gap not in new.gaps),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """What one snapshot holds of something, by name, and why it cannot say what is absent; empty if it can."""

    items: Mapping[str, Any]
    blind: str


@dataclass(slots=True)
class _Section:
    changes: list[ItemChange] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)

    def compare(self, what: str, sides: list[_Side], change: Callable[[str, Any, Any], ItemChange | None]) -> None:
        old, new = sides
        self._only_in(old, new, what, "new", Change.REMOVED)
        self._only_in(new, old, what, "old", Change.ADDED)
        both = (change(name, item, new.items[name]) for name, item in old.items.items() if name in new.items)
        self.changes.extend(filter(None, both))

    def _only_in(self, side: _Side, other: _Side, what: str, missing_in: str, change: Change) -> None:
        names = tuple(name for name in side.items if name not in other.items)
        if names and other.blind:
            self.unknown.append(Unknown(what, missing_in, other.blind, names))
        else:
            self.changes.extend(ItemChange(name, change) for name in names)


def _cluster(side: Snapshot) -> str:
    """The uid of the kube-system namespace, which identifies a cluster; empty when it is not known."""
    if side.server and side.server.uid:
        return side.server.uid
    namespace = side.find(NAMESPACE, "kube-system") or {}
    return str((namespace.get("metadata") or {}).get("uid") or "")


def _blind(side: Snapshot, need: Need) -> str:
    return "; ".join(str(gap) for gap in side.unmet(need))


# Fields that change by themselves, or repeat what other fields say.
_NOISE = frozenset(
    {
        ("metadata", "managedFields"),
        ("metadata", "resourceVersion"),
        ("metadata", "generation"),
        ("metadata", "selfLink"),
        ("metadata", "uid"),  # said by `replaced`
        ("metadata", "creationTimestamp"),
        ("metadata", "annotations", "control-plane.alpha.kubernetes.io/leader"),
        ("metadata", "annotations", "endpoints.kubernetes.io/last-change-trigger-time"),
        ("spec", "renewTime"),  # of a Lease
        ("status", "observedGeneration"),
    }
)
# Of a Secret's values a snapshot holds little: that one changed may show in this field alone.
_NOISE_OF_SECRETS = _NOISE - {("metadata", "resourceVersion")}


def _object(
    name: str, old: JsonObject, new: JsonObject, noise: frozenset[tuple[str, ...]] = _NOISE
) -> ItemChange | None:
    if msgspec.json.encode(old) == msgspec.json.encode(new):
        return None
    fields = tuple(field_changes(_readable(old), _readable(new), noise))
    uids = [(item.get("metadata") or {}).get("uid") for item in (old, new)]
    replaced = all(uids) and uids[0] != uids[1]
    return ItemChange(name, Change.CHANGED, fields, replaced) if fields or replaced else None


def _secret(name: str, old: JsonObject, new: JsonObject) -> ItemChange | None:
    return _object(name, old, new, _NOISE_OF_SECRETS)


def _file(name: str, old: HostFile, new: HostFile) -> ItemChange | None:
    # A log grows, and a file's time changes when its content does.
    noise = {("modified",), *([("size",), ("text",)] if new.topic is Topic.LOG else ())}
    plain = [_readable(msgspec.to_builtins(file)) for file in (old, new)]
    fields = tuple(field_changes(plain[0], plain[1], frozenset(noise)))
    return ItemChange(name, Change.CHANGED, fields) if fields else None


def _endpoint_name(seen: TlsObservation) -> str:
    name = f" as {seen.server_name}" if seen.server_name else ""
    return f"{seen.address}{name} from {seen.seen_from}"


def _endpoint(name: str, old: TlsObservation, new: TlsObservation) -> ItemChange | None:
    fields = tuple(field_changes(_observed(old), _observed(new)))
    return ItemChange(name, Change.CHANGED, fields) if fields else None


def _observed(seen: TlsObservation) -> dict[str, Any]:
    """What an endpoint showed, without what differs from one attempt to the next."""
    kept = ("outcome", "detail", "alert", "protocol", "client_ca_names", "client_certificate_requested")
    plain = _readable(msgspec.to_builtins(seen))
    presented = [_certificate(der) for der in seen.presented]
    return {**{name: plain[name] for name in kept}, "presented": presented}


# How a bundle of certificates begins as text (a ConfigMap's `ca.crt`) and in base64 (a webhook's `caBundle`).
_BUNDLES = ("-----BEGIN CERTIFICATE-----", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t")


def _readable(value: Any) -> Any:
    """The value with its certificates as people compare them, in place of their bytes."""
    if isinstance(value, str):
        return _bundle(value) if value.startswith(_BUNDLES) else value
    if isinstance(value, Mapping):
        if value.get("label") in CERTIFICATE_LABELS and value.get("der"):
            return _certificate(base64.b64decode(value["der"]))
        return {key: _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list | tuple) else value


def _bundle(text: str) -> Any:
    try:
        data = text.encode() if text.startswith("-") else base64.b64decode(text)
    except (binascii.Error, ValueError):
        return text
    blocks = read_pem(data)
    return [_certificate(block.der) for block in blocks] if all(block.is_certificate for block in blocks) else text


def _certificate(der: bytes) -> dict[str, Any]:
    fingerprint = hashlib.sha256(der).hexdigest()
    try:
        read = Certificate.from_der(der)
    except MalformedCertificate:
        return {"sha256": fingerprint}
    return {
        "subject": read.subject,
        "issuer": read.issuer,
        "not_before": read.not_before.isoformat(),
        "not_after": read.not_after.isoformat(),
        "names": [*read.dns_names, *read.ip_addresses],
        "public_key_sha256": read.public_key_sha256,
        "sha256": fingerprint,
    }
