"""The least change of a pod spec that meets each control of the Pod Security Standards, and what it may break.

A change edits a copy of the spec in place. Controls without one need a person: a volume of the node's has to go
somewhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.pods import CONTAINER_FIELDS
from k8srun.workloads.standards.baseline import DEFAULT_CAPABILITIES, safe_sysctls

Spec = dict[str, Any]
_BIND = "NET_BIND_SERVICE"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a hardening is to keep to: the user to run as (0: the image's own), and the policy's minor version."""

    user: int
    minor: int


@dataclass(frozen=True, slots=True)
class Change:
    """How a control is met.

    Attributes:
        edit: changes a spec in place.
        breaks: what may break.
        find_out: how to find that out.
    """

    edit: Callable[[Spec, Wish], None]
    breaks: str
    find_out: str


def is_windows(spec: Mapping[str, Any]) -> bool:
    return bool((spec.get("os") or {}).get("name") == "windows")


def containers_of(spec: Spec) -> Iterator[Spec]:
    """The containers, init and regular ones: ephemeral containers are never part of a template."""
    for name in CONTAINER_FIELDS[:2]:
        yield from (container for container in spec.get(name) or () if isinstance(container, dict))


def _contexts(spec: Spec) -> Iterator[Spec]:
    """The security contexts that are there: the pod's and its containers'."""
    for holder in (spec, *containers_of(spec)):
        context = holder.get("securityContext")
        if isinstance(context, dict):
            yield context


def _own(container: Spec) -> Spec:
    """The container's security context, made where it has none."""
    context = container.get("securityContext")
    if not isinstance(context, dict):
        context = container["securityContext"] = {}
    return context


def _unprivileged(spec: Spec, _: Wish) -> None:
    for container in containers_of(spec):
        if (container.get("securityContext") or {}).get("privileged"):
            container["securityContext"]["privileged"] = False


def _no_escalation(spec: Spec, _: Wish) -> None:
    for container in containers_of(spec):
        _own(container)["allowPrivilegeEscalation"] = False


def _safe_capabilities(spec: Spec, _: Wish) -> None:
    for container in containers_of(spec):
        held = (container.get("securityContext") or {}).get("capabilities") or {}
        if held.get("add"):
            held["add"] = [name for name in held["add"] if name in DEFAULT_CAPABILITIES]


def _drop_all(spec: Spec, _: Wish) -> None:
    """Of what was added only NET_BIND_SERVICE may stay; a container with a port below 1024 gets it."""
    for container in containers_of(spec):
        context = _own(container)
        held = context.get("capabilities") or {}
        keep = _BIND in (held.get("add") or ()) or any(
            isinstance(port.get("containerPort"), int) and port["containerPort"] < 1024
            for port in container.get("ports") or ()
        )
        context["capabilities"] = {"drop": ["ALL"], **({"add": [_BIND]} if keep else {})}


def _own_namespaces(spec: Spec, _: Wish) -> None:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            del spec[name]
    for container in containers_of(spec):  # in the node's network the server wrote the same number as hostPort
        _without_host_ports(container)


def _no_host_ports(spec: Spec, _: Wish) -> None:
    for container in containers_of(spec):
        _without_host_ports(container)


def _without_host_ports(container: Spec) -> None:
    for port in container.get("ports") or ():
        port.pop("hostPort", None)


def _own_address(spec: Spec, _: Wish) -> None:
    for container in containers_of(spec):
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
        for handler in (*handlers, lifecycle.get("postStart"), lifecycle.get("preStop")):
            for name in ("httpGet", "tcpSocket"):
                if action := (handler or {}).get(name):
                    action.pop("host", None)


def _default_profile(field: str) -> Callable[[Spec, Wish], None]:
    def edit(spec: Spec, _: Wish) -> None:
        for context in _contexts(spec):
            if (context.get(field) or {}).get("type") == "Unconfined":
                context[field] = {"type": "RuntimeDefault"}

    return edit


def _seccomp_everywhere(spec: Spec, _: Wish) -> None:
    """One field of the pod does for all containers that have none of their own."""
    _default_profile("seccompProfile")(spec, _)
    if not (spec.get("securityContext") or {}).get("seccompProfile"):
        _own(spec)["seccompProfile"] = {"type": "RuntimeDefault"}


