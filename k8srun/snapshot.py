"""The Snapshot: everything observed, immutable, and what could not be read and why.

Sources make it, analyzers read it. It holds no secret: sources reduce them at the border.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, wraps
from typing import Any, TypeVar

from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import NAMESPACE, Kind
from k8srun.tls import TlsObservation

_Answer = TypeVar("_Answer")

JsonObject = Mapping[str, Any]
"""An API object as the server wrote it, secrets reduced. Read-only by agreement: nothing may change it."""


class Area(StrEnum):
    """The part of the world that a need or a gap is about."""

    OBJECTS = "objects"
    HOST = "host"
    ENDPOINT = "endpoint"
    SERVER = "server"


class GapReason(StrEnum):
    """Why something could not be read."""

    NOT_SUPPLIED = "not supplied"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    TLS = "TLS failure"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Need:
    """Something an analyzer must be able to read: all objects of a kind, host files of a topic, or any TLS endpoint.

    `what` is `str(Kind)` for objects, the topic for host files, empty for endpoints; of the server (which only gaps are
    about) `version`, `cluster uid` or `caller`.
    """

    area: Area
    what: str = ""

    @staticmethod
    def objects(kind: Kind) -> Need:
        return Need(Area.OBJECTS, str(kind))

    @staticmethod
    def host(topic: Topic) -> Need:
        return Need(Area.HOST, topic.value)

    @staticmethod
    def endpoint() -> Need:
        return Need(Area.ENDPOINT)

    def __str__(self) -> str:
        return {
            Area.OBJECTS: f"{self.what} objects",
            Area.HOST: f"host files ({self.what})",
            Area.ENDPOINT: "a TLS endpoint",
            Area.SERVER: f"the server's {self.what}",
        }[self.area]


# What `*` stands for: which kind or topic is affected is not known, so each may be.
_ANY = {Area.OBJECTS: "objects of any kind", Area.HOST: "host files of any topic"}


@dataclass(frozen=True, slots=True)
class Gap:
    """What could not be read. `what` as in `Need`; `*` when it is not known which kind or topic is affected.

    `where` is the URL path, file and line, or address; `detail` is the reason in the words of who refused. `read_in`
    are the namespaces in which everything was read all the same, of a source that was limited to them.
    """

    area: Area
    what: str
    reason: GapReason
    detail: str = ""
    where: str = ""
    read_in: tuple[str, ...] = ()

    def touches(self, need: Need) -> bool:
        """Whether an answer that rests on `need` is incomplete because of this gap."""
        return self.area is need.area and (self.what in {"*", need.what} or not need.what)

    def __str__(self) -> str:
        subject = (_ANY.get(self.area) if self.what == "*" else "") or str(Need(self.area, self.what))
        place = f" at {self.where}" if self.where else ""
        return f"{subject}{place}: {self.reason}{f' ({self.detail})' if self.detail else ''}"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The apiserver that answered. `uid` is the uid of the kube-system namespace, which identifies a cluster."""

    url: str = ""
    version: str = ""
    platform: str = ""
    uid: str = ""
    username: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything observed at one time.

    Attributes:
        taken_at: when collection began, with time zone.
        origin: what it was read from, one line a source (`context prod (https://…)`, `folder ./dump`).
        lab: whether it is of the embedded lab, so that nobody takes it for a real cluster.
        server: the apiserver, if one answered.
        objects: API objects by kind.
        files: host files, reduced.
        endpoints: TLS handshakes that were made.
        observed: what was looked at; what is not in it is NOT_SUPPLIED.
        gaps: what could not be read although it was looked for.
    """

    taken_at: datetime
    origin: tuple[str, ...] = ()
    lab: bool = False
    server: ServerInfo | None = None
    objects: Mapping[Kind, tuple[JsonObject, ...]] = field(default_factory=dict)
    files: tuple[HostFile, ...] = ()
    endpoints: tuple[TlsObservation, ...] = ()
    observed: frozenset[Need] = frozenset()
    gaps: tuple[Gap, ...] = ()

    def of(self, kind: Kind) -> tuple[JsonObject, ...]:
        """The objects of a kind, in the order in which they were read; empty when there are none."""
        return self.objects.get(kind, ())

    def find(self, kind: Kind, name: str, namespace: str = "") -> JsonObject | None:
        """The object of that kind, name and namespace, or None."""
        names = _names(self)
        if kind not in names:
            # Of two of the same name the first counts. Whatever is no string names nothing, here and in references.
            keys = ((object_key(item), item) for item in reversed(self.of(kind)))
            names[kind] = {key: item for key, item in keys if _is_name(*key)}
        return names[kind].get((namespace, name)) if _is_name(namespace, name) else None

    def files_of(self, *topics: Topic) -> Iterator[HostFile]:
        """The host files of these topics, in the order in which they were read."""
        return (file for file in self.files if file.topic in topics)

    def unmet(self, need: Need) -> tuple[Gap, ...]:
        """Why an answer that rests on `need` is incomplete; empty when everything could be read."""
        gaps = tuple(gap for gap in self.gaps if gap.touches(need))
        if gaps or need in self.observed:
            return gaps
        return (Gap(need.area, need.what, GapReason.NOT_SUPPLIED),)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The names of the Namespace objects, sorted."""
        return tuple(sorted(item["metadata"]["name"] for item in self.of(NAMESPACE)))


