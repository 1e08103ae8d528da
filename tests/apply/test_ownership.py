"""Whose objects they are, by what each tool's documentation says that it writes."""

from __future__ import annotations

import pytest

from k8srun.apply.ownership import owner_of


def item(labels=None, annotations=None, **metadata):
    return {"metadata": {"name": "web", "namespace": "shop", "labels": labels, "annotations": annotations, **metadata}}


@pytest.mark.parametrize(
    ("owned", "said"),
    [
        (item(annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}), "Argo CD shop"),
        (item({"argocd.argoproj.io/instance": "shop"}), "Argo CD shop"),
        (
            item({"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}),
            "Flux Kustomization flux-system/apps",
        ),
        (
            item({"helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "shop"}),
            "Flux HelmRelease shop/web",
        ),
        (
            item(
                {"app.kubernetes.io/managed-by": "Helm"},
                {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
            ),
            "Helm release shop/web",
        ),
        (item({"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "web"}), "Helm web"),
        (item({"heritage": "Helm", "release": "web"}), "Helm web"),
        (
            item(ownerReferences=[{"kind": "ReplicaSet", "name": "web-1", "controller": True}]),
            "ReplicaSet shop/web-1",
        ),
        (item(ownerReferences=[{"kind": "Kafka", "name": "events"}]), "Kafka shop/events"),
        (
            item(ownerReferences=[{"kind": "Kafka", "name": "a"}, {"kind": "Job", "name": "b", "controller": True}]),
            "Job shop/b",
        ),
        (item({"kapp.k14s.io/app": "17"}), "kapp 17"),
        (item(annotations={"configmanagement.gke.io/managed": "enabled"}), "Config Sync"),
        (item({"addonmanager.kubernetes.io/mode": "Reconcile"}), "addon manager"),
        (
            item(annotations={"objectset.rio.cattle.io/id": "x", "objectset.rio.cattle.io/owner-name": "y"}),
            "Fleet or k3s y",
        ),
        (item(managedFields=[{"manager": "argocd-controller", "operation": "Apply"}]), "Argo CD"),
        (item(managedFields=[{"manager": "kustomize-controller", "operation": "Apply"}]), "Flux"),
        (item(managedFields=[{"manager": "helm", "operation": "Update"}]), "Helm"),
    ],
)
def test_an_owner_is_recognised(owned, said):
    assert str(owner_of(owned)) == said


@pytest.mark.parametrize(
    "free",
    [
        item(),
        {},
        item({"app.kubernetes.io/instance": "web", "app.kubernetes.io/managed-by": "hand"}),
        item({"addonmanager.kubernetes.io/mode": "EnsureExists"}),
        item(annotations={"configmanagement.gke.io/managed": "disabled"}),
        item(managedFields=[{"manager": "kubectl-edit", "operation": "Update"}]),
        item(managedFields=[{"manager": "helm", "operation": "Update", "subresource": "status"}]),
        item(managedFields=[{"manager": "helmsman", "operation": "Update"}]),
    ],
)
def test_what_nobody_keeps_has_no_owner(free):
    assert owner_of(free) is None


def test_what_gitops_deploys_through_helm_belongs_to_gitops():
    both = item(
        {"app.kubernetes.io/managed-by": "Helm"},
        {"meta.helm.sh/release-name": "web", "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"},
    )
    assert owner_of(both).tool == "Argo CD"


def test_a_hostile_name_is_inert():
    assert "\u202e" not in str(owner_of(item({"argocd.argoproj.io/instance": "a\u202eb"})))
