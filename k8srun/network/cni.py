"""Which network plugin a cluster has, and, apart from that, whether it enforces network policies: a table as data.

Sources: the plugins' documentation of their DaemonSets, flags and ConfigMaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8srun.findings import Evidence
from k8srun.kinds import CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION, DAEMON_SET, NODE, POD
from k8srun.network.pods import mapping, mappings, strings, text
from k8srun.snapshot import JsonObject, Need, Snapshot, object_key


class Enforcement(StrEnum):
    """Whether network policies have any effect."""

    ENFORCED = "enforced"
    INERT = "inert"
    UNKNOWN = "unknown"


class Where(StrEnum):
    """What a switch looks at."""

    CONTAINER = "container"  # key: its name, or a part of its image
    ARGUMENT = "argument"  # key: a flag; value: what it is set to
    VARIABLE = "variable"  # key: an environment variable
    CONFIG_MAP = "config map"  # key: NAME/KEY
    NODE_LABEL = "node label"
    NODE_ANNOTATION = "node annotation"
    IMAGE_VERSION = "image version"  # key: unused; value: the least version, a date; empty for any


@dataclass(frozen=True, slots=True)
class Switch:
    """One thing that decides; `value` is a regular expression, empty for "is there at all"."""

    where: Where
    key: str
    value: str
    then: Enforcement


@dataclass(frozen=True, slots=True)
class Plugin:
    """One row: by what it is recognised, and what says whether it enforces. The first switch that applies decides."""

    name: str
    otherwise: Enforcement
    daemon_sets: tuple[str, ...] = ()
    node_marks: tuple[Switch, ...] = ()
    custom_resources: str = ""
    version: str = ""
    switches: tuple[Switch, ...] = ()


_ON, _OFF, _UNSURE = Enforcement.ENFORCED, Enforcement.INERT, Enforcement.UNKNOWN

# The more special first: Canal is Flannel with Calico, and a provider's mark says more than the plugin under it.
PLUGINS: tuple[Plugin, ...] = (
    Plugin(
        "AKS",
        _UNSURE,
        node_marks=(Switch(Where.NODE_LABEL, "kubernetes.azure.com/network-policy", "", _UNSURE),),
        switches=(
            Switch(Where.NODE_LABEL, "kubernetes.azure.com/network-policy", "none", _OFF),
            Switch(Where.NODE_LABEL, "kubernetes.azure.com/network-policy", "azure|calico|cilium", _ON),
        ),
    ),
    Plugin(
        "Cilium",
        _ON,
        ("cilium",),
        switches=(
            Switch(Where.CONFIG_MAP, "cilium-config/enable-policy", "never", _OFF),
            Switch(Where.CONFIG_MAP, "cilium-config/enable-k8s-networkpolicy", "false", _OFF),
        ),
    ),
    Plugin("GKE Dataplane V2", _ON, ("anetd",)),
    Plugin("Canal", _ON, ("canal", "rke2-canal")),
    Plugin("Calico", _ON, ("calico-node",)),
    Plugin(
        "AWS VPC CNI",
        _OFF,
        ("aws-node",),
        switches=(
            Switch(Where.ARGUMENT, "--enable-network-policy", "true", _ON),
            Switch(Where.CONFIG_MAP, "amazon-vpc-cni/enable-network-policy-controller", "true", _ON),
        ),
    ),
    Plugin("OVN-Kubernetes", _ON, ("ovnkube-node",)),
    Plugin("Antrea", _ON, ("antrea-agent",)),
    Plugin("Kube-OVN", _ON, ("kube-ovn-cni",), switches=(Switch(Where.ARGUMENT, "--enable-np", "false", _OFF),)),
    Plugin(
        "Weave Net",
        _OFF,
        ("weave-net",),
        switches=(
            Switch(Where.VARIABLE, "EXPECT_NPC", "0", _OFF),
            Switch(Where.CONTAINER, "weave-npc", "", _ON),
        ),
    ),
    Plugin("kube-router", _ON, ("kube-router",), switches=(Switch(Where.ARGUMENT, "--run-firewall", "false", _OFF),)),
    Plugin(
        "kindnet",
        _UNSURE,
        ("kindnet",),
        switches=(
            Switch(Where.IMAGE_VERSION, "", "20240813", _ON),
            Switch(Where.IMAGE_VERSION, "", "", _OFF),
        ),
    ),
    Plugin(
        "k3s",
        _ON,
        version="+k3s",
        switches=(Switch(Where.NODE_ANNOTATION, "k3s.io/node-args", ".*--disable-network-policy.*", _OFF),),
    ),
    Plugin(
        "Flannel",
        _OFF,
        ("kube-flannel-ds", "kube-flannel"),
        (Switch(Where.NODE_ANNOTATION, "flannel.alpha.coreos.com/backend-type", "", _UNSURE),),
        switches=(Switch(Where.CONTAINER, "kube-network-policies", "", _ON),),
    ),
    Plugin("Calico", _UNSURE, custom_resources="projectcalico.org"),
    Plugin("GKE without network policy", _OFF, ("netd",)),
)
_KINDS = {Where.CONFIG_MAP: CONFIG_MAP, Where.NODE_LABEL: NODE, Where.NODE_ANNOTATION: NODE}
"""Where a switch is read; of the others, in the agent's DaemonSet."""
_POLICY_ENGINES = ("kube-network-policies", "calico-node", "kube-router")


