"""The little of the Kubernetes API that a lab answers: its version, who you are, and its objects, to be read.

Nothing is authorized here and nothing is written: a lab is there for its handshakes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from k8srun.codec import parse_json
from k8srun.kinds import RESOURCES, Kind, kind_of

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2",
    "gitTreeState": "clean",
    "goVersion": "go1.26.8",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_OPEN_TO_ALL = ("/healthz", "/livez", "/readyz", "/version")
_OBJECTS = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. A client without a certificate is `system:anonymous`, as with kube-apiserver's default."""

    name: str = "system:anonymous"
    groups: tuple[str, ...] = ("system:unauthenticated",)

    @property
    def is_anonymous(self) -> bool:
        return "system:unauthenticated" in self.groups


class Api:
    """Answers requests from the manifests of one lab."""

    def __init__(self, manifests: Path) -> None:
        self._manifests = manifests

    def answer(self, method: str, target: str, user: User | None) -> tuple[HTTPStatus, Any]:
        """Status and JSON body for a request. `user` None = the client's certificate was refused."""
        path = unquote(urlsplit(target).path).rstrip("/") or "/"
        if user is None:
            return _failure(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if path in _OPEN_TO_ALL:
            return HTTPStatus.OK, VERSION if path == "/version" else "ok"
        if user.is_anonymous:
            return _failure(
                HTTPStatus.FORBIDDEN, f'forbidden: User "{user.name}" cannot {method.lower()} path "{path}"'
            )
        if method == "POST" and path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
            return HTTPStatus.CREATED, _self_review(user)
        if method != "GET":
            return _failure(HTTPStatus.METHOD_NOT_ALLOWED, "the lab's API server only answers reads")
        return self._read(path)

    def _read(self, path: str) -> tuple[HTTPStatus, Any]:
        match = _OBJECTS.fullmatch(path)
        group = match["group"] or "" if match else ""
        wanted = (group, match["plural"]) if match else None
        kind = next((kind for kind, entry in RESOURCES.items() if (kind.group, entry.plural) == wanted), None)
        if match is None or kind is None:
            return _failure(HTTPStatus.NOT_FOUND, "the server could not find the requested resource")
        namespace, name = match["namespace"], match["name"]
        found = self._objects.get(kind, [])
        if namespace:
            found = [item for item in found if item["metadata"].get("namespace") == namespace]
        if name is None:
            version = f"{group}/{match['version']}" if group else match["version"]
            return HTTPStatus.OK, {"apiVersion": version, "kind": f"{kind.kind}List", "metadata": {}, "items": found}
        named = next((item for item in found if item["metadata"]["name"] == name), None)
        if named is None:
            resource = f"{match['plural']}.{group}" if group else match["plural"]
            return _failure(HTTPStatus.NOT_FOUND, f'{resource} "{name}" not found')
        return HTTPStatus.OK, named

    @cached_property
    def _objects(self) -> dict[Kind, list[dict[str, Any]]]:
        objects: dict[Kind, list[dict[str, Any]]] = {}
        for path in sorted(self._manifests.glob("*.json")):
            for item in parse_json(path.read_bytes(), where=str(path))["items"]:
                objects.setdefault(kind_of(item["apiVersion"], item["kind"]), []).append(item)
        return objects


def _self_review(user: User) -> dict[str, Any]:
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
        "metadata": {},
        "status": {"userInfo": {"username": user.name, "groups": [*user.groups]}},
    }


def _failure(status: HTTPStatus, message: str) -> tuple[HTTPStatus, Any]:
    """A `Status` object as kube-apiserver writes it."""
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": status.phrase.title().replace(" ", ""),
        "code": int(status),
    }
    return status, body
