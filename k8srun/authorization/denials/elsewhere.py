"""Refusals that no grant ends: what refused, and which runbook knows about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.diagnosis import Cause, CauseStatus, Fix
from k8srun.findings import Evidence

_ADMIN = "as an administrator"
FORBIDDEN = "forbidden-403"
_POD_REFUSED = "pod-refused"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """One kind of refusal.

    Attributes:
        cause: id of its cause.
        title: the cause in a sentence.
        meaning: what it means for who reads it.
        runbook: the one that goes on from here.
        fix, commands: how to mend it.
    """

    cause: str
    title: str
    meaning: str
    fix: str
    commands: tuple[str, ...] = ()
    runbook: str = FORBIDDEN


KINDS: Mapping[DenialKind, Elsewhere] = {
    DenialKind.CREATE_CHECK: Elsewhere(
        "stream-needs-create",
        "exec, attach and port-forward need create as well as get on the subresource",
        "Over WebSocket the request is a GET; since Kubernetes 1.35 the server asks for create too, and says no"
        " more than this.",
        "Grant get and create on the subresource, and get on pods",
        ("kubectl create role pod-exec --verb=get,create --resource=pods/exec -n NAMESPACE",
         "kubectl create rolebinding pod-exec --role=pod-exec --user=USER -n NAMESPACE"),
    ),
    DenialKind.ESCALATION: Elsewhere(
        "escalation",
        "Nobody may grant what they do not hold themselves",
        "RBAC compares the rules of the role that is written or bound with those of who writes. The message lists"
        " what they lack.",
        "Leave the rules that are listed out, or let somebody grant it who holds them. `bind` on exactly this role"
        " (resourceNames) lets them hand it out without holding it; `escalate` makes them cluster-admin",
        ("kubectl create clusterrole bind-ROLE --verb=bind --resource=clusterroles --resource-name=ROLE",),
    ),
    DenialKind.AGGREGATION: Elsewhere(
        "aggregation-needs-everything",
        "Writing an aggregationRule needs every permission there is",
        "An aggregated role takes up rules that are written later: so the server lets only cluster-admin write one.",
        "Let cluster-admin write it, or list the rules in the role instead of aggregating them",
    ),
    DenialKind.MASTERS: Elsewhere(
        "masters-impersonation",
        "The group system:masters may not be impersonated",
        "Constrained impersonation refuses this group whoever asks.",
        "Impersonate a group that is bound to cluster-admin by RBAC, or use a credential of its own for the emergency",
    ),
    DenialKind.SIGNER: Elsewhere(
        "signer",
        "Approving or signing a request needs the verb on its signer too",
        "Beside update on certificatesigningrequests/approval, `approve` on signers named as the message says is"
        " asked for.",
        "Grant approve on signers with exactly this resourceName. Whoever holds it for kube-apiserver-client can become"
        " anybody whom that signer signs",
        ("kubectl create clusterrole approvers --verb=approve --resource=signers.certificates.k8s.io",),
    ),
    DenialKind.OWNER_REFERENCE: Elsewhere(
        "owner-reference",
        "blockOwnerDeletion needs update on the owner's finalizers",
        "An admission plugin (OwnerReferencesPermissionEnforcement) asks for it; RBAC had allowed the request itself.",
        "Grant update on the owner's /finalizers, or leave blockOwnerDeletion out",
        ("kubectl create clusterrole NAME --verb=update --resource=OWNERS.GROUP/finalizers",),
    ),
    DenialKind.NODE_RESTRICTION: Elsewhere(
        "node-restriction",
        "A kubelet's credential is used for what a kubelet may not do",
        "NodeRestriction lets a kubelet change only its own Node and the pods that are bound to it.",
        "Use a ServiceAccount instead of the kubelet's credential, and grant that what it needs",
    ),
    DenialKind.KUBELET: Elsewhere(
        "kubelet-authorization",
        "The kubelet asks the API server whether the client may use its API",
        "The kubelet's own API needs `nodes/metrics`, `nodes/log`, `nodes/stats`, `nodes/proxy` … in a ClusterRole.",
        "Grant the subresource that the message names, never nodes/proxy: that runs commands in every pod of the node",
        ("kubectl create clusterrole NAME --verb=get --resource=nodes/metrics",),
    ),
    DenialKind.CLOUD: Elsewhere(
        "provider-iam",
        "The provider's IAM refused it",
        "Both were asked, RBAC and the provider's IAM, and neither allowed it.",
        "Grant it in one of them: a role of the provider on the cluster, or RBAC for the user name that the message"
        " has",
    ),
    DenialKind.ARGO_CD: Elsewhere(
        "argo-cd-rbac",
        "Argo CD's own permissions refused it, not Kubernetes'",
        "The line comes from Argo CD's policy (ConfigMap argocd-rbac-cm); the API server was not asked.",
        "Change the policy in argocd-rbac-cm, or the group that the user logs in with",
        ("kubectl -n argocd get configmap argocd-rbac-cm -o yaml",),
    ),
    DenialKind.POD_SECURITY: Elsewhere(
        "pod-security",
        "Pod Security refused the pod",
        "RBAC had allowed it: the pod does not keep to the level that its namespace enforces. No grant will help.",
        "Change the pod so that it keeps to the level",
        (f"k8srun run {_POD_REFUSED} -p error=…",),
        _POD_REFUSED,
    ),
    DenialKind.WEBHOOK: Elsewhere(
        "admission-webhook",
        "An admission webhook refused it",
        "RBAC had allowed it: a policy of the cluster did not. No grant will help.",
        "Change what is created so that the policy admits it, or ask who keeps the webhook",
        ("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",),
        _POD_REFUSED,
    ),
    DenialKind.POLICY: Elsewhere(
        "admission-policy",
        "A ValidatingAdmissionPolicy refused it",
        "RBAC had allowed it: a policy of the cluster did not. No grant will help.",
        "Change what is created so that the policy admits it, or ask who keeps the policy",
        ("kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings",),
        _POD_REFUSED,
    ),
    DenialKind.QUOTA: Elsewhere(
        "quota",
        "The namespace's quota is used up",
        "RBAC had allowed it: a ResourceQuota did not. No grant will help.",
        "Free some of it, ask for less, or have the quota raised",
        ("kubectl -n NAMESPACE describe resourcequota",),
        _POD_REFUSED,
    ),
    DenialKind.TERMINATING: Elsewhere(
        "terminating-namespace",
        "The namespace is being deleted",
        "Nothing can be created in it any more.",
        "Wait until it is gone and create it again, or find what keeps it",
        ("kubectl get namespace NAMESPACE -o jsonpath='{.status.conditions}'",),
        _POD_REFUSED,
    ),
    DenialKind.CUT: Elsewhere(
        "message-cut-off",
        "An authorizer refused it, and the message is not whole",
        "The message says who was refused and breaks off before it says where: that decides which grant is missing.",
        "Give the whole message, up to the namespace or `at the cluster scope`, or the event of the audit log",
        ("kubectl auth can-i --list -n NAMESPACE",),
    ),
    DenialKind.BARE: Elsewhere(
        "bare-refusal",
        "The answer was a 403, and its words were not printed",
        "The client read no reason. So ends, for example, a request that the API server takes for one of"
        " system:anonymous since it cannot use the credential (a user name and a password, say), or one that a proxy"
        " in front of it refuses.",
        "Ask again so that the answer itself is printed, and give that",
        ("kubectl auth whoami", "kubectl get --raw /api -v=8  # the response's body names who was refused, or a proxy"),
    ),
    DenialKind.OTHER: Elsewhere(
        "other-refusal",
        "Something else than an authorizer refused it",
        "A 403 with words of its own comes from an admission plugin: RBAC had allowed the request.",
        "Read the words after `is forbidden:`; the API server's log and its admission plugins say more",
        ("kubectl -n NAMESPACE get events --sort-by .lastTimestamp",),
        _POD_REFUSED,
    ),
}  # fmt: skip


_VAGUE = frozenset({DenialKind.OTHER, DenialKind.CUT, DenialKind.BARE})


def cause_of(denial: Denial) -> Cause:
    """The cause that the words themselves tell."""
    found = KINDS[denial.kind]
    said = [Evidence(denial.message, "the message")]
    said += [Evidence(f"not held: {rule}", "the message") for rule in denial.rules[:10]]
    # The words of an unknown plugin tell that it was not RBAC, and no more; half a message, or none, even less.
    status = CauseStatus.OPEN if denial.kind in _VAGUE else CauseStatus.CONFIRMED
    return Cause(found.cause, found.title, status, tuple(said), Fix(found.fix, found.commands, _ADMIN))
