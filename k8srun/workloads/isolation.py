"""What a pod shares with its node and its cluster: host namespaces and paths, the RuntimeClass, the token.

Source: k8s.io/api core/v1; kubernetes `plugin/pkg/admission/serviceaccount` (when a token is mounted).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.kinds import RUNTIME_CLASS, SERVICE_ACCOUNT
from k8srun.pods import PodTemplate, containers
from k8srun.snapshot import Need, Snapshot
from k8srun.text import visible
from k8srun.workloads.security_context import Aspect

_SANDBOXES = {"runsc": "gVisor", "gvisor": "gVisor", "kata": "Kata Containers"}
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path


@dataclass(frozen=True, slots=True)
class HostPath:
    """A path of the node in a pod: the volume, the path, and where containers have it mounted writable or not."""

    volume: str
    path: str
    mounts: tuple[tuple[str, str, bool], ...]

    @property
    def writable(self) -> bool:
        return any(writable for _, _, writable in self.mounts)


def isolation(snapshot: Snapshot, template: PodTemplate) -> tuple[Aspect, ...]:
    """What a pod shares with its node and cluster, explained. The spec must have been read (`read_spec`)."""
    return (
        *_host_namespaces(template.spec),
        *_user_namespace(template.spec),
        *(_host_path_aspect(path) for path in host_paths(template)),
        _runtime_class(snapshot, template),
        _token(snapshot, template),
        *_asked_tokens(template),
    )


def _host_namespaces(spec: Mapping[str, Any]) -> Iterator[Aspect]:
    for field, text in (
        ("hostNetwork", "It has the node's network: its addresses, what listens on the node's loopback, no policies."),
        ("hostPID", "It sees every process of the node, and reads their environment if it is root."),
        ("hostIPC", "It shares the memory that the node's processes share."),
    ):
        if spec.get(field):
            yield Aspect(field, "true", "pod", text, weakens=True)
    if spec.get("shareProcessNamespace"):
        yield Aspect("shareProcessNamespace", "true", "pod", "Its containers see each other's processes and files.")


def _user_namespace(spec: Mapping[str, Any]) -> Iterator[Aspect]:
    if spec.get("hostUsers") is False:
        text = "It has a user namespace of its own: root in it is nobody on the node."
        yield Aspect("hostUsers", "false", "pod", text)


def host_paths(template: PodTemplate) -> tuple[HostPath, ...]:
    """The paths of the node that a pod has, and where."""
    found = []
    for volume in template.spec.get("volumes") or ():
        if volume.get("hostPath") is not None:
            name = str(volume.get("name") or "")
            mounts = tuple(_mounts(template.spec, name))
            found.append(HostPath(name, str(volume["hostPath"].get("path") or ""), mounts))
    return tuple(found)


def _mounts(spec: Mapping[str, Any], volume: str) -> Iterator[tuple[str, str, bool]]:
    for _, container in containers(spec):
        for mount in container.get("volumeMounts") or ():
            if mount.get("name") == volume:
                yield str(container.get("name")), str(mount.get("mountPath") or ""), not mount.get("readOnly")


def _host_path_aspect(path: HostPath) -> Aspect:
    how = "can change" if path.writable else "reads"
    text = f"It {how} {visible(path.path, limit=200)} of the node." if path.mounts else "No container mounts it."
    return Aspect("hostPath", visible(path.path, limit=200), "pod", text, weakens=True)


def _runtime_class(snapshot: Snapshot, template: PodTemplate) -> Aspect:
    name = str(template.spec.get("runtimeClassName") or "")
    if not name:
        return Aspect("runtimeClassName", "-", "runtime default", "It shares the node's kernel (runc).")
    found = snapshot.find(RUNTIME_CLASS, name)
    shown = visible(name, limit=100)
    if found is None:
        if snapshot.unmet(Need.objects(RUNTIME_CLASS)):
            text = "Whether the cluster has this RuntimeClass is not known: they could not be read."
            return Aspect("runtimeClassName", shown, "pod", text)
        text = "The cluster has no RuntimeClass of this name: the server refuses its pods."
        return Aspect("runtimeClassName", shown, "pod", text, weakens=True)
    handler = str(found.get("handler") or "")
    sandbox = next((title for start, title in _SANDBOXES.items() if handler.lower().startswith(start)), "")
    text = (
        f"{sandbox} runs it: it does not share the node's kernel."
        if sandbox
        else f"The node's runtime runs it by its handler {visible(handler, limit=100)}."
    )
    return Aspect("runtimeClassName", shown, "pod", text)


def mounts_token(snapshot: Snapshot, template: PodTemplate) -> tuple[bool | None, str]:
    """Whether a ServiceAccount's token is mounted by default, and who decides: `pod`, `ServiceAccount`, `cluster`.

    A pod that a server made has it or not, whatever its ServiceAccount says since. None where that was not read.
    """
    own = template.spec.get("automountServiceAccountToken")
    if own is not None:
        return bool(own), "pod"
    if template.is_pod and (template.item.get("metadata") or {}).get("uid"):
        places = [
            mount.get("mountPath") for _, one in containers(template.spec) for mount in one.get("volumeMounts") or ()
        ]
        return TOKEN_PATH in places, "pod"
    account = snapshot.find(SERVICE_ACCOUNT, template.service_account, template.namespace)
    if account is None and snapshot.unmet(Need.objects(SERVICE_ACCOUNT)):
        return None, "ServiceAccount"
    setting = (account or {}).get("automountServiceAccountToken")
    return (bool(setting), "ServiceAccount") if setting is not None else (True, "cluster")


def _token(snapshot: Snapshot, template: PodTemplate) -> Aspect:
    mounted, origin = mounts_token(snapshot, template)
    name, account = "automountServiceAccountToken", visible(template.service_account, limit=253)
    if mounted is None:
        text = f"Whether a token of ServiceAccount {account} is mounted is not known: it could not be read."
        return Aspect(name, "not known", origin, text)
    if not mounted:
        return Aspect(name, "false", origin, f"No token of ServiceAccount {account} is mounted by itself.")
    text = f"Every container can call the API as ServiceAccount {account}, with the token under {TOKEN_PATH}."
    return Aspect(name, "true", origin, text, weakens=True)


def _asked_tokens(template: PodTemplate) -> Iterator[Aspect]:
    """Tokens that the pod spec asks for beside the one that comes by itself: automount does not switch them off."""
    for volume in template.spec.get("volumes") or ():
        mounts = [*_mounts(template.spec, str(volume.get("name") or ""))]
        sources = (volume.get("projected") or {}).get("sources")
        for source in sources if isinstance(sources, list | tuple) else ():
            token = source.get("serviceAccountToken") if isinstance(source, Mapping) else None
            if not isinstance(token, Mapping) or any(path == TOKEN_PATH for _, path, _ in mounts):
                continue
            audience = visible(str(token.get("audience") or "the API server"), limit=200)
            who = ", ".join(visible(name, limit=63) for name in dict.fromkeys(name for name, _, _ in mounts))
            text = (
                f"{who or 'No container'} has a token of ServiceAccount {visible(template.service_account, limit=253)}"
            )
            yield Aspect(
                "serviceAccountToken", audience, "pod", f"{text} for {audience}, in a volume of its own.", True
            )
