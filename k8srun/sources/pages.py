"""A list of objects, page by page: decoded without what nobody reads, reduced, and gone on with where one page ends.

Every object is decoded by itself, so that one that is malformed does not take its page along, and the next page can be
asked for before the objects of this one are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import msgspec

from k8srun.kinds import Resource
from k8srun.snapshot import Area, Gap, GapReason, JsonObject
from k8srun.sources.failure import ReadError
from k8srun.sources.reduce import reduce_object
from k8srun.sources.shapes import wrong_shape
from k8srun.sources.transport import ReadOnlyClient, parse_answer

PAGE = 500
_SMALLEST_PAGE = 20
_MOST_EMPTY = 3


class _ManagedFields(TypedDict, total=False):
    """Who changed an object, without which fields (`fieldsV1`): they are a third of a list and nobody reads them."""

    manager: Any
    operation: Any
    apiVersion: Any
    subresource: Any
    time: Any


class _ObjectMeta(TypedDict, total=False):
    """All of `meta/v1.ObjectMeta`: what is not named here is not read."""

    name: str
    generateName: Any
    namespace: Any
    selfLink: Any
    uid: Any
    resourceVersion: Any
    generation: Any
    creationTimestamp: Any
    deletionTimestamp: Any
    deletionGracePeriodSeconds: Any
    labels: Any
    annotations: Any
    ownerReferences: Any
    finalizers: Any
    managedFields: list[_ManagedFields] | None


class _ListMeta(msgspec.Struct):
    next: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    metadata: _ListMeta
    items: list[dict[str, msgspec.Raw]] | None = None


_metadata = msgspec.json.Decoder(_ObjectMeta)
_value = msgspec.json.Decoder()


class Listing:
    """The objects of one kind, of all namespaces or of one, and what of them could not be read.

    Attributes:
        objects: reduced, in the order of the server.
        gaps: why some or all are missing.
        failure: why the list could not be read to its end; None if it could.
    """

    def __init__(self, resource: Resource, version: str, namespace: str = "") -> None:
        self.objects: list[JsonObject] = []
        self.gaps: list[Gap] = []
        self.failure: ReadError | None = None
        self._kind = resource.kind
        self._path = resource.path(version, namespace)
        self._identity = {
            "apiVersion": f"{resource.kind.group}/{version}" if resource.kind.group else version,
            "kind": resource.kind.kind,
        }

    def read(self, client: ReadOnlyClient) -> None:
        """Read every page; what was read before a failure stays."""
        try:
            for items in self._pages(client):
                self._take(items)
        except ReadError as failure:
            self.failure = failure

    def _pages(self, client: ReadOnlyClient) -> Iterator[list[dict[str, msgspec.Raw]]]:
        """The pages, the next one asked for while the caller works on this one."""
        query = {"limit": str(PAGE)}
        restarted = False
        empty = 0
        ask = client.begin_get(self._path, query)
        while True:
            try:
                page = parse_answer(ask(), _Page, where=self._path)
            except ReadError as failure:
                query, restarted = self._after(failure, query, restarted)
                ask = client.begin_get(self._path, query)
                continue
            following = page.metadata.next
            empty = 0 if page.items else empty + 1
            if following and (following == query.get("continue") or empty > _MOST_EMPTY):
                raise ReadError(
                    GapReason.MALFORMED, "the list does not go on, though it says that it does", where=self._path
                )
            if following:
                query = {**query, "continue": following}
                ask = client.begin_get(self._path, query)
            yield page.items or []
            if not following:
                return

    def _after(self, failure: ReadError, query: dict[str, str], restarted: bool) -> tuple[dict[str, str], bool]:
        """How to go on: the query to try next and whether the list was begun anew. Raises the failure if it cannot.

        A page may be too large: then smaller ones are asked for. The place in the list may have been forgotten (410):
        the server then offers one to go on from, whose objects are younger than those read before; without it the list
        is read again, once.
        """
        limit = int(query["limit"])
        if failure.reason is GapReason.TOO_LARGE and limit > _SMALLEST_PAGE:
            return {**query, "limit": str(limit // 5)}, restarted
        if failure.status != 410 or "continue" not in query:
            raise failure
        offered = (failure.answer.get("metadata") or {}).get("continue")
        if isinstance(offered, str) and offered and offered != query["continue"]:
            return {**query, "continue": offered}, restarted
        if restarted:
            raise failure
        self.objects.clear()
        self.gaps.clear()
        return {"limit": query["limit"]}, True

    def _take(self, items: list[dict[str, msgspec.Raw]]) -> None:
        for number, item in enumerate(items):
            try:
                found: dict[str, Any] = {
                    name: (_metadata if name == "metadata" else _value).decode(raw) for name, raw in item.items()
                }
                wrong = wrong_shape(found, self._kind)
            except (msgspec.MsgspecError, RecursionError) as error:
                wrong = str(error)  # the parser names the place, not the value
            if wrong:
                where = f"{self._path}, item {number} of a page"
                self.gaps.append(Gap(Area.OBJECTS, str(self._kind), GapReason.MALFORMED, wrong, where))
            else:
                # The items of a list do not say what they are: the list does.
                self.objects.append(reduce_object({**self._identity, **found, **self._identity}))