def merge(parts: Iterable[Snapshot]) -> Snapshot:
    """One snapshot of several sources of the same cluster.

    The earliest time stands. Objects that two sources both hold (same kind, namespace and name) are taken from the
    first. A gap of one source stays although another source could read the same: what the second saw may be less.
    """
    given = tuple(parts)
    if not given:
        raise ValueError("nothing to merge")
    objects: dict[Kind, dict[tuple[str, str], JsonObject]] = {}
    for part in given:
        for kind, items in part.objects.items():
            seen = objects.setdefault(kind, {})
            for item in items:
                seen.setdefault(object_key(item), item)
    return Snapshot(
        taken_at=min(part.taken_at for part in given),
        origin=tuple(line for part in given for line in part.origin),
        lab=any(part.lab for part in given),
        server=next((part.server for part in given if part.server), None),
        objects={kind: tuple(items.values()) for kind, items in objects.items()},
        files=tuple(file for part in given for file in part.files),
        endpoints=tuple(endpoint for part in given for endpoint in part.endpoints),
        observed=frozenset().union(*(part.observed for part in given)),
        gaps=tuple(gap for part in given for gap in part.gaps),
    )


def remembered(read: Callable[[Snapshot], _Answer]) -> Callable[[Snapshot], _Answer]:
    """A function of a snapshot that remembers its last answer: every check of a domain asks for the same one."""
    last = lru_cache(maxsize=1)(lambda same: read(same.snapshot))

    @wraps(read)
    def ask(snapshot: Snapshot) -> _Answer:
        return last(_Same(snapshot))

    return ask


class _Same:
    """A snapshot as a key: itself and no other, however alike."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def __hash__(self) -> int:
        return id(self.snapshot)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.snapshot is self.snapshot


def _is_name(namespace: object, name: object) -> bool:
    return isinstance(namespace, str) and isinstance(name, str) and bool(name)


@remembered
def _names(_snapshot: Snapshot) -> dict[Kind, dict[tuple[str, str], JsonObject]]:
    """The objects by name of the kinds that were looked up so far: checks look up the same kind for every workload."""
    return {}


def object_key(item: JsonObject) -> tuple[str, str]:
    """Namespace (empty for cluster-scoped objects) and name of an object."""
    metadata = item.get("metadata") or {}
    return metadata.get("namespace") or "", metadata.get("name") or ""


def resource_name(kind: Kind, item: JsonObject) -> str:
    """How findings name an object: `Secret shop/web-tls`, `Node node-1`."""
    namespace, name = object_key(item)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