@dataclass(frozen=True, slots=True)
class Cni:
    """What was found.

    Attributes:
        name: of the plugin; `unknown` where nothing tells.
        enforcement: whether policies have an effect, apart from which plugin it is.
        evidence: by what both were told.
        not_ready: nodes whose agent is not ready, so that policies of their pods may be stale or missing.
        secondary: pods with further interfaces, which policies do not cover.
    """

    name: str
    enforcement: Enforcement
    evidence: tuple[Evidence, ...] = ()
    not_ready: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()


def detect(snapshot: Snapshot) -> Cni:
    """The network plugin that a snapshot shows, and whether it enforces network policies."""
    secondary = tuple(_secondary(snapshot))
    for plugin in PLUGINS:
        agents = [item for item in snapshot.of(DAEMON_SET) if object_key(item)[1] in plugin.daemon_sets]
        seen = tuple(_marks(plugin, agents, snapshot))
        if not seen:
            continue
        for switch in plugin.switches:
            fact = next(_holds(switch, agents, snapshot), None)
            if fact:
                return Cni(plugin.name, switch.then, (*seen, fact), tuple(_not_ready(snapshot, agents)), secondary)
        enforcement, more = plugin.otherwise, seen
        if _unread(plugin, snapshot):
            enforcement = _UNSURE
        elif enforcement is _OFF:
            others = [item for item in snapshot.of(DAEMON_SET) if object_key(item)[1] in _POLICY_ENGINES]
            if others:
                enforcement = _ON
                more = (*seen, Evidence("a policy engine beside it", f"DaemonSet {object_key(others[0])[1]}"))
        return Cni(plugin.name, enforcement, more, tuple(_not_ready(snapshot, agents)), secondary)
    return Cni("unknown", Enforcement.UNKNOWN, secondary=secondary)


def _unread(plugin: Plugin, snapshot: Snapshot) -> bool:
    """Whether what could say otherwise was not read: then neither is sure that it enforces nor that it does not."""
    engines = {DAEMON_SET} if plugin.otherwise is _OFF else set()
    kinds = engines | {_KINDS.get(switch.where, DAEMON_SET) for switch in plugin.switches}
    return any(snapshot.unmet(Need.objects(kind)) for kind in kinds)


def _marks(plugin: Plugin, agents: list[JsonObject], snapshot: Snapshot) -> Iterator[Evidence]:
    for item in agents:
        yield Evidence("DaemonSet", "/".join(object_key(item)))
    for switch in plugin.node_marks:
        yield from _holds(switch, agents, snapshot)
    if plugin.version:
        for node in snapshot.of(NODE):
            version = text(mapping(mapping(node.get("status")).get("nodeInfo")).get("kubeletVersion"))
            if plugin.version in version:
                yield Evidence(f"kubelet {version}", f"Node {object_key(node)[1]}")
                return
    if plugin.custom_resources:
        for item in snapshot.of(CUSTOM_RESOURCE_DEFINITION):
            if object_key(item)[1].endswith(plugin.custom_resources):
                yield Evidence("custom resource definition", object_key(item)[1])
                return


