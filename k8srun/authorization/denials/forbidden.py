"""The causes of a 403 by an authorizer, each tried against what the snapshot shows."""

from __future__ import annotations

import re
from collections.abc import Callable

from k8srun.authorization.attributes import ANONYMOUS, MASTERS
from k8srun.authorization.denials import mending
from k8srun.authorization.denials.case import MESSAGE, Candidate, Case, Judgement, confirmed, ruled_out, undecided
from k8srun.authorization.fixes.commands import can_i, quote
from k8srun.authorization.model import Grant
from k8srun.authorization.nearmisses import Miss, NearMiss
from k8srun.authorization.whocan import who_can
from k8srun.diagnosis import CauseStatus
from k8srun.findings import Evidence
from k8srun.kinds import NAMESPACE, SERVICE_ACCOUNT
from k8srun.snapshot import Need
from k8srun.text import visible

_NODE_REASONS = re.compile(
    r"no relationship found between node|unknown node for user|can only get individual resources of this type"
    r"|can only (?:read|list/watch|access)|only its own Node object|cannot read '"
)
_IAM_REASONS = re.compile(r"requires one of \[|does not have access to the resource in Azure|Azure|IAM|EKS")
_MISSING_ROLE = re.compile(r"(?:cluster)?role\.rbac\.authorization\.k8s\.io \"")


def no_credentials(case: Case) -> Judgement:
    """The server took the request for nobody's."""
    if case.identity.user == ANONYMOUS:
        return confirmed(Evidence(f"the server took the request for that of {ANONYMOUS}", MESSAGE))
    return ruled_out(f"the server knows who asks: {visible(case.identity.user, limit=200)}", MESSAGE)


def node_authorizer(case: Case) -> Judgement:
    """A kubelet may read what its own pods need, and nothing else."""
    if _NODE_REASONS.search(case.denial.reason):
        return confirmed(Evidence(f"the Node authorizer says: {case.denial.reason}", MESSAGE))
    if not case.identity.user.startswith("system:node:"):
        return ruled_out("who asks is no kubelet", MESSAGE)
    return undecided(Evidence("who asks is a kubelet: its rights follow from the pods that are bound to the node"))


def other_authorizer(case: Case) -> Judgement:
    """A webhook or a provider's IAM had an opinion, or could have had one."""
    chain = case.world.authorization.modes
    reason = case.denial.reason
    if reason and not _MISSING_ROLE.search(reason) and not _NODE_REASONS.search(reason):
        known = _IAM_REASONS.search(reason) is not None
        said = Evidence(f"{'the provider' if known else 'an authorizer'} says: {reason}", MESSAGE)
        return confirmed(said) if known else undecided(said)
    webhooks = [authorizer for authorizer in chain.authorizers if authorizer.type == "Webhook"]
    if webhooks or chain.problem:
        return undecided(
            *(Evidence(f"the chain has {authorizer}, which was not asked", chain.where) for authorizer in webhooks),
            *((Evidence(chain.problem, chain.where),) if chain.problem else ()),
        )
    if case.world.authorization.outside:
        return undecided(Evidence(f"the cluster also asks {case.world.authorization.outside}"))
    if chain.assumed:
        return undecided(Evidence("the flags of the API server are not known"))
    return ruled_out(f"the chain is {', '.join(map(str, chain.authorizers))}", chain.where)


def other_cluster(case: Case) -> Judgement:
    """Who asks, or where, does not exist here: the message is of another cluster, or the snapshot is."""
    snapshot, account = case.world.snapshot, case.identity.service_account
    namespace = case.denial.request.namespace if case.denial.request else ""
    if Need.objects(SERVICE_ACCOUNT) in snapshot.observed and account and snapshot.of(SERVICE_ACCOUNT):
        if snapshot.find(SERVICE_ACCOUNT, account[1], account[0]) is None:
            return confirmed(Evidence(f"there is no ServiceAccount {'/'.join(account)}", "the snapshot"))
        return ruled_out("the ServiceAccount exists", f"ServiceAccount {'/'.join(account)}")
    if Need.objects(NAMESPACE) in snapshot.observed and namespace and snapshot.of(NAMESPACE):
        if snapshot.find(NAMESPACE, namespace) is None:
            missing = Evidence(f"there is no namespace {visible(namespace, limit=100)}", "the snapshot")
            return undecided(missing, Evidence("a 403 is given before anybody looks whether a namespace exists"))
        return ruled_out("the namespace exists", f"Namespace {visible(namespace, limit=100)}")
    if case.world.sees_rbac:
        return ruled_out("nothing that the message names is missing here", "the snapshot")
    return undecided()


