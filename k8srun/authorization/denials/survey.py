"""Without any message: refusals that events report, bindings that lead nowhere, and a credential that has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from k8srun.authorization.denials.case import World
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.diagnosis import DOMAIN, diagnose_denial
from k8srun.authorization.denials.elsewhere import FORBIDDEN
from k8srun.authorization.denials.reading import read
from k8srun.diagnosis import Diagnosis
from k8srun.kinds import EVENT
from k8srun.snapshot import GapReason
from k8srun.text import plural

_REFUSED = "error: You must be logged in to the server (Unauthorized)"
_MOST_EVENTS = 2000


def survey(world: World) -> Diagnosis:
    """The first refusal whose cause is proven; or that there is none."""
    found = [diagnose_denial(denial, world) for denial in _denials(world)]
    return next((one for one in found if one.confirmed), _nothing(world))


def _denials(world: World) -> Iterator[Denial]:
    """What was refused, as far as the snapshot shows: to who took it, and to what runs in the cluster."""
    for gap in world.snapshot.gaps:
        if gap.reason is GapReason.UNAUTHORIZED:
            yield Denial(DenialKind.UNAUTHENTICATED, f"{_REFUSED} {gap.where}".strip(), reason=gap.detail)
            break
    else:
        if world.client and "token" in world.client[1].credential:
            yield Denial(DenialKind.UNAUTHENTICATED, _REFUSED)
    seen: set[object] = set()
    for event in world.snapshot.of(EVENT)[-_MOST_EVENTS:]:
        message = event.get("message")
        denial = read(message) if isinstance(message, str) and "forbidden" in message else None
        if denial and denial.kind is DenialKind.ACCESS and (key := (denial.identity, denial.request)) not in seen:
            seen.add(key)
            yield replace(denial, client="event", at=str(event.get("lastTimestamp") or ""))


def _nothing(world: World) -> Diagnosis:
    """That nobody was refused anything, and which bindings lead nowhere."""
    dangling = world.authorization.rbac.dangling if world.sees_rbac else ()
    beside = f"; {plural(len(dangling), 'binding')} name a role that does not exist" if dangling else ""
    seen = "No refusal in what was read" if world.sees_rbac else "RBAC was not read"
    return Diagnosis(
        symptom="",
        recognised=world.sees_rbac,
        domain=DOMAIN,
        runbook=FORBIDDEN,
        meaning=f"{seen}{beside}.",
        next=("k8srun diagnose 'the message of the 403 or 401'",),
    )
