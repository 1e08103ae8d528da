"""Judging why a container does not start or does not stay up: its security context, mounts and exit code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from k8srun.errors import InputError
from k8srun.findings import Evidence
from k8srun.kinds import CONFIG_MAP, SECRET
from k8srun.snapshot import Need
from k8srun.text import visible
from k8srun.workloads.diagnosis_judgement import Judgement, confirmed, message_of, ruled_out, still_open
from k8srun.workloads.diagnosis_shapes import mapping, mappings
from k8srun.workloads.diagnosis_view import Case
from k8srun.workloads.security_context import ContainerContext, effective_contexts

_READ_ONLY_VOLUMES = ("secret", "configMap", "downwardAPI", "projected")
# What the words before `operation not permitted` tell of the capability that was missing. Source: capabilities(7).
_NEEDED = tuple(
    (re.compile(pattern, re.IGNORECASE), capability)
    for pattern, capability in (
        (r"chown|chang(?:e|ing) (?:ownership|owner)", "CHOWN"),
        (r"setgroups|setgid|initgroups|set group|change group", "SETGID"),
        (r"setuid|set user|switch(?:ing)? user|\bgosu\b|su-exec|setresuid", "SETUID"),
        (r"raw socket|\bping\b|icmp|SOCK_RAW", "NET_RAW"),
        (r"iptables|nftables|ip6?tables|\bip (?:link|addr|route)|RTNETLINK|netlink|tun/tap|/dev/net/tun", "NET_ADMIN"),
        (r"\bumount|\bmount|pivot_root|unshare|setns", "SYS_ADMIN"),
        (r"chroot", "SYS_CHROOT"),
        (r"settimeofday|clock_settime|set date|stime", "SYS_TIME"),
        (r"mlock|ipc_lock|locking? memory", "IPC_LOCK"),
        (r"ptrace|strace|attach to process", "SYS_PTRACE"),
        (r"setpriority|\bnice\b|renice|sched_set", "SYS_NICE"),
        (r"setrlimit|ulimit", "SYS_RESOURCE"),
        (r"mknod", "MKNOD"),
        (r"setcap|set capabilities", "SETFCAP"),
        (r"chmod|utime", "FOWNER"),
        (r"\bbind\b", "NET_BIND_SERVICE"),
        (r"\bkill\b|sending signal", "KILL"),
        (r"bpf", "BPF"),
        (r"modprobe|insmod|init_module", "SYS_MODULE"),
    )
)
_SETUID_PROGRAM = re.compile(r"\b(?:sudo|su|doas|newgrp|passwd)\b[: ]", re.IGNORECASE)
# Calls that containerd's default profile forbids, whatever the capabilities are (unless SYS_ADMIN or so is added).
_SECCOMP_CALLS = re.compile(r"io_uring|keyctl|userfaultfd|personality|add_key|request_key|clone3?\b", re.IGNORECASE)


def image_user_is_root(case: Case) -> Judgement:
    user = case.effective("runAsUser")
    if isinstance(user, int) and user != 0:
        return ruled_out(f"runAsUser is {user} now", case.place)
    if not case.container:
        return confirmed(message_of(case))
    fact = "runAsNonRoot is true, and neither pod nor container sets runAsUser: the image's user counts"
    return confirmed(message_of(case), Evidence(fact, case.place))


def run_as_user(case: Case) -> Judgement:
    user = case.effective("runAsUser")
    fact = () if user is None else (Evidence(f"runAsUser is {user}", case.place),)
    return confirmed(message_of(case), *fact)


def configuration_object(case: Case) -> Judgement:
    kind = SECRET if case.symptom.get("kind").lower().startswith("secret") else CONFIG_MAP
    name, key = case.symptom.get("name"), case.symptom.get("key")
    if not case.namespace or not name or case.snapshot.unmet(Need.objects(kind)):
        return confirmed(message_of(case))
    item = case.snapshot.find(kind, name, case.namespace)
    if item is None:
        return confirmed(message_of(case), Evidence(f"there is no {kind} {case.namespace}/{name}", "the snapshot"))
    keys = sorted({*mapping(item, "data"), *mapping(item, "binaryData")})
    where = f"{kind} {case.namespace}/{name}"
    if key and key not in keys:
        return confirmed(message_of(case), Evidence(f"it has the keys {', '.join(keys) or 'none'}, not {key}", where))
    return ruled_out("it is there now: the kubelet will find it with its next attempt", where)


def port_below_1024(case: Case) -> Judgement:
    said = case.symptom.get("port")
    ports = [int(said)] if said else _declared_ports(case)
    low = [port for port in ports if port < 1024]
    context = _context(case)
    if said and not low:
        return ruled_out(f"{said} is not below 1024: another permission is missing", "the message")
    if context and context.may_be_root and "NET_BIND_SERVICE" in context.capabilities.bounding:
        return ruled_out("it may run as root with NET_BIND_SERVICE", case.place)
    if not low:
        return still_open("the message does not tell the port, and the pod declares none below 1024")
    who = f"it runs as user {context.user}" if context and context.user is not None else "it is not root"
    return confirmed(message_of(case), Evidence(f"port {low[0]}; {who}", case.place or "the message"))


def root_read_only(case: Case) -> Judgement:
    context, path = _context(case), case.symptom.get("path")
    if context is None:
        return still_open()
    if not context.read_only_root:
        return ruled_out("readOnlyRootFilesystem is not set", case.place)
    mount = _mount_of(case, path) if path else None
    if mount is not None:
        return ruled_out(f"{path} is in the volume {mount.get('name')}", case.place)
    fact = (
        f"readOnlyRootFilesystem is true, and no volume is mounted at {path}"
        if path
        else "readOnlyRootFilesystem is true"
    )
    return confirmed(message_of(case), Evidence(fact, case.place))


def volume_read_only(case: Case) -> Judgement:
    path = case.symptom.get("path")
    if not case.container or not path:
        return still_open()
    mount = _mount_of(case, path)
    if mount is None:
        return ruled_out(f"no volume is mounted at {path}", case.place)
    kind = _volume_kind(case, str(mount.get("name")))
    if mount.get("readOnly") or kind in _READ_ONLY_VOLUMES:
        why = "readOnly is true" if mount.get("readOnly") else f"a {kind} volume is always read-only"
        return confirmed(message_of(case), Evidence(f"{path} is in the volume {mount.get('name')}: {why}", case.place))
    return ruled_out(f"the volume {mount.get('name')} at {path} is writable", case.place)


def capability_missing(case: Case) -> Judgement:
    needed = needed_capability(case.symptom.get("what") or case.symptom.line)
    context = _context(case)
    if not needed:
        return still_open("the message does not tell which system call was refused")
    if context is None:
        return still_open(f"the call needs {needed}", "the message", capability=needed)
    if needed not in context.capabilities.bounding:
        fact = f"the call needs {needed}, which the container does not have"
        return confirmed(message_of(case), Evidence(fact, case.place), capability=needed)
    if context.may_be_root is False:
        fact = f"the call needs {needed}, which only root has here: it runs as user {context.user or 'other than root'}"
        return confirmed(message_of(case), Evidence(fact, case.place), capability=needed)
    return ruled_out(f"the container has {needed}", case.place)


def needed_capability(words: str) -> str:
    """The capability that a refused call needs, as far as the words before the refusal tell; empty if they do not."""
    return next((capability for pattern, capability in _NEEDED if pattern.search(words)), "")


def escalation_forbidden(case: Case) -> Judgement:
    if not _SETUID_PROGRAM.search(case.symptom.line):
        return ruled_out("the message names no setuid program", "the message")
    context = _context(case)
    if context is None:
        return still_open()
    if context.privilege_escalation:
        return ruled_out("allowPrivilegeEscalation is not false", case.place)
    return confirmed(message_of(case), Evidence("allowPrivilegeEscalation is false: setuid has no effect", case.place))


def seccomp_forbids(case: Case) -> Judgement:
    context = _context(case)
    call = _SECCOMP_CALLS.search(case.symptom.line)
    if context is None:
        return still_open()
    if context.privileged or context.seccomp == "Unconfined":
        return ruled_out("no seccomp profile is in effect", case.place)
    if call and context.seccomp == "RuntimeDefault":
        fact = f"{call.group()} is forbidden by the runtime's default profile, which is in effect"
        return confirmed(message_of(case), Evidence(fact, case.place))
    if not call and capability_missing(case).status.value == "confirmed":
        return ruled_out("a missing capability explains it; the default profile allows what the capability allows")
    return still_open(f"the profile in effect is {visible(context.seccomp, limit=100)}", case.place)


def file_of_another_user(case: Case) -> Judgement:
    context, path = _context(case), case.symptom.get("path")
    if context is None:
        return still_open()
    if context.may_be_root and "DAC_OVERRIDE" in context.capabilities.bounding:
        return ruled_out("it may run as root with DAC_OVERRIDE: file permissions do not hold it", case.place)
    mount = _mount_of(case, path)
    spec = case.template.spec if case.template else {}
    group = mapping(spec, "securityContext").get("fsGroup")
    user = f"user {context.user}" if context.user is not None else "the image's user"
    if mount is not None and group is None:
        fact = f"{path} is in the volume {mount.get('name')}, it runs as {user}, and the pod sets no fsGroup"
        return confirmed(message_of(case), Evidence(fact, case.place))
    if mount is None and context.user:
        fact = f"runAsUser {context.user} is set in place of the image's own user, and {path} is a file of the image"
        return confirmed(message_of(case), Evidence(fact, case.place))
    return still_open(f"it runs as {user}", case.place)


def memory_limit(case: Case) -> Judgement:
    limit = mapping(case.container, "resources", "limits").get("memory")
    fact = (Evidence(f"limits.memory is {visible(str(limit), limit=40)}", case.place),) if limit else ()
    return confirmed(message_of(case), *fact)


def process_fails(case: Case) -> Judgement:
    code = exit_code(case)
    if code is None:
        return still_open()
    meaning = {
        126: "not executable",
        127: "command not found",
        137: "killed",
        139: "segmentation fault",
        143: "ended by SIGTERM",
    }
    said = f" ({meaning[code]})" if code in meaning else ""
    return still_open(f"exit code {code}{said}", case.trouble.where if case.trouble else "")


def exit_code(case: Case) -> int | None:
    """The exit code of the container's last end, where its status has one."""
    status = mapping(case.template.item, "status") if case.template and case.template.is_pod else {}
    for entry in (*mappings(status.get("containerStatuses")), *mappings(status.get("initContainerStatuses"))):
        if case.trouble and entry.get("name") == case.trouble.container:
            for place in ("state", "lastState"):
                code = mapping(entry, place, "terminated").get("exitCode")
                if isinstance(code, int):
                    return code
    return None


def _context(case: Case) -> ContainerContext | None:
    """The effective security context of the container; None where it is not known or its spec cannot be read."""
    if case.template is None or not case.container:
        return None
    try:
        every = effective_contexts(case.template)
    except InputError:
        return None
    return next((one for one in every if one.name == case.container.get("name")), None)


def _declared_ports(case: Case) -> list[int]:
    ports = (port.get("containerPort") for port in mappings(case.container.get("ports")))
    return [port for port in ports if isinstance(port, int)]


def _mount_of(case: Case, path: str) -> Mapping[str, Any] | None:
    """The volume mount that a path lies in, the innermost of several."""
    mounts = mappings(case.container.get("volumeMounts"))
    holding = [mount for mount in mounts if f"{path}/".startswith(f"{str(mount.get('mountPath') or '/').rstrip('/')}/")]
    return max(holding, key=lambda mount: len(str(mount.get("mountPath"))), default=None)


def _volume_kind(case: Case, name: str) -> str:
    for volume in mappings(case.template.spec.get("volumes")) if case.template else ():
        if volume.get("name") == name:
            return next((key for key in volume if key != "name"), "emptyDir")
    return ""
