"""Attack paths: who can become cluster-admin, by which steps, and what only looks as if it led there."""

from __future__ import annotations

import pytest

from k8srun.authorization.dangers import AUTHENTICATION
from k8srun.authorization.model import RBAC_GROUP as RBAC
from k8srun.authorization.paths import attack_paths
from tests.authorization.check_cases import account, pod, token_secret
from tests.authorization.cluster import ADMIN, authorization, binding, cluster_role, role, rule

STRONG = (
    cluster_role("cluster-admin", ADMIN),
    binding("", "operator", "ClusterRole cluster-admin", "ServiceAccount ops/operator"),
    account("ops", "operator"),
)

BOSS = binding("", "boss", "ClusterRole cluster-admin", "User boss")
BOSSES = binding("", "bosses", "ClusterRole cluster-admin", "Group bosses")
MASTERS = binding("", "cluster-admin", "ClusterRole cluster-admin", "Group system:masters")


@pytest.mark.parametrize(
    ("rule_", "namespace", "more", "action"),
    [
        (rule("create", "pods"), "ops", (), "runs a pod as"),
        (rule("patch", "deployments", group="apps"), "ops", (), "runs a workload as"),
        (rule("create", "serviceaccounts/token"), "ops", (), "makes a token of"),
        (rule("create", "serviceaccounts/token", names="operator"), "ops", (), "makes a token of"),
        (rule("get", "secrets"), "ops", (token_secret("ops", "t", "operator"),), "reads the token Secret of"),
        (rule("get", "secrets", names="t"), "ops", (token_secret("ops", "t", "operator"),), "reads the token"),
        (rule("create", "pods/exec"), "ops", (pod("ops", "o", "operator"),), "runs a command in a pod of"),
        (rule("patch", "pods"), "ops", (pod("ops", "o", "operator"),), "changes the image"),
        (rule("impersonate", "serviceaccounts"), "ops", (), "impersonates ServiceAccount ops/operator"),
        (rule("impersonate", "users"), "", (BOSS,), "impersonates User boss"),
        (rule("impersonate", "users,groups"), "", (), "impersonates the group system:masters"),
        (rule("impersonate", "serviceaccounts,groups"), "", (), "impersonates the group system:masters"),
        (rule("create,bind", "clusterrolebindings,clusterroles", group=RBAC), "", (), "gives"),
        (rule("patch,bind", "clusterrolebindings,clusterroles", group=RBAC), "", (), "gives"),
        (rule("create,bind", "rolebindings,clusterroles", group=RBAC), "ops", (), "permission of the namespace"),
        (rule("patch,escalate", "roles", group=RBAC), "ops", (), "permission of the namespace"),
        (rule("create,list", "secrets"), "ops", (), "makes, and reads, a token Secret of"),
        (rule("update,escalate", "clusterroles", group=RBAC), "", (), "gives itself"),
        (rule("create,update,approve", "certificatesigningrequests,certificatesigningrequests/approval,signers",
              group="certificates.k8s.io"), "", (), "has a client certificate issued"),
        (rule("create,patch,approve", "certificatesigningrequests,certificatesigningrequests/approval,signers",
              group="certificates.k8s.io"), "", (BOSSES,), "has a client certificate issued for"),
        (rule("patch", "mutatingwebhookconfigurations", group="admissionregistration.k8s.io"), "", (), "webhook"),
        (rule("create", "nodes/proxy"), "", (), "kubelets"),
        (rule("impersonate:serviceaccount,impersonate-on:serviceaccount:create", "serviceaccounts,pods",
              group=f",{AUTHENTICATION}"), "ops", (), "impersonates ServiceAccount ops/operator"),
        (rule("impersonate:user-info,impersonate-on:user-info:patch", "users,deployments",
              group=f"apps,{AUTHENTICATION}"), "", (BOSS,), "impersonates User boss"),
    ],
)  # fmt: skip
def test_a_path_to_cluster_admin_is_found_with_the_grant_that_opens_it(rule_, namespace, more, action):
    asked = authorization(
        *STRONG, *more, cluster_role("r", rule_), binding(namespace, "b", "ClusterRole r", "User eve")
    )

    (path,) = [path for path in attack_paths(asked.rbac, asked.snapshot).paths if path.subject.name == "eve"]
    assert action in path.steps[0].action
    assert path.steps[0].grant.binding.name == "b"


