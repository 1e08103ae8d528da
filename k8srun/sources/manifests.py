"""From the documents of a manifest to the objects of a snapshot: what is an API object, what a list, what neither.

What looks like an API object and cannot be read is a gap of its kind. What is plainly something else (Helm values, a
patch, a kubeconfig) is left out and counted, for the snapshot's origin to mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from k8srun.kinds import RESOURCES, Kind, kind_of
from k8srun.snapshot import Area, Gap, GapReason, JsonObject, object_key
from k8srun.sources.reduce import reduce_object
from k8srun.sources.shapes import wrong_shape
from k8srun.sources.yamlreader import MAX_BYTES, Document, read_documents
from k8srun.text import plural, visible

# Where two groups have a kind of one name, the first stands: that of Kubernetes itself.
_BY_NAME = {kind.kind: kind for kind in reversed(RESOURCES)}
# What the server takes: a kind and a version are DNS labels in any case, a group is a DNS name.
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")
_API_VERSION = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]{0,252}/)?[A-Za-z][A-Za-z0-9-]{0,62}")


@dataclass
class Manifests:
    """The objects and gaps of everything read so far.

    Attributes:
        objects: by kind, reduced; an empty typed list leaves an empty entry.
        left_out: how many documents are not in the snapshot, by the reason.
    """

    objects: dict[Kind, list[JsonObject]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    total: int = 0
    _seen: set[tuple[Kind, str, str]] = field(default_factory=set)

    def read(self, data: bytes, where: str) -> None:
        """Take the content of one file. Never raises on bad input."""
        if len(data) > MAX_BYTES:
            detail = f"larger than {MAX_BYTES // 1024 // 1024} MiB: split it, or dump fewer kinds"
            self.gaps.append(Gap(Area.OBJECTS, "*", GapReason.TOO_LARGE, detail, where))
            return
        broken: dict[tuple[str, GapReason], list[Gap]] = {}
        for document in read_documents(data, where):
            for gap in self._document(document, where):
                broken.setdefault((gap.what, gap.reason), []).append(gap)
        self.gaps.extend(_summary(gaps) for gaps in broken.values())

    def _document(self, document: Document, where: str) -> Iterator[Gap]:
        place = f"{where}:{document.line}"
        if not document.error:
            # A bare array is what `jq .items` leaves of a list.
            values = document.value if isinstance(document.value, list) else [document.value]
            waiting = [(value, place) for value in reversed(values)]
            while waiting:  # and not recursion: lists may be nested in lists, which kubectl flattens too
                value, found_at = waiting.pop()
                if _is_list(value):
                    yield from self._list(value, found_at)
                    items = enumerate(value.get("items") or ())
                    waiting += reversed([(item, f"{found_at} items[{index}]") for index, item in items])
                else:
                    yield from self._value(value, found_at)
        elif document.kind:
            detail = document.error.removeprefix(f"{place}: ")
            yield _malformed(_gap_kind(document.api_version, document.kind), detail, place)
        else:
            self._leave_out("unreadable, and nothing in it looks like a Kubernetes object")

    def _value(self, value: Any, place: str) -> Iterator[Gap]:
        if not isinstance(value, dict) or not ({"kind", "apiVersion"} & value.keys()):
            self._leave_out("no Kubernetes object")
            return
        api_version, kind = value.get("apiVersion"), value.get("kind")
        if not isinstance(kind, str) or not kind:
            if "metadata" in value or "spec" in value:
                yield _malformed("*", "has no kind", place)
            else:
                self._leave_out("no Kubernetes object")
        elif not _KIND.fullmatch(kind):
            yield _malformed("*", f"{visible(kind, limit=80)!r} is not the name of a kind", place)
        elif not isinstance(api_version, str) or not api_version:
            yield _malformed(_gap_kind("", kind), "has no apiVersion", place)
        elif not _API_VERSION.fullmatch(api_version):
            yield _malformed(_gap_kind("", kind), f"{visible(api_version, limit=80)!r} is no apiVersion", place)
        elif kind.endswith("List") and "items" in value:
            yield _malformed(_gap_kind(api_version, kind), "items is not a list", place)
        elif kind == "Config" and "clusters" in value:
            self._leave_out("a kubeconfig: give it with --kubeconfig")
        else:
            yield from self._object(value, kind_of(api_version, kind), place)

    def _list(self, value: dict[str, Any], place: str) -> Iterator[Gap]:
        """What a list says besides its items, and to them what they are: in a typed list they do not repeat it."""
        api_version, kind = value["apiVersion"], value["kind"]
        element = kind.removesuffix("List")
        metadata = value.get("metadata")
        if isinstance(metadata, dict) and metadata.get("continue"):
            detail = "one page of a longer list (metadata.continue is set): read the pages that follow too"
            yield Gap(Area.OBJECTS, _gap_kind(api_version, kind), GapReason.INTERRUPTED, detail, place)
        if element:
            self.objects.setdefault(kind_of(api_version, element), [])
            for item in value.get("items") or ():
                if isinstance(item, dict):
                    item.setdefault("apiVersion", api_version)
                    item.setdefault("kind", element)

    def _object(self, value: dict[str, Any], kind: Kind, place: str) -> Iterator[Gap]:
        wrong = wrong_shape(value, kind)
        if wrong:
            yield _malformed(str(kind), wrong, place)
            return
        resource = RESOURCES.get(kind)
        if resource and resource.namespaced:
            value["metadata"]["namespace"] = value["metadata"].get("namespace") or "default"
        elif resource:
            value["metadata"].pop("namespace", None)  # the server ignores it
        for name in ("labels", "annotations"):  # null is an empty string to the server
            mapping = (value.get("metadata") or {}).get(name) or {}
            mapping.update({key: "" for key, text in mapping.items() if text is None})
        reduced = reduce_object(value)
        key = (kind, *object_key(reduced))
        if key in self._seen and key[-1]:
            self._leave_out("a second object of the same name")
            return
        self._seen.add(key)
        self.objects.setdefault(kind, []).append(reduced)
        self.total += 1

    def _leave_out(self, why: str) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + 1


def _is_list(value: Any) -> bool:
    """Whether a value is a list of objects, typed or not; that of a kind that nobody can name is none."""
    if not isinstance(value, dict) or not isinstance(value.get("items", ""), list | None):
        return False
    api_version, kind = str(value.get("apiVersion")), str(value.get("kind"))
    return kind.endswith("List") and all((_KIND.fullmatch(kind), _API_VERSION.fullmatch(api_version)))


def _malformed(what: str, detail: str, where: str) -> Gap:
    return Gap(Area.OBJECTS, what, GapReason.MALFORMED, detail, where)


def _gap_kind(api_version: str, kind: str) -> str:
    """Which kind a gap is of: `*` for a list of anything, or when the text names several kinds."""
    element = kind.removesuffix("List")
    if "*" in (kind, api_version) or not element:
        return "*"
    known = _BY_NAME.get(element) if not api_version else None
    return str(known or kind_of(api_version, element))


def _summary(gaps: list[Gap]) -> Gap:
    """One gap for all of one file, kind and reason: a folder of templates must not fill the screen."""
    first = gaps[0]
    if len(gaps) == 1:
        return first
    more = plural(len(gaps) - 1, "more document")
    return Gap(first.area, first.what, first.reason, f"{first.detail}; and {more} of this file", first.where)
