"""Dangerous grants: what a permission is good for beside what it was given for.

Sources: Kubernetes' "Role Based Access Control Good Practices"; CIS Kubernetes Benchmark 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from k8srun.authorization.attributes import Attributes
from k8srun.authorization.matching import allows
from k8srun.authorization.model import ALL, RBAC_GROUP, Binding, Grant, Rule, Subject
from k8srun.findings import Severity

PRIVILEGED_NAMESPACES = frozenset({"kube-system"})
"""Where the control plane and the agents of nodes run: who runs or reads there has the cluster."""

AUTHENTICATION = "authentication.k8s.io"
_WRITE = ("create", "update", "patch")
_READ = ("get", "list", "watch")
_CONTROLLERS = ("deployments", "daemonsets", "statefulsets", "replicasets")
_ADMISSION = (
    "validatingwebhookconfigurations", "mutatingwebhookconfigurations", "validatingadmissionpolicies",
    "validatingadmissionpolicybindings", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
)  # fmt: skip
_POLICY_ENGINES = (
    ("kyverno.io", "clusterpolicies"), ("kyverno.io", "policies"), ("kyverno.io", "policyexceptions"),
    ("templates.gatekeeper.sh", "constrainttemplates"), ("config.gatekeeper.sh", "configs"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Danger:
    """One kind of dangerous grant.

    Attributes:
        id: stable name, `secrets-read`.
        power: what the holder can do with it, a clause.
        severity: of a grant in an ordinary namespace.
        probes: requests of which any one makes it dangerous; namespaces do not count.
        privileged: its severity where the grant reaches a privileged namespace; None = no other.
        cluster_only: harmless in a single namespace, because the resource is cluster-scoped.
    """

    id: str
    power: str
    severity: Severity
    probes: tuple[Attributes, ...]
    privileged: Severity | None = None
    cluster_only: bool = False

    def severity_of(self, grant: Grant) -> Severity:
        """How bad it is where the grant holds."""
        reaches = not grant.namespace or grant.namespace in PRIVILEGED_NAMESPACES
        return self.privileged if self.privileged and reaches else self.severity


def _probes(verbs: Iterable[str], group: str, *resources: str) -> tuple[Attributes, ...]:
    parts = [resource.partition("/") for resource in resources]
    return tuple(Attributes(verb, group, name, subresource) for verb in verbs for name, _, subresource in parts)


_C, _H, _M, _L = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW

DANGERS: tuple[Danger, ...] = (
    Danger(
        "escalate-bind",
        "give itself any permission",
        _H,
        _probes(("escalate", "bind"), RBAC_GROUP, "clusterroles", "roles"),
        _C,
    ),
    Danger(
        "impersonate",
        "act as somebody else",
        _H,
        (
            *_probes(("impersonate",), "", "users", "groups", "serviceaccounts"),
            *_probes(("impersonate",), AUTHENTICATION, "uids", "userextras/any"),
        ),
        _C,
    ),
    Danger(
        "token-create",
        "make tokens of ServiceAccounts there",
        _H,
        _probes(("create",), "", "serviceaccounts/token"),
        _C,
    ),
    Danger(
        "csr-approval",
        "have client certificates issued",
        _H,
        (
            *_probes(("update", "patch"), "certificates.k8s.io", "certificatesigningrequests/approval"),
            *_probes(("approve", "sign"), "certificates.k8s.io", "signers"),
        ),
        cluster_only=True,
    ),
    Danger("secrets-read", "read Secrets, tokens among them", _H, _probes(_READ, "", "secrets")),
    Danger("secrets-write", "replace Secrets that programs trust", _M, _probes(_WRITE, "", "secrets"), _C),
    Danger("pod-create", "run pods as any ServiceAccount there", _H, _probes(("create",), "", "pods"), _C),
    Danger(
        "workload-write",
        "run pods as any ServiceAccount there, through a controller",
        _H,
        (
            *_probes(_WRITE, "apps", *_CONTROLLERS),
            *_probes(_WRITE, "batch", "jobs", "cronjobs"),
            *_probes(_WRITE, "", "replicationcontrollers"),
        ),
        _C,
    ),
    Danger(
        "exec",
        "run commands in pods that are there, with their tokens",
        _H,
        (
            *_probes(("create", "get"), "", "pods/exec", "pods/attach"),
            *_probes(("update", "patch"), "", "pods/ephemeralcontainers"),
        ),
    ),
    Danger("pod-change", "change the image of pods that are there", _H, _probes(("update", "patch"), "", "pods")),
    Danger(
        "nodes-proxy",
        "run commands in every pod, past admission and audit",
        _H,
        _probes(("get", "create"), "", "nodes/proxy"),
        cluster_only=True,
    ),
    Danger("pv-create", "mount a node's files", _H, _probes(("create",), "", "persistentvolumes"), cluster_only=True),
    Danger(
        "webhooks",
        "read and change every object on its way, or switch policies off",
        _H,
        _probes((*_WRITE, "delete"), "admissionregistration.k8s.io", *_ADMISSION),
        cluster_only=True,
    ),
    Danger(
        "rbac-write",
        "hand on all that it holds itself",
        _H,
        _probes(_WRITE, RBAC_GROUP, "roles", "clusterroles", "rolebindings", "clusterrolebindings"),
    ),
    Danger(
        "policy-admin",
        "change what kinds or policies the cluster has",
        _H,
        (
            *_probes((*_WRITE, "delete"), "apiextensions.k8s.io", "customresourcedefinitions"),
            *(probe for group, name in _POLICY_ENGINES for probe in _probes((*_WRITE, "delete"), group, name)),
        ),
    ),
    Danger(
        "namespace-labels",
        "switch Pod Security off by a label",
        _M,
        _probes(("update", "patch"), "", "namespaces"),
    ),
    Danger("service-status", "take over traffic to addresses", _M, _probes(("update", "patch"), "", "services/status")),
    Danger(
        "portforward",
        "reach ports of pods past network policies",
        _M,
        _probes(("create", "get"), "", "pods/portforward"),
    ),
    Danger(
        "network-write",
        "redirect or open traffic",
        _M,
        (
            *_probes((*_WRITE, "delete"), "networking.k8s.io", "networkpolicies", "ingresses"),
            *_probes(_WRITE, "gateway.networking.k8s.io", "gateways", "httproutes"),
            *_probes(_WRITE, "", "endpoints"),
            *_probes(_WRITE, "discovery.k8s.io", "endpointslices"),
        ),
    ),
    Danger(
        "storage-write",
        "change how volumes are made",
        _M,
        _probes(_WRITE, "storage.k8s.io", "storageclasses", "csidrivers", "volumeattachments"),
        cluster_only=True,
    ),
    Danger(
        "mass-delete", "delete everything of a kind at once", _M, _probes(("deletecollection",), "", "pods", "secrets")
    ),
    Danger(
        "events-delete",
        "remove traces",
        _M,
        (*_probes(("delete", "deletecollection"), "", "events"), *_probes(("delete",), "events.k8s.io", "events")),
    ),
    Danger(
        "status-write",
        "make nodes or pods look otherwise",
        _L,
        _probes(("update", "patch"), "", "nodes/status", "pods/status"),
    ),
    Danger(
        "account-write",
        "give a ServiceAccount a cloud identity",
        _L,
        _probes(("update", "patch"), "", "serviceaccounts"),
    ),
)
BY_ID = {danger.id: danger for danger in DANGERS}


def is_everything(rule: Rule) -> bool:
    """`*` on `*.*`: every request for a resource, in its scope."""
    return ALL in rule.verbs and ALL in rule.groups and ALL in rule.resources and not rule.names


@lru_cache(maxsize=50_000)
def dangers_of(rule: Rule) -> tuple[Danger, ...]:
    """What a rule is dangerous for, be it only for some names: its finding shows them."""
    if rule.urls:
        return ()
    named, open_rule = bool(rule.names), replace(rule, names=()) if rule.names else rule
    found = [
        danger
        for danger in DANGERS
        if any(allows(open_rule, probe) and not (named and _is_nameless(probe)) for probe in danger.probes)
    ]
    if BY_ID["impersonate"] not in found and _impersonates(rule):
        found.append(BY_ID["impersonate"])
    return tuple(found)


def _impersonates(rule: Rule) -> bool:
    """By what no probe can spell out: a verb of constrained impersonation, or the key of an extra field."""
    if any(verb.startswith(("impersonate:", "impersonate-on:")) for verb in rule.verbs):
        return True
    extras = any(resource.startswith("userextras/") for resource in rule.resources)
    return extras and "impersonate" in rule.verbs and AUTHENTICATION in rule.groups


def _is_nameless(probe: Attributes) -> bool:
    """Whether no such request carries a name, so that a rule for names never matches it."""
    return probe.verb == "deletecollection" or (probe.verb == "create" and not probe.subresource)


def dangerous(grant: Grant) -> Iterator[Danger]:
    """What a grant is dangerous for where it holds."""
    return (danger for danger in dangers_of(grant.rule) if not (danger.cluster_only and grant.namespace))


def is_system(binding: Binding, subject: Subject) -> bool:
    """Whether it is the server's own: one of its default bindings, for somebody whose name only the system has.

    The label alone is not believed: anybody who may write the binding can set it, or add a subject.
    """
    if not (binding.system and binding.name.startswith(("system:", "cluster-admin"))):
        return False
    if subject.kind == "ServiceAccount":
        return subject.namespace == "kube-system"
    return subject.name.startswith("system:")
