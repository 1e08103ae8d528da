"""Names, uids and times of objects: fresh-looking, and the same in every build."""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any

from k8srun.codec import encode
from k8srun.lab.facts import go_time

JsonDict = dict[str, Any]

_NAMESPACE = uuid.UUID("6f0f7a52-3d0c-5d0e-8a3b-0d8f4c1b7e11")
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' own, without vowels so that no words appear


def suffix(seed: str, length: int) -> str:
    """The random-looking end of a generated name."""
    number = digest(seed)
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def digest(seed: str) -> int:
    """A large number that depends on `seed` alone."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16], "big")


def key(item: JsonDict) -> tuple[str, str, str, str]:
    """Group, kind, namespace and name: what makes two documents the same object, whatever their version."""
    group, slash, _ = item["apiVersion"].partition("/")
    metadata = item["metadata"]
    return group if slash else "", item["kind"], metadata.get("namespace", ""), metadata["name"]


def uid(item: JsonDict) -> str:
    """The uid of an object, by its identity: the cluster stays the same cluster however often it is built."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(key(item))))


def age(item: JsonDict, now: datetime, *, at_most: timedelta) -> datetime:
    """A time before `now` at which an object may have been made."""
    seconds = int(at_most.total_seconds())
    return now - timedelta(seconds=digest("age" + uid(item)) % seconds)


def register(item: JsonDict, created: str) -> JsonDict:
    """Fill in what the server adds to an object's metadata. `created` is RFC 3339 or a placeholder for it."""
    metadata = item["metadata"]
    metadata.setdefault("uid", uid(item))
    metadata.setdefault("creationTimestamp", created)
    metadata.setdefault("resourceVersion", str(100_000 + digest("rv" + uid(item)) % 9_000_000))
    return item


def owner(item: JsonDict) -> JsonDict:
    """The owner reference to a controller."""
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": item["metadata"]["name"],
        "uid": uid(item),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def timestamp(moment: datetime) -> str:
    """RFC 3339, as API objects carry it."""
    return go_time(moment)


def config_hash(static_pod: JsonDict) -> str:
    """What the kubelet knows a static pod by: in its mirror pod's annotations and in its log folder's name."""
    return hashlib.md5(encode(static_pod), usedforsecurity=False).hexdigest()
