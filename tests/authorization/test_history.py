"""What notebooks ask about permissions over time: what changed, what was used, what would have been enough."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
import yaml

from k8srun.errors import InputError
from k8srun.investigation import Investigation
from k8srun.sources.options import SourceOptions
from k8srun.sources.saved import save
from tests.authorization.cluster import NOW, binding, cluster_role, role, rule, snapshot

READER = (role("shop", "reader", rule("get,list", "pods")), binding("shop", "b", "Role reader", "ServiceAccount web"))


def investigation(*items) -> Investigation:
    return Investigation(snapshot(*items), NOW, "prod", None, SourceOptions(), ExitStack())


@pytest.fixture
def audit_log(tmp_path):
    event = {
        "stage": "ResponseComplete", "verb": "list", "user": {"username": "system:serviceaccount:shop:web"},
        "objectRef": {"resource": "pods", "namespace": "shop"}, "requestURI": "/api/v1/namespaces/shop/pods",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }  # fmt: skip
    path = tmp_path / "audit.log"
    path.write_text(json.dumps(event) + "\n")
    return str(path)


def test_two_snapshots_are_compared_by_who_gained_and_who_lost_what(tmp_path):
    save(snapshot(*READER), tmp_path / "older.k8srun")
    wider = (cluster_role("nodes", rule("list", "nodes")), binding("", "n", "ClusterRole nodes", "User jane"))

    (row,) = (
        investigation(*READER, *wider)
        .permission_changes(str(tmp_path / "older.k8srun"))
        .reset_index()
        .to_dict("records")
    )
    assert (row["index"], row["Where"], row["Gained"], row["Lost"]) == ("User jane", "everywhere", "list nodes", "")
    (row,) = investigation().permission_changes(str(tmp_path / "older.k8srun")).reset_index().to_dict("records")
    assert (row["Gained"], row["Lost"], row["By"]) == ("", "get, list pods", "RoleBinding shop/b")


def test_the_least_role_of_an_audit_log_is_a_manifest_to_apply(audit_log):
    (made,) = yaml.safe_load_all(investigation().minimal_role(audit_log, "shop:web", name="web"))

    assert (made["kind"], made["metadata"]) == ("Role", {"name": "web", "namespace": "shop"})
    assert made["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    with pytest.raises(InputError, match="bob"):
        investigation().minimal_role(audit_log, "bob")


def test_what_nobody_used_is_listed_by_binding(audit_log):
    unused = (*READER, role("shop", "idle", rule("get", "secrets")), binding("shop", "i", "Role idle", "User jane"))
    (row,) = investigation(*unused).unused_grants(audit_log).reset_index().to_dict("records")
    assert row["index"] == "RoleBinding shop/i"
