"""The checks of this domain: grants that reach further than they look, and ServiceAccounts and tokens left about."""

from __future__ import annotations

from k8srun.authorization import account_inspections, inspections
from k8srun.authorization.apiversions import removed_versions
from k8srun.authorization.chain import NEEDS
from k8srun.checks import Check
from k8srun.findings import Severity
from k8srun.kinds import (
    CLUSTER_ROLE,
    CONFIG_MAP,
    CRON_JOB,
    DEPLOYMENT,
    INGRESS,
    POD,
    SECRET,
    SERVICE_ACCOUNT,
)
from k8srun.snapshot import Need

_GOOD_PRACTICES = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"
_RBAC = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
_ACCOUNTS = "https://kubernetes.io/docs/concepts/security/service-accounts/"
_POD_ACCOUNTS = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/"
_CHECKLIST = "https://kubernetes.io/docs/concepts/security/security-checklist/"
_LESS = (
    "Give the verbs and resources that are used, in the namespaces where they are (k8srun permissions-of shows them)."
)

_WHO = (*NEEDS, Need.objects(SERVICE_ACCOUNT), Need.objects(POD))


def _cis(number: str) -> str:
    return f"CIS Kubernetes 1.12: {number}"


def _grants(name: str, title: str, severity: Severity, remediation: str, cis: str, *ids: str) -> Check:
    """A check of dangerous grants, by the ids of `k8srun.authorization.dangers`."""
    references = (*((_cis(cis),) if cis else ()), _GOOD_PRACTICES)
    return Check(name, title, severity, NEEDS, remediation, references, inspections.grants_of(*ids))


