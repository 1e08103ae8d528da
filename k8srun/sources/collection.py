"""All objects of one kind from an apiserver: absent, forbidden, limited to namespaces, or whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from k8srun.kinds import NAMESPACE, RESOURCES, Kind, Resource
from k8srun.snapshot import Area, Gap, GapReason, JsonObject
from k8srun.sources.discovery import Discovery
from k8srun.sources.failure import ReadError
from k8srun.sources.pages import Listing
from k8srun.sources.reduce import reduce_object
from k8srun.sources.shapes import wrong_shape
from k8srun.sources.transport import ReadOnlyClient


@dataclass(frozen=True, slots=True)
class Collected:
    """What could be read of one kind. `looked` is whether anything of it was: without it the kind was not observed."""

    kind: Kind
    objects: tuple[JsonObject, ...] = ()
    gaps: tuple[Gap, ...] = ()
    looked: bool = True


def collect_kind(client: ReadOnlyClient, discovery: Discovery, kind: Kind, namespaces: Sequence[str]) -> Collected:
    """Read the objects of a kind.

    A kind that the server does not serve was looked at and has none: that is no gap.

    Args:
        namespaces: read only these; empty = all.
    """
    if kind == NAMESPACE and namespaces:
        return _named(client, namespaces)
    try:
        resource = RESOURCES.get(kind) or discovery.resource(kind)
    except ReadError as failure:
        return Collected(kind, gaps=(gap_of(kind, failure),), looked=False)
    if resource is None:
        return Collected(kind)
    limits = tuple(namespaces) if resource.namespaced else ()
    listings = _listings(client, resource, limits)
    if any(_is_unserved(listing) for listing in listings):
        try:
            served = discovery.resource(kind)
        except ReadError:
            served = resource  # the server does not say: what it answered to the list stands
            if all(listing.failure and listing.failure.status == 404 for listing in listings):
                return Collected(kind)
        if served is None:
            return Collected(kind)
        if served.versions[0] != resource.versions[0]:
            listings = _listings(client, served, limits)
    return _summed(resource, listings, limits)


def gap_of(kind: Kind, failure: ReadError, advice: str = "") -> Gap:
    detail = f"{failure.detail}; {advice}" if advice else failure.detail
    return Gap(Area.OBJECTS, str(kind), failure.reason, detail, failure.where)


def _listings(client: ReadOnlyClient, resource: Resource, namespaces: Sequence[str]) -> list[Listing]:
    listings = [Listing(resource, resource.versions[0], namespace) for namespace in namespaces or ("",)]
    for listing in listings:
        listing.read(client)
    return listings


def _is_unserved(listing: Listing) -> bool:
    """Whether the answer may mean that there is no such API: who may not list gets a 403 for that, too."""
    return listing.failure is not None and listing.failure.status in {403, 404}


def _summed(resource: Resource, listings: Sequence[Listing], namespaces: Sequence[str]) -> Collected:
    gaps = list(_gaps(resource, listings, namespaces))
    return Collected(
        resource.kind,
        tuple(item for listing in listings for item in listing.objects),
        tuple(gaps),
        looked=any(listing.objects or listing.failure is None for listing in listings),
    )


def _gaps(resource: Resource, listings: Sequence[Listing], namespaces: Sequence[str]) -> Iterator[Gap]:
    if namespaces:
        yield _limited(resource.kind, namespaces)
    for listing in listings:
        yield from listing.gaps
        failure = listing.failure
        if failure is not None:
            forbidden = failure.reason is GapReason.FORBIDDEN and resource.namespaced and not namespaces
            yield gap_of(
                resource.kind, failure, "where single namespaces are allowed, give --namespace" if forbidden else ""
            )


def _limited(kind: Kind, namespaces: Sequence[str]) -> Gap:
    detail = f"limited to namespaces {', '.join(namespaces)}"
    return Gap(Area.OBJECTS, str(kind), GapReason.NOT_SUPPLIED, detail, read_in=tuple(namespaces))


def _named(client: ReadOnlyClient, namespaces: Sequence[str]) -> Collected:
    """The Namespace objects of these names, one by one: who may read a namespace may rarely list them all."""
    path = RESOURCES[NAMESPACE].path("v1")
    objects: list[JsonObject] = []
    gaps = [_limited(NAMESPACE, namespaces)]
    for name in namespaces:
        try:
            found = client.get(f"{path}/{name}")
            if wrong := wrong_shape(found, NAMESPACE):
                raise ReadError(GapReason.MALFORMED, wrong, where=f"{path}/{name}")
            objects.append(reduce_object(found))
        except ReadError as failure:
            gaps.append(gap_of(NAMESPACE, failure))
    return Collected(NAMESPACE, tuple(objects), tuple(gaps), looked=bool(objects))
