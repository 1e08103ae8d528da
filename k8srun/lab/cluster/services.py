"""Services as the server stores them, and the EndpointSlices that follow from their selectors."""

from __future__ import annotations

from k8srun.lab.cluster.identity import JsonDict, digest, owner, suffix
from k8srun.lab.cluster.pods import containers
from k8srun.lab.cluster.state import State


def run_services(state: State) -> None:
    """Give every Service its address and, if it has a selector, the EndpointSlice of the pods that it selects."""
    for service in state.of("Service"):
        _default(service)
        if service["spec"].get("selector"):
            _slice(state, service)


def _default(service: JsonDict) -> None:
    spec, metadata = service["spec"], service["metadata"]
    number = digest(f"service {metadata['namespace']}/{metadata['name']}")
    address = spec.setdefault("clusterIP", f"10.{97 + number % 8}.{number // 8 % 256}.{number // 2048 % 254 + 1}")
    spec.setdefault("clusterIPs", [address])
    for name, value in (
        ("type", "ClusterIP"),
        ("sessionAffinity", "None"),
        ("ipFamilies", ["IPv4"]),
        ("ipFamilyPolicy", "SingleStack"),
        ("internalTrafficPolicy", "Cluster"),
    ):
        spec.setdefault(name, value)
    for port in spec["ports"]:
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
    service["status"] = {"loadBalancer": service.get("status", {}).get("loadBalancer", {})}


def _slice(state: State, service: JsonDict) -> None:
    metadata, spec = service["metadata"], service["spec"]
    pods = [pod for pod in state.of("Pod") if _selects(spec["selector"], metadata["namespace"], pod)]
    headless = {"service.kubernetes.io/headless": ""} if spec["clusterIP"] == "None" else {}
    name = f"{metadata['name']}-{suffix('slice' + metadata['namespace'] + metadata['name'], 5)}"
    item: JsonDict = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "generation": 3,
            "labels": {
                **(metadata.get("labels") or {}),
                **headless,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": metadata["name"],
            },
            "ownerReferences": [owner(service)],
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(pod) for pod in pods],
        "ports": [port for port in (_port(entry, pods) for entry in spec["ports"]) if port],
    }
    state.add(item, metadata["creationTimestamp"])


def _selects(selector: JsonDict, namespace: str, pod: JsonDict) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return (
        pod["metadata"]["namespace"] == namespace
        and pod["status"]["phase"] == "Running"
        and all(labels.get(name) == value for name, value in selector.items())
    )


def _endpoint(pod: JsonDict) -> JsonDict:
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in pod["status"]["conditions"])
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "uid": pod["metadata"]["uid"],
        },
    }


def _port(entry: JsonDict, pods: list[JsonDict]) -> JsonDict | None:
    """The port that the slice names: None where a target port is a name that no pod has, as with the controller."""
    target = entry["targetPort"]
    if isinstance(target, str):
        numbers = (
            port["containerPort"]
            for pod in pods
            for container in containers(pod["spec"])
            for port in container.get("ports") or []
            if port.get("name") == target
        )
        target = next(numbers, None)
    return None if target is None else {"name": entry.get("name", ""), "port": target, "protocol": entry["protocol"]}