CHECKS: tuple[Check, ...] = (
    Check(
        "RBAC-CLUSTER-ADMIN",
        "Nobody but the system's own subjects may do everything",
        Severity.CRITICAL,
        NEEDS,
        f"Bind a narrower role in place of it. {_LESS}",
        (_cis("5.1.1"), _GOOD_PRACTICES),
        inspections.cluster_admins,
    ),
    Check(
        "RBAC-ANONYMOUS",
        "No binding gives anything to requests without credentials",
        Severity.CRITICAL,
        NEEDS,
        "Delete the binding, or name those who need it; a cluster itself has system:public-info-viewer alone.",
        (_CHECKLIST, _GOOD_PRACTICES),
        inspections.anonymous,
    ),
    _grants(
        "RBAC-ESCALATE",
        "Nobody may escalate, bind or impersonate",
        Severity.CRITICAL,
        "Take escalate, bind and impersonate away, or limit them by resourceNames to what is meant.",
        "5.1.8",
        "escalate-bind",
        "impersonate",
    ),
    Check(
        "RBAC-WILDCARD",
        "No rule covers resources that nobody has listed",
        Severity.HIGH,
        NEEDS,
        "List resources and verbs: a wildcard also covers kinds and subresources that do not exist yet.",
        (_cis("5.1.3"), _GOOD_PRACTICES),
        inspections.wildcards,
    ),
    _grants(
        "RBAC-SECRETS",
        "Nobody may read or replace Secrets at large",
        Severity.HIGH,
        "Limit get to resourceNames; list and watch show the content of every Secret and cannot be limited so.",
        "5.1.2",
        "secrets-read",
        "secrets-write",
    ),
    _grants(
        "RBAC-NODES-PROXY",
        "Nobody may talk to kubelets through the API server",
        Severity.HIGH,
        "Use nodes/metrics, nodes/stats or nodes/log in its place; nodes/proxy runs commands in every pod.",
        "5.1.10",
        "nodes-proxy",
    ),
    _grants(
        "RBAC-CSR-APPROVAL",
        "Nobody may approve certificate requests",
        Severity.HIGH,
        "Leave approval to a controller with one signer in resourceNames.",
        "5.1.11",
        "csr-approval",
    ),
    _grants(
        "RBAC-TOKEN-CREATE",
        "Nobody may make tokens of ServiceAccounts",
        Severity.CRITICAL,
        "Limit create on serviceaccounts/token by resourceNames to the one account that is meant.",
        "5.1.13",
        "token-create",
    ),
    _grants(
        "RBAC-WEBHOOKS",
        "Nobody may change what admission does, or what kinds there are",
        Severity.HIGH,
        "Leave webhooks, admission policies and CustomResourceDefinitions to the pipeline that installs them.",
        "5.1.12",
        "webhooks",
        "policy-admin",
    ),
    Check(
        "RBAC-MASTERS",
        "Nothing but the default binding relies on the group system:masters",
        Severity.HIGH,
        (*NEEDS, Need.objects(CONFIG_MAP)),
        "Use a group of your own with a ClusterRoleBinding: membership of system:masters cannot be taken away by RBAC.",
        (_cis("5.1.7"), _GOOD_PRACTICES),
        inspections.masters,
    ),
    Check(
        "SA-LEGACY-TOKEN",
        "No ServiceAccount token in a Secret is valid for ever",
        Severity.MEDIUM,
        (*NEEDS, Need.objects(SERVICE_ACCOUNT), Need.objects(SECRET)),
        "Have its user ask for a token that ends (kubectl create token NAME --duration 1h), then delete the Secret.",
        (_ACCOUNTS, f"{_POD_ACCOUNTS}#manually-create-an-api-token-for-a-serviceaccount"),
        account_inspections.legacy_tokens,
    ),
    _grants(
        "RBAC-POD-CREATE",
        "Nobody may run pods, by themselves or through a controller",
        Severity.HIGH,
        "Whoever runs pods can be any ServiceAccount of the namespace: keep strong ones in namespaces of their own.",
        "5.1.4",
        "pod-create",
        "workload-write",
    ),
    Check(
        "SA-DEFAULT",
        "The default ServiceAccounts hold nothing and nothing mounts their token",
        Severity.LOW,
        _WHO,
        "Make an account for each workload, bind that, and set automountServiceAccountToken: false on the default one.",
        (_cis("5.1.5"), _POD_ACCOUNTS),
        account_inspections.default_accounts,
    ),
    Check(
        "SA-AUTOMOUNT",
        "No pod mounts a token that it has no use for",
        Severity.LOW,
        _WHO,
        "Set automountServiceAccountToken: false in the pod spec or on the ServiceAccount.",
        (_cis("5.1.6"), f"{_POD_ACCOUNTS}#opt-out-of-api-credential-automounting"),
        account_inspections.automounts,
    ),
    _grants(
        "RBAC-PV-CREATE",
        "Nobody may create PersistentVolumes",
        Severity.HIGH,
        "Leave volumes to a StorageClass: a hostPath volume is the node's file system.",
        "5.1.9",
        "pv-create",
    ),
    _grants(
        "RBAC-EXEC",
        "Nobody may enter pods or change them in place",
        Severity.HIGH,
        "Grant pods/exec for an incident and with an end, in one namespace; use logs and ephemeral copies otherwise.",
        "",
        "exec",
        "pod-change",
    ),
    _grants(
        "RBAC-WRITE",
        "Nobody may write roles and bindings",
        Severity.HIGH,
        "Leave RBAC objects to the pipeline that installs them.",
        "",
        "rbac-write",
    ),
    _grants(
        "RBAC-SIDE-EFFECTS",
        "Nobody holds rights that reach further than they look",
        Severity.MEDIUM,
        "Take away what is not used; where it is, say so in the role's description.",
        "",
        "namespace-labels",
        "service-status",
        "portforward",
        "network-write",
        "storage-write",
        "mass-delete",
        "events-delete",
        "status-write",
        "account-write",
    ),
    Check(
        "RBAC-SYSTEM-CONFIG",
        "Nobody may change the ConfigMaps that decide who is who and where names lead",
        Severity.CRITICAL,
        (*NEEDS, Need.objects(CONFIG_MAP)),
        "Limit the rule by resourceNames to the ConfigMaps that are meant, or bind it outside kube-system.",
        (_GOOD_PRACTICES,),
        inspections.precious_config_maps,
    ),
    Check(
        "RBAC-PATHS",
        "Nobody can become cluster-admin by what they hold",
        Severity.HIGH,
        (*NEEDS, Need.objects(POD), Need.objects(SECRET)),
        "Break the first step of the path: take the grant away, or move the stronger account to another namespace.",
        (_GOOD_PRACTICES,),
        inspections.paths,
    ),
    Check(
        "RBAC-DRAIN",
        "Nobody may empty nodes and close them",
        Severity.HIGH,
        NEEDS,
        "Give whoever drains nodes an account for that alone, and whoever deletes pods no write access to nodes.",
        (_GOOD_PRACTICES,),
        inspections.drains,
    ),
    Check(
        "RBAC-MANY-ROLES",
        "Nobody holds more roles than can be overlooked",
        Severity.LOW,
        NEEDS,
        "Join them in a role for the purpose, or split the subject by its tasks.",
        (_GOOD_PRACTICES,),
        inspections.many_roles,
    ),
    Check(
        "RBAC-DANGLING",
        "Every binding leads to a role that exists",
        Severity.LOW,
        NEEDS,
        "Delete the binding, or make the role: whoever can create one of that name decides what it gives.",
        (_RBAC,),
        inspections.dangling,
        needs_all=True,
    ),
    Check(
        "RBAC-CROSS-NAMESPACE",
        "No RoleBinding is for a ServiceAccount of another namespace",
        Severity.LOW,
        NEEDS,
        "Make sure that both teams know: whoever runs pods in that namespace holds the role in this one.",
        (_GOOD_PRACTICES,),
        inspections.cross_namespace,
    ),
    Check(
        "RBAC-MALFORMED",
        "Every role and binding is one that a server would store",
        Severity.MEDIUM,
        NEEDS,
        "Mend the manifest: kubectl apply --dry-run=server -f FILE names the field.",
        (_RBAC,),
        inspections.malformed,
    ),
    Check(
        "RBAC-EXPIRED",
        "No binding outlived its date",
        Severity.MEDIUM,
        NEEDS,
        "Delete the binding, or set a later date if it is still needed.",
        (_GOOD_PRACTICES,),
        account_inspections.expired,
    ),
    Check(
        "API-REMOVED",
        "Nothing is written in an API version that is no longer served",
        Severity.MEDIUM,
        tuple(map(Need.objects, (CRON_JOB, DEPLOYMENT, INGRESS, CLUSTER_ROLE))),
        "Write the manifest in the version that is served; kubectl convert does most of it.",
        ("https://kubernetes.io/docs/reference/using-api/deprecation-guide/",),
        removed_versions,
    ),
)