def _holds(switch: Switch, agents: list[JsonObject], snapshot: Snapshot) -> Iterator[Evidence]:
    match switch.where:
        case Where.CONFIG_MAP:
            yield from _in_config(switch, snapshot)
        case Where.NODE_LABEL | Where.NODE_ANNOTATION:
            field = "labels" if switch.where is Where.NODE_LABEL else "annotations"
            for node in snapshot.of(NODE):
                value = mapping(mapping(node.get("metadata")).get(field)).get(switch.key)
                if isinstance(value, str) and _fits(switch.value, value):
                    yield Evidence(f"{switch.key}={value}" if len(value) < 40 else switch.key, object_key(node)[1])
                    return
        case _:
            for item in agents:
                yield from _in_agent(switch, item)


def _in_config(switch: Switch, snapshot: Snapshot) -> Iterator[Evidence]:
    name, _, key = switch.key.partition("/")
    for item in snapshot.of(CONFIG_MAP):
        value = mapping(item.get("data")).get(key)
        if object_key(item)[1] == name and isinstance(value, str) and _fits(switch.value, value):
            yield Evidence(f"{key}: {value}", f"ConfigMap {'/'.join(object_key(item))}")


def _in_agent(switch: Switch, item: JsonObject) -> Iterator[Evidence]:
    pod = mapping(mapping(mapping(item.get("spec")).get("template")).get("spec"))
    where = f"DaemonSet {'/'.join(object_key(item))}"
    for container in mappings(pod.get("containers")):
        name, image = text(container.get("name")), text(container.get("image"))
        match switch.where:
            case Where.CONTAINER if switch.key in name or switch.key in image:
                yield Evidence(f"container {name}", where)
            case Where.ARGUMENT:
                value = _argument(container, switch.key)
                if value is not None and _fits(switch.value, value):
                    yield Evidence(f"{switch.key}={value}", where)
            case Where.VARIABLE:
                for entry in mappings(container.get("env")):
                    if entry.get("name") == switch.key and _fits(switch.value, text(entry.get("value"))):
                        yield Evidence(f"{switch.key}={entry.get('value')}", where)
            case Where.IMAGE_VERSION:
                dated = re.search(r":v?(\d{8})", image)
                if dated and dated[1] >= switch.value:
                    yield Evidence(f"image {image}", where)
            case _:
                pass


def _argument(container: Mapping[str, Any], flag: str) -> str | None:
    given = [word for field in ("command", "args") for word in strings(container.get(field))]
    for index, word in enumerate(given):
        name, equals, value = word.partition("=")
        if name == flag:
            following = given[index + 1] if index + 1 < len(given) else ""
            return value if equals else (following if following in {"true", "false"} else "true")
    return None


def _fits(pattern: str, value: str) -> bool:
    return not pattern or re.fullmatch(pattern, value.strip().lower()) is not None


def _not_ready(snapshot: Snapshot, agents: list[JsonObject]) -> Iterator[str]:
    """Nodes on which a pod of the agent is not ready."""
    owners = {object_key(item) for item in agents}
    for pod in snapshot.of(POD):
        metadata = mapping(pod.get("metadata"))
        references = [text(entry.get("name")) for entry in mappings(metadata.get("ownerReferences"))]
        if not any((object_key(pod)[0], name) in owners for name in references):
            continue
        conditions = mappings(mapping(pod.get("status")).get("conditions"))
        if any(entry.get("type") == "Ready" and entry.get("status") != "True" for entry in conditions):
            yield text(mapping(pod.get("spec")).get("nodeName"))


def _secondary(snapshot: Snapshot) -> Iterator[str]:
    for pod in snapshot.of(POD):
        if mapping(mapping(pod.get("metadata")).get("annotations")).get("k8s.v1.cni.cncf.io/networks"):
            yield "/".join(object_key(pod))
