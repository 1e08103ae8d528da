"""What a change of roles or bindings gave and took away: the RBAC of two snapshots compared by what it allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from k8srun.authorization.chain import Authorization
from k8srun.authorization.matching import uncovered
from k8srun.authorization.model import Grant, Rule, Subject
from k8srun.authorization.rbac import Rbac


@dataclass(frozen=True, slots=True)
class PermissionChange:
    """What one subject got or lost by bindings that name it.

    Attributes:
        namespace: where it holds; empty = everywhere.
        gained, lost: in rules of one verb and one resource each.
        by: the grants that give what was gained, or gave what was lost.
    """

    subject: Subject
    namespace: str
    gained: tuple[Rule, ...] = ()
    lost: tuple[Rule, ...] = ()
    by: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """`unknown` says why something may be missing in it: what one of the two could not read."""

    changes: tuple[PermissionChange, ...]
    unknown: tuple[str, ...] = ()


Scope = tuple[Subject, str]


def permission_changes(old: Authorization, new: Authorization) -> Changes:
    """Who may do more and who may do less in `new`. A change of names that allows the same is none."""
    before, after = _scopes(old.rbac), _scopes(new.rbac)
    scopes = sorted({*before, *after}, key=lambda scope: (str(scope[0]), scope[1]))
    found = tuple(change for scope in scopes for change in _compared(scope, before, after))
    unknown = dict.fromkeys((*old.gaps, *new.gaps, *map(str, old.rbac.faults), *map(str, new.rbac.faults)))
    return Changes(found, tuple(unknown))


def _scopes(rbac: Rbac) -> dict[Scope, list[Grant]]:
    found: dict[Scope, list[Grant]] = {}
    for binding in rbac.bindings:
        for subject in dict.fromkeys(binding.subjects):
            found.setdefault((subject, binding.namespace), []).extend(rbac.grants_by(binding, subject))
    return found


def _compared(
    scope: Scope, before: dict[Scope, list[Grant]], after: dict[Scope, list[Grant]]
) -> Iterator[PermissionChange]:
    subject, namespace = scope
    old, new = _rules(scope, before), _rules(scope, after)
    if old == new:
        return
    gained, lost = uncovered(old, new), uncovered(new, old)
    if gained or lost:
        by = (*_givers(after.get(scope, ()), gained), *_givers(before.get(scope, ()), lost))
        yield PermissionChange(subject, namespace, gained, lost, by)


def _rules(scope: Scope, grants: dict[Scope, list[Grant]]) -> tuple[Rule, ...]:
    """What holds in the scope, what the subject holds everywhere among it."""
    subject, namespace = scope
    everywhere = grants.get((subject, ""), ()) if namespace else ()
    return tuple(dict.fromkeys(grant.rule for part in (everywhere, grants.get(scope, ())) for grant in part))


def _givers(grants: Sequence[Grant], parts: Sequence[Rule]) -> Iterator[Grant]:
    for grant in grants:
        if parts and len(uncovered((grant.rule,), parts)) < len(parts):
            yield grant
