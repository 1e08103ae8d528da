"""Pods that a server accepts and the Pod Security Standards may not: every field of every control, drawn at random.

A pod is drawn from a seed alone, so that a disagreement can be made again. What the API forbids together (Linux fields
of a Windows pod, two host ports alike) is not drawn together.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

VERSIONS = (*(f"v1.{minor}" for minor in range(38)), "latest", "v1.38", "v1.99")
LEVELS = ("baseline", "restricted")
POLICIES = tuple((level, version) for level in LEVELS for version in VERSIONS)

_CAPABILITIES = (
    "ALL", "AUDIT_WRITE", "CHOWN", "KILL", "NET_BIND_SERVICE", "NET_RAW", "NET_ADMIN", "SYS_PTRACE", "CAP_CHOWN",
    "chown", "SETUID", "SYS_CHROOT", "MKNOD", "BPF",
)  # fmt: skip
_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem", "net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat", "net.core.somaxconn",
    "kernel.msgmax", "fs.mqueue.msg_max",
)  # fmt: skip
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t", "süß_t")
_HOSTS = ("", "127.0.0.1", "10.0.0.1", "example.com", "localhost")
_VOLUMES: dict[str, Json] = {
    "hostPath": {"path": "/var/log"},
    "emptyDir": {},
    "gcePersistentDisk": {"pdName": "d"},
    "awsElasticBlockStore": {"volumeID": "d"},
    "gitRepo": {"repository": "https://git.example/r"},
    "secret": {"secretName": "s"},
    "nfs": {"server": "n", "path": "/"},
    "iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.com.example:storage", "lun": 0},
    "glusterfs": {"endpoints": "e", "path": "p"},
    "persistentVolumeClaim": {"claimName": "c"},
    "rbd": {"monitors": ["m"], "image": "i"},
    "flexVolume": {"driver": "example.com/d"},
    "cinder": {"volumeID": "v"},
    "cephfs": {"monitors": ["m"]},
    "flocker": {"datasetName": "d"},
    "downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]},
    "fc": {"targetWWNs": ["50060e801049cfd1"], "lun": 0},
    "azureFile": {"secretName": "s", "shareName": "a"},
    "configMap": {"name": "c"},
    "vsphereVolume": {"volumePath": "v"},
    "quobyte": {"registry": "r:1", "volume": "v"},
    "azureDisk": {"diskName": "d", "diskURI": "https://blob.example/d.vhd"},
    "photonPersistentDisk": {"pdID": "p"},
    "projected": {"sources": [{"configMap": {"name": "c"}}]},
    "portworxVolume": {"volumeID": "v"},
    "scaleIO": {"gateway": "g", "system": "s", "volumeName": "v", "secretRef": {"name": "s"}},
    "storageos": {"volumeName": "v"},
    "csi": {"driver": "csi.example.com"},
    "ephemeral": {
        "volumeClaimTemplate": {
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        }
    },
    "image": {"reference": "registry.example/i:1"},
}


def draw_pod(seed: int, *, ephemeral: bool = False) -> Json:
    """A pod named `pod`, the same for the same seed. With `ephemeral` its last container is an ephemeral one."""
    rng = random.Random(seed)
    containers = [_container(name) for name in rng.sample(("web", "db", "log-1"), rng.choice((1, 1, 2, 3)))]
    init = [_container(name) for name in rng.sample(("setup", "wait"), rng.choice((0, 0, 1, 2)))]
    pod: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "annotations": {}},
        "spec": {"securityContext": {}, "containers": containers},
    }
    if init:
        pod["spec"]["initContainers"] = init
    if ephemeral:
        pod["spec"]["ephemeralContainers"] = [_container("debug")]
    if rng.random() < 0.6:
        _harden(pod, rng)
    windows = rng.random() < 0.12
    features = _WINDOWS if windows else _LINUX
    if windows:
        pod["spec"]["os"] = {"name": "windows"}
        _strip_linux(pod)
    elif rng.random() < 0.15:
        pod["spec"]["os"] = {"name": "linux"}
    for feature in rng.sample(features, min(len(features), rng.choice((0, 1, 1, 2, 2, 3, 5)))):
        feature(pod, rng)
    _reconcile(pod)
    return pod


def draw_policies(seed: int, count: int) -> list[tuple[str, str]]:
    """Levels and versions to judge the pod of that seed by."""
    return random.Random(~seed).sample(POLICIES, count)


def all_containers(pod: Json) -> list[Json]:
    spec = pod["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"], *spec.get("ephemeralContainers", ())]


def _container(name: str) -> Json:
    return {"name": name, "image": "registry.example/i:1", "securityContext": {}}


def _harden(pod: Json, rng: random.Random) -> None:
    """What restricted asks for, on the pod or on each container, with one thing forgotten now and then."""
    on_pod = rng.random() < 0.5
    for target in (
        [pod["spec"]["securityContext"]] if on_pod else [one["securityContext"] for one in all_containers(pod)]
    ):
        if rng.random() < 0.9:
            target["runAsNonRoot"] = True
        if rng.random() < 0.9:
            target["seccompProfile"] = {"type": "RuntimeDefault"}
    for container in all_containers(pod):
        if rng.random() < 0.95:
            container["securityContext"]["allowPrivilegeEscalation"] = False
        if rng.random() < 0.95:
            container["securityContext"]["capabilities"] = {"drop": ["ALL"]}


def _contexts(pod: Json, rng: random.Random) -> list[Json]:
    """The security context of the pod, of some containers, or both."""
    chosen = [one["securityContext"] for one in all_containers(pod) if rng.random() < 0.5]
    return [*([pod["spec"]["securityContext"]] if rng.random() < 0.5 or not chosen else []), *chosen]


def _some(pod: Json, rng: random.Random) -> list[Json]:
    return [one for one in all_containers(pod) if rng.random() < 0.5] or [rng.choice(all_containers(pod))]


def _privileged(pod: Json, rng: random.Random) -> None:
    for container in _some(pod, rng):
        container["securityContext"]["privileged"] = rng.random() < 0.8


def _escalation(pod: Json, rng: random.Random) -> None:
    for container in _some(pod, rng):
        container["securityContext"]["allowPrivilegeEscalation"] = rng.random() < 0.5


def _capabilities(pod: Json, rng: random.Random) -> None:
    for container in _some(pod, rng):
        capabilities = container["securityContext"].setdefault("capabilities", {})
        capabilities["add"] = rng.sample(_CAPABILITIES, rng.choice((0, 1, 1, 2, 3)))
        if rng.random() < 0.4:
            capabilities["drop"] = rng.sample(_CAPABILITIES, rng.choice((0, 1, 2)))


def _host_namespaces(pod: Json, rng: random.Random) -> None:
    for name in rng.sample(("hostNetwork", "hostPID", "hostIPC"), rng.choice((1, 2, 3))):
        pod["spec"][name] = rng.random() < 0.9


def _volumes(pod: Json, rng: random.Random) -> None:
    pod["spec"].setdefault("volumes", []).extend(
        {"name": f"{kind.lower()}-{index}", kind: _VOLUMES[kind]}
        for index, kind in enumerate(rng.sample(tuple(_VOLUMES), rng.choice((1, 2, 3))))
    )
    if rng.random() < 0.2:
        pod["spec"]["volumes"].append({"name": "no-source"})


def _host_ports(pod: Json, rng: random.Random) -> None:
    numbers = iter(rng.sample(range(1, 65536), 12))
    for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())]:
        ports = [next(numbers) for _ in range(rng.choice((0, 1, 2)))]
        container["ports"] = [
            {"containerPort": port, **({"hostPort": port} if rng.random() < 0.6 else {})} for port in ports
        ]


def _probes(pod: Json, rng: random.Random) -> None:
    for container in pod["spec"]["containers"]:
        for name in rng.sample(("livenessProbe", "readinessProbe", "startupProbe"), rng.choice((0, 1, 2))):
            container[name] = _network_action(rng)
    for container in pod["spec"].get("initContainers", ()):
        if rng.random() < 0.5:
            container["restartPolicy"] = "Always"
            container["startupProbe"] = _network_action(rng)


def _lifecycle(pod: Json, rng: random.Random) -> None:
    for container in pod["spec"]["containers"]:
        for name in rng.sample(("postStart", "preStop"), rng.choice((0, 1, 2))):
            container.setdefault("lifecycle", {})[name] = _network_action(rng)


def _network_action(rng: random.Random) -> Json:
    kind = rng.choice(("httpGet", "tcpSocket"))
    host = rng.choice(_HOSTS)
    return {kind: {"port": 80, **({"path": "/"} if kind == "httpGet" else {}), **({"host": host} if host else {})}}


def _proc_mount(pod: Json, rng: random.Random) -> None:
    pod["spec"]["hostUsers"] = False  # the API asks for it
    for container in _some(pod, rng):
        container["securityContext"]["procMount"] = rng.choice(("Default", "Unmasked", "Unmasked"))


def _user_namespace(pod: Json, rng: random.Random) -> None:
    pod["spec"]["hostUsers"] = rng.random() < 0.3


def _selinux(pod: Json, rng: random.Random) -> None:
    for context in _contexts(pod, rng):
        context["seLinuxOptions"] = {
            name: value
            for name, value in (
                ("type", rng.choice(_SELINUX_TYPES)),
                ("user", rng.choice(("", "", "system_u"))),
                ("role", rng.choice(("", "", "sysadm_r"))),
                ("level", rng.choice(("", "s0:c1"))),
            )
            if value or rng.random() < 0.3
        }


def _seccomp(pod: Json, rng: random.Random) -> None:
    for context in _contexts(pod, rng):
        context["seccompProfile"] = _profile(rng)


def _seccomp_annotations(pod: Json, rng: random.Random) -> None:
    values = ("runtime/default", "docker/default", "localhost/profiles/a", "unconfined", "runtime/defau\tlt", "")
    names = ["seccomp.security.alpha.kubernetes.io/pod"]
    names += [f"container.seccomp.security.alpha.kubernetes.io/{one['name']}" for one in all_containers(pod)]
    names += ["container.seccomp.security.alpha.kubernetes.io/absent"]
    for name in rng.sample(names, rng.choice((1, 2))):
        pod["metadata"]["annotations"][name] = rng.choice(values)


def _app_armor(pod: Json, rng: random.Random) -> None:
    for context in _contexts(pod, rng):
        context["appArmorProfile"] = _profile(rng)


def _app_armor_annotations(pod: Json, rng: random.Random) -> None:
    for container in _some(pod, rng):
        key = f"container.apparmor.security.beta.kubernetes.io/{container['name']}"
        pod["metadata"]["annotations"][key] = rng.choice(("runtime/default", "localhost/p", "unconfined", "unconfined"))


def _profile(rng: random.Random) -> Json:
    kind = rng.choice(("RuntimeDefault", "Localhost", "Unconfined", "Unconfined"))
    return {"type": kind, **({"localhostProfile": "p"} if kind == "Localhost" else {})}


def _sysctls(pod: Json, rng: random.Random) -> None:
    names = rng.sample(_SYSCTLS, rng.choice((1, 2, 4)))
    pod["spec"]["securityContext"]["sysctls"] = [{"name": name, "value": "1"} for name in names]


def _non_root(pod: Json, rng: random.Random) -> None:
    for context in _contexts(pod, rng):
        context["runAsNonRoot"] = rng.random() < 0.6


def _user(pod: Json, rng: random.Random) -> None:
    for context in _contexts(pod, rng):
        context["runAsUser"] = rng.choice((0, 0, 1000, 65534))


def _host_process(pod: Json, rng: random.Random) -> None:
    """On the pod, or on every container: the API forbids a mixture, and a network of its own."""
    wanted = rng.random() < 0.8
    if rng.random() < 0.5:
        pod["spec"]["securityContext"]["windowsOptions"] = {"hostProcess": wanted}
    else:
        for container in all_containers(pod):
            container["securityContext"]["windowsOptions"] = {"hostProcess": wanted}
    if wanted:
        pod["spec"]["hostNetwork"] = True
    pod["spec"].pop("hostUsers", None)


def _host_network(pod: Json, rng: random.Random) -> None:
    pod["spec"]["hostNetwork"] = True


_ANYWHERE: list[Callable[[Json, random.Random], None]] = [
    _volumes, _host_ports, _probes, _lifecycle, _non_root, _host_process, _seccomp_annotations,
]  # fmt: skip
_WINDOWS = [*_ANYWHERE, _host_network]
_LINUX = [
    *_ANYWHERE, _privileged, _escalation, _capabilities, _host_namespaces, _proc_mount, _user_namespace, _selinux,
    _seccomp, _app_armor, _app_armor_annotations, _sysctls, _user,
]  # fmt: skip

_LINUX_ONLY = (
    "seLinuxOptions", "seccompProfile", "appArmorProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup",
)  # fmt: skip


def _strip_linux(pod: Json) -> None:
    for context in [pod["spec"]["securityContext"], *(one["securityContext"] for one in all_containers(pod))]:
        for name in _LINUX_ONLY:
            context.pop(name, None)


def _reconcile(pod: Json) -> None:
    """Take back what the API refuses in combination."""
    spec = pod["spec"]
    if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        spec.pop("hostUsers", None)
    if spec.get("hostNetwork") or spec.get("hostIPC"):
        spec["securityContext"].pop("sysctls", None)
    if spec.get("os", {}).get("name") == "linux":
        for context in [spec["securityContext"], *(one["securityContext"] for one in all_containers(pod))]:
            context.pop("windowsOptions", None)
    for container in all_containers(pod):
        _reconcile_container(pod, container)
    for container in spec.get("ephemeralContainers", ()):
        for name in ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "restartPolicy"):
            container.pop(name, None)


def _reconcile_container(pod: Json, container: Json) -> None:
    spec, context = pod["spec"], container["securityContext"]
    if context.get("privileged") and context.get("allowPrivilegeEscalation") is False:
        del context["allowPrivilegeEscalation"]
    if context.get("procMount") == "Unmasked" and spec.get("hostUsers") is not False:
        del context["procMount"]
    if "appArmorProfile" in context or "appArmorProfile" in spec["securityContext"]:
        key = f"container.apparmor.security.beta.kubernetes.io/{container['name']}"
        pod["metadata"]["annotations"].pop(key, None)
