"""Linux capabilities of a container, as the runtime gives them after add and drop.

Source: capabilities(7); containerd `internal/cri/server/container_create.go` and its default set, which Docker shares.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from k8srun.workloads.podfields import SecurityContext

RUNTIME_DEFAULT = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What containerd gives a container that asks for nothing. CRI-O gives fewer: no NET_RAW, SYS_CHROOT, MKNOD, …"""

KERNEL = RUNTIME_DEFAULT | {
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "IPC_OWNER",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "NET_BROADCAST",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
}
"""Every capability of Linux 5.9 and newer."""

MEANINGS = {
    "SYS_ADMIN": "it may mount, enter namespaces and much else: as good as root on the node",
    "NET_ADMIN": "it may change the network of its namespace: addresses, routes, firewall",
    "NET_RAW": "it may forge packets within the pod network",
    "SYS_PTRACE": "it may read and change every process that it sees",
    "SYS_MODULE": "it may load kernel modules: root on the node",
    "DAC_READ_SEARCH": "it may read every file of the node that it gets a handle of",
    "DAC_OVERRIDE": "it passes file permissions by",
    "BPF": "it may load programs into the kernel",
    "SYS_RAWIO": "it may read and write the node's memory and disks",
    "SYS_BOOT": "it may restart the node",
    "SYS_TIME": "it may set the node's clock",
}
"""What the capabilities that matter most let a container do."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The capabilities of a container.

    Attributes:
        bounding: the most that any process in it can have.
        unknown: names that Linux does not know; with one in `add` the container does not start.
    """

    bounding: frozenset[str]
    unknown: tuple[str, ...] = ()

    def effective(self, *, is_root: bool) -> frozenset[str]:
        """What its first process has: root all of them, any other user none, until it runs a file that grants some."""
        return self.bounding if is_root else frozenset()


def capabilities_of(context: SecurityContext) -> Capabilities:
    """What a container gets: the runtime's default, `ALL` first, then what is added, then what is dropped."""
    if context.privileged:
        return Capabilities(KERNEL)
    add, drop = _names(context, "add"), _names(context, "drop")
    start = KERNEL if "ALL" in add else RUNTIME_DEFAULT
    if "ALL" in drop:
        start = frozenset()
    unknown = tuple(name for name in (*add, *drop) if name != "ALL" and name not in KERNEL)
    return Capabilities((start | (KERNEL & set(add))) - set(drop), unknown)


def _names(context: SecurityContext, which: str) -> tuple[str, ...]:
    listed: Iterable[str] = getattr(context.capabilities, which, None) or ()
    return tuple(name.upper() for name in listed)
