"""Which registry credentials the kubelet offers for an image: the keys of Docker configurations matched with its name.

A key is a host, with a port and a path if it has them; `*` stands for any part of a host's name between two dots.
Source: kubernetes `pkg/credentialprovider/keyring.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

_DOCKER_HUB = "index.docker.io"
# Repositories are ASCII: an escape of another byte matches none, whatever it is decoded to.
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """A credential of a Docker configuration: the key that it stands under, and where.

    Attributes:
        host: the key as written, `https://registry.example/v2/`.
        secret: the Secret's name.
        usable: whether there is a username or password at all.
    """

    host: str
    secret: str = ""
    usable: bool = True


class _Place(NamedTuple):
    host: str
    port: str
    path: str


def lookup(keys: Iterable[RegistryKey], image_name: str) -> tuple[RegistryKey, ...]:
    """The credentials that the kubelet tries for an image, in its order.

    More specific keys come first. Credentials of Docker Hub are the last resort of its own images alone.

    Args:
        keys: of all pull secrets, in their order.
        image_name: registry and repository, `docker.io/library/nginx`.
    """
    index: dict[str, list[RegistryKey]] = {}
    for key in keys:
        if (normal := normalized(key.host)) is not None:
            index.setdefault(normal, []).append(key)
    target = _place(image_name)
    matching = [
        key
        for normal in sorted(index, key=str.encode, reverse=True)
        if target is not None and _matches(normal, target)
        for key in index[normal]
    ]
    if not matching and _is_docker_hub(image_name):
        matching = index.get(_DOCKER_HUB, [])
    return tuple(matching)


def normalized(host: str) -> str | None:
    """A key of a Docker configuration as the kubelet compares it; None for one that it ignores, being no address.

    The scheme goes, and a path that is only the version of the API.
    """
    place = _place(host.removeprefix("https://").removeprefix("http://"))
    if place is None:
        return None
    path = place.path[3:] if place.path.startswith(("/v1/", "/v2/")) else place.path
    return f"{place.host}{place.port}{path if path != '/' else ''}"


def nearest(keys: Iterable[RegistryKey], image_name: str) -> RegistryKey | None:
    """The first key that is of the image's registry or of the domain above it and yet does not match, to say why.

    None where no key resembles the image's.
    """
    target = _place(image_name)
    for key in keys:
        place = _place(normalized(key.host) or "")
        if place and target and target.host.endswith(place.host.removeprefix("*.")):
            return key
    return None


@cache
def _place(address: str) -> _Place | None:
    """Host, `:port` and path of an address without a scheme, as Go's url.Parse takes it apart; None if it refuses."""
    authority, slash, rest = re.split(r"[?#]", address, maxsplit=1)[0].partition("/")
    authority = authority.rpartition("@")[2]
    if any(char.isspace() or not char.isprintable() or char in '"<>\\^`{|}' for char in authority):
        return None
    host, colon, port = authority.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, port = authority, ""
    elif port and not port.isdigit():
        return None
    if "[" in host.removeprefix("[") or "]" in host.removesuffix("]"):
        return None  # brackets are for the whole of an IPv6 address
    path = slash + rest
    if _BAD_ESCAPE.search(path):
        return None
    return _Place(host, f":{port}" if port else "", _ESCAPE.sub(lambda byte: chr(int(byte[1], 16)), path))


def _matches(key: str, target: _Place) -> bool:
    place = _place(key)
    if place is None or place.port != target.port or not target.path.startswith(place.path):
        return False
    globs, parts = (host.strip("[]").split(".") for host in (place.host, target.host))
    return len(globs) == len(parts) and all(map(fnmatchcase, parts, globs))


def _is_docker_hub(image_name: str) -> bool:
    first, slash, _ = image_name.partition("/")
    if not first:
        return False
    return not slash or first in {"docker.io", _DOCKER_HUB} or not ("." in first or ":" in first)
