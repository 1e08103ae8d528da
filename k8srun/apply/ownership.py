"""Who keeps an object as it is: a GitOps tool, Helm, or the object that owns it. A direct change would be reverted.

Sources: Argo CD "Resource Tracking", Flux "kustomize-controller" and "helm-controller", Helm "Labels and Annotations",
Kubernetes "Owners and Dependents", and the documentation of the tools named below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from k8srun.change import Owner
from k8srun.text import visible

# Field managers under which the tools write.
_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "helm": "Helm",
    "Helm": "Helm",
    "kapp": "kapp",
    "kapp-controller": "kapp",
    "configsync.gke.io": "Config Sync",
    "fleetagent": "Fleet",
}


def owner_of(item: Mapping[str, Any]) -> Owner | None:
    """Who keeps the object as it is; None if the object does not say so of anybody.

    Args:
        item: as the server or a snapshot has it.
    """
    return next(_owners(item.get("metadata") or {}), None)


def _owners(metadata: Mapping[str, Any]) -> Iterator[Owner]:
    # The order matters: what GitOps deploys through Helm carries Helm's labels too, and GitOps has the last word.
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    yield from _argo_cd(labels, annotations)
    yield from _flux(labels)
    yield from _others(labels, annotations)
    yield from _helm(labels, annotations)
    yield from _owning_objects(metadata)
    yield from _managers(metadata)


def _argo_cd(labels: Mapping[str, Any], annotations: Mapping[str, Any]) -> Iterator[Owner]:
    tracking = annotations.get("argocd.argoproj.io/tracking-id")
    if tracking:  # APPLICATION:GROUP/KIND:NAMESPACE/NAME
        yield _owner("Argo CD", str(tracking).partition(":")[0], "annotation argocd.argoproj.io/tracking-id")
    if labels.get("argocd.argoproj.io/instance"):
        yield _owner("Argo CD", labels["argocd.argoproj.io/instance"], "label argocd.argoproj.io/instance")


def _flux(labels: Mapping[str, Any]) -> Iterator[Owner]:
    for controller in ("kustomize", "helm"):
        prefix = f"{controller}.toolkit.fluxcd.io"
        if labels.get(f"{prefix}/name"):
            kind = {"kustomize": "Kustomization", "helm": "HelmRelease"}[controller]
            name = f"{kind} {labels.get(f'{prefix}/namespace', '')}/{labels[f'{prefix}/name']}"
            yield _owner("Flux", name, f"label {prefix}/name")


def _others(labels: Mapping[str, Any], annotations: Mapping[str, Any]) -> Iterator[Owner]:
    if labels.get("kapp.k14s.io/app"):
        yield _owner("kapp", labels["kapp.k14s.io/app"], "label kapp.k14s.io/app")
    if annotations.get("configmanagement.gke.io/managed") == "enabled":
        source = annotations.get("configsync.gke.io/resource-id") or ""
        yield _owner("Config Sync", source, "annotation configmanagement.gke.io/managed")
    if annotations.get("objectset.rio.cattle.io/id"):
        name = annotations.get("objectset.rio.cattle.io/owner-name") or annotations["objectset.rio.cattle.io/id"]
        yield _owner("Fleet or k3s", name, "annotation objectset.rio.cattle.io/id")
    if labels.get("addonmanager.kubernetes.io/mode") == "Reconcile":
        yield _owner("addon manager", "", "label addonmanager.kubernetes.io/mode")


def _helm(labels: Mapping[str, Any], annotations: Mapping[str, Any]) -> Iterator[Owner]:
    release = annotations.get("meta.helm.sh/release-name")
    if release:
        name = f"release {annotations.get('meta.helm.sh/release-namespace', '')}/{release}"
        yield _owner("Helm", name, "annotation meta.helm.sh/release-name")
    elif labels.get("app.kubernetes.io/managed-by") == "Helm" or labels.get("heritage") in {"Helm", "Tiller"}:
        name = labels.get("app.kubernetes.io/instance") or labels.get("release") or ""
        yield _owner("Helm", name, "label app.kubernetes.io/managed-by")


def _owning_objects(metadata: Mapping[str, Any]) -> Iterator[Owner]:
    # The controller first. Operators keep what they own also where they do not call themselves so (Strimzi).
    references = metadata.get("ownerReferences") or ()
    for reference in sorted(references, key=lambda reference: not reference.get("controller")):
        name = f"{metadata['namespace']}/{reference['name']}" if metadata.get("namespace") else reference["name"]
        yield _owner(reference["kind"], name, "ownerReferences")


def _managers(metadata: Mapping[str, Any]) -> Iterator[Owner]:
    for entry in metadata.get("managedFields") or ():
        manager = str(entry.get("manager") or "")
        if manager in _MANAGERS and entry.get("subresource") != "status":
            yield _owner(_MANAGERS[manager], "", f"field manager {manager}")


def _owner(tool: object, name: object, evidence: str) -> Owner:
    return Owner(visible(str(tool), limit=80), visible(str(name), limit=200), evidence)