def allowed_now(case: Case) -> Judgement:
    """What was read allows the request."""
    if case.decision.allowed:
        proof = case.decision.proof
        return confirmed(
            Evidence(case.decision.reason or f"allowed by {case.decision.authorizer}", _way(proof) if proof else "")
        )
    if not case.world.sees_rbac:
        return undecided()
    if MASTERS in case.identity.groups:
        return ruled_out("the group system:masters is allowed everything")
    return ruled_out("no binding allows it")


def impersonation(case: Case) -> Judgement:
    """`--as` and Impersonate headers need permissions of their own."""
    if case.request.verb.startswith("impersonate") and not case.decision.allowed:
        return confirmed(Evidence(f"the refused verb is {visible(case.request.verb, limit=100)}", MESSAGE))
    return ruled_out("nobody is impersonated in it, as far as the message tells", MESSAGE)


def default_service_account(case: Case) -> Judgement:
    """The pod runs as `default`, since nobody said as whom."""
    account = case.identity.service_account
    if account is None or account[1] != "default":
        return ruled_out("who asks is not a default ServiceAccount", MESSAGE)
    if not case.world.sees_rbac:
        return undecided(Evidence(f"who asks is the default ServiceAccount of {account[0]}", MESSAGE))
    found = who_can(case.world.authorization, case.request, finder=case.world.finder).holders
    meant = [one for one in found if one.subject.kind == "ServiceAccount" and one.subject.namespace == account[0]]
    names = ", ".join(visible(one.subject.name, limit=100) for one in meant[:3])
    may = (Evidence(f"in the same namespace these may: {names}", _way(meant[0].grants[0])),) if meant else ()
    return confirmed(Evidence(f"who asks is the default ServiceAccount of {account[0]}", MESSAGE), *may)


def no_grant(case: Case) -> Judgement:
    """Nothing allows it, and nothing comes close."""
    if not case.world.sees_rbac:
        return undecided(Evidence("RBAC could not be read"))
    if case.decision.allowed:
        return ruled_out("it is granted")
    told = _telling(case)
    if told:
        return ruled_out(f"something comes close: {told[0].message}")
    if any(judge(case).status is CauseStatus.CONFIRMED for judge in _BEFORE_A_GRANT):
        return ruled_out("something else is in the way before any grant counts")
    fact = Evidence(f"no binding of {visible(str(case.identity), limit=300)} allows it", "all roles and bindings")
    unknown = [Evidence(f"not known: {reason}") for reason in case.decision.unknown]
    return undecided(fact, *unknown) if unknown or case.groups_that_may else confirmed(fact)


def _near(*kinds: Miss, at_cluster_scope: bool | None = None) -> Callable[[Case], Judgement]:
    """The judge of a near miss: it is the cause where nothing comes closer, and open beside what does."""

    def judge(case: Case) -> Judgement:
        found = [miss for miss in case.misses if miss.kind in kinds]
        if not case.world.sees_rbac:
            # How resources are called is known without any role.
            return undecided(*(Evidence(miss.message) for miss in found if not (miss.grant or miss.binding)))
        if at_cluster_scope is not None and at_cluster_scope != (not case.request.namespace):
            found = []
        if not found or case.decision.allowed:
            return ruled_out("nothing of the kind is among the roles and bindings")
        evidence = tuple(Evidence(miss.message, _where(miss)) for miss in found[:3])
        nearest = next(iter(_telling(case)), None)
        return confirmed(*evidence) if nearest is not None and nearest.kind in kinds else undecided(*evidence)

    return judge


def missing_group(case: Case) -> Judgement:
    """The grant is for a group, and who asks is not in it, or came without it."""
    if not case.world.sees_rbac:
        return undecided()
    groups = case.groups_that_may
    if not groups or case.decision.allowed:
        return ruled_out("no group of people may do it, apart from administrators")
    may = tuple(Evidence(miss.message, _where(miss)) for miss in groups[:3])
    if case.known_groups is None:
        return undecided(*may, Evidence("the groups of who was refused are not known"))
    held, where = case.known_groups
    has = Evidence(f"who was refused is in {', '.join(visible(group, limit=100) for group in held) or 'none'}", where)
    return undecided(*may, has) if _telling(case) else confirmed(*may, has)


