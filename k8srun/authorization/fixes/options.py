"""The ways to grant what was refused, ranked by what each gives beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from k8srun import steps
from k8srun.authorization.attributes import ANONYMOUS, MASTERS, UNAUTHENTICATED, Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.dangers import PRIVILEGED_NAMESPACES, is_everything
from k8srun.authorization.fixes.after import after
from k8srun.authorization.fixes.applying import obstacles
from k8srun.authorization.fixes.commands import role_name
from k8srun.authorization.fixes.earlier import Earlier
from k8srun.authorization.fixes.impact import new_paths, powers, shown_rules, summary, worst
from k8srun.authorization.fixes.needed import rules_for
from k8srun.authorization.fixes.writing import binding_body, free_name, rule_of, rules_as_written
from k8srun.authorization.matching import allows, uncovered
from k8srun.authorization.model import Role, Rule
from k8srun.authorization.paths import AttackPath, AttackPaths, attack_paths
from k8srun.kinds import ROLE
from k8srun.plan import Step
from k8srun.snapshot import Snapshot
from k8srun.text import plural, visible

_MOST_BINDS = 3
_FOR_PEOPLE = frozenset({"view", "edit", "admin"})


class Way(StrEnum):
    """How it is granted."""

    RESTORE = "restore what was there"
    BIND = "bind a role that exists"
    NEW = "a new role with exactly this"
    EXTEND = "extend a role that they have"


@dataclass(frozen=True, slots=True)
class Option:
    """One way.

    Attributes:
        title: what it does, a sentence without its stop.
        steps: of the plan.
        excess: what is granted beside what is needed, to whomever; rules of one verb and one resource each.
        dangers: what of that is dangerous, and what of the needed itself is, a clause each.
        paths: new ways to cluster-admin.
        expires: whether the grant can be given an end.
    """

    way: Way
    title: str
    steps: tuple[Step, ...]
    excess: tuple[Rule, ...] = ()
    dangers: tuple[str, ...] = ()
    paths: tuple[AttackPath, ...] = ()
    expires: bool = False

    @property
    def rank(self) -> tuple[object, ...]:
        """The least comes first: what was there, then what gives nothing more, then by how much it gives."""
        severity = worst(self.excess)
        return (
            bool(self.paths),
            self.way is not Way.RESTORE,
            severity.rank if severity else -1,
            len(self.excess),
            list(Way).index(self.way),
        )

    @property
    def gives_besides(self) -> str:
        """The excess in words; `nothing` if there is none."""
        return summary(self.excess) or "nothing"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What can be done about a refusal.

    Attributes:
        needed: every request that the client will make.
        doubts: why it may be right that it is refused, and what keeps who asks from granting it the first way; a
            sentence each.
        earlier: whether it worked before, and what took it away.
        options: the best first.
    """

    identity: Identity
    needed: tuple[Attributes, ...]
    doubts: tuple[str, ...]
    earlier: Earlier
    options: tuple[Option, ...]


def propose(
    identity: Identity,
    needed: Sequence[Attributes],
    snapshot: Snapshot,
    *,
    before: Earlier | None = None,
    expires: str = "",
) -> Proposal:
    """The ways to allow what is needed.

    Args:
        identity: with the groups that are known and those that the server adds.
        before: what older evidence tells; restoring ranks first.
        expires: RFC 3339: when a new binding is to be reported as past.
    """
    authorization = Authorization.of(snapshot)
    lacking = [one for one in needed if not authorization.review(identity, one).allowed]
    told = before or Earlier()
    making = _Making(identity, tuple(lacking), authorization, attack_paths(authorization.rbac, snapshot), expires)
    found = list(making.restoring(told)) + ([*making.binding(), *making.new(), *making.extending()] if lacking else [])
    ranked = tuple(sorted(found, key=lambda option: option.rank))
    doubts = [*_doubts(identity, needed), *(obstacles(ranked[0].steps, snapshot) if ranked else ())]
    return Proposal(identity, tuple(needed), tuple(doubts), told, ranked)


