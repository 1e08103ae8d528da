"""What lets a container out of its confinement: privileges, the node's namespaces and files, root, capabilities."""

from __future__ import annotations

from collections.abc import Iterator

from k8srun.checks import Check
from k8srun.findings import Finding
from k8srun.text import visible
from k8srun.workloads.capabilities import RUNTIME_DEFAULT
from k8srun.workloads.inspections.workload import Workload
from k8srun.workloads.isolation import host_paths
from k8srun.workloads.security_context import ContainerContext, contexts_of
from k8srun.workloads.standards.baseline import CONFINED

_CONFINED = (*CONFINED, "kubelet default")


def _contexts(workload: Workload) -> Iterator[tuple[str, ContainerContext]]:
    """The containers of a workload, by the name that messages use. On Windows none of this applies."""
    if not workload.subject.is_windows:
        for context in contexts_of(workload.subject):
            yield visible(context.name, limit=63), context


def privileged(check: Check, workload: Workload) -> Iterator[Finding]:
    for name, context in _contexts(workload):
        if context.privileged:
            message = f"container {name} is privileged: root in it is root on the node"
            yield workload.finding(check, message, "containers", f"{name}: privileged: true", key=name)


def host_namespaces(check: Check, workload: Workload) -> Iterator[Finding]:
    spec = workload.subject.spec
    for field, value in (("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc)):
        if value:
            shared = {"hostNetwork": "network", "hostPID": "processes", "hostIPC": "shared memory"}[field]
            yield workload.finding(check, f"its pods have the node's {shared}", field, f"{field}: true", key=field)


def host_path(check: Check, workload: Workload) -> Iterator[Finding]:
    for path in host_paths(workload.template):
        shown, volume = visible(path.path, limit=200), visible(path.volume, limit=63)
        how = "can change" if path.writable else "can read"
        message = (
            f"it {how} {shown} of the node" if path.mounts else f"it names {shown} of the node and mounts it nowhere"
        )
        yield workload.finding(check, message, "volumes", f"volume {volume}: hostPath {shown}", key=volume)


def root(check: Check, workload: Workload) -> Iterator[Finding]:
    for name, context in _contexts(workload):
        if context.may_be_root is not False and not context.user_namespace:
            said = "runAsUser: 0" if context.user == 0 else "neither runAsNonRoot nor runAsUser is set"
            how = "runs as root" if context.user == 0 else "runs as root if its image does"
            yield workload.finding(check, f"container {name} {how}", "containers", f"{name}: {said}", key=name)


def privilege_escalation(check: Check, workload: Workload) -> Iterator[Finding]:
    for name, context in _contexts(workload):
        if context.privilege_escalation and not context.privileged:
            message = f"a set-user-ID program in container {name} can become root"
            fact = f"{name}: allowPrivilegeEscalation is not false"
            yield workload.finding(check, message, "containers", fact, key=name)


def capabilities(check: Check, workload: Workload) -> Iterator[Finding]:
    for name, context in _contexts(workload):
        bounding = context.capabilities.bounding
        added = sorted(bounding - RUNTIME_DEFAULT)
        if context.privileged:
            continue  # the check of privileged containers says it
        if added:
            message = f"container {name} has {', '.join(added[:5])}{' and more' if added[5:] else ''}"
            fact = f"{name}: capabilities.add beyond the runtime's default"
            yield workload.finding(check, message, "containers", fact, key=name)
        elif "NET_RAW" in bounding:
            message = f"container {name} keeps NET_RAW, with which root in it can forge packets"
            yield workload.finding(check, message, "containers", f"{name}: capabilities.drop has neither", key=name)


def profiles(check: Check, workload: Workload) -> Iterator[Finding]:
    for name, context in _contexts(workload):
        if context.privileged:
            continue  # nothing confines it, whatever its profiles say
        for field, value in (("seccompProfile", context.seccomp), ("appArmorProfile", context.app_armor)):
            if value == "Unconfined" or (field == "seccompProfile" and value == "kubelet default"):
                said = "not set" if value == "kubelet default" else value
                message = f"container {name} has no {'seccomp' if field == 'seccompProfile' else 'AppArmor'} profile"
                yield workload.finding(
                    check, message, "containers", f"{name}: {field} is {said}", key=f"{name} {field}"
                )
