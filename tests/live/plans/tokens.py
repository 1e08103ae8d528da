"""A caller with a bearer token, as pipelines have it."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.apply.clusters import RBAC
from tests.controlplane.cluster import ControlPlane


def kubeconfig_with_token(control_plane: ControlPlane, namespace: str) -> Path:
    """A kubeconfig of the namespace's default service account, which may do everything."""
    bound = {
        "metadata": {"name": f"admin-{namespace}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    control_plane.create(f"/apis/{RBAC}/v1/clusterrolebindings", bound)
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = control_plane.create(path, {"spec": {}})["status"]["token"]
    file = control_plane.kubeconfig()
    document = yaml.safe_load(file.read_text())
    document["users"][0]["user"] = {"token": token}
    file.write_text(yaml.safe_dump(document))
    return file
