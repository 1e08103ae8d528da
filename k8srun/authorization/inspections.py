"""What the checks of grants look at. A function takes the check, a snapshot and the time, and gives findings.

The server's own default bindings are left out: every cluster has them, and they say nothing about this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from k8srun.authorization.attributes import ANONYMOUS, MASTERS, UNAUTHENTICATED, Attributes
from k8srun.authorization.dangers import Danger, dangerous, is_everything, is_system
from k8srun.authorization.matching import allows
from k8srun.authorization.model import ALL, Binding, Grant, Subject
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.scene import scene_of
from k8srun.authorization.takeovers import member_of
from k8srun.authorization.whocan import Finder
from k8srun.checks import Check
from k8srun.findings import Evidence, Finding, Severity
from k8srun.kinds import CONFIG_MAP
from k8srun.snapshot import Snapshot
from k8srun.text import plural, visible

Run = Callable[[Check, Snapshot, datetime], Iterator[Finding]]

_RULES = 5  # shown of one finding
_MANY_ROLES = 10  # more of them, and nobody reads them all
_CORDON = tuple(Attributes(verb, "", "nodes", name="any") for verb in ("update", "patch"))
_REMOVE = (
    Attributes("delete", "", "pods", name="any"),
    Attributes("deletecollection", "", "pods"),
    Attributes("create", "", "pods", "eviction", name="any"),
)
# What kubeadm makes so that a node can find its cluster: one ConfigMap that holds nothing but the CA's certificate.
_PUBLIC = ("kube-public", "kubeadm:bootstrap-signer-clusterinfo")
_PRECIOUS = {"aws-auth": Severity.CRITICAL, "coredns": Severity.MEDIUM}


def cluster_admins(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Whoever may do everything, everywhere or in a namespace."""
    for binding, subject, grants in bound(scene_of(snapshot).rbac):
        held = [grant for grant in grants if is_everything(grant.rule)]
        if held:
            where = f"in namespace {binding.namespace}" if binding.namespace else "in the whole cluster"
            severity = Severity.HIGH if binding.namespace else Severity.CRITICAL
            yield _finding(
                check, binding, subject, f"{shown(subject)} may do everything {where}", held, severity=severity
            )


