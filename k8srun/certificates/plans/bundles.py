"""The right CA into the caBundle of webhooks, conversions of custom resources and aggregated APIs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from k8srun import steps
from k8srun.certificates.callers import Caller
from k8srun.certificates.case import Case, View, World, who
from k8srun.certificates.plans.authorities import Authority, authority_of, bundle_data
from k8srun.certificates.plans.injectors import injector_of, mend_injector
from k8srun.certificates.plans.remedy import Remedy, check_passes, field_equals, joined
from k8srun.certificates.shapes import mapping
from k8srun.jsonpatch import Operation, find
from k8srun.kinds import API_SERVICE, CUSTOM_RESOURCE_DEFINITION
from k8srun.snapshot import object_key
from k8srun.text import visible
from k8srun.x509 import Certificate

_BROKEN = frozenset({"pem-missing", "pem-double-encoded", "pem-truncated"})


@dataclass(frozen=True, slots=True)
class Replacement:
    """What is to stand in one caller's caBundle, and why."""

    caller: Caller
    authority: Authority
    certificates: tuple[Certificate, ...]
    why: str

    @property
    def path(self) -> str:
        return bundle_path(self.caller)

    @property
    def value(self) -> str:
        return bundle_data(self.certificates)


def bundle_path(caller: Caller) -> str:
    """The JSON Pointer to its caBundle."""
    if caller.kind is CUSTOM_RESOURCE_DEFINITION:
        return "/spec/conversion/webhook/clientConfig/caBundle"
    if caller.kind is API_SERVICE:
        return "/spec/caBundle"
    return f"/webhooks/{caller.number}/clientConfig/caBundle"


def bundle_remedy(case: Case, cause: str) -> Remedy | None:
    """Every caller of the case's service that does not trust what it serves is given the CA that signed it.

    Returns:
        None where nothing in the cluster is called, or where that CA is not at hand.
    """
    found = [item for view in _callers_like(case, cause) if (item := _replacement(view, case.world, cause))]
    kept = [item for item in found if injector_of(item.caller.item)]
    direct = [item for item in found if item not in kept]
    parts = [mend_injector(item.caller, cause) for item in kept]
    if direct:
        parts.append(replace_bundles(direct, cause))
    return joined(parts) if parts else None


def replace_bundles(replacements: Sequence[Replacement], cause: str) -> Remedy:
    """The patches that write them, one for each object."""
    objects = {(*object_key(item.caller.item), item.caller.kind): item.caller.item for item in replacements}
    made = []
    questions = []
    for key, item in objects.items():
        own = [one for one in replacements if (*object_key(one.caller.item), one.caller.kind) == key]
        operations = [operation for one in own for operation in _operations(one)]
        reason = "; ".join(dict.fromkeys(one.why for one in own))
        made.append(steps.patch(item, operations, reason, answers=cause))
        questions += [field_equals(item, one.path, one.value) for one in own]
    names = ", ".join(dict.fromkeys(_name(one.caller) for one in replacements))
    impact = f"The API server calls {visible(names, limit=300)} again: what they refuse is refused from now on."
    return Remedy(tuple(made), (impact, *_overlap(replacements)), (*questions, check_passes("WEBHOOK-CA")))


def _callers_like(case: Case, cause: str) -> Iterator[View]:
    """The callers that fail for the same reason as the case's: those of its service, or of whatever is unreadable."""
    own = case.server.connection if case.server else None
    for view in case.world.views:
        connection = view.connection
        if connection.caller is None or view.trusted:
            continue
        if cause in _BROKEN:
            if view.trust and view.trust.bundle.broken:
                yield view
        elif own and own.caller and (connection.name, connection.port) == (own.name, own.port):
            yield view


def _replacement(view: View, world: World, cause: str) -> Replacement | None:
    authority, caller = authority_of(view, world), view.connection.caller
    if authority is None or caller is None:
        return None
    kept = _still_needed(view, authority, world) if cause == "ca-rebuilt" else ()
    why = (
        f"{view.connection.name} serves a certificate that {who(authority.certificate)} signed (SHA-256"
        f" {authority.fingerprint}…, from {authority.place}), and the caBundle does not hold it"
    )
    return Replacement(caller, authority, (*kept, authority.certificate), why)


def _still_needed(view: View, authority: Authority, world: World) -> tuple[Certificate, ...]:
    """Pods that still serve what the former CA signed are called until the last of them is replaced."""
    trusted = view.trust.certificates if view.trust else ()
    return tuple(item for item in trusted if item.not_after >= world.now and item != authority.certificate)


def _operations(one: Replacement) -> Iterator[Operation]:
    item = one.caller.item
    if one.caller.name:
        # Another webhook may stand at this place by the time the plan is applied.
        place = f"/webhooks/{one.caller.number}/name"
        yield {"op": "test", "path": place, "value": find(item, place)}
    exists = "caBundle" in mapping(one.caller.config)
    yield {"op": "replace" if exists else "add", "path": one.path, "value": one.value}


def _overlap(replacements: Sequence[Replacement]) -> Iterator[str]:
    for one in replacements:
        if len(one.certificates) > 1:
            yield (
                f"The former CA stays in the caBundle of {visible(_name(one.caller), limit=200)} beside the new one:"
                " take it out once every pod behind it serves the new certificate."
            )


def _name(caller: Caller) -> str:
    return caller.name or object_key(caller.item)[1]
