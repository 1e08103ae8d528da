"""What is exported for an owner's repository is what Kustomize and kubectl take, and makes what the plan makes."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from k8srun import steps
from k8srun.apply import Journal, apply, preview
from k8srun.apply.export import as_manifests, as_patches
from k8srun.apply.kustomize import write_component
from k8srun.errors import RefusedError
from tests.apply.clusters import QUICK, RBAC, config_map, deployment, named, observed, plan_of, read, role


@pytest.fixture
def before(control_plane, namespace):
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    control_plane.create(path, deployment(namespace))
    config_map(control_plane, namespace, "unused", a="1")
    return observed(control_plane, f"{path}/web")


@pytest.fixture
def plan(control_plane, namespace, admin, before):
    unused = observed(control_plane, f"/api/v1/namespaces/{namespace}/configmaps/unused")
    harden = {"op": "add", "path": "/spec/template/spec/securityContext/runAsNonRoot", "value": True}
    return plan_of(
        admin,
        steps.patch(before, [harden], "not as root"),
        steps.server_side_apply(before, {"spec": {"minReadySeconds": 5}}, "slower"),
        steps.delete(unused, "unused"),
        steps.create(role(namespace), "needed"),
        steps.on_host("cp-1", ["kubeadm certs renew apiserver"], "expired", irreversible="it has expired"),
    )


def test_a_component_makes_of_the_repositorys_manifests_what_the_plan_makes_of_the_cluster(
    control_plane, namespace, before, plan, tmp_path
):
    base = tmp_path / "base"
    base.mkdir()
    # As people write it: without what the server fills in.
    files = [deployment(namespace), named("ConfigMap", "unused", namespace, data={"a": "1"})]
    (base / "all.yaml").write_text(yaml.safe_dump_all(files))
    (base / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["all.yaml"], "components": ["../fix"]}))
    written = write_component(plan, tmp_path / "fix")
    assert [path.name for path in written] == ["04-role-reader.yaml", "kustomization.yaml"]

    built = subprocess.run(
        [control_plane.binaries / "kubectl", "kustomize", base], capture_output=True, text=True, check=True
    )
    objects = {item["kind"]: item for item in yaml.safe_load_all(built.stdout)}
    assert set(objects) == {"Deployment", "Role"}
    assert objects["Deployment"]["spec"]["minReadySeconds"] == 5
    assert objects["Deployment"]["spec"]["template"]["spec"]["securityContext"] == {"runAsNonRoot": True}
    assert objects["Role"]["rules"] == role(namespace)["rules"]


def built(control_plane, folder, component, *manifests):
    """What Kustomize makes of manifests with a component."""
    folder.mkdir()
    (folder / "all.yaml").write_text(yaml.safe_dump_all(manifests))
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["all.yaml"], "components": [f"../{component}"]})
    )
    kustomize = [control_plane.binaries / "kubectl", "kustomize", folder]
    return subprocess.run(kustomize, check=False, capture_output=True, text=True)


def test_a_component_finds_what_the_repository_writes_otherwise_and_nothing_else(
    control_plane, namespace, admin, tmp_path
):
    two = [deployment(namespace, "web.app"), deployment(namespace, "web-app")]
    sidecar = {"name": "sidecar", "image": "registry.example/proxy:1"}
    two[0]["spec"]["template"]["spec"]["containers"].append(sidecar)
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]}
    policy = named("NetworkPolicy", "web.app", namespace, "networking.k8s.io/v1", spec=spec)
    like_it = {**policy, "metadata": {**policy["metadata"], "name": "web-app"}}
    at = {"Deployment": "/apis/apps/v1", "NetworkPolicy": "/apis/networking.k8s.io/v1"}
    live = {}
    for item in (two[0], policy):
        path = f"{at[item['kind']]}/namespaces/{namespace}/{'deployments' if item is two[0] else 'networkpolicies'}"
        control_plane.create(path, item)
        live[item["kind"]] = observed(control_plane, f"{path}/web.app")
    unprivileged = {
        "op": "add",
        "path": "/spec/template/spec/containers/1/securityContext",
        "value": {"privileged": False},
    }
    label = {"op": "add", "path": "/metadata/labels", "value": {"y": "n", "commit": "1e3"}}
    https = {"op": "add", "path": "/spec/ingress/-", "value": {"ports": [{"port": 443}]}}
    plan = plan_of(
        admin,
        steps.patch(live["Deployment"], [unprivileged, label], "tighter"),
        steps.patch(live["NetworkPolicy"], [https], "let HTTPS in"),
        steps.create(named("Secret", "new", namespace), "x", from_files={"/data/password": "/run/password"}),
        steps.on_host("cp-1", ["kubeadm certs renew apiserver"], "expired", irreversible="it has expired"),
    )
    write_component(plan, tmp_path / "fix")
    done = built(control_plane, tmp_path / "base", "fix", *two, policy, like_it)
    found = {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout)}
    changed = found["Deployment", "web.app"]
    assert changed["metadata"]["labels"] == {"y": "n", "commit": "1e3"}
    contexts = {one["name"]: one.get("securityContext") for one in changed["spec"]["template"]["spec"]["containers"]}
    assert contexts == {"app": None, "sidecar": {"privileged": False}}
    assert found["Deployment", "web-app"] == two[1]
    assert found["NetworkPolicy", "web.app"]["spec"]["ingress"] == [
        {"ports": [{"port": 80}]},
        {"ports": [{"port": 443}]},
    ]
    assert found["NetworkPolicy", "web-app"] == like_it
    said = (tmp_path / "fix/kustomization.yaml").read_text()
    assert "# 4. host cp-1: expired" in said
    assert "/data/password: the content of /run/password" in (tmp_path / "fix/03-secret-new.yaml").read_text()

    missing = built(control_plane, tmp_path / "without", "fix", two[1], policy)
    assert missing.returncode != 0
    assert "no matches for Id" in missing.stderr


def test_an_index_is_exported_with_the_test_that_shows_what_it_means(control_plane, namespace, admin, tmp_path):
    path = f"/apis/{RBAC}/v1/namespaces/{namespace}/roles"
    control_plane.create(path, role(namespace))
    add = {"op": "add", "path": "/rules/0/verbs/-", "value": "list"}
    write_component(
        plan_of(admin, steps.patch(observed(control_plane, f"{path}/reader"), [add], "x")), tmp_path / "fix"
    )
    done = built(control_plane, tmp_path / "base", "fix", role(namespace))
    assert yaml.safe_load(done.stdout)["rules"][0]["verbs"] == ["get", "list"]
    other = built(control_plane, tmp_path / "other", "fix", role(namespace, verbs=("delete",)))
    assert "test failed" in other.stderr or "does not apply" in other.stderr


def test_a_component_is_written_over_nothing(plan, tmp_path):
    write_component(plan, tmp_path / "fix")
    with pytest.raises(RefusedError, match="is not an empty folder"):
        write_component(plan, tmp_path / "fix")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RefusedError, match="is not an empty folder"):
        write_component(plan, tmp_path / "file")


def test_patches_are_what_kubectl_patch_takes(control_plane, namespace, plan, tmp_path):
    text = as_patches(plan)
    documents = list(yaml.safe_load_all(text))
    assert [operation["op"] for operation in documents[0]] == ["test", "add"]
    assert f"# 1. patch Deployment.apps {namespace}/web: not as root" in text
    assert "# Remove it from the repository." in text
    assert "#   kubeadm certs renew apiserver" in text
    (tmp_path / "patch.yaml").write_text(yaml.safe_dump(documents[0]))
    arguments = ["--type=json", f"--patch-file={tmp_path / 'patch.yaml'}", "-n", namespace, "deployment/web"]
    kubectl = [control_plane.binaries / "kubectl", f"--kubeconfig={control_plane.kubeconfig()}", "patch", *arguments]
    subprocess.run(kubectl, check=True, capture_output=True)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"
    assert read(control_plane, path)["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


def test_an_object_that_several_steps_change_is_one_manifest_which_kubectl_takes(control_plane, namespace, admin):
    kubectl = [control_plane.binaries / "kubectl", f"--kubeconfig={control_plane.kubeconfig()}"]
    manifest = named("ConfigMap", "settings", namespace, data={"a": "1"})
    subprocess.run(
        [*kubectl, "apply", "-f", "-"], input=yaml.safe_dump(manifest), text=True, check=True, capture_output=True
    )
    item = observed(control_plane, f"/api/v1/namespaces/{namespace}/configmaps/settings")
    plan = plan_of(
        admin,
        steps.patch(item, [{"op": "add", "path": "/data/switch", "value": "y"}], "on"),
        steps.patch(item, [{"op": "replace", "path": "/data/a", "value": "0o7"}], "seven"),
    )
    text = as_manifests(plan, admin)
    assert text.count("---") == 1
    assert "last-applied" not in text
    subprocess.run(
        [*kubectl, "apply", "--server-side", "--force-conflicts", "-f", "-"],
        input=text,
        text=True,
        check=True,
        capture_output=True,
    )
    assert observed(control_plane, f"/api/v1/namespaces/{namespace}/configmaps/settings")["data"] == {
        "a": "0o7",
        "switch": "y",
    }


def test_manifests_are_the_objects_as_they_would_be_without_what_the_server_keeps(plan, admin):
    patched = next(iter(yaml.safe_load_all(as_manifests(plan, admin))))
    assert patched["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True
    assert set(patched) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(patched["metadata"]) <= {"name", "namespace", "labels", "annotations"}


def test_a_manifest_with_a_secret_in_it_is_not_printed(control_plane, namespace, admin):
    leaky = deployment(namespace, "leaky")
    leaky["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "DB_PASSWORD", "value": "hunter2-hunter2"}]
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    control_plane.create(path, leaky)
    change = {"op": "replace", "path": "/spec/replicas", "value": 2}
    plan = plan_of(admin, steps.patch(observed(control_plane, f"{path}/leaky"), [change], "more"))
    with pytest.raises(RefusedError, match="values that look secret") as error:
        as_manifests(plan, admin)
    assert "hunter2" not in str(error.value)
    assert "hunter2" not in as_patches(plan)


def test_what_gitops_keeps_is_exported_by_default_and_changed_directly_only_on_demand(
    control_plane, namespace, admin, journal
):
    kept = named("ConfigMap", "kept", namespace, data={"a": "1"})
    kept["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": f"shop:/ConfigMap:{namespace}/kept"}
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.create(path, kept)
    change = {"op": "replace", "path": "/data/a", "value": "2"}
    plan = plan_of(admin, steps.patch(observed(control_plane, f"{path}/kept"), [change], "two"))
    shown = preview(plan, admin, journal=journal, options=QUICK)
    assert shown.confirm == ""
    assert "is kept by Argo CD shop" in shown.blockers[0]
    assert "k8srun plan export" in shown.blockers[0]
    insisting = type(QUICK)(direct=True, patience=1.0)
    confirm = preview(plan, admin, journal=journal, options=insisting).confirm
    outcome = apply(plan, admin, confirm, journal=Journal(journal.path), options=insisting)
    assert read(control_plane, f"{path}/kept")["data"] == {"a": "2"}
    assert journal.entries()[0].begin.direct
    assert outcome.run
