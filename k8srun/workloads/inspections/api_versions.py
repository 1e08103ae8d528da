"""Objects written in API versions that servers no longer have: they cannot be applied again.

Source: the Kubernetes deprecated API migration guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from k8srun.checks import Check
from k8srun.findings import Evidence, Finding
from k8srun.snapshot import JsonObject, Snapshot, resource_name
from k8srun.text import visible

# API version → the minor version of Kubernetes that has it no more.
REMOVED: Mapping[str, int] = {
    "extensions/v1beta1": 22,  # workloads left in 1.16, Ingress last
    "apps/v1beta1": 16,
    "apps/v1beta2": 16,
    "admissionregistration.k8s.io/v1beta1": 22,  # webhooks; policies of that version came and went later
    "apiextensions.k8s.io/v1beta1": 22,
    "apiregistration.k8s.io/v1beta1": 22,
    "authentication.k8s.io/v1beta1": 22,
    "authorization.k8s.io/v1beta1": 22,
    "coordination.k8s.io/v1beta1": 22,
    "networking.k8s.io/v1beta1": 22,  # Ingress; other kinds have used the version since
    "rbac.authorization.k8s.io/v1beta1": 22,
    "scheduling.k8s.io/v1beta1": 22,
    "batch/v1beta1": 25,
    "discovery.k8s.io/v1beta1": 25,
    "events.k8s.io/v1beta1": 25,
    "node.k8s.io/v1beta1": 25,
    "policy/v1beta1": 25,
    "autoscaling/v2beta1": 25,
    "autoscaling/v2beta2": 26,
    "flowcontrol.apiserver.k8s.io/v1beta1": 26,
    "flowcontrol.apiserver.k8s.io/v1beta2": 29,
    "flowcontrol.apiserver.k8s.io/v1beta3": 32,
}
# Of these only some kinds have left: the version is still, or again, in use for others.
_ONLY: Mapping[str, frozenset[str]] = {
    "admissionregistration.k8s.io/v1beta1": frozenset(
        {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}
    ),
    "networking.k8s.io/v1beta1": frozenset({"Ingress", "IngressClass"}),
    "authentication.k8s.io/v1beta1": frozenset({"TokenReview"}),
}


def removed_api_version(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Objects of a manifest in such a version, and objects of a cluster that a client last wrote in one."""
    for kind, items in snapshot.objects.items():
        for item in items:
            for version, where in _versions(item):
                since = REMOVED.get(version)
                if since is not None and kind.kind in _ONLY.get(version, {kind.kind}):
                    message = f"it is written in {version}, which servers since 1.{since} do not have for {kind.kind}"
                    yield check.finding(resource_name(kind, item), message, Evidence(version, where), key=version)
                    break


def _versions(item: JsonObject) -> Iterator[tuple[str, str]]:
    """The API version of an object, and those that its writers used."""
    yield str(item.get("apiVersion") or ""), "apiVersion"
    managed = (item.get("metadata") or {}).get("managedFields")
    for entry in managed if isinstance(managed, list | tuple) else ():
        if isinstance(entry, Mapping):
            manager = visible(str(entry.get("manager") or "a client"), limit=128)
            yield str(entry.get("apiVersion") or ""), f"metadata.managedFields of {manager}"
