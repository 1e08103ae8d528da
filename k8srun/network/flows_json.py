"""The two forms of flow logs in JSON. Sources: Cilium's `api/v1/flow/flow.proto`, Calico's flow log data types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from k8srun.network.flows_types import End, Flow, NotAFlow, PassedOver, flow_of, text

_DROPPED = frozenset({"DROPPED", "AUDIT", "ERROR"})
_LET_THROUGH = frozenset({"FORWARDED", "REDIRECTED", "TRACED", "TRANSLATED"})


def is_hubble(entry: Mapping[str, Any]) -> bool:
    """Whether an object is one of Hubble's: in an envelope (`flow`, or one of its other events), or a bare flow."""
    return bool({"flow", "lost_events", "node_status", "agent_event", "debug_event"} & entry.keys()) or (
        "verdict" in entry and isinstance(entry.get("source"), Mapping)
    )


def hubble(entry: Mapping[str, Any]) -> Flow:
    """Raises NotAFlow, PassedOver."""
    flow = entry.get("flow") if "flow" in entry else entry
    if not isinstance(flow, Mapping) or not isinstance(flow.get("source", {}), Mapping):
        raise NotAFlow("its flow is not an object")
    if "flow" not in entry and "verdict" not in entry:
        raise PassedOver(f"an event of Hubble's own ({next(iter(entry), 'empty')})")
    if flow.get("is_reply") is True:
        raise PassedOver("an answer")
    verdict = str(flow.get("verdict"))
    if verdict not in _DROPPED | _LET_THROUGH:
        raise NotAFlow(f"its verdict is {verdict[:40]!r}")
    addresses, ports = _object(flow, "IP"), _object(flow, "l4")
    protocol = next(iter(ports), "")
    if not protocol:
        raise PassedOver("a record without a protocol of layer 4")
    detail = _object(ports, protocol)
    if protocol.startswith("ICMP"):
        raise PassedOver(f"protocol {protocol}")
    source = _hubble_end(_object(flow, "source"), text(addresses.get("source")))
    destination = _hubble_end(_object(flow, "destination"), text(addresses.get("destination")))
    return flow_of(source, destination, detail.get("destination_port"), protocol, dropped=verdict in _DROPPED)


def _hubble_end(end: Mapping[str, Any], address: str) -> End:
    labels = [label for label in end.get("labels") or () if isinstance(label, str)]
    own = (label.removeprefix("k8s:").partition("=") for label in labels if label.startswith("k8s:"))
    workloads = end.get("workloads") or ()
    first = workloads[0] if isinstance(workloads, list) and workloads and isinstance(workloads[0], Mapping) else {}
    pod = text(end.get("pod_name"))
    return End(
        namespace=text(end.get("namespace")),
        pod=pod,
        workload=text(first.get("name")),
        labels=_labels((name, value) for name, _, value in own if not name.startswith("io.")),
        # The address of a pod changes when it is made anew; its name stands for it.
        address="" if pod else address,
        host=bool({"reserved:host", "reserved:remote-node", "reserved:kube-apiserver"} & set(labels)),
    )


def is_calico(entry: Mapping[str, Any]) -> bool:
    """Whether an object is a line of Calico's flow logs, as it is or as a search engine gives it out (`_source`)."""
    inner = entry.get("_source")
    fields = inner if isinstance(inner, Mapping) else entry
    return "action" in fields and "dest_port" in fields


def calico(entry: Mapping[str, Any]) -> Flow:
    """Raises NotAFlow, PassedOver."""
    inner = entry.get("_source")
    fields = inner if isinstance(inner, Mapping) else entry
    action = str(fields.get("action")).lower()
    if action not in {"allow", "deny", "pass"}:
        raise NotAFlow(f"its action is {action[:40]!r}")
    port = fields.get("dest_port")
    if port in {None, "-", 0, "0"}:
        raise PassedOver("a record without a port")
    return flow_of(
        _calico_end(fields, "source"),
        _calico_end(fields, "dest"),
        port,
        fields.get("proto", fields.get("protocol")),
        dropped=action == "deny",
    )


def _calico_end(fields: Mapping[str, Any], side: str) -> End:
    kind = text(fields.get(f"{side}_type")) or ("wep" if text(fields.get(f"{side}_namespace")) else "net")
    name, together = text(fields.get(f"{side}_name")), text(fields.get(f"{side}_name_aggr"))
    pod = name if kind.lower() in {"wep", "workloadendpoint"} and not name.endswith("*") else ""
    of_workload = "" if pod else (together or name).removesuffix("*").rstrip("-")
    namespace = text(fields.get(f"{side}_namespace"))
    return End(
        namespace=namespace,
        pod=pod,
        workload=of_workload if namespace else "",
        labels=_labels(_calico_labels(fields.get(f"{side}_labels"))),
        address="" if pod else text(fields.get(f"{side}_ip")),
        host=kind.lower() in {"hep", "hostendpoint"},
    )


def _calico_labels(said: object) -> Iterable[tuple[str, str]]:
    """`{"labels": ["app=web"]}`, `["app=web"]` or `app=web | tier=frontend`."""
    given = said.get("labels") if isinstance(said, Mapping) else said
    texts = given.split("|") if isinstance(given, str) else given if isinstance(given, list) else ()
    parts = (str(one).strip().partition("=") for one in texts)
    return ((name, value) for name, separator, value in parts if separator)


def _labels(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(name[:512], value[:512]) for name, value in pairs}))


def _object(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, Mapping) else {}


FORMS: tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Flow]], ...] = (
    (is_hubble, hubble),
    (is_calico, calico),
)
