"""Which groups, versions and resources a server has, and who writes versions that it has no more."""

from __future__ import annotations

from k8srun.authorization.apigroups import api_groups
from k8srun.authorization.apiresources import builtin, resources
from k8srun.authorization.apiversions import old_versions, removal_of
from tests.authorization.cluster import metadata, snapshot


def test_the_resources_of_a_custom_resource_definition_are_discovered():
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": metadata("widgets.example.com"),
        "spec": {"group": "example.com", "scope": "Namespaced",
                 "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
                 "versions": [{"name": "v1beta1", "served": True, "subresources": {"scale": {}}}]},
    }  # fmt: skip
    broken = {**definition, "spec": {"group": 3}}

    found = [item for item in resources(snapshot(definition, broken)) if item.custom]
    (widget,) = found
    assert (widget.name, widget.stability, widget.subresources) == ("widgets.example.com", "beta", ("scale",))
    assert len({(item.group, item.plural) for item in builtin()}) == len(builtin())


def test_a_removed_version_is_found_in_a_manifest_and_in_the_notes_of_the_server():
    stored = {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": metadata("web", "shop", managedFields=[{"manager": "helm", "apiVersion": "apps/v1beta1"}]),
    }  # fmt: skip
    written = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": metadata("web", "shop")}

    found = {(old.removal.api_version, old.writer) for old in old_versions(snapshot(stored, written))}
    assert found == {("apps/v1beta1", "helm"), ("policy/v1beta1", "")}
    assert removal_of("batch/v1", "CronJob") is None
    assert removal_of("storage.k8s.io/v1beta1", "CSIStorageCapacity").minor == 27
    # The version came back for other kinds.
    assert removal_of("networking.k8s.io/v1beta1", "Ingress").minor == 22
    assert removal_of("networking.k8s.io/v1beta1", "ServiceCIDR") is None


def api_service(group: str, version: str, priority: int = 10, **spec):
    return {
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": metadata(f"{version}.{group}"),
        "spec": {"group": group, "version": version, "versionPriority": priority, **spec},
    }  # fmt: skip


def test_the_api_services_of_a_server_tell_which_groups_and_versions_it_serves_and_who_answers():
    metrics = api_service("metrics.k8s.io", "v1beta1", service={"namespace": "kube-system", "name": "metrics-server"})
    down = {"type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "no endpoints"}
    seen = snapshot(
        api_service("", "v1"), api_service("apps", "v1"), api_service("autoscaling", "v1"),
        api_service("example.com", "v1alpha1", 9), api_service("example.com", "v1beta1", 11),
        {**metrics, "status": {"conditions": [down]}}, {**metrics, "spec": {"group": 3}},
    )  # fmt: skip

    names = {item.name: item.versions for item in resources(seen)}
    assert names["horizontalpodautoscalers.autoscaling"] == ("v1",)
    assert "deviceclasses.resource.k8s.io" not in names
    found = {item.name: item for item in api_groups(seen)}
    assert (found["example.com"].versions, found["example.com"].stability) == (("v1beta1", "v1alpha1"), "beta")
    assert (found["apps"].served_by, found["apps"].problem) == ("the API server", "")
    assert found["metrics.k8s.io"].served_by == "Service kube-system/metrics-server"
    assert found["metrics.k8s.io"].problem == "MissingEndpoints: no endpoints"


def test_an_api_service_in_a_manifest_takes_no_group_away():
    metrics = api_service("metrics.k8s.io", "v1beta1", service={"namespace": "kube-system", "name": "metrics-server"})
    assert resources(snapshot(metrics)) == builtin()
    assert {"", "apps", "rbac.authorization.k8s.io"} <= {item.name for item in api_groups(snapshot(metrics))}
