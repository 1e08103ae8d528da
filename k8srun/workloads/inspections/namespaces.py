"""Namespaces: what of the Pod Security Standards they enforce, and whether anything bounds what they take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from k8srun.checks import Check, Undecided
from k8srun.errors import InputError
from k8srun.findings import Confidence, Evidence, Finding, Severity
from k8srun.kinds import LIMIT_RANGE, NAMESPACE, RESOURCE_QUOTA
from k8srun.pods import PodTemplate, pods
from k8srun.snapshot import JsonObject, Snapshot, object_key, resource_name
from k8srun.text import plural, visible
from k8srun.workloads.admission import Configuration
from k8srun.workloads.inspections.workload import SYSTEM_NAMESPACES
from k8srun.workloads.policy import PREFIX, Level, LevelVersion
from k8srun.workloads.server import ServerPodSecurity, server_pod_security
from k8srun.workloads.standards.evaluate import evaluate
from k8srun.workloads.standards.subject import read_subject


def pod_security(check: Check, snapshot: Snapshot, _now: datetime) -> list[Finding]:
    """Namespaces that enforce no level, or name one that cannot be read; servers that do not ask for any."""
    server = server_pod_security(snapshot)
    by_namespace = _pods_by_namespace(snapshot)
    found = []
    if server.disabled:
        message = "it does not ask for Pod Security: the labels of namespaces have no effect"
        found.append(check.finding(server.where, message, Evidence("--disable-admission-plugins names PodSecurity")))
    for item in _namespaces(snapshot):
        found += _enforcing(check, server, item, by_namespace.get(object_key(item)[1], []))
    if server.problem and not found:
        raise Undecided(f"whom the server exempts is not known: {server.problem}")
    return found


def _enforcing(
    check: Check, server: ServerPodSecurity, item: JsonObject, found: list[PodTemplate]
) -> Iterator[Finding]:
    resource, labels = resource_name(NAMESPACE, item), (item.get("metadata") or {}).get("labels") or {}
    configuration = server.configuration
    policy, errors = configuration.policy_of(labels)
    for error in errors:
        message = f"its label {error.label} cannot be read: {error.message}"
        evidence = Evidence(f"value {visible(error.value, limit=80)!r}", "metadata.labels")
        yield check.finding(resource, message, evidence, key=error.label, severity=Severity.MEDIUM)
    if object_key(item)[1] in configuration.exemptions.namespaces:
        message = "the server's configuration exempts it from Pod Security: its labels have no effect"
        yield check.finding(
            resource, message, Evidence("exemptions.namespaces", server.where), *_would_happen(found, configuration)
        )
    elif policy.enforce.level is Level.PRIVILEGED:
        said = labels.get(f"{PREFIX}enforce")
        fact = f"{PREFIX}enforce: {said}" if said else f"no label {PREFIX}enforce"
        # Without a label the defaults of the server's own configuration hold, which the API does not show.
        known = said or (server.where and not server.problem)
        yield check.finding(
            resource,
            "it enforces no level of the Pod Security Standards: privileged pods may run in it",
            Evidence(fact, "metadata.labels"),
            *_would_happen(found, configuration),
            confidence=Confidence.CERTAIN if known else Confidence.FIRM,
        )


def _would_happen(found: list[PodTemplate], configuration: Configuration) -> Iterator[Evidence]:
    """How many of a namespace's pods each level would refuse, when they are made again."""
    for level in (Level.RESTRICTED, Level.BASELINE):
        refused = 0
        for pod in found:
            try:
                refused += bool(evaluate(read_subject(pod), LevelVersion(level).on(configuration.minor)))
            except InputError as error:
                yield Evidence(f"not judged: {error.what}", pod.ref)
                return
        yield Evidence(f"{level} would refuse {refused} of {plural(len(found), 'pod')}")


def unbounded(check: Check, snapshot: Snapshot, _now: datetime) -> Iterable[Finding]:
    """Namespaces with pods and neither a quota nor a LimitRange, or only one of them. An empty one bounds nothing."""
    bounded = {
        kind: {object_key(item)[0] for item in snapshot.of(kind) if (item.get("spec") or {}).get(field)}
        for kind, field in ((RESOURCE_QUOTA, "hard"), (LIMIT_RANGE, "limits"))
    }
    occupied = _pods_by_namespace(snapshot)
    for item in _namespaces(snapshot):
        name = object_key(item)[1]
        lacking = [kind.kind for kind, names in bounded.items() if name not in names]
        if lacking and name in occupied:
            message = f"nothing bounds what its pods take: it has no {' and no '.join(lacking)}"
            yield check.finding(
                resource_name(NAMESPACE, item), message, Evidence(f"{len(occupied[name])} pods run in it")
            )


def _namespaces(snapshot: Snapshot) -> Iterator[JsonObject]:
    """All but those of the cluster itself, which must run what a level forbids."""
    return (item for item in snapshot.of(NAMESPACE) if object_key(item)[1] not in SYSTEM_NAMESPACES)


def _pods_by_namespace(snapshot: Snapshot) -> dict[str, list[PodTemplate]]:
    found: dict[str, list[PodTemplate]] = {}
    for pod in pods(snapshot):
        found.setdefault(pod.namespace, []).append(pod)
    return found