def test_what_everybody_with_credentials_holds_counts_as_a_part_of_a_path():
    csr = "certificates.k8s.io"
    asked = authorization(
        *STRONG,
        BOSSES,
        cluster_role("ask", rule("create", "certificatesigningrequests", group=csr)),
        cluster_role("approve", rule("update,approve", "certificatesigningrequests/approval,signers", group=csr)),
        binding("", "all", "ClusterRole ask", "Group system:authenticated"),
        binding("", "few", "ClusterRole approve", "User eve", "Group team", "Group system:unauthenticated"),
    )

    found = {path.subject.name for path in attack_paths(asked.rbac, asked.snapshot).paths if path.length == 1}
    assert found == {"eve", "team"}


@pytest.mark.parametrize(
    ("rule_", "namespace", "more"),
    [
        (rule("create", "pods"), "shop", ()),
        (rule("create", "serviceaccounts/token", names="other"), "ops", ()),
        (rule("get", "secrets"), "ops", ()),
        (rule("get", "secrets", names="other"), "ops", (token_secret("ops", "t", "operator"),)),
        (rule("create", "pods/exec"), "ops", ()),
        (rule("bind", "clusterroles", group=RBAC), "", ()),
        (rule("escalate", "clusterroles", group=RBAC), "", ()),
        (rule("impersonate", "users", names="bob"), "", ()),
        (rule("impersonate", "groups", names="dev"), "", ()),
        (rule("impersonate", "groups"), "", ()),
        (rule("impersonate", "users", names="system:serviceaccount:ops:operator"), "", ()),
        (rule("impersonate:user-info", "users", group=AUTHENTICATION), "", (BOSS,)),
        (rule("impersonate:user-info,impersonate-on:user-info:get", "users,groups,pods", group=f",{AUTHENTICATION}"),
         "", (BOSS,)),
        (rule("impersonate:user-info,impersonate-on:user-info:create", "users,groups,pods", group=f",{AUTHENTICATION}"),
         "", (MASTERS,)),
        (rule("create", "secrets"), "ops", ()),
        # One that stands under its name cannot be made anew.
        (rule("get", "secrets", names="x"), "ops", (
            cluster_role("c", rule("create", "secrets")), binding("ops", "c", "ClusterRole c", "User eve"))),
        (rule("impersonate:serviceaccount", "serviceaccounts", group=AUTHENTICATION), "ops", ()),
        (rule("create,get", "secrets", names="x"), "ops", ()),
        (rule("bind", "clusterroles", group=RBAC, names="view"), "ops", ()),
        (rule("delete", "mutatingwebhookconfigurations", group="admissionregistration.k8s.io"), "", ()),
        (rule("create", "validatingadmissionpolicies", group="admissionregistration.k8s.io"), "", ()),
        (rule("create,update,approve", "certificatesigningrequests,certificatesigningrequests/approval,signers",
              group="certificates.k8s.io"), "", (MASTERS,)),
        (rule("approve", "signers", group="certificates.k8s.io"), "", ()),
        (rule("get", "nodes"), "", ()),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_no_path(rule_, namespace, more):
    strong = STRONG[:1] if MASTERS in more else STRONG
    asked = authorization(
        *strong, *more, cluster_role("r", rule_), binding(namespace, "b", "ClusterRole r", "User eve")
    )
    assert [path for path in attack_paths(asked.rbac, asked.snapshot).paths if path.subject.name == "eve"] == []


def test_a_path_of_several_steps_is_shown_whole_and_shorter_ones_come_first():
    asked = authorization(
        *STRONG,
        role("ops", "deploy", rule("create", "pods")),
        binding("ops", "deploy", "Role deploy", "ServiceAccount ci/runner"),
        role("ci", "token", rule("create", "serviceaccounts/token", names="runner")),
        binding("ci", "token", "Role token", "User eve"),
    )

    paths = attack_paths(asked.rbac, asked.snapshot).paths
    assert [(str(path.subject), path.length) for path in paths] == [
        ("ServiceAccount ops/operator", 0), ("ServiceAccount ci/runner", 1), ("User eve", 2),
    ]  # fmt: skip
    assert [step.becomes for step in paths[2].steps] == ["ServiceAccount ci/runner", "ServiceAccount ops/operator"]


def test_a_subject_that_matches_nobody_leads_nowhere():
    asked = authorization(*STRONG, binding("", "b", "ClusterRole cluster-admin", "ServiceAccount lost"))
    assert [str(path.subject) for path in attack_paths(asked.rbac, asked.snapshot).paths] == [
        "ServiceAccount ops/operator"
    ]
