"""What a container really runs with: pod and container merged, what the runtime adds, explained in a sentence each.

Source: k8s.io/api core/v1 (which field wins), the kubelet's `pkg/securitycontext`, containerd's defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k8srun.pods import PodTemplate
from k8srun.text import visible
from k8srun.workloads.capabilities import MEANINGS, RUNTIME_DEFAULT, Capabilities, capabilities_of
from k8srun.workloads.podfields import Container, Profile, SELinuxOptions
from k8srun.workloads.standards.subject import Subject, read_subject


@dataclass(frozen=True, slots=True)
class Aspect:
    """One side of how a container is confined.

    Attributes:
        name: the field that decides it, `runAsUser`.
        value: what it comes to, short.
        origin: who decided: `container`, `pod`, `runtime default`, `image`, `cluster`.
        sentence: what it means for this container.
        weakens: whether it gives the container more than a hardened one has.
    """

    name: str
    value: str
    origin: str
    sentence: str
    weakens: bool = False


@dataclass(frozen=True, slots=True)
class ContainerContext:
    """The effective security context of one container.

    Attributes:
        may_be_root: whether its first process may have user id 0; None where the image decides and nothing forbids it.
        user, group: the numeric ids; None where the image decides.
        privilege_escalation: whether a set-user-ID program in it gains rights.
        seccomp, app_armor: `Unconfined`, `RuntimeDefault`, `Localhost NAME`; seccomp `kubelet default` where nothing is
            set: Unconfined unless the kubelet's seccompDefault is on.
        aspects: all of it, explained; empty where nobody asked for that.
    """

    name: str
    image: str
    user: int | None
    group: int | None
    run_as_non_root: bool
    may_be_root: bool | None
    privileged: bool
    privilege_escalation: bool
    capabilities: Capabilities
    seccomp: str
    app_armor: str
    read_only_root: bool
    user_namespace: bool
    aspects: tuple[Aspect, ...]


def effective_contexts(template: PodTemplate) -> tuple[ContainerContext, ...]:
    """The effective security context of each container, init, regular, ephemeral.

    Raises:
        InputError: the pod spec is not what the API takes.
    """
    return contexts_of(read_subject(template, as_pod=True), explained=True)


def contexts_of(subject: Subject, *, explained: bool = False) -> tuple[ContainerContext, ...]:
    """The effective security contexts of a pod that was read as one; with the aspects only on request."""
    return tuple(_Merged(subject, index).context(explained) for index in range(len(subject.containers)))


class _Merged:
    """One container and its pod, and which of them decides."""

    def __init__(self, subject: Subject, index: int) -> None:
        self.subject = subject
        self.container: Container = subject.containers[index][0]
        self.own = subject.containers[index][1]
        self.pod = subject.pod
        self.privileged = bool(self.own.privileged)
        self.user, self.user_origin = self._first(self.own.run_as_user, self.pod.run_as_user)
        self.group, self.group_origin = self._first(self.own.run_as_group, self.pod.run_as_group)
        non_root, self.non_root_origin = self._first(self.own.run_as_non_root, self.pod.run_as_non_root)
        self.non_root = bool(non_root)
        self.capabilities = capabilities_of(self.own)

    @staticmethod
    def _first(own: int | None, pod: int | None) -> tuple[int | None, str]:
        return (own, "container") if own is not None else (pod, "pod" if pod is not None else "image")

    @property
    def may_be_root(self) -> bool | None:
        if self.user is not None:
            return self.user == 0 and not self.non_root
        return False if self.non_root else None

    @property
    def escalation(self) -> bool:
        forced = self.privileged or "SYS_ADMIN" in self._added
        return forced or self.own.allow_privilege_escalation is not False

    @property
    def _added(self) -> frozenset[str]:
        return self.capabilities.bounding - RUNTIME_DEFAULT

    def context(self, explained: bool) -> ContainerContext:
        aspects = self._windows() if self.subject.is_windows else self._linux()
        return ContainerContext(
            name=self.container.name,
            image=self.container.image or "",
            user=self.user,
            group=self.group,
            run_as_non_root=self.non_root,
            may_be_root=self.may_be_root,
            privileged=self.privileged,
            privilege_escalation=self.escalation,
            capabilities=self.capabilities,
            seccomp=self._profile(self.own.seccomp_profile, self.pod.seccomp_profile, "kubelet default")[0],
            app_armor=self._profile(self.own.app_armor_profile, self.pod.app_armor_profile, "RuntimeDefault")[0],
            read_only_root=bool(self.own.read_only_root_filesystem),
            user_namespace=self.subject.has_user_namespace,
            aspects=tuple(aspects) if explained else (),
        )

    def _linux(self) -> Iterator[Aspect]:
        if self.privileged:
            yield Aspect(
                "privileged",
                "true",
                "container",
                "It has every capability and device of the node and no confinement: root in it is root on the node.",
                weakens=True,
            )
        yield self._user_aspect()
        yield self._group_aspect()
        yield self._escalation_aspect()
        yield self._capability_aspect()
        yield self._seccomp_aspect()
        yield self._app_armor_aspect()
        yield self._selinux_aspect()
        yield self._root_file_system_aspect()
        if self.own.proc_mount not in (None, "Default"):
            yield Aspect(
                "procMount", visible(self.own.proc_mount or ""), "container", "It sees all of /proc, unmasked.", True
            )
        yield from self._sysctl_aspect()

    def _user_aspect(self) -> Aspect:
        if self.non_root and self.user == 0:
            return Aspect(
                "runAsUser",
                "0",
                self.user_origin,
                "It does not start: runAsNonRoot forbids the user 0 that is asked for.",
            )
        if self.user is not None and self.user != 0:
            return Aspect("runAsUser", str(self.user), self.user_origin, f"It runs as user {self.user}, not as root.")
        if self.non_root:
            text = "It runs as the image's user, and does not start if that is root or only a name."
            return Aspect("runAsNonRoot", "true", self.non_root_origin, text)
        who = "as root" if self.user == 0 else "as the image's user, which is root unless the image says otherwise"
        if self.subject.has_user_namespace:
            return Aspect("runAsUser", "0 in a user namespace", "pod", f"It runs {who}; on the node that is nobody.")
        value = "0" if self.user == 0 else "image"
        return Aspect("runAsUser", value, self.user_origin, f"It runs {who}: the node's root, confined.", weakens=True)

    def _group_aspect(self) -> Aspect:
        groups = ", ".join(str(group) for group in self.pod.supplemental_groups or ())
        more = f" Volumes belong to group {self.pod.fs_group}." if self.pod.fs_group is not None else ""
        more += f" Further groups: {groups}." if groups else ""
        if self.group is None:
            primary = "0" if self.user is not None else "the image's"
            return Aspect("runAsGroup", primary, "image", f"Its primary group is {primary}.{more}")
        return Aspect("runAsGroup", str(self.group), self.group_origin, f"Its primary group is {self.group}.{more}")

    def _escalation_aspect(self) -> Aspect:
        name = "allowPrivilegeEscalation"
        if not self.escalation:
            return Aspect(name, "false", "container", "Set-user-ID programs in it gain nothing (no_new_privs).")
        if self.privileged or "SYS_ADMIN" in self._added:
            text = "A privileged container, or one with SYS_ADMIN, can always gain rights."
            return Aspect(name, "true", "container", text, weakens=True)
        origin = "container" if self.own.allow_privilege_escalation else "runtime default"
        text = "A set-user-ID program in it (sudo, su) can become root within its capabilities."
        return Aspect(name, "true", origin, text, weakens=True)

    def _capability_aspect(self) -> Aspect:
        bounding = self.capabilities.bounding
        origin = "container" if self.own.capabilities or self.privileged else "runtime default"
        if self.capabilities.unknown:
            names = ", ".join(visible(name, limit=40) for name in self.capabilities.unknown)
            text = f"Linux knows no capability {names}: names are written without CAP_. The container may not start."
            return Aspect("capabilities", "invalid", origin, text, weakens=True)
        if not bounding:
            return Aspect("capabilities", "none", origin, "It has no capability, as root either.")
        added = sorted(self._added)
        value = "all" if len(bounding) > 30 else ", ".join(sorted(bounding))
        means = "; ".join(f"{name}: {MEANINGS[name]}" for name in added if name in MEANINGS and not self.privileged)
        text = f"Root in it has {len(bounding)} capabilities"
        text += f", {len(added)} beyond the runtime's default" if added else ""
        text += ", no other user has any until it runs a file that grants them."
        return Aspect("capabilities", value, origin, f"{text}{f' {means}.' if means else ''}", bool(bounding - _BIND))

    def _profile(self, own: Profile | None, pod: Profile | None, default: str) -> tuple[str, str]:
        if self.privileged:
            return "Unconfined", "container"
        profile, origin = (own, "container") if own is not None else (pod, "pod")
        if profile is None or profile.type is None:
            return default, "runtime default"
        named = f" {visible(profile.localhost_profile, limit=200)}" if profile.localhost_profile else ""
        return f"{visible(profile.type, limit=80)}{named}", origin

    def _seccomp_aspect(self) -> Aspect:
        value, origin = self._profile(self.own.seccomp_profile, self.pod.seccomp_profile, "kubelet default")
        text = {
            "kubelet default": "Every system call is open to it, unless the kubelet's seccompDefault is on.",
            "Unconfined": "Every system call is open to it.",
            "RuntimeDefault": "The runtime refuses it some sixty system calls that containers do not need.",
        }.get(value, "A profile of the node decides which system calls it may make; it must be on every node.")
        return Aspect("seccompProfile", value, origin, text, weakens=value in {"kubelet default", "Unconfined"})

    def _app_armor_aspect(self) -> Aspect:
        value, origin = self._profile(self.own.app_armor_profile, self.pod.app_armor_profile, "RuntimeDefault")
        text = {
            "Unconfined": "AppArmor does not confine it.",
            "RuntimeDefault": "The runtime's AppArmor profile confines it where the node has AppArmor.",
        }.get(value, "An AppArmor profile of the node confines it; without it there the container does not start.")
        return Aspect("appArmorProfile", value, origin, text, weakens=value == "Unconfined")

    def _selinux_aspect(self) -> Aspect:
        options, origin = self.own.se_linux_options, "container"
        if options is None:
            options, origin = self.pod.se_linux_options, "pod"
        if options is None or not (label := _label(options)):
            return Aspect(
                "seLinuxOptions", "-", "runtime default", "Where the node has SELinux, the runtime gives it a label."
            )
        return Aspect(
            "seLinuxOptions",
            label,
            origin,
            f"Where the node has SELinux, it runs as {label}.",
            weakens=options.type in {"spc_t", "unconfined_t"},
        )

    def _root_file_system_aspect(self) -> Aspect:
        read_only = bool(self.own.read_only_root_filesystem)
        text = (
            "It can write to its volumes alone."
            if read_only
            else "It can change its own files: what breaks in can leave programs there until it ends."
        )
        origin = "container" if self.own.read_only_root_filesystem is not None else "runtime default"
        return Aspect("readOnlyRootFilesystem", str(read_only).lower(), origin, text, weakens=not read_only)

    def _sysctl_aspect(self) -> Iterator[Aspect]:
        if self.pod.sysctls:
            names = ", ".join(visible(sysctl.name, limit=100) for sysctl in self.pod.sysctls)
            yield Aspect("sysctls", names, "pod", "Kernel settings of its namespaces differ from the node's.")

    def _windows(self) -> Iterator[Aspect]:
        own, pod = self.own.windows_options, self.pod.windows_options
        if (own and own.host_process) or (pod and pod.host_process):
            text = "It is no container but a process of the Windows node, with its network and files."
            yield Aspect("hostProcess", "true", "container" if own and own.host_process else "pod", text, weakens=True)
        name, origin = (own.run_as_user_name, "container") if own and own.run_as_user_name else (None, "image")
        if name is None and pod and pod.run_as_user_name:
            name, origin = pod.run_as_user_name, "pod"
        value = visible(name, limit=100) if name else "image"
        yield Aspect("runAsUserName", value, origin, f"It runs as {value if name else 'the user of the image'}.")


_BIND = frozenset({"NET_BIND_SERVICE"})


def _label(options: SELinuxOptions) -> str:
    parts = (options.user, options.role, options.type, options.level)
    return visible(":".join(part or "*" for part in parts), limit=200) if any(parts) else ""
