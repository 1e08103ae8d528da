"""Which kinds an apiserver serves, under which names and versions: aggregated discovery, asked for when it matters.

Source: Kubernetes' "API discovery", apidiscovery.k8s.io/v2, served since 1.26 (then as v2beta1).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

from k8srun.kinds import RESOURCES, Kind, Resource
from k8srun.snapshot import GapReason
from k8srun.sources.failure import ReadError
from k8srun.sources.transport import ReadOnlyClient

_LIST = "APIGroupDiscoveryList"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_ACCEPT = ",".join(f"application/json;g=apidiscovery.k8s.io;v={version};as={_LIST}" for version in ("v2", "v2beta1"))


class Discovery:
    """What one apiserver serves. It is asked once, by whoever needs it first; safe to use from several threads."""

    def __init__(self, client: ReadOnlyClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: dict[Kind, Resource] | None = None
        self._failure: ReadError | None = None
        self._stale: set[str] = set()

    def resource(self, kind: Kind) -> Resource | None:
        """How a kind is served, the version that the tool knows best first; None if it is not.

        Raises:
            ReadError: the server cannot say, or the extension server behind the kind's group does not answer.
        """
        with self._lock:
            if self._found is None and self._failure is None:
                try:
                    self._found = dict(self._ask())
                except ReadError as failure:
                    self._failure = failure
        if self._failure is not None:
            raise self._failure
        found = (self._found or {}).get(kind)
        if found is None and kind.group in self._stale:
            raise ReadError(GapReason.UNREACHABLE, f"the server behind the API group {kind.group} does not answer")
        return found

    def _ask(self) -> Iterator[tuple[Kind, Resource]]:
        for path in ("/api", "/apis"):
            answer = self._client.get(path, accept=f"{_ACCEPT},application/json")
            if answer.get("kind") != _LIST:
                raise ReadError(
                    GapReason.REFUSED, "the server is older than Kubernetes 1.26: it has no aggregated discovery"
                )
            try:
                for group in answer["items"]:
                    yield from self._group(group)
            except (AttributeError, KeyError, TypeError, ValueError):
                raise ReadError(GapReason.MALFORMED, "the answer is no discovery document", where=path) from None

    def _group(self, group: dict[str, Any]) -> Iterator[tuple[Kind, Resource]]:
        name = group["metadata"].get("name") or ""
        served: dict[Kind, list[tuple[str, dict[str, Any]]]] = {}
        for version in group.get("versions") or ():
            if version.get("freshness") == "Stale":
                self._stale.add(name)
            for resource in version.get("resources") or ():
                if "list" in resource["verbs"]:
                    kind = Kind(name, resource["responseKind"]["kind"])
                    served.setdefault(kind, []).append((version["version"], resource))
        for kind, versions in served.items():
            known = RESOURCES[kind].versions if kind in RESOURCES else ()
            # The server lists its preferred version first, and sorting keeps the order of equals.
            for version, resource in versions:
                if not all(map(_NAME.fullmatch, (name or "core", version, resource["resource"]))):
                    raise ValueError  # they become the path of a request
            versions.sort(key=lambda pair: known.index(pair[0]) if pair[0] in known else len(known))
            resource = versions[0][1]
            yield (
                kind,
                Resource(
                    kind,
                    resource["resource"],
                    namespaced=resource["scope"] == "Namespaced",
                    versions=tuple(version for version, _ in versions),
                ),
            )