@dataclass(frozen=True, slots=True)
class _Making:
    identity: Identity
    lacking: tuple[Attributes, ...]
    authorization: Authorization
    paths: AttackPaths
    expires: str

    @property
    def snapshot(self) -> Snapshot:
        return self.authorization.snapshot

    @property
    def namespace(self) -> str:
        """Where it is needed; empty where any of it has no namespace."""
        found = {"" if one.path is not None else one.namespace for one in self.lacking}
        return found.pop() if len(found) == 1 else ""

    @property
    def wanted(self) -> tuple[Rule, ...]:
        return tuple(rule_of(one) for one in self.lacking)

    def restoring(self, told: Earlier) -> Iterator[Option]:
        if told.steps:
            title = "Put back what was there: " + "; ".join(evidence.fact for evidence in told.changed)
            yield self._option(Way.RESTORE, title, told.steps)

    def binding(self) -> Iterator[Option]:
        """Roles that allow all of it, bound where it is needed: those that give the least besides."""
        if len({one.namespace for one in self.lacking}) > 1:
            return
        candidates = [role for role in self.authorization.rbac.roles.values() if self._fits(role)]
        ranked = sorted(candidates, key=lambda role: (len(self._besides(role.rules)), role.name))
        for role in ranked[:_MOST_BINDS]:
            where = f" in namespace {self.namespace}" if self.namespace else " in the whole cluster"
            yield self._option(
                Way.BIND, f"Bind {role}{where}", (self._bind(role.kind, role.name, self.namespace),), expires=True
            )

    def new(self) -> Iterator[Option]:
        """Roles of their own with exactly what is lacking."""
        name = free_name(self.snapshot, self.namespace, self._name())
        made: list[Step] = []
        for role in rules_for(self.lacking, name):
            metadata = role["metadata"]
            namespace = metadata.get("namespace", "")
            made.append(steps.create(role, f"{self._who} needs {shown_rules(self.wanted)}"))
            made.append(self._bind(role["kind"], name, namespace, name))
        yield self._option(Way.NEW, f"Create a role {name} with exactly this, and bind it", tuple(made), expires=True)

    def extending(self) -> Iterator[Option]:
        """A Role that they hold in the same namespace, with the rules added; everybody else who holds it gains too."""
        rbac = self.authorization.rbac
        if not self.namespace:
            return
        held = {grant.role for grant in rbac.grants_of(self.identity, self.namespace) if grant.role.namespace}
        for role in sorted(held, key=lambda role: role.name)[:1]:
            item = self.snapshot.find(ROLE, role.name, role.namespace)
            if item is None or role.system or not item["metadata"].get("uid"):
                continue
            operations = [{"op": "add", "path": "/rules/-", "value": rule} for rule in rules_as_written(self.lacking)]
            step = steps.patch(item, operations, f"{self._who} needs {shown_rules(self.wanted)}")
            others = sum(len(b.subjects) for b in rbac.bindings if b.role_key == (role.namespace, role.name)) - 1
            title = f"Add the rules to {role}, which {plural(others, 'other subject')} hold as well"
            # Every other holder gains what is needed here: that is the excess.
            yield self._option(Way.EXTEND, title, (step,), besides=self.wanted * max(others, 0))

    def _fits(self, role: Role) -> bool:
        if role.namespace not in ("", self.namespace) or role.name.startswith("system:"):
            return False
        # Of ClusterRoles those that are made for people, and those that are in use there: not a neighbour's.
        used = self.authorization.rbac.bindings_of_role.get(("", role.name), {})
        if not role.namespace and role.name not in _FOR_PEOPLE and self.namespace not in used:
            return False
        # What nobody should be given to end one refusal is not proposed at all.
        if any(is_everything(rule) for rule in role.rules):
            return False
        urls = any(one.path is not None for one in self.lacking)
        return not (urls and self.namespace) and all(
            any(allows(rule, one) for rule in role.rules) for one in self.lacking
        )

    def _besides(self, rules: Sequence[Rule]) -> tuple[Rule, ...]:
        owned = (*self.authorization.rbac.rules_of(self.identity, self.namespace), *self.wanted)
        given = [rule for rule in rules if not (rule.urls and self.namespace)]
        return uncovered(owned, given)

    def _option(
        self,
        way: Way,
        title: str,
        made: tuple[Step, ...],
        *,
        besides: tuple[Rule, ...] | None = None,
        expires: bool = False,
    ) -> Option:
        then = Authorization.of(after(self.snapshot, made))
        if besides is None:
            owned = (*self.authorization.rbac.rules_of(self.identity, self.namespace), *self.wanted)
            besides = uncovered(owned, then.rbac.rules_of(self.identity, self.namespace))
        return Option(
            way,
            visible(title, limit=500),
            made,
            besides,
            powers((*self.wanted, *besides)),
            new_paths(self.paths, then),
            expires,
        )

    def _bind(self, kind: object, role: str, namespace: str, name: str = "") -> Step:
        called = name or free_name(self.snapshot, namespace, f"{self._name()}-{role}"[:63])
        body = binding_body(called, namespace, (str(kind), role), self.identity, self.expires)
        return steps.create(body, f"{self._who} needs {shown_rules(self.wanted)}")

    @property
    def _who(self) -> str:
        account = self.identity.service_account
        return visible(f"ServiceAccount {'/'.join(account)}" if account else self.identity.user, limit=200)

    def _name(self) -> str:
        return role_name(self.identity, self.lacking[0])


def _doubts(identity: Identity, needed: Sequence[Attributes]) -> Iterator[str]:
    """Why it may be right that it is refused: asked before anything is granted."""
    account = identity.service_account
    if identity.user == ANONYMOUS or UNAUTHENTICATED in identity.groups:
        yield "Whatever is granted to somebody without credentials is granted to everybody who reaches the server."
    if account and account[1] == "default":
        where = visible(account[0], limit=100)
        yield f"Every pod of {where} that names no ServiceAccount would hold it: give the workload its own."
    if identity.is_node or identity.user.startswith("system:node:"):
        yield "A kubelet gets its rights from the pods of its node. A grant would be for every process of the node."
    if MASTERS in identity.groups:
        yield "The group system:masters may do everything already: something else than RBAC refused it."
    for clause in powers(rule_of(one) for one in needed):
        yield f"What is asked for is dangerous by itself ({clause})."
    if any(one.namespace in PRIVILEGED_NAMESPACES for one in needed):
        yield "It is in a namespace in which the cluster's own programs run: who can act there has the cluster."
    if any(not one.namespace and one.path is None for one in needed):
        yield "It is asked for in the whole cluster: ask whether one namespace would do."
