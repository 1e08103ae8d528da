"""API versions that were removed, and who still writes them. Source: Kubernetes' "Deprecated API Migration Guide"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from k8srun.apiservers import server_minor
from k8srun.checks import Check
from k8srun.findings import Evidence, Finding, Severity
from k8srun.kinds import Kind
from k8srun.snapshot import JsonObject, Snapshot, resource_name
from k8srun.text import visible


@dataclass(frozen=True, slots=True)
class Removal:
    """`api_version` of `kinds` (all of it where empty) is not served since `minor` of Kubernetes 1."""

    api_version: str
    kinds: frozenset[str]
    minor: int
    instead: str


def _removal(api_version: str, kinds: str, minor: int, instead: str) -> Removal:
    return Removal(api_version, frozenset(kinds.split()), minor, instead)


REMOVALS: tuple[Removal, ...] = (
    _removal("extensions/v1beta1", "NetworkPolicy", 16, "networking.k8s.io/v1"),
    _removal("extensions/v1beta1", "DaemonSet Deployment ReplicaSet", 16, "apps/v1"),
    _removal("extensions/v1beta1", "PodSecurityPolicy", 16, "Pod Security admission"),
    _removal("apps/v1beta1", "", 16, "apps/v1"),
    _removal("apps/v1beta2", "", 16, "apps/v1"),
    _removal("extensions/v1beta1", "Ingress", 22, "networking.k8s.io/v1"),
    _removal("networking.k8s.io/v1beta1", "Ingress IngressClass", 22, "networking.k8s.io/v1"),
    *(
        _removal(f"{group}/v1beta1", kinds, 22, f"{group}/v1")
        for group, kinds in (
            ("admissionregistration.k8s.io", "MutatingWebhookConfiguration ValidatingWebhookConfiguration"),
            ("apiextensions.k8s.io", ""),
            ("apiregistration.k8s.io", ""),
            ("authentication.k8s.io", "TokenReview"),
            ("authorization.k8s.io", ""),
            ("certificates.k8s.io", "CertificateSigningRequest"),
            ("coordination.k8s.io", "Lease"),
            ("rbac.authorization.k8s.io", ""),
            ("scheduling.k8s.io", ""),
            ("storage.k8s.io", "CSIDriver CSINode StorageClass VolumeAttachment"),
        )
    ),
    _removal("batch/v1beta1", "CronJob", 25, "batch/v1"),
    _removal("discovery.k8s.io/v1beta1", "", 25, "discovery.k8s.io/v1"),
    _removal("events.k8s.io/v1beta1", "", 25, "events.k8s.io/v1"),
    _removal("autoscaling/v2beta1", "", 25, "autoscaling/v2"),
    _removal("policy/v1beta1", "PodDisruptionBudget", 25, "policy/v1"),
    _removal("policy/v1beta1", "PodSecurityPolicy", 25, "Pod Security admission"),
    _removal("node.k8s.io/v1beta1", "RuntimeClass", 25, "node.k8s.io/v1"),
    _removal("autoscaling/v2beta2", "", 26, "autoscaling/v2"),
    _removal("flowcontrol.apiserver.k8s.io/v1beta1", "", 26, "flowcontrol.apiserver.k8s.io/v1"),
    _removal("storage.k8s.io/v1beta1", "CSIStorageCapacity", 27, "storage.k8s.io/v1"),
    _removal("flowcontrol.apiserver.k8s.io/v1beta2", "", 29, "flowcontrol.apiserver.k8s.io/v1"),
    _removal("flowcontrol.apiserver.k8s.io/v1beta3", "", 32, "flowcontrol.apiserver.k8s.io/v1"),
)


@dataclass(frozen=True, slots=True)
class OldVersion:
    """An object that is written in such a version. `writer` is who did, of the server's notes; empty for a manifest."""

    kind: Kind
    item: JsonObject
    removal: Removal
    writer: str = ""


def removal_of(api_version: str, kind: str) -> Removal | None:
    """The removal of a version; None while it is served, and for what never was built in."""
    return next(
        (item for item in REMOVALS if item.api_version == api_version and (not item.kinds or kind in item.kinds)), None
    )


def old_versions(snapshot: Snapshot) -> Iterator[OldVersion]:
    """Who writes objects in versions that are gone or will be: a manifest itself, stored objects by managedFields."""
    for kind, items in snapshot.objects.items():
        for item in items:
            seen = set()
            for api_version, writer in _written(item):
                removal = removal_of(api_version, kind.kind)
                if removal and (removal, writer) not in seen:
                    seen.add((removal, writer))
                    yield OldVersion(kind, item, removal, writer)


def _written(item: JsonObject) -> Iterator[tuple[str, str]]:
    yield str(item.get("apiVersion") or ""), ""
    managed = (item.get("metadata") or {}).get("managedFields")
    for entry in managed if isinstance(managed, list) else ():
        if isinstance(entry, dict):
            yield str(entry.get("apiVersion") or ""), str(entry.get("manager") or "")


def removed_versions(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Findings for what the next apply will trip over; of a removal that is to come, milder ones."""
    minor = server_minor(snapshot)
    for old in old_versions(snapshot):
        removal, resource = old.removal, visible(resource_name(old.kind, old.item), limit=300)
        gone = minor is None or minor >= removal.minor
        when = f"is not served since 1.{removal.minor}" if gone else f"will not be served from 1.{removal.minor} on"
        by = f" by {visible(old.writer, limit=100)}" if old.writer else ""
        message = f"it is written{by} in {removal.api_version}, which {when}; use {removal.instead}"
        fact = Evidence(f"apiVersion {removal.api_version}{by}", resource)
        severity = Severity.MEDIUM if gone else Severity.LOW
        yield check.finding(resource, message, fact, key=f"{removal.api_version} {old.writer}", severity=severity)
