"""The objects of the cluster, as a live dump would show them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from k8srun.lab.catalogue import DATA, Incident, read_documents
from k8srun.lab.cluster.identity import JsonDict, config_hash, key, register, timestamp
from k8srun.lab.cluster.placeholders import Placeholders
from k8srun.lab.cluster.services import run_services
from k8srun.lab.cluster.state import State
from k8srun.lab.cluster.workloads import run_workloads
from k8srun.lab.merging import merge_patch

_COMPANY = DATA / "company"
_ROOT_CA = {"ca.crt": "${cert ca}"}


def authored_static_pods(incident: Incident | None) -> tuple[JsonDict, ...]:
    """The control plane's manifests, as the incident has them."""
    return overlaid(read_documents(_COMPANY / "static-pods.yaml"), incident, "static-pods.yaml")


def cluster_objects(
    incident: Incident | None, static_pods: Iterable[JsonDict], placeholders: Placeholders, now: datetime
) -> list[JsonDict]:
    """Every object: what people wrote and what became of it, each with what the incident changed.

    Args:
        static_pods: the manifests on the control-plane node, to be mirrored.
        placeholders: fills in certificates, secrets and times.
    """
    authored = overlaid(_company(), incident, "manifests.yaml")
    state = State((*_bootstrap(), *authored), now)
    created = {item["metadata"]["name"]: item["metadata"]["creationTimestamp"] for item in state.of("Namespace")}
    for item in state.objects:
        register(item, created.get(item["metadata"].get("namespace", ""), created["kube-system"]))
    _populate_namespaces(state, created)
    run_workloads(state, ((pod, config_hash(pod)) for pod in static_pods))
    run_services(state)
    became = overlaid(state.objects, incident, "state.yaml")
    return [register(placeholders.fill(item), timestamp(now)) for item in became]


def overlaid(base: Iterable[JsonDict], incident: Incident | None, file: str) -> tuple[JsonDict, ...]:
    """`base` with the documents of one of the incident's files merged into the objects of the same identity.

    A document of an object that does not exist is a new object; one that says `$patch: delete` removes it.
    """
    objects = {key(item): item for item in base}
    for document in incident.overlay(file) if incident else ():
        if document.get("$patch") == "delete":
            objects.pop(key(document), None)
        else:
            objects[key(document)] = merge_patch(objects.get(key(document)), document)
    return tuple(objects.values())


def _company() -> list[JsonDict]:
    """The company's own manifests; a `List` counts as its items."""
    documents = [document for path in _files() for document in read_documents(path)]
    return [item for document in documents for item in document.get("items", [document])]


def _files() -> list[Path]:
    return sorted((_COMPANY / "manifests").glob("*.yaml"))


def _bootstrap() -> list[JsonDict]:
    """What Kubernetes itself creates (roles, bindings, accounts, classes), as kube-apiserver v1.37.2 serves it."""
    items: list[JsonDict] = json.loads((_COMPANY / "bootstrap.json").read_bytes())["items"]
    return items


def _populate_namespaces(state: State, created: dict[str, str]) -> None:
    """What controllers put into every namespace: the label, the default service account, the cluster's CA."""
    for namespace in state.of("Namespace"):
        name = namespace["metadata"]["name"]
        namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name
        namespace.setdefault("spec", {"finalizers": ["kubernetes"]})
        namespace.setdefault("status", {"phase": "Active"})
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        if (name, "default") not in state.service_accounts:
            state.add(account, created[name])
        metadata = {"name": "kube-root-ca.crt", "namespace": name}
        state.add(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(_ROOT_CA)}, created[name]
        )
