"""What a plan does to who reaches whom: the map before and after, told in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from k8srun.jsonpatch import PatchError, patched
from k8srun.kinds import NETWORK_POLICY, SERVICE, Kind
from k8srun.network.cluster import read_network
from k8srun.network.cni import Enforcement, detect
from k8srun.network.difference import Change, Difference, difference, with_objects
from k8srun.network.ports import described
from k8srun.plan import Action, Plan, Step
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.text import plural, visible

_MOST_SHOWN = 12
_COMPUTED = ("Opens ", "Closes ", "Of ", "Sends the clients ", "Has no effect ")
"""How the sentences begin that `impact` makes."""
_OURS = frozenset({NETWORK_POLICY, SERVICE})


def concerns(plan: Plan) -> bool:
    """Whether a plan changes what decides about traffic."""
    return any(step.target is not None and step.target.of_kind in _OURS for step in plan.steps)


def after(snapshot: Snapshot, steps: Iterable[Step]) -> Snapshot:
    """The snapshot as it would be once the steps were done. Steps that no longer fit are left out."""
    for step in steps:
        target = step.target
        if target is None:
            continue
        put: list[JsonObject] = []
        remove: list[tuple[Kind, str, str]] = []
        found = snapshot.find(target.of_kind, target.name, target.namespace)
        if step.action is Action.CREATE and step.body is not None:
            put.append(step.body)
        elif step.action is Action.DELETE:
            remove.append(target.key)
        elif step.action is Action.PATCH and found is not None:
            try:
                put.append(patched(found, step.patch))
            except PatchError:
                continue
        snapshot = with_objects(snapshot, put, remove)
    return snapshot


def change_by(snapshot: Snapshot, steps: Iterable[Step]) -> Difference:
    """What opens and what closes, by workload."""
    return difference(read_network(snapshot), read_network(after(snapshot, steps)))


def impact(snapshot: Snapshot, steps: Sequence[Step]) -> tuple[str, ...]:
    """What the steps open and close, a sentence each; that they do neither, if so."""
    found = change_by(snapshot, steps)
    lines = [*_listed("Opens", found.opens), *_listed("Closes", found.closes), *_uncertain(found)]
    lines += _services(snapshot, steps)
    if not lines:
        lines = ["Opens and closes nothing by the policies that were read."]
    cni = detect(snapshot)
    if cni.enforcement is Enforcement.INERT:
        lines.append(f"Has no effect as long as {cni.name} does not enforce policies.")
    return tuple(visible(line, limit=400) for line in lines)


def impact_again(snapshot: Snapshot, plan: Plan) -> tuple[str, ...]:
    """The impact of a plan on the cluster as it is now, with what else the plan says."""
    kept = (line for line in plan.impact if not line.startswith(_COMPUTED))
    return tuple(dict.fromkeys((*impact(snapshot, plan.steps), *kept)))


def _listed(verb: str, changes: Sequence[Change]) -> Iterator[str]:
    together: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        ports = change.opened if verb == "Opens" else change.closed
        outside = "outside" if not change.destination.endswith("]") else ""
        key = (
            (change.source, described(ports), outside)
            if outside
            else (change.source, described(ports), change.destination)
        )
        together.setdefault(key, []).append(change.destination)
    for (source, on, _), destinations in list(together.items())[:_MOST_SHOWN]:
        shown = ", ".join(destinations[:3]) + (
            f" and {len(destinations) - 3} more ranges" if len(destinations) > 3 else ""
        )
        yield f"{verb} {source} to {shown} on {on}."
    if len(together) > _MOST_SHOWN:
        yield f"{verb} {plural(len(together) - _MOST_SHOWN, 'more pair')}."


def _uncertain(found: Difference) -> Iterator[str]:
    unclear = [change for change in found.changes if change.uncertain and not change.opened and not change.closed]
    if unclear:
        first = f"{unclear[0].source} to {unclear[0].destination}"
        yield f"Of {plural(len(unclear), 'pair')} it cannot be told what changes, such as {first}."


def _services(snapshot: Snapshot, steps: Iterable[Step]) -> Iterator[str]:
    for step in steps:
        if step.target is not None and step.target.of_kind == SERVICE:
            fields = ", ".join(str(one["path"]) for one in step.patch if one["op"] != "test")
            name = f"{step.target.namespace}/{step.target.name}"
            yield f"Sends the clients of Service {name} elsewhere: {fields} changes."
