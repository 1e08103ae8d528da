"""How each cause of a 403 is mended: the smallest change first, and never more than the client needs."""

from __future__ import annotations

import shlex

from k8srun.authorization.apiresources import resources
from k8srun.authorization.denials.case import Case
from k8srun.authorization.fixes.commands import ADMIN, CLIENT, can_i, quote, role_name
from k8srun.authorization.fixes.commands import grant as grant_commands
from k8srun.authorization.fixes.needed import needed
from k8srun.authorization.model import Role
from k8srun.authorization.nearmisses import Miss, NearMiss
from k8srun.diagnosis import Fix
from k8srun.text import visible


def send_credentials(case: Case) -> Fix:
    return Fix(
        "Send credentials: a kubeconfig with a user, or a token in the header Authorization. Do not grant anything to"
        " system:anonymous: that is everybody who can reach the server",
        (
            "kubectl config view --minify  # does the context name a user, and has it a credential?",
            "kubectl auth whoami",
        ),
        CLIENT,
    )


def check_cluster(case: Case) -> Fix:
    return Fix(
        "Compare the cluster that gave the message with the one that was read: context, address, time",
        ("kubectl config get-contexts", "kubectl config view --minify -o jsonpath='{.clusters[0].cluster.server}'"),
        CLIENT,
    )


def ask_again(case: Case) -> Fix:
    return Fix("Try it again. If it is still refused, compare who asks: kubectl auth whoami shows user and groups",
               ("kubectl auth whoami", can_i(case.identity, case.request)), CLIENT)  # fmt: skip


def node_authorizer(case: Case) -> Fix:
    node = quote(case.identity.user.removeprefix("system:node:"))
    return Fix(
        "Grant nothing: a kubelet may read a Secret or ConfigMap once a pod that uses it is bound to its node. Look"
        " whether that pod exists and is on this node; of a controller on the node, give it a ServiceAccount of its"
        " own",
        (f"kubectl get pods -A --field-selector spec.nodeName={node}",),
        ADMIN,
    )


def impersonation(case: Case) -> Fix:
    return Fix(
        "Leave out --as, or have the permission to act as exactly this user, group or ServiceAccount granted"
        " (resourceNames): without names, impersonate is as much as cluster-admin",
        grant_commands(case.identity, (case.request,), role_name(case.identity, case.request)),
        ADMIN,
    )


def dangling(case: Case) -> Fix:
    miss = _miss(case, Miss.DANGLING_ROLE)
    binding = miss.binding if miss else None
    if binding is None:
        return grant(case)
    where = _in(binding.namespace)
    return Fix(
        f"Create the {binding.role_kind} {visible(binding.role_name, limit=100)} again, or bind a role that exists: a"
        " roleRef cannot be changed, so that the binding has to be made anew",
        (
            f"kubectl get {binding.kind.lower()} {quote(binding.name)}{where} -o yaml",
            f"kubectl get {binding.role_kind.lower()}s{where if binding.role_kind == 'Role' else ''}",
            _ways(case),
        ),
        ADMIN,
    )


def subject(case: Case) -> Fix:
    miss = _miss(case, Miss.SUBJECT_SPELLING)
    found = miss.grant if miss else None
    if found is None:
        return grant(case)
    account = case.identity.service_account
    right = (
        f"kind: ServiceAccount, name: {account[1]}, namespace: {account[0]}"
        if account
        else f"kind: User, name: {case.identity.user}"
    )
    return Fix(
        f"Let the subject of {visible(str(found.binding), limit=200)} be: {visible(right, limit=300)}",
        (f"kubectl edit {found.binding.kind.lower()} {quote(found.binding.name)}{_in(found.binding.namespace)}",),
        ADMIN,
    )


def resource(case: Case) -> Fix:
    miss = _miss(case, Miss.MISSPELT_RESOURCE)
    if miss is not None and miss.instead is None and miss.grant is not None:
        return _of_rule(case, miss.grant.role, "the resource by its plural name")
    return _instead(miss, "Ask for the resource by its plural name")


def api_group(case: Case) -> Fix:
    miss = _miss(case, Miss.OTHER_API_GROUP)
    asked = (case.request.resource, case.request.group)
    exists = any((item.plural, item.group) == asked for item in resources(case.world.snapshot))
    if exists and miss is not None and miss.grant is not None:
        return _of_rule(case, miss.grant.role, "the API group of what is asked for")
    return _instead(miss, "Ask for the resource in the API group in which the server has it")


