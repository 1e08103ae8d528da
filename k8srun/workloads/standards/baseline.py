"""The controls of the baseline level: what lets a pod out of its sandbox in known ways.

Each takes a pod and returns what violates it, or None. Source: pod-security-admission, policy/check_*.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from k8srun.workloads.podfields import Container, LifecycleHandler, Probe, Profile, SELinuxOptions
from k8srun.workloads.standards.subject import APPARMOR_ANNOTATION, Subject
from k8srun.workloads.standards.wording import Violation, by_bytes, of_containers, one_or_many, quoted, setters
from k8srun.x509.gotext import quote

Judge = Callable[[Subject], Violation | None]

SECCOMP_POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_ANNOTATION = "container.seccomp.security.alpha.kubernetes.io/"
RUNTIME_DEFAULTS = frozenset({"runtime/default", "docker/default"})
"""How the annotations name the runtime's own profile."""
CONFINED = ("RuntimeDefault", "Localhost")
"""The types of a seccomp or AppArmor profile that confine."""

DEFAULT_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What baseline lets a container add: the runtimes' default without NET_RAW."""

SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})

_SYSCTLS_BY_VERSION = {
    0: (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start",
    ),
    27: ("net.ipv4.ip_local_reserved_ports",),
    29: (
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    ),
    32: ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    37: ("net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat"),
}
SYSCTL_VERSIONS = tuple(_SYSCTLS_BY_VERSION)


def safe_sysctls(minor: int) -> frozenset[str]:
    """The sysctls that baseline allows at v1.`minor`."""
    return frozenset(name for since, names in _SYSCTLS_BY_VERSION.items() if since <= minor for name in names)


def app_armor_profile(subject: Subject) -> Violation | None:
    types: list[str] = []
    pod_is_bad = _unconfined(subject.pod.app_armor_profile, types)
    names = [
        container.name for container, context in subject.containers if _unconfined(context.app_armor_profile, types)
    ]
    annotations = by_bytes(
        f"{name}={quote(value)}"
        for name, value in subject.annotations.items()
        if name.startswith(APPARMOR_ANNOTATION) and not _confining_annotation(value)
    )
    who = setters(pod_is_bad, names)
    if annotations:
        who.append(one_or_many("annotation", "annotations", len(annotations)))
    if not who:
        return None
    values = [*by_bytes(types), *annotations]
    return Violation(
        one_or_many("forbidden AppArmor profile", "forbidden AppArmor profiles", len(values)),
        f"{' and '.join(who)} must not set AppArmor profile type to {quoted(values)}",
    )


def _unconfined(profile: Profile | None, types: list[str]) -> bool:
    """Whether a profile is set and does not confine; its type is noted."""
    if profile is None or profile.type in CONFINED:
        return False
    types.append(profile.type or "")
    return True


def _confining_annotation(value: str) -> bool:
    return value in {"", "runtime/default"} or value.startswith("localhost/")


def capabilities(subject: Subject) -> Violation | None:
    names, added = [], []
    for container, context in subject.containers:
        if context.capabilities and context.capabilities.add:
            beyond = [name for name in context.capabilities.add if name not in DEFAULT_CAPABILITIES]
            if beyond:
                names.append(container.name)
                added += beyond
    if not names:
        return None
    return Violation(
        "non-default capabilities",
        f"{of_containers(names)} must not include {quoted(by_bytes(added))} in securityContext.capabilities.add",
    )


def host_namespaces(subject: Subject) -> Violation | None:
    spec = subject.spec
    shared = [
        name
        for name, value in (
            ("hostNetwork=true", spec.host_network),
            ("hostPID=true", spec.host_pid),
            ("hostIPC=true", spec.host_ipc),
        )
        if value
    ]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


def host_path_volumes(subject: Subject) -> Violation | None:
    names = [name for name, kind in subject.volumes if kind == "hostPath"]
    if not names:
        return None
    return Violation("hostPath volumes", f"{one_or_many('volume', 'volumes', len(names))} {quoted(names)}")


def host_ports(subject: Subject) -> Violation | None:
    names: list[str] = []
    ports: list[int] = []
    for (container, _), numbers in zip(subject.containers, subject.host_ports, strict=True):
        if numbers:
            names.append(container.name)
            ports += numbers
    if not names:
        return None
    listed = by_bytes(map(str, ports))
    uses = one_or_many("uses", "use", len(names))
    return Violation(
        "hostPort",
        f"{of_containers(names)} {uses} {one_or_many('hostPort', 'hostPorts', len(listed))} {', '.join(listed)}",
    )


