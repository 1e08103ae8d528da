"""Attack paths: who can become cluster-admin, in how many steps, each step with the grant that allows it.

They are found backwards from the goal, so that everybody's shortest comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from k8srun.authorization.attributes import MASTERS, Attributes
from k8srun.authorization.dangers import dangers_of, is_everything, is_system
from k8srun.authorization.matching import allows
from k8srun.authorization.model import Grant, Role, Rule, Subject
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.takeovers import Accounts, Key, impersonated, targets, ways_to, writes_rbac
from k8srun.snapshot import Snapshot

GOAL = "cluster-admin"
_DIRECT = {
    "nodes-proxy": "runs commands in every pod through the kubelets",
    "pv-create": "mounts a node's files through a PersistentVolume",
}
_MASTERS_KEYS = frozenset({("groups",), ("group", MASTERS)})
_MUTATING = tuple(
    Attributes(verb, "admissionregistration.k8s.io", resource, name="any" if verb != "create" else "")
    for resource in ("mutatingwebhookconfigurations", "mutatingadmissionpolicies")
    for verb in ("create", "update", "patch")
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: by `grant`, `subject` does `action` and is then as good as `becomes` (`cluster-admin` at the end)."""

    subject: Subject
    action: str
    becomes: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class AttackPath:
    """How one subject becomes cluster-admin. Without steps it is that already.

    Attributes:
        grant: of the last subject on the way, by which the goal is reached.
        system: it begins at one of the server's own subjects.
    """

    subject: Subject
    steps: tuple[Step, ...]
    grant: Grant
    system: bool = False

    @property
    def length(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        if not self.steps:
            return f"{self.subject} is {GOAL} by {self.grant.binding}"
        return "; ".join(f"{step.subject} {step.action}, by {step.grant.binding}" for step in self.steps)


@dataclass(frozen=True, slots=True)
class AttackPaths:
    """The shortest path of everybody who has one, the shortest first; those of the system's own subjects apart."""

    paths: tuple[AttackPath, ...]
    system: tuple[AttackPath, ...] = ()


def attack_paths(rbac: Rbac, snapshot: Snapshot) -> AttackPaths:
    """Who can become cluster-admin. Pods and Secrets that the snapshot does not hold lead nowhere."""
    found = _Search(rbac, snapshot).run()
    paths = sorted(found, key=lambda path: (path.length, str(path.subject)))
    return AttackPaths(tuple(path for path in paths if not path.system), tuple(path for path in paths if path.system))


class _Search:
    """One search: a breadth-first walk over subjects, from the goal to whoever can take them over."""

    def __init__(self, rbac: Rbac, snapshot: Snapshot) -> None:
        self.rbac = rbac
        self.accounts = Accounts.of(snapshot)
        self.takers: dict[Key, list[tuple[Grant, str]]] = {}
        self.best: dict[Subject, AttackPath] = {}

    def run(self) -> Iterator[AttackPath]:
        there: list[AttackPath] = []
        one_step: list[AttackPath] = []
        for grant, powers in self._leading():
            if "everything" in powers and not grant.namespace:
                there.append(AttackPath(grant.subject, (), grant, is_system(grant.binding, grant.subject)))
                continue
            one_step += self._direct(grant, powers)
            for key, action in targets(grant, self.accounts, self.rbac):
                self.takers.setdefault(key, []).append((grant, action))
        namespaces = tuple(key[1] for key in self.takers if key[0] == "accounts")
        frontier = [path for path in there if self._keep(path)]
        while frontier or one_step:
            reached = [path for found in frontier for path in self._before(found, namespaces)]
            frontier = [path for path in (*one_step, *reached) if self._keep(path)]
            one_step = []
        return iter(self.best.values())

    def _keep(self, path: AttackPath) -> bool:
        nobody = path.subject.kind != "Group" and not path.subject.username
        if path.subject in self.best or nobody:
            return False
        self.best[path.subject] = path
        return True

    def _leading(self) -> Iterator[tuple[Grant, tuple[str, ...]]]:
        """Every grant of a rule that leads anywhere; a role is looked at once, however many bindings it has."""
        known: dict[int, tuple[tuple[Rule, tuple[str, ...]], ...]] = {}
        for binding in self.rbac.bindings:
            role = self.rbac.role_of(binding)
            if role is None:
                continue
            powers = known.get(id(role))
            if powers is None:
                powers = known[id(role)] = tuple(_powers(role))
            for rule, ids in powers:
                for subject in binding.subjects:
                    yield Grant(binding, subject, role, rule), ids

    def _direct(self, grant: Grant, powers: tuple[str, ...]) -> Iterator[AttackPath]:
        """The paths of one step: what a cluster-wide grant is enough for by itself."""
        actions = []
        if not grant.namespace:
            if "escalate-bind" in powers and writes_rbac(grant, self.rbac):
                actions.append("gives itself every permission")
            if "impersonate" in powers and not _MASTERS_KEYS.isdisjoint(impersonated(grant, self.rbac)):
                actions.append(f"impersonates the group {MASTERS}")
            if "webhooks" in powers and any(allows(grant.rule, probe) for probe in _MUTATING):
                actions.append("writes an admission webhook or policy that changes what others create")
            actions += [action for danger, action in _DIRECT.items() if danger in powers]
        for action in actions[:1]:
            step = Step(grant.subject, action, GOAL, grant)
            yield AttackPath(grant.subject, (step,), grant, is_system(grant.binding, grant.subject))

    def _before(self, found: AttackPath, namespaces: tuple[str, ...]) -> Iterator[AttackPath]:
        """The paths that begin one step before `found`: by whoever can act as its subject.

        Whoever can take all accounts of a namespace is reached by the first of them; they are not looked at again.
        """
        for key in ways_to(found.subject, self.accounts, namespaces):
            for grant, action in self.takers.pop(key, ()):
                step = Step(grant.subject, f"{action} {found.subject}", str(found.subject), grant)
                system = is_system(grant.binding, grant.subject)
                yield AttackPath(grant.subject, (step, *found.steps), found.grant, system)


def _powers(role: Role) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    for rule in role.rules:
        ids = tuple(danger.id for danger in dangers_of(rule))
        if is_everything(rule):
            ids = ("everything", *ids)
        if ids:
            yield rule, ids
