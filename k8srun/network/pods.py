"""The pods of a snapshot as the network sees them; a workload whose pods are not there stands for them.

Completed pods are left out: their address belongs to another one by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.kinds import (
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    NODE,
    POD,
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    STATEFUL_SET,
    Kind,
)
from k8srun.network.addresses import Address, parse_address
from k8srun.network.labels import Labels
from k8srun.pods import Owners
from k8srun.snapshot import JsonObject, Need, Snapshot, object_key

_WORKLOADS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, REPLICATION_CONTROLLER, CRON_JOB, JOB)
_HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port that a container declares. `name` may be empty."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod, or the pods that a workload will have.

    Attributes:
        name: of the pod; of the workload where it stands for its pods.
        kind: `Pod`, or the workload's kind where it stands for its pods.
        owner: `Kind/name` of the topmost owner; `Pod/name` for a bare pod.
        labels: of the pod.
        addresses: of `status.podIPs`; empty when they are not known.
        ports: those that its containers declare.
        host_network: whether it shares its node's network.
        node: where it runs; empty if not known.
        node_addresses: those of its node that `status.hostIPs` tells.
        ready: None where the snapshot does not say.
        replicas: how many pods this stands for.
    """

    namespace: str
    name: str
    kind: str
    owner: str
    labels: Labels
    addresses: tuple[Address, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    host_network: bool = False
    node: str = ""
    node_addresses: tuple[Address, ...] = ()
    ready: bool | None = None
    replicas: int = 1

    @property
    def id(self) -> str:
        """`namespace/name[Kind]` of this one."""
        return f"{self.namespace}/{self.name}[{self.kind}]"

    @property
    def workload(self) -> str:
        """`namespace/name[Kind]` of its topmost owner."""
        kind, _, name = self.owner.partition("/")
        return f"{self.namespace}/{name}[{kind}]"


def read_pods(snapshot: Snapshot) -> tuple[Pod, ...]:
    """Every pod that has an address of its own or will have one."""
    owners = _Names(snapshot)
    pods = tuple(_pod(item, owners) for item in snapshot.of(POD) if not _completed(item))
    owned = {(pod.namespace, pod.owner) for pod in pods}
    seen = Need.objects(POD) in snapshot.observed
    return (*pods, *_stand_ins(snapshot, owners, owned, pods_seen=seen))


class _Names:
    """The topmost owner of pods and workloads, as `Kind/name`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._owners = Owners(snapshot)

    def topmost(self, item: JsonObject, kind: Kind) -> str:
        """A node, which owns static pods, does not count. A ReplicaSet that was not read may tell its Deployment."""
        found, _, name = self._owners.workload_of(kind, item)
        if found == NODE:
            return f"{kind.kind}/{object_key(item)[1]}"
        suffix = f"-{labels_of(item).get(_HASH, '')}"
        if found == REPLICA_SET != kind and len(suffix) > 1 and name.endswith(suffix):
            return f"{DEPLOYMENT.kind}/{name.removesuffix(suffix)}"
        return f"{found.kind}/{name}"


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping(value: object) -> Mapping[str, Any]:
    # What comes from a file or a server is a dict; asking an abstract class takes ten times as long.
    return value if type(value) is dict or isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; what is none is passed over, for the server would not have accepted it."""
    if not isinstance(value, list):
        return iter(())
    return (item for item in value if type(item) is dict or isinstance(item, Mapping))


def strings(value: object) -> list[str]:
    """The strings of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def labels_of(item: JsonObject) -> dict[str, str]:
    found = mapping(mapping(item.get("metadata")).get("labels"))
    return {str(key): value for key, value in found.items() if isinstance(value, str)}


def _completed(item: JsonObject) -> bool:
    return text(mapping(item.get("status")).get("phase")) in {"Succeeded", "Failed"}


def _pod(item: JsonObject, owners: _Names) -> Pod:
    namespace, name = object_key(item)
    spec, status = mapping(item.get("spec")), mapping(item.get("status"))
    conditions = [entry.get("status") for entry in mappings(status.get("conditions")) if entry.get("type") == "Ready"]
    return Pod(
        namespace,
        name,
        POD.kind,
        owners.topmost(item, POD),
        Labels(labels_of(item)),
        _addresses(status, "podIP"),
        _ports(spec),
        spec.get("hostNetwork") is True,
        text(spec.get("nodeName")),
        _addresses(status, "hostIP"),
        conditions[0] == "True" if conditions else None,
    )


def _addresses(status: Mapping[str, Any], field: str) -> tuple[Address, ...]:
    listed = [text(entry.get("ip")) for entry in mappings(status.get(f"{field}s"))]
    given = listed or [text(status.get(field))]
    return tuple(dict.fromkeys(address for address in map(parse_address, given) if address))


def _ports(spec: Mapping[str, Any]) -> tuple[ContainerPort, ...]:
    sidecars = (entry for entry in mappings(spec.get("initContainers")) if entry.get("restartPolicy") == "Always")
    return tuple(
        ContainerPort(text(port.get("name")), text(port.get("protocol")) or "TCP", port["containerPort"])
        for container in (*mappings(spec.get("containers")), *sidecars)
        for port in mappings(container.get("ports"))
        if type(port.get("containerPort")) is int
    )


def _stand_ins(snapshot: Snapshot, owners: _Names, owned: set[tuple[str, str]], *, pods_seen: bool) -> Iterator[Pod]:
    """Workloads whose pods are not in the snapshot: authored manifests, or a dump without pods."""
    for kind in _WORKLOADS:
        for item in snapshot.of(kind):
            metadata = mapping(item.get("metadata"))
            namespace, name = object_key(item)
            owner = owners.topmost(item, kind)
            # The server gives every object a uid: one that has it, and no pods although pods were read, has none.
            if owner != f"{kind.kind}/{name}" or (pods_seen and metadata.get("uid")):
                continue
            if (namespace, owner) not in owned and not _finished(item):
                yield _stand_in(item, kind, owner)


def _finished(item: JsonObject) -> bool:
    conditions = mappings(mapping(item.get("status")).get("conditions"))
    return any(
        text(entry.get("type")) in {"Complete", "Failed"} and entry.get("status") == "True" for entry in conditions
    )


def _stand_in(item: JsonObject, kind: Kind, owner: str) -> Pod:
    namespace, name = object_key(item)
    spec = mapping(item.get("spec"))
    if kind == CRON_JOB:
        template = mapping(mapping(mapping(spec.get("jobTemplate")).get("spec")).get("template"))
    else:
        template = mapping(spec.get("template"))
    body = mapping(template.get("spec"))
    given = spec.get("replicas", 2 if kind == DAEMON_SET else 1)  # a DaemonSet has one on every node: several
    return Pod(
        namespace,
        name,
        kind.kind,
        owner,
        Labels(labels_of(template)),
        ports=_ports(body),
        host_network=body.get("hostNetwork") is True,
        replicas=given if type(given) is int else 1,
    )


def many(pods: Iterable[Pod]) -> bool:
    """Whether these are more than one pod."""
    return sum(max(pod.replicas, 1) for pod in pods) > 1