def host_probes(subject: Subject) -> Violation | None:
    names, hosts = [], []
    for container, _ in subject.containers:
        found = [*_hosts(container)]
        if found:
            names.append(container.name)
            hosts += found
    if not names:
        return None
    names, hosts = by_bytes(names), by_bytes(hosts)
    uses = one_or_many("uses", "use", len(names))
    what = one_or_many("probe or lifecycle host", "probe or lifecycle hosts", len(hosts))
    return Violation("probe or lifecycle host", f"{of_containers(names)} {uses} {what} {quoted(hosts)}")


def _hosts(container: Container) -> Iterator[str]:
    handlers: list[Probe | LifecycleHandler | None] = [
        container.liveness_probe,
        container.readiness_probe,
        container.startup_probe,
    ]
    if container.lifecycle is not None:
        handlers += [container.lifecycle.post_start, container.lifecycle.pre_stop]
    for handler in handlers:
        if handler is not None:
            for action in (handler.http_get, handler.tcp_socket):
                if action is not None and action.host:
                    yield action.host


def privileged(subject: Subject) -> Violation | None:
    names = [container.name for container, context in subject.containers if context.privileged]
    return (
        Violation("privileged", f"{of_containers(names)} must not set securityContext.privileged=true")
        if names
        else None
    )


def proc_mount(subject: Subject) -> Violation | None:
    names, kinds = [], []
    for container, context in subject.containers:
        if context.proc_mount is not None and context.proc_mount != "Default":
            names.append(container.name)
            kinds.append(context.proc_mount)
    if not names:
        return None
    return Violation(
        "procMount", f"{of_containers(names)} must not set securityContext.procMount to {quoted(by_bytes(kinds))}"
    )


def se_linux_options(types: frozenset[str]) -> Judge:
    """The control with the SELinux types that it allows."""

    def judge(subject: Subject) -> Violation | None:
        bad: list[SELinuxOptions] = []

        def is_bad(options: SELinuxOptions | None) -> bool:
            if options is None or ((options.type or "") in types and not options.user and not options.role):
                return False
            bad.append(options)
            return True

        pod_is_bad = is_bad(subject.pod.se_linux_options)
        names = [container.name for container, context in subject.containers if is_bad(context.se_linux_options)]
        if not bad:
            return None
        forbidden = by_bytes(options.type or "" for options in bad if (options.type or "") not in types)
        what = [f"{one_or_many('type', 'types', len(forbidden))} {quoted(forbidden)}"] if forbidden else []
        what += ["user may not be set"] if any(options.user for options in bad) else []
        what += ["role may not be set"] if any(options.role for options in bad) else []
        who = " and ".join(setters(pod_is_bad, names))
        return Violation("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(what)}")

    return judge


def seccomp_annotations(subject: Subject) -> Violation | None:
    """Until v1.18: the annotations that came before the field."""
    names = [SECCOMP_POD_ANNOTATION, *(f"{SECCOMP_ANNOTATION}{container.name}" for container, _ in subject.containers)]
    forbidden = by_bytes(
        f"{name}={quote(value)}"
        for name in names
        if (value := subject.annotations.get(name)) is not None
        and value not in RUNTIME_DEFAULTS
        and not value.startswith("localhost/")
    )
    if not forbidden:
        return None
    what = one_or_many("annotation", "annotations", len(forbidden))
    return Violation("seccompProfile", f"forbidden {what} {', '.join(forbidden)}")


def seccomp_profile(subject: Subject) -> Violation | None:
    types: list[str] = []
    pod_is_bad = _unconfined(subject.pod.seccomp_profile, types)
    names = [container.name for container, context in subject.containers if _unconfined(context.seccomp_profile, types)]
    if not types:
        return None
    who = " and ".join(setters(pod_is_bad, names))
    return Violation(
        "seccompProfile", f"{who} must not set securityContext.seccompProfile.type to {quoted(by_bytes(types))}"
    )


def sysctls(allowed: frozenset[str]) -> Judge:
    """The control with the sysctls that it allows."""

    def judge(subject: Subject) -> Violation | None:
        unsafe = [sysctl.name for sysctl in subject.pod.sysctls or () if sysctl.name not in allowed]
        return Violation("forbidden sysctls", ", ".join(unsafe)) if unsafe else None

    return judge


def windows_host_process(subject: Subject) -> Violation | None:
    pod_is_bad = bool(subject.pod.windows_options and subject.pod.windows_options.host_process)
    names = [
        container.name
        for container, context in subject.containers
        if context.windows_options and context.windows_options.host_process
    ]
    who = " and ".join(setters(pod_is_bad, names))
    return (
        Violation("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true") if who else None
    )
