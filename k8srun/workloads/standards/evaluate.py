"""The Pod Security Standards at every version: which controls apply, and what of a pod violates them.

The ids, the order and the words are the server's. Source: pod-security-admission, policy/registry.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from k8srun.workloads.policy import Level, LevelVersion
from k8srun.workloads.standards import baseline, restricted
from k8srun.workloads.standards.baseline import Judge
from k8srun.workloads.standards.subject import Subject
from k8srun.workloads.standards.wording import Violation


@dataclass(frozen=True, slots=True)
class Control:
    """One control of a level.

    Attributes:
        id: upstream's check id.
        revisions: the minor versions at which its rule starts or changes, ascending, each with the rule.
        overrides: the baseline control that it replaces where it applies.
    """

    id: str
    level: Level
    revisions: tuple[tuple[int, Judge], ...]
    overrides: str = ""

    def at(self, minor: int) -> Judge | None:
        """The rule at v1.`minor`; None before the control began."""
        return next((judge for since, judge in reversed(self.revisions) if since <= minor), None)


@dataclass(frozen=True, slots=True)
class Failure:
    """A control that a pod violates: upstream's check id, the reason, and the detail with the names."""

    id: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


def _unless_windows(judge: Judge) -> Judge:
    """From 1.25 on: of a pod that says it is for Windows, what only Linux has is not asked."""
    return lambda subject: None if subject.is_windows else judge(subject)


def _unless_user_namespace(judge: Judge) -> Judge:
    """From 1.35 on: root of a pod in a user namespace is nobody on the node."""
    return lambda subject: None if subject.has_user_namespace else judge(subject)


def _baseline(control: str, *revisions: tuple[int, Judge]) -> Control:
    return Control(control, Level.BASELINE, revisions)


def _restricted(control: str, *revisions: tuple[int, Judge], overrides: str = "") -> Control:
    return Control(control, Level.RESTRICTED, revisions, overrides)


# In the order in which the server names them: baseline, then restricted, each by the bytes of the ids.
CONTROLS: tuple[Control, ...] = (
    _baseline("appArmorProfile", (0, baseline.app_armor_profile)),
    _baseline("capabilities_baseline", (0, baseline.capabilities)),
    _baseline("hostNamespaces", (0, baseline.host_namespaces)),
    _baseline("hostPathVolumes", (0, baseline.host_path_volumes)),
    _baseline("hostPorts", (0, baseline.host_ports)),
    _baseline("hostProbesAndHostLifecycle", (34, baseline.host_probes)),
    _baseline("privileged", (0, baseline.privileged)),
    _baseline("procMount", (0, baseline.proc_mount), (35, _unless_user_namespace(baseline.proc_mount))),
    _baseline(
        "seLinuxOptions",
        (0, baseline.se_linux_options(baseline.SELINUX_TYPES)),
        (31, baseline.se_linux_options(baseline.SELINUX_TYPES | {"container_engine_t"})),
    ),
    _baseline("seccompProfile_baseline", (0, baseline.seccomp_annotations), (19, baseline.seccomp_profile)),
    _baseline(
        "sysctls", *((minor, baseline.sysctls(baseline.safe_sysctls(minor))) for minor in baseline.SYSCTL_VERSIONS)
    ),
    _baseline("windowsHostProcess", (0, baseline.windows_host_process)),
    _restricted(
        "allowPrivilegeEscalation",
        (8, restricted.allow_privilege_escalation),
        (25, _unless_windows(restricted.allow_privilege_escalation)),
    ),
    _restricted(
        "capabilities_restricted",
        (22, restricted.capabilities),
        (25, _unless_windows(restricted.capabilities)),
        overrides="capabilities_baseline",
    ),
    _restricted("procMount_restricted", (35, baseline.proc_mount), overrides="procMount"),
    _restricted("restrictedVolumes", (0, restricted.restricted_volumes), overrides="hostPathVolumes"),
    _restricted(
        "runAsNonRoot",
        (0, restricted.run_as_non_root),
        (35, _unless_user_namespace(restricted.run_as_non_root)),
    ),
    _restricted("runAsUser", (23, restricted.run_as_user), (35, _unless_user_namespace(restricted.run_as_user))),
    _restricted(
        "seccompProfile_restricted",
        (19, restricted.seccomp_profile_required),
        (25, _unless_windows(restricted.seccomp_profile_required)),
        overrides="seccompProfile_baseline",
    ),
)


def evaluate(subject: Subject, policy: LevelVersion) -> tuple[Failure, ...]:
    """What of a pod violates a level at a version, in the server's order and words; empty when it is allowed."""
    found = []
    for control, judge in rules(policy.level, policy.version.evaluated):
        violation: Violation | None = judge(subject)
        if violation is not None:
            found.append(Failure(control, violation.reason, violation.detail))
    return tuple(found)


@cache
def rules(level: Level, minor: int) -> tuple[tuple[str, Judge], ...]:
    """The ids and rules that apply at a level and version, in the server's order."""
    applying = [
        (control, judge)
        for control in CONTROLS
        if control.level.rank <= level.rank and (judge := control.at(minor)) is not None
    ]
    overridden = {control.overrides for control, _ in applying}
    return tuple((control.id, judge) for control, judge in applying if control.id not in overridden)


def described(failures: tuple[Failure, ...]) -> str:
    """The violations of a pod as the server lists them: `privileged (container "a" must not …), hostPort (…)`."""
    return ", ".join(map(str, failures))
