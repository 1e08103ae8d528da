"""What a change does to the map: what it opens and what it closes, between two snapshots or before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from k8srun.kinds import Kind, kind_of
from k8srun.network.addresses import Block
from k8srun.network.cells import Ports
from k8srun.network.cluster import Network
from k8srun.network.connectivity import By, Mapper, merged_ranges
from k8srun.network.policy import Direction, Policy
from k8srun.network.ports import Connections, minus
from k8srun.network.ports import merged_ranges as merged_ports
from k8srun.network.reach import Reach, reach
from k8srun.snapshot import JsonObject, Need, Snapshot, object_key


@dataclass(frozen=True, slots=True)
class Change:
    """One pair between which something changes.

    Attributes:
        source, destination: as in `Row`.
        opened: ports that are surely allowed now and were not.
        closed: ports that were surely allowed and are not now.
        uncertain: ports of which it can be told only before, or only after.
    """

    source: str
    destination: str
    opened: Connections
    closed: Connections
    uncertain: Connections


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything that changes, sorted by name; `added` and `removed` are pods or workloads that only one side has."""

    changes: tuple[Change, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def opens(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.opened)

    @property
    def closes(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.closed)


def with_objects(
    snapshot: Snapshot, put: Iterable[JsonObject] = (), remove: Iterable[tuple[Kind, str, str]] = ()
) -> Snapshot:
    """The snapshot as it would be with some objects added or replaced, and others (kind, namespace, name) removed."""
    given = {(kind_of(item["apiVersion"], item["kind"]), *object_key(item)): item for item in put}
    gone = {*given, *remove}
    kinds = {kind for kind, _, _ in gone}
    objects = dict(snapshot.objects)
    for kind in kinds:
        kept = [item for item in snapshot.of(kind) if (kind, *object_key(item)) not in gone]
        objects[kind] = (*kept, *(item for key, item in given.items() if key[0] == kind))
    return replace(snapshot, objects=objects, observed=snapshot.observed | {Need.objects(key[0]) for key in given})


def difference(before: Network, after: Network, by: By = By.WORKLOAD) -> Difference:
    """What changes from one network to the other."""
    old, new = (_View(reach(one, beside=two.policies), by) for one, two in ((before, after), (after, before)))
    both = frozenset(old.names & new.names)
    senders, receivers = both, both
    if replace(before, policies=()) == replace(after, policies=()):
        # Policies alone differ: so does nothing that neither end's policies have changed about.
        changed = (_only(before, after), _only(after, before))
        senders, receivers = (
            old.about(changed[0], direction) | new.about(changed[1], direction)
            for direction in (Direction.EGRESS, Direction.INGRESS)
        )
    found: list[Change] = []
    for name in sorted(both):
        asked = both if name in senders else receivers
        whole = name in senders
        found += _compared(name, old.outgoing(name, asked, whole=whole), new.outgoing(name, asked, whole=whole))
    for name in sorted(receivers):
        found += _compared(name, old.incoming(name), new.incoming(name), incoming=True)
    return Difference(tuple(found), tuple(sorted(new.names - old.names)), tuple(sorted(old.names - new.names)))


def _only(one: Network, other: Network) -> list[Policy]:
    """The policies of a network that the other has not, or otherwise."""
    known = _by_name(other)
    return [policy for name, same in _by_name(one).items() if same != known.get(name) for policy in same]


def _by_name(network: Network) -> dict[str, list[Policy]]:
    named: dict[str, list[Policy]] = {}
    for policy in network.policies:
        named.setdefault(policy.resource, []).append(policy)
    return named


_Known = tuple[Connections, Connections]
"""Ports that are surely, and possibly, allowed."""


class _View:
    """One map, with its sets of ports made comparable."""

    def __init__(self, found: Reach, by: By) -> None:
        self._mapper = Mapper(found, by)
        self._units = {unit.name: unit for unit in self._mapper.units}
        self._outside = self._mapper.from_outside()
        self._space = found.space
        self._connections = found.space.ports.connections
        self._sides_of: dict[frozenset[str], int] = {}
        self.names = self._units.keys()

    def about(self, policies: Iterable[Policy], direction: Direction) -> frozenset[str]:
        """Those that some of the policies select in a direction, surely or possibly."""
        sides = 0
        for policy in policies:
            if direction in policy.rules:
                sides |= self._space.subjects(policy).maybe
        return frozenset(unit.name for unit in self._mapper.units if unit.sides & sides)

    def outgoing(self, name: str, names: Set[str], *, whole: bool) -> dict[str | Block, _Known]:
        """What one reaches of some; of the outside too where the whole is asked for."""
        inside, outside = self._mapper.from_unit(self._units[name], None if whole else self._sides(frozenset(names)))
        result: dict[str | Block, _Known] = {
            other: self._known(found.ports) for other, found in inside.items() if other in names
        }
        result.update((block, self._known(ports)) for block, ports in outside.items())
        return result

    def _sides(self, names: frozenset[str]) -> int:
        if names not in self._sides_of:
            self._sides_of[names] = reduce(or_, (self._units[name].sides for name in names), 0)
        return self._sides_of[names]

    def incoming(self, name: str) -> dict[str | Block, _Known]:
        return {block: self._known(ports) for block, ports in self._outside[name].items()}

    def _known(self, ports: Ports) -> _Known:
        return self._connections(ports.sure), self._connections(ports.maybe)


def _compared(
    name: str, old: Mapping[str | Block, _Known], new: Mapping[str | Block, _Known], *, incoming: bool = False
) -> Iterator[Change]:
    nothing: _Known = ({}, {})
    changed: dict[str | Block, tuple[Connections, Connections, Connections]] = {}
    for other in {**old, **new}:
        was, now = old.get(other, nothing), new.get(other, nothing)
        if was != now:
            changed[other] = _parts(was, now)
    names = sorted(other for other in changed if isinstance(other, str))
    blocks = merged_ranges({other: parts for other, parts in changed.items() if isinstance(other, Block)})
    for shown, parts in (*((one, changed[one]) for one in names), *((str(one), parts) for one, parts in blocks)):
        source, destination = (shown, name) if incoming else (name, shown)
        yield Change(source, destination, *parts)


def _parts(was: _Known, now: _Known) -> tuple[Connections, Connections, Connections]:
    doubt_before, doubt_now = minus(was[1], was[0]), minus(now[1], now[0])
    opened = minus(minus(now[0], was[0]), doubt_before)
    closed = minus(minus(was[0], now[0]), doubt_now)
    uncertain = dict(minus(doubt_before, doubt_now))
    for protocol, ranges in minus(doubt_now, doubt_before).items():
        uncertain[protocol] = merged_ports((*uncertain.get(protocol, ()), *ranges))
    return opened, closed, uncertain
