"""The controls that the restricted level adds: what hardened pods must say of themselves.

Each takes a pod and returns what violates it, or None. Source: pod-security-admission, policy/check_*.go.
"""

from __future__ import annotations

from k8srun.workloads.podfields import SecurityContext
from k8srun.workloads.standards.baseline import CONFINED, seccomp_profile
from k8srun.workloads.standards.subject import Subject
from k8srun.workloads.standards.wording import Violation, by_bytes, of_containers, one_or_many, quoted, setters

ALLOWED_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_OTHER_VOLUMES = frozenset(
    {
        "hostPath",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "nfs",
        "iscsi",
        "glusterfs",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "fc",
        "azureFile",
        "vsphereVolume",
        "quobyte",
        "azureDisk",
        "photonPersistentDisk",
        "portworxVolume",
        "scaleIO",
        "storageos",
    }
)


def allow_privilege_escalation(subject: Subject) -> Violation | None:
    names = [
        container.name for container, context in subject.containers if context.allow_privilege_escalation is not False
    ]
    if not names:
        return None
    return Violation(
        "allowPrivilegeEscalation != false",
        f"{of_containers(names)} must set securityContext.allowPrivilegeEscalation=false",
    )


def capabilities(subject: Subject) -> Violation | None:
    keeping, adding, added = [], [], []
    for container, context in subject.containers:
        if context.capabilities is None or "ALL" not in (context.capabilities.drop or ()):
            keeping.append(container.name)
        beyond = [name for name in _added(context) if name != "NET_BIND_SERVICE"]
        if beyond:
            adding.append(container.name)
            added += beyond
    details = []
    if keeping:
        details.append(f'{of_containers(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        what = quoted(by_bytes(added))
        details.append(f"{of_containers(adding)} must not include {what} in securityContext.capabilities.add")
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def _added(context: SecurityContext) -> list[str]:
    return (context.capabilities.add or []) if context.capabilities else []


def restricted_volumes(subject: Subject) -> Violation | None:
    bad = [(name, kind) for name, kind in subject.volumes if kind not in ALLOWED_VOLUMES]
    if not bad:
        return None
    kinds = by_bytes(kind if kind in _OTHER_VOLUMES else "unknown" for _, kind in bad)
    volumes = f"{one_or_many('volume', 'volumes', len(bad))} {quoted(name for name, _ in bad)}"
    uses = one_or_many("uses", "use", len(bad))
    what = one_or_many("restricted volume type", "restricted volume types", len(kinds))
    return Violation("restricted volume types", f"{volumes} {uses} {what} {quoted(kinds)}")


def run_as_non_root(subject: Subject) -> Violation | None:
    pod = subject.pod.run_as_non_root
    refusing = [container.name for container, context in subject.containers if context.run_as_non_root is False]
    reason = "runAsNonRoot != true"
    if who := setters(pod is False, refusing):
        return Violation(reason, f"{' and '.join(who)} must not set securityContext.runAsNonRoot=false")
    silent = [container.name for container, context in subject.containers if context.run_as_non_root is None]
    if pod or not silent:
        return None
    return Violation(reason, f"pod or {of_containers(silent)} must set securityContext.runAsNonRoot=true")


def run_as_user(subject: Subject) -> Violation | None:
    names = [container.name for container, context in subject.containers if context.run_as_user == 0]
    who = setters(subject.pod.run_as_user == 0, names)
    return Violation("runAsUser=0", f"{' and '.join(who)} must not set runAsUser=0") if who else None


def seccomp_profile_required(subject: Subject) -> Violation | None:
    wrong = seccomp_profile(subject)
    if wrong:
        return wrong
    pod = subject.pod.seccomp_profile
    silent = [container.name for container, context in subject.containers if context.seccomp_profile is None]
    if (pod is not None and pod.type in CONFINED) or not silent:
        return None
    return Violation(
        "seccompProfile",
        f"pod or {of_containers(silent)} must set securityContext.seccompProfile.type to"
        ' "RuntimeDefault" or "Localhost"',
    )
