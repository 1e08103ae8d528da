"""What a plan that writes roles and bindings brings about: who gains and loses what, and what that is good for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from k8srun.authorization.attributes import ANONYMOUS, UNAUTHENTICATED, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.changes import PermissionChange, permission_changes
from k8srun.authorization.dangers import Danger, dangers_of, is_everything
from k8srun.authorization.fixes.after import RBAC_KINDS, after
from k8srun.authorization.model import Grant, Rule
from k8srun.authorization.paths import AttackPath, AttackPaths, attack_paths
from k8srun.authorization.whocan import account_of, meaning
from k8srun.findings import Severity
from k8srun.plan import Plan, Step
from k8srun.pods import workloads
from k8srun.snapshot import Snapshot
from k8srun.text import plural, visible

_MOST = 20
_NAMED = 6
_READS = frozenset({"get", "list", "watch"})
_COMPUTED = re.compile(
    r"(critical|high|medium|low): (.* can then |everybody who can reach the API server gains|a new way to )"
    r"|.* (gains|loses)( in namespace \S+| in the whole cluster): |As .* runs \d+ workload|Not known: "
)
"""How the sentences begin that `impact` makes of what is there."""


def impact(steps: Sequence[Step], snapshot: Snapshot) -> tuple[str, ...]:
    """What the steps bring about, a sentence each, the dangerous first; the same for the same steps and snapshot."""
    then = after(snapshot, steps)
    old, new = Authorization.of(snapshot), Authorization.of(then)
    found = permission_changes(old, new)
    lines = [
        *(f"critical: {_path(path)}" for path in new_paths(attack_paths(old.rbac, snapshot), new)),
        *(line for change in found.changes for line in _dangers(change)),
        *(line for change in found.changes for line in _changed(change, snapshot)),
        *(f"Not known: {reason}." for reason in found.unknown),
    ]
    return tuple(dict.fromkeys(visible(line, limit=500) for line in lines))


def concerns(plan: Plan) -> bool:
    """Whether a plan changes who may do what."""
    return any(step.target is not None and step.target.of_kind in RBAC_KINDS for step in plan.steps)


def impact_again(snapshot: Snapshot, plan: Plan) -> tuple[str, ...]:
    """The impact of a plan on the cluster as it is now, with what else the plan says."""
    kept = (line for line in plan.impact if not _COMPUTED.match(line))
    return tuple(dict.fromkeys((*impact(plan.steps, snapshot), *kept)))


def new_paths(old: AttackPaths, new: Authorization) -> tuple[AttackPath, ...]:
    """Ways to cluster-admin that nobody had, or that are shorter than before."""
    before = {path.subject: path.length for path in old.paths}
    now = attack_paths(new.rbac, new.snapshot).paths
    return tuple(path for path in now if path.length < before.get(path.subject, path.length + 1))


def shown_rules(rules: Iterable[Rule]) -> str:
    """Rules of one verb and one resource each, with the verbs of a resource together: `get, list pods`."""
    verbs: dict[str, list[str]] = {}
    for rule in rules:
        names = f" named {', '.join(rule.names)}" if rule.names else ""
        groups = "".join(f".{group}" for group in rule.groups if group)
        what = f"{','.join(rule.urls or rule.resources)}{groups}{names}"
        verbs.setdefault(what, []).extend(rule.verbs)
    said = [f"{', '.join(dict.fromkeys(done))} {what}" for what, done in verbs.items()]
    return "; ".join(said[:_MOST]) + (f"; and {len(said) - _MOST} more" if len(said) > _MOST else "")


def summary(rules: Iterable[Rule]) -> str:
    """Rules of one verb and one resource each, as what can be read and what can be written; empty if there are none."""
    read: dict[str, None] = {}
    written: dict[str, None] = {}
    for rule in rules:
        what = ",".join(rule.urls or rule.resources)
        (read if set(rule.verbs) <= _READS else written)[what] = None
    only_read = [what for what in read if what not in written]
    return "; ".join(
        f"{said} {plural(len(found), 'resource')}: {', '.join(found[:_NAMED])}{', …' if len(found) > _NAMED else ''}"
        for said, found in (("writes", list(written)), ("reads", only_read))
        if found
    )


def worst(rules: Iterable[Rule]) -> Severity | None:
    """The severity of the most dangerous of some rules in an ordinary namespace; None if none is dangerous."""
    found = [danger.severity for rule in rules for danger in dangers_of(rule)]
    return max(found, key=lambda severity: severity.rank, default=None)


def powers(rules: Iterable[Rule]) -> tuple[str, ...]:
    """What dangerous rules let their holder do, a clause each, the worst first."""
    found = {danger: None for rule in rules for danger in dangers_of(rule)}
    ranked = sorted(found, key=lambda danger: -danger.severity.rank)
    return tuple(f"{danger.severity.value}: {danger.power}" for danger in ranked)


def _dangers(change: PermissionChange) -> Iterator[str]:
    where = _where(change.namespace)
    by = _grants(change)
    if change.gained and change.subject.name in (ANONYMOUS, UNAUTHENTICATED):
        yield f"critical: everybody who can reach the API server gains{where}: {shown_rules(change.gained)}."
    if any(is_everything(rule) for rule in change.gained):
        yield f"critical: {change.subject} can then do everything{where}."
    found: dict[Danger, list[Rule]] = {}
    for rule in change.gained:
        for danger in dangers_of(rule):
            if not (danger.cluster_only and change.namespace):
                found.setdefault(danger, []).append(rule)
    for danger, rules in sorted(found.items(), key=lambda one: -one[0].severity.rank):
        severity = danger.severity_of(by[0]) if by else danger.severity
        yield f"{severity.value}: {change.subject} can then {danger.power}{where} ({shown_rules(rules)})."


def _changed(change: PermissionChange, snapshot: Snapshot) -> Iterator[str]:
    where = _where(change.namespace)
    for said, rules in (("gains", change.gained), ("loses", change.lost)):
        if rules:
            yield f"{change.subject} {said}{where}: {shown_rules(rules)}."
    means = meaning(change.subject)
    if means and change.gained:
        yield f"{change.subject} is {means}."
    account = Identity(change.subject.username).service_account
    if account and change.gained:
        running = sorted({item.ref for item in workloads(snapshot) if account_of(item) == account})
        if running:
            more = f" and {len(running) - 3} more" if len(running) > 3 else ""
            yield f"As {change.subject} runs {plural(len(running), 'workload')}: {', '.join(running[:3])}{more}."


def _grants(change: PermissionChange) -> list[Grant]:
    return [grant for grant in change.by if grant.namespace == change.namespace]


def _path(path: AttackPath) -> str:
    return f"a new way to cluster-admin in {plural(path.length, 'step')}: {path}."


def _where(namespace: str) -> str:
    return f" in namespace {namespace}" if namespace else " in the whole cluster"