def _telling(case: Case) -> list[NearMiss]:
    """The near misses that explain by themselves, the nearest first; a role that the server misses before all."""
    found = [miss for miss in case.misses if miss.kind is not Miss.MISSING_GROUP]
    if _MISSING_ROLE.search(case.denial.reason):
        found.sort(key=lambda miss: miss.kind is not Miss.DANGLING_ROLE)
    return found


# What explains a refusal so that a grant would be the wrong answer, or none.
_BEFORE_A_GRANT = (
    no_credentials,
    other_cluster,
    node_authorizer,
    impersonation,
    default_service_account,
    other_authorizer,
)


def _where(miss: NearMiss) -> str:
    return _way(miss.grant) if miss.grant else str(miss.binding or "")


def _way(grant: Grant) -> str:
    return visible(f"{grant.binding} → {grant.role}", limit=300)


def _ask(case: Case) -> tuple[str, ...]:
    return (can_i(case.identity, case.request),)


def _ask_groups(case: Case) -> tuple[str, ...]:
    return ("kubectl auth whoami  # as who was refused: shows the groups that the server sees",)


def _ask_rules(case: Case) -> tuple[str, ...]:
    account = case.identity.service_account
    namespace = case.request.namespace or (account[0] if account else "default")
    return (f"kubectl auth can-i --list --as {quote(case.identity.user)} -n {quote(namespace)}",)


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("no-credentials", "The request came without credentials that the server accepts", no_credentials,
              mending.send_credentials),
    Candidate("other-cluster", "Who asks does not exist in this cluster: message and cluster do not belong together",
              other_cluster, mending.check_cluster),
    Candidate("allowed-now", "It is allowed as far as was read: the refusal is older, or the request was another",
              allowed_now, mending.ask_again, _ask),
    Candidate("node-authorizer", "A kubelet asks for what no pod of its node needs", node_authorizer,
              mending.node_authorizer),
    Candidate("impersonation", "Who asks may not act as somebody else", impersonation, mending.impersonation),
    Candidate("dangling-role", "A binding names a role that does not exist", _near(Miss.DANGLING_ROLE),
              mending.dangling, _ask),
    Candidate("subject-misspelt", "The binding names its subject in a way that matches nobody",
              _near(Miss.SUBJECT_SPELLING), mending.subject, _ask),
    Candidate("resource-misspelt", "The resource is spelt in a way that there is not", _near(Miss.MISSPELT_RESOURCE),
              mending.resource, _ask),
    Candidate("wrong-api-group", "The resource is granted in another API group", _near(Miss.OTHER_API_GROUP),
              mending.api_group, _ask),
    Candidate("wrong-namespace", "It is granted in another namespace",
              _near(Miss.OTHER_NAMESPACE, at_cluster_scope=False), mending.namespace, _ask),
    Candidate("all-namespaces", "It is granted in one namespace and asked for in all of them",
              _near(Miss.OTHER_NAMESPACE, at_cluster_scope=True), mending.all_namespaces, _ask),
    Candidate("subresource", "The rule covers the resource and not its subresource, or the other way round",
              _near(Miss.SUBRESOURCE), mending.grant, _ask),
    Candidate("resource-names", "The rule holds for some names only", _near(Miss.RESOURCE_NAMES),
              mending.names, _ask),
    Candidate("default-service-account", "The pod runs as the default ServiceAccount", default_service_account,
              mending.service_account),
    Candidate("verb", "Other verbs on the same resource are granted, this one is not", _near(Miss.OTHER_VERB),
              mending.grant, _ask),
    Candidate("group-missing", "The grant is for a group that who asks is not in", missing_group, mending.group,
              _ask_groups),
    Candidate("other-authorizer", "Another authorizer than RBAC decides: a webhook, or the provider's IAM",
              other_authorizer, mending.other_authorizer),
    Candidate("no-grant", "Nobody has granted it", no_grant, mending.grant, _ask_rules),
)  # fmt: skip
"""In the order of how likely each is where nothing could be read."""

GRANTABLE = frozenset(
    {
        "dangling-role",
        "subject-misspelt",
        "wrong-namespace",
        "all-namespaces",
        "subresource",
        "resource-names",
        "verb",
        "wrong-api-group",
        "no-grant",
    }
)
"""The causes that a grant ends, if it is to be granted at all."""