def _default_proc(spec: Spec, _: Wish) -> None:
    for context in _contexts(spec):
        context.pop("procMount", None)


def _default_selinux(spec: Spec, _: Wish) -> None:
    for context in _contexts(spec):
        options = context.get("seLinuxOptions")
        if isinstance(options, dict):
            for name in ("user", "role", "type"):
                options.pop(name, None)


def _safe_sysctls(spec: Spec, wish: Wish) -> None:
    context = spec.get("securityContext") or {}
    safe = safe_sysctls(wish.minor)
    context["sysctls"] = [entry for entry in context.get("sysctls") or () if entry.get("name") in safe]


def _non_root(spec: Spec, wish: Wish) -> None:
    """One field of the pod does for all containers; one that says otherwise is corrected."""
    _own(spec)["runAsNonRoot"] = True
    for container in containers_of(spec):
        if (container.get("securityContext") or {}).get("runAsNonRoot") is False:
            container["securityContext"]["runAsNonRoot"] = True
    if wish.user and "runAsUser" not in spec["securityContext"] and not is_windows(spec):
        spec["securityContext"]["runAsUser"] = wish.user


def _other_user(spec: Spec, wish: Wish) -> None:
    for context in _contexts(spec):
        if context.get("runAsUser") == 0:
            if wish.user:
                context["runAsUser"] = wish.user
            else:
                del context["runAsUser"]


_LOGS = "watch its log for `operation not permitted` during the rollout"
CHANGES: Mapping[str, Change] = {
    "privileged": Change(_unprivileged, "it no longer has the node's devices and every capability", _LOGS),
    "allowPrivilegeEscalation": Change(
        _no_escalation,
        "sudo, su, ping and other setuid programs stop working",
        "find / -perm -4000  # in the container",
    ),
    "capabilities_baseline": Change(_safe_capabilities, "calls that needed an added capability are refused", _LOGS),
    "capabilities_restricted": Change(
        _drop_all,
        "chown, setuid, ports below 1024 (unless NET_BIND_SERVICE stays) and raw sockets are refused",
        f"grep Cap /proc/1/status  # in the container; {_LOGS}",
    ),
    "hostNamespaces": Change(
        _own_namespaces,
        "it no longer sees the node's network, processes or IPC, and is not reached at the node's address",
        "kubectl get endpointslices -A  # who is served through it",
    ),
    "hostPorts": Change(_no_host_ports, "the port of the node closes: use a Service", "ss -tlnp  # on the node"),
    "hostProbesAndHostLifecycle": Change(
        _own_address,
        "its probes and hooks ask the pod's own address, no longer the host that they named",
        "ss -tln  # in the container: does it listen there, or on 127.0.0.1 alone",
    ),
    "appArmorProfile": Change(
        _default_profile("appArmorProfile"), "the runtime's profile forbids writing to /proc and mounting", _LOGS
    ),
    "seccompProfile_baseline": Change(
        _default_profile("seccompProfile"), "about 60 rare system calls are refused", "journalctl -k | grep type=1326"
    ),
    "seccompProfile_restricted": Change(
        _seccomp_everywhere, "about 60 rare system calls are refused", "journalctl -k | grep type=1326  # on the node"
    ),
    "procMount": Change(_default_proc, "parts of /proc are masked again", _LOGS),
    "procMount_restricted": Change(_default_proc, "parts of /proc are masked again", _LOGS),
    "seLinuxOptions": Change(_default_selinux, "it runs with the runtime's own SELinux type", "ausearch -m avc"),
    "sysctls": Change(_safe_sysctls, "the kernel's defaults count", "sysctl -a  # in the container"),
    "runAsNonRoot": Change(
        _non_root,
        "an image whose USER is root or a name is not started (CreateContainerConfigError)",
        "kubectl run ask --rm -it --image=IMAGE --command -- id  # the user of the image",
    ),
    "runAsUser": Change(
        _other_user,
        "files of root in the image and in volumes cannot be written any more",
        "watch its log for `permission denied`; volumes need fsGroup",
    ),
}
"""By upstream's check id."""

LINUX_ALONE = frozenset({"allowPrivilegeEscalation", "capabilities_restricted", "seccompProfile_restricted"})
"""The controls whose fields the API does not take for Windows, although older policies ask for them."""
