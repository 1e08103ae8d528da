"""Settings of workloads beside their confinement: secrets in the environment, RuntimeClass, namespace, leftovers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from k8srun.checks import Check
from k8srun.findings import Evidence, Finding
from k8srun.kinds import CLUSTER_ROLE, ROLE, RUNTIME_CLASS, Kind
from k8srun.pods import containers
from k8srun.snapshot import JsonObject, Snapshot, resource_name
from k8srun.text import visible
from k8srun.workloads.inspections.workload import Workload, over_workloads

POD_SECURITY_POLICY = Kind("policy", "PodSecurityPolicy")
_REDUCED = "<reduced"
_PSP_ANNOTATION = "kubernetes.io/psp"


def secret_value(check: Check, workload: Workload) -> Iterator[Finding]:
    """Secrets written into the spec: whoever may read the pod has them. Sources have reduced them to a marker."""
    for path, container in containers(workload.template.spec):
        for entry in _entries(container.get("env")):
            if _REDUCED in str(entry.get("value") or ""):
                name, variable = _name(container), _name(entry)
                message = f"container {name} has a secret in the environment variable {variable}, for all to read"
                yield workload.finding(
                    check, message, f"{path}.env", f"{variable} has a value", key=f"{name} {variable}"
                )


def secret_in_environment(check: Check, workload: Workload) -> Iterator[Finding]:
    """Secrets by reference in the environment: every child process and crash dump has them."""
    for path, container in containers(workload.template.spec):
        name = _name(container)
        for entry in _entries(container.get("envFrom")):
            if reference := entry.get("secretRef"):
                secret = _name(reference)
                message = f"container {name} has all of Secret {secret} in its environment"
                yield workload.finding(check, message, f"{path}.envFrom", f"secretRef {secret}", key=f"{name} {secret}")
        for entry in _entries(container.get("env")):
            source = entry.get("valueFrom")
            if isinstance(source, Mapping) and (reference := source.get("secretKeyRef")):
                variable, secret = _name(entry), _name(reference)
                message = f"container {name} has a key of Secret {secret} in {variable}"
                fact = f"{variable}: secretKeyRef {secret}"
                yield workload.finding(check, message, f"{path}.env", fact, key=f"{name} {variable}")


def default_namespace(check: Check, workload: Workload) -> Iterator[Finding]:
    if workload.template.namespace == "default":
        message = "it is in the namespace default, which whoever names none works in"
        yield workload.finding(check, message, "", "metadata.namespace: default")


def missing_runtime_class(check: Check, workload: Workload) -> Iterator[Finding]:
    name = workload.subject.spec.runtime_class_name
    if name and workload.snapshot.find(RUNTIME_CLASS, name) is None:
        shown = visible(name, limit=253)
        message = f"the cluster has no RuntimeClass {shown}: its pods are refused"
        yield workload.finding(check, message, "runtimeClassName", f"runtimeClassName: {shown}")


def psp_leftovers(check: Check, snapshot: Snapshot, now: datetime) -> Iterable[Finding]:
    """PodSecurityPolicy ended with 1.25: what is left of it protects nothing and looks as if it did."""
    for item in snapshot.of(POD_SECURITY_POLICY):
        message = "a PodSecurityPolicy: no server since 1.25 looks at it"
        yield check.finding(resource_name(POD_SECURITY_POLICY, item), message, Evidence("kind: PodSecurityPolicy"))
    for kind in (CLUSTER_ROLE, ROLE):
        for item in snapshot.of(kind):
            if _grants_psp(item):
                message = "it grants PodSecurityPolicies, which no server since 1.25 has"
                yield check.finding(resource_name(kind, item), message, Evidence("podsecuritypolicies", "rules"))
    yield from over_workloads(_psp_annotation)(check, snapshot, now)


def _psp_annotation(check: Check, workload: Workload) -> Iterator[Finding]:
    policy = workload.subject.annotations.get(_PSP_ANNOTATION)
    if policy is not None:
        message = f"it says that PodSecurityPolicy {visible(policy, limit=253)} admitted it, which none does any more"
        yield workload.finding(check, message, "", f"annotation {_PSP_ANNOTATION}")


def _grants_psp(role: JsonObject) -> bool:
    resources = (rule.get("resources") for rule in _entries(role.get("rules")))
    return any("podsecuritypolicies" in named for named in resources if isinstance(named, list | tuple))


def _entries(value: object) -> Iterator[Mapping[str, object]]:
    return (entry for entry in value if isinstance(entry, Mapping)) if isinstance(value, list | tuple) else iter(())


def _name(value: object) -> str:
    return visible(str(value.get("name") or ""), limit=253) if isinstance(value, Mapping) else ""