def _of_rule(case: Case, role: Role, what: str) -> Fix:
    """The request is right, and a rule was meant for it."""
    asked = visible(case.request.target, limit=200)
    return Fix(
        f"Let the rule of {visible(str(role), limit=200)} name {what}: {asked}",
        (f"kubectl edit {role.kind.lower()} {quote(role.name)}{_in(role.namespace)}", "kubectl api-resources"),
        ADMIN,
    )


def _instead(miss: NearMiss | None, what: str) -> Fix:
    """A rule is right, and the request was meant to be another."""
    meant = f": {visible(miss.instead.target, limit=200)}" if miss and miss.instead else ""
    return Fix(f"{what}{meant}", ("kubectl api-resources",), CLIENT)


def _in(namespace: str) -> str:
    return f" -n {quote(namespace)}" if namespace else ""


def namespace(case: Case) -> Fix:
    miss = _miss(case, Miss.OTHER_NAMESPACE)
    granted = visible(miss.grant.namespace, limit=100) if miss and miss.grant else ""
    asked = visible(case.request.namespace, limit=100)
    return Fix(
        f"If {granted} is the namespace that is meant, name it (-n {granted}). If it should be allowed in {asked},"
        " grant it there: a RoleBinding counts in its own namespace only",
        (f"kubectl config set-context --current --namespace={quote(granted)}", *grant(case).commands),
        f"{CLIENT}; the grant {ADMIN}",
    )


def all_namespaces(case: Case) -> Fix:
    miss = _miss(case, Miss.OTHER_NAMESPACE)
    granted = miss.grant.namespace if miss and miss.grant else ""
    return Fix(
        f"Ask for one namespace instead of all (-n {visible(granted, limit=100)}; of an operator its setting for"
        f" watched"
        " namespaces). A ClusterRoleBinding would allow it in every namespace, those made later too",
        (can_i(case.identity, miss.instead) if miss and miss.instead else "", *grant(case).commands),
        f"{CLIENT}; the grant {ADMIN}",
    )


def names(case: Case) -> Fix:
    fix = grant(case)
    return Fix(
        "A rule with resourceNames allows neither create nor a list of all: ask for one by its name, or grant the verb"
        " without names",
        fix.commands,
        fix.where,
    )


def service_account(case: Case) -> Fix:
    account = case.identity.service_account or ("", "")
    return Fix(
        "Let the pod run as a ServiceAccount of its own (spec.serviceAccountName) and bind that. Do not grant"
        " anything to"
        " the default ServiceAccount: every pod that names none would hold it",
        (
            f"kubectl -n {quote(account[0])} get pods -o custom-columns=POD:.metadata.name,AS:.spec.serviceAccountName",
            f"kubectl -n {quote(account[0])} create serviceaccount NAME",
            f"kubectl -n {quote(account[0])} set serviceaccount deployment/WORKLOAD NAME",
        ),
        ADMIN,
    )


def group(case: Case) -> Fix:
    miss = next(iter(case.groups_that_may), None)
    name = visible(miss.grant.subject.name, limit=100) if miss and miss.grant else "the group"
    return Fix(
        f"Have them taken into {name} where groups come from: a new client certificate with O={name}, the identity"
        " provider, or the claim that OIDC reads groups from (log in again afterwards)",
        ("kubectl auth whoami  # the groups that the server sees",),
        CLIENT,
    )


def other_authorizer(case: Case) -> Fix:
    return Fix(
        "Ask who keeps the webhook or the provider's IAM: a RoleBinding helps only where RBAC is asked at all",
        (can_i(case.identity, case.request),),
        ADMIN,
    )


def grant(case: Case) -> Fix:
    """Exactly what the client needs, in the namespace in which it asked."""
    wanted = needed(case.request, case.denial.client)
    name = role_name(case.identity, case.request)
    return Fix(
        "If they should be allowed to, grant exactly this: "
        + "; ".join(visible(str(one), limit=200) for one in wanted),
        (*grant_commands(case.identity, wanted, name), _ways(case)),
        ADMIN,
    )


def _miss(case: Case, kind: Miss) -> NearMiss | None:
    return next((miss for miss in case.misses if miss.kind is kind), None)


def _ways(case: Case) -> str:
    error = shlex.quote(visible(case.denial.message, limit=2000))
    return f"k8srun run grant-access -p error={error}  # the ways to grant it, by what each gives besides"