def anonymous(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Bindings for whoever has no credentials."""
    for binding, subject, grants in bound(scene_of(snapshot).rbac):
        nobody = (subject.kind, subject.name) in {("User", ANONYMOUS), ("Group", UNAUTHENTICATED)}
        if nobody and (binding.namespace, binding.name) != _PUBLIC:
            message = f"{shown(subject)}, which is everybody without credentials, has {_role(binding)}"
            yield _finding(check, binding, subject, message, grants)


def grants_of(*ids: str) -> Run:
    """Grants that are dangerous in one of these ways. Who may do everything has a check of its own."""

    def run(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
        for binding, subject, grants in bound(scene_of(snapshot).rbac):
            found: dict[str, Danger] = {}
            held = []
            for grant in grants:
                matching = [item for item in dangerous(grant) if item.id in ids]
                if matching and not is_everything(grant.rule):
                    held.append(grant)
                    found.update((item.id, item) for item in matching)
            if held:
                worst = max((item.severity_of(held[0]) for item in found.values()), key=lambda item: item.rank)
                powers = ", and ".join(item.power for item in found.values())
                where = f" in namespace {visible(binding.namespace, limit=100)}" if binding.namespace else ""
                message = f"{shown(subject)} can {powers}{where}"
                if all(grant.rule.names for grant in held):
                    # Which is what the remediation asks for. Where such a name leads on, the path says so.
                    worst = min(worst, Severity.MEDIUM, key=lambda item: item.rank)
                    message += f", of {_names(held)} alone"
                yield _finding(check, binding, subject, message, held, severity=worst)

    return run


def _names(held: Iterable[Grant]) -> str:
    names = sorted({name for grant in held for name in grant.rule.names})
    more = f" and {len(names) - _RULES} more" if len(names) > _RULES else ""
    return visible(", ".join(names[:_RULES]), limit=300) + more


def wildcards(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """A verb on every resource, or every verb on a resource that is dangerous."""
    for binding, subject, grants in bound(scene_of(snapshot).rbac):
        held = [grant for grant in grants if _is_wild(grant)]
        if held:
            message = f"{shown(subject)} holds more than anybody listed: wildcards also cover what comes later"
            yield _finding(check, binding, subject, message, held)


def masters(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Bindings for system:masters: its members need none, so that one is there to hide or to mislead."""
    for binding, subject, grants in bound(scene_of(snapshot).rbac):
        if (subject.kind, subject.name) == ("Group", MASTERS):
            message = f"the group {MASTERS}, which is past every authorizer, is bound to {_role(binding)}"
            yield _finding(check, binding, subject, message, grants)
    for item in snapshot.of(CONFIG_MAP):
        metadata = item.get("metadata") or {}
        if (metadata.get("namespace"), metadata.get("name")) == ("kube-system", "aws-auth"):
            for field, text in (item.get("data") or {}).items():
                if MASTERS in str(text):
                    fact = Evidence(
                        f"data.{visible(str(field), limit=80)} names {MASTERS}", "ConfigMap kube-system/aws-auth"
                    )
                    message = f"aws-auth makes IAM principals members of {MASTERS}"
                    yield check.finding("ConfigMap kube-system/aws-auth", message, fact, key=str(field))


def precious_config_maps(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Who may change the ConfigMaps that decide who is who, and where names lead."""
    rbac = scene_of(snapshot).rbac
    finder = Finder(rbac)
    for name, severity in _PRECIOUS.items():
        if snapshot.find(CONFIG_MAP, name, "kube-system") is None:
            continue
        requests = [
            Attributes(verb, "", "configmaps", "", "kube-system", name) for verb in ("update", "patch", "delete")
        ]
        ways = dict.fromkeys(grant for request in requests for grant in finder.grants(request))
        by_holder: dict[tuple[Binding, Subject], list[Grant]] = {}
        for grant in ways:
            if not is_everything(grant.rule) and not is_system(grant.binding, grant.subject):
                by_holder.setdefault((grant.binding, grant.subject), []).append(grant)
        for (binding, subject), held in by_holder.items():
            message = f"{shown(subject)} can change the ConfigMap kube-system/{name}"
            yield _finding(check, binding, subject, message, held, severity=severity, key=name)


def dangling(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Bindings that lead nowhere: whoever may create a role of that name decides what they give."""
    for binding in scene_of(snapshot).rbac.dangling:
        names = ", ".join(shown(subject) for subject in binding.subjects[:_RULES]) or "nobody"
        fact = Evidence(f"roleRef {_role(binding)}, subjects {names}", visible(str(binding), limit=300))
        yield check.finding(visible(str(binding), limit=300), f"it gives {_role(binding)}, which does not exist", fact)


def malformed(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Objects that the server would refuse."""
    for fault in scene_of(snapshot).rbac.faults:
        yield check.finding(fault.resource, fault.message, Evidence(fault.message, fault.resource), key=fault.message)


def paths(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Who can become cluster-admin in one step or more."""
    for path in scene_of(snapshot).paths.paths:
        if path.steps:
            facts = [
                Evidence(
                    f"{visible(str(step.subject), limit=200)} {visible(step.action, limit=300)}", shown(step.grant)
                )
                for step in path.steps
            ]
            message = f"{shown(path.subject)} can become cluster-admin in {plural(path.length, 'step')}"
            severity = Severity.CRITICAL if path.length == 1 else Severity.HIGH
            yield check.finding(shown(path.subject), message, *facts, severity=severity)


def drains(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Who may take pods away and nodes out of use: then the scheduler puts the next pods where they like."""
    rbac = scene_of(snapshot).rbac
    for binding, subject, grants in bound(rbac):
        cordons = [grant for grant in grants if _any_allowed(grant, _CORDON) and not grant.namespace]
        if not cordons or is_everything(cordons[0].rule):
            continue
        removes = [grant for grant in rbac.grants_of(member_of(subject)) if _any_allowed(grant, _REMOVE)]
        if removes:
            message = f"{shown(subject)} can remove pods and close nodes, and so choose where the next ones run"
            yield _finding(check, binding, subject, message, (*cordons, *removes))


def _any_allowed(grant: Grant, requests: Iterable[Attributes]) -> bool:
    return any(allows(grant.rule, request) for request in requests)


def many_roles(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """Subjects of so many roles that nobody sees what they may do altogether."""
    held: dict[Subject, dict[str, None]] = {}
    for binding, subject, _ in bound(scene_of(snapshot).rbac):
        held.setdefault(subject, {})[f"{_role(binding)} of {binding.namespace or 'the cluster'}"] = None
    for subject, roles in held.items():
        if len(roles) > _MANY_ROLES:
            facts = [Evidence(visible(f"holds {role}", limit=300)) for role in list(roles)[:_RULES]]
            message = f"{plural(len(roles), 'role')} are bound to it: what it may do altogether is hard to see"
            yield check.finding(shown(subject), message, *facts)


def cross_namespace(check: Check, snapshot: Snapshot, now: datetime) -> Iterator[Finding]:
    """RoleBindings for ServiceAccounts of another namespace."""
    for binding, subject, grants in bound(scene_of(snapshot).rbac):
        if subject.kind == "ServiceAccount" and binding.namespace and subject.namespace != binding.namespace:
            message = f"{shown(subject)} of another namespace has {_role(binding)} in {binding.namespace}"
            yield _finding(check, binding, subject, message, grants)


def bound(rbac: Rbac) -> Iterator[tuple[Binding, Subject, list[Grant]]]:
    """Every binding and subject with what they grant; not the server's own."""
    for binding in rbac.bindings:
        for subject in binding.subjects:
            if not is_system(binding, subject):
                yield binding, subject, list(rbac.grants_by(binding, subject))


def shown(value: object) -> str:
    return visible(str(value), limit=300)


def _finding(
    check: Check,
    binding: Binding,
    subject: Subject,
    message: str,
    grants: Iterable[Grant],
    *,
    severity: Severity | None = None,
    key: str = "",
) -> Finding:
    rules = tuple(dict.fromkeys(grant.rule for grant in grants))
    facts = [Evidence(visible(str(rule), limit=500), _role(binding)) for rule in rules[:_RULES]]
    if len(rules) > _RULES:
        facts.append(Evidence(f"and {plural(len(rules) - _RULES, 'more rule')}", _role(binding)))
    if not facts:
        facts.append(Evidence(f"binds {_role(binding)}", shown(binding)))
    identity = f"{subject}\0{key}" if key else str(subject)
    return check.finding(shown(binding), message, *facts, key=identity, severity=severity)


def _is_wild(grant: Grant) -> bool:
    rule = grant.rule
    if is_everything(rule) or rule.urls:
        return False
    return ALL in rule.resources or (ALL in rule.verbs and any(dangerous(grant)))


def _role(binding: Binding) -> str:
    return visible(f"{binding.role_kind} {binding.role_name}", limit=200)
