"""Pods that serve from a TLS Secret, made to read it again: a rollout, as `kubectl rollout restart` makes one."""

from __future__ import annotations

from collections.abc import Iterator

from k8srun import steps
from k8srun.certificates.fixes.commands import quote
from k8srun.certificates.plans.remedy import Remedy, check_passes
from k8srun.certificates.shapes import at, entries, mapping, text
from k8srun.jsonpatch import Operation, pointer
from k8srun.kinds import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from k8srun.plan import Step
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.x509 import Certificate

ANNOTATION = "k8srun.dev/serving-certificate"
"""Of the pod template: which certificate its pods were started for. A plan is the same whenever it is made."""
_ANNOTATIONS = ("spec", "template", "metadata", "annotations")


def restart_remedy(snapshot: Snapshot, secret: JsonObject, leaf: Certificate, cause: str = "") -> Remedy:
    """A rollout of every workload that mounts the Secret; commands where the workloads were not read."""
    namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
    found = tuple(_mounting(snapshot, namespace, name))
    reason = "its pods read the certificate when they start"
    made = tuple(
        steps.patch(item, (_mark(item, leaf.sha256[:16]),), reason, answers=cause)
        for item in found
        if at(item, *_ANNOTATIONS, ANNOTATION) != leaf.sha256[:16]
    )
    if found:
        return Remedy(made, (), (check_passes("CERT-NOT-RELOADED"),))
    return Remedy((_by_hand(namespace, name, cause),), (), (check_passes("CERT-NOT-RELOADED"),))


def _mounting(snapshot: Snapshot, namespace: str, secret: str) -> Iterator[JsonObject]:
    for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET):
        for item in snapshot.of(kind):
            volumes = entries(at(item, "spec", "template", "spec", "volumes"))
            mounted = {text(at(volume, "secret", "secretName")) for volume in volumes}
            if text(at(item, "metadata", "namespace")) == namespace and secret in mounted:
                yield item


def _mark(item: JsonObject, value: str) -> Operation:
    if mapping(at(item, *_ANNOTATIONS)):
        return {"op": "add", "path": pointer(*_ANNOTATIONS, ANNOTATION), "value": value}
    return {"op": "add", "path": pointer(*_ANNOTATIONS), "value": {ANNOTATION: value}}


def _by_hand(namespace: str, secret: str, cause: str) -> Step:
    words = '{range .items[*]}{.kind}/{.metadata.name} {.spec.template.spec.volumes[*].secret.secretName}{"\\n"}{end}'
    return steps.on_host(
        "a workstation with the right to change it",
        (
            (
                f"kubectl -n {quote(namespace)} get deployments,statefulsets,daemonsets -o jsonpath='{words}'"
                f" | grep -w {quote(secret)}  # who mounts it"
            ),
            f"kubectl -n {quote(namespace)} rollout restart KIND/NAME",
        ),
        f"the pods that mount Secret {namespace}/{secret} read the certificate when they start",
        answers=cause,
        irreversible="A rollout replaces pods one by one and is taken back by another one.",
    )
