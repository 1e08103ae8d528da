"""The API server of a cluster as what plans are applied to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from k8srun.apply.refusals import failure, failure_of, is_ambiguous
from k8srun.apply.target import ApiObject, InDoubt, NotDone, Request, Written
from k8srun.apply.wire import apply_body, delete_options, json_for_go
from k8srun.apply.writer import Lost, Reply, Unsent, Writer
from k8srun.change import ClusterIdentity, FailureKind
from k8srun.jsonpatch import Operation
from k8srun.kinds import RESOURCES, Resource
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import Action, ObjectRef
from k8srun.sources.connection import Connection
from k8srun.text import visible

_JSON_PATCH = "application/json-patch+json"
_SERVER_SIDE_APPLY = "application/apply-patch+yaml"
_REVIEWS = "/apis/authorization.k8s.io/v1"
_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_ASK_AGAIN = 3
_PAUSE_SECONDS = 0.3
_LONGEST_PAUSE_SECONDS = 5.0


class ServerTarget:
    """Applies plans to the server of a connection.

    Args:
        timeout: seconds that one request may take.
    """

    def __init__(self, connection: Connection, *, timeout: float = 30.0) -> None:
        self._writer = Writer(connection, timeout=timeout)
        self._url = connection.server.url
        self._discovered: dict[tuple[str, str], Resource] = {}

    def identity(self) -> ClusterIdentity:
        """Which cluster this is, and who asks. What cannot be read is left empty, with the reason."""
        who = self._who()
        identity = ClusterIdentity(
            "", self._url, username=who.get("username") or "", groups=tuple(who.get("groups") or ())
        )
        try:
            system = self.read(ObjectRef("v1", "Namespace", "kube-system"))
        except NotDone as error:
            return replace(identity, problem=f"the namespace kube-system cannot be read: {error.failure}")
        if system is None:
            return replace(identity, problem="there is no namespace kube-system")
        return replace(identity, uid=system["metadata"]["uid"])

    def _who(self) -> Mapping[str, Any]:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            reply = self._ask("POST", _WHO_AM_I, data=json_for_go(body))
        except NotDone:
            return {}  # the identity without names: `identity` then says what is the matter when it reads the namespace
        status = reply.body.get("status")
        return status.get("userInfo") or {} if isinstance(status, Mapping) else {}

    def resource(self, target: ObjectRef) -> Resource:
        """How the object's kind is served: from the table of known kinds, else by discovery."""
        known = RESOURCES.get(target.of_kind)
        if known:
            return known
        key = (target.api_version, target.kind)
        if key not in self._discovered:
            self._discovered[key] = self._discover(target)
        return self._discovered[key]

    def _discover(self, target: ObjectRef) -> Resource:
        root = f"/apis/{target.api_version}" if "/" in target.api_version else f"/api/{target.api_version}"
        reply = self._ask("GET", root)
        for served in reply.body.get("resources") or () if reply.status == 200 else ():
            if served.get("kind") == target.kind and "/" not in served.get("name", "/"):
                return Resource(target.of_kind, served["name"], namespaced=bool(served.get("namespaced")))
        raise NotDone(failure(FailureKind.GONE, f"the server does not serve {target.kind} of {target.api_version}"))

    def read(self, target: ObjectRef) -> ApiObject | None:
        """The object as it is now; None if there is none of that name. Raises NotDone when that cannot be told."""
        reply = self._ask("GET", self._path(target))
        if reply.status == 200:
            return dict(reply.body)
        if reply.status == 404:
            return None
        raise NotDone(failure_of(reply))

    def write(self, request: Request, *, dry_run: bool) -> Written:
        """Send a request of a step, once; only what a busy server refused to look at is sent again."""
        if dry_run and request.action is Action.TOKEN:
            raise ValueError("a dry run of serviceaccounts/token issues a token that is valid")
        method, path, body, content_type = self._http(request, dry_run=dry_run)
        query = _query(request, dry_run=dry_run)
        if dry_run:
            reply = self._ask(method, path, query=query, data=body, content_type=content_type)
        else:
            reply = self._send(method, path, query, body, content_type)
        if reply.status < 300:
            if request.action is Action.DELETE:
                return Written(None, (*reply.warnings, *_held(reply.body)))
            return Written(dict(reply.body), reply.warnings)
        if is_ambiguous(reply) and not dry_run:
            raise InDoubt(failure_of(reply))
        raise NotDone(failure_of(reply))

    def _send(self, method: str, path: str, query: Mapping[str, str], body: bytes, content_type: str) -> Reply:
        for attempt in range(_ASK_AGAIN):
            try:
                reply = self._writer.send(method, path, query=query, body=body, content_type=content_type)
            except Unsent as error:
                raise NotDone(failure(FailureKind.UNREACHABLE, str(error))) from None
            except Lost as error:
                raise InDoubt(failure(FailureKind.LOST, str(error))) from None
            if reply.status != 429 or attempt == _ASK_AGAIN - 1:
                break
            time.sleep(min(reply.retry_after or _PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS))
        return reply

    def _http(self, request: Request, *, dry_run: bool) -> tuple[str, str, bytes, str]:
        target = request.target
        if request.action is Action.CREATE:
            return "POST", self._path(target, collection=True), json_for_go(request.body), "application/json"
        if request.action is Action.TOKEN:
            return "POST", self._path(target), json_for_go(request.body), "application/json"
        if request.action is Action.DELETE:
            options = delete_options(target.uid, request.resource_version, dry_run=dry_run)
            return "DELETE", self._path(target), json_for_go(options), "application/json"
        if request.action is Action.APPLY:
            body = apply_body(request)
            return "PATCH", self._path(target), json_for_go(body), _SERVER_SIDE_APPLY
        fixed: list[Operation] = [{"op": "test", "path": "/metadata/uid", "value": target.uid}]
        if request.resource_version:
            fixed.append({"op": "test", "path": "/metadata/resourceVersion", "value": request.resource_version})
        return "PATCH", self._path(target), json_for_go([*fixed, *request.operations]), _JSON_PATCH

    def check(self, permission: Permission, user: str = "", groups: tuple[str, ...] = ()) -> PermissionCheck:
        """What the server's authorizer says: of the caller by SelfSubjectAccessReview, else by SubjectAccessReview."""
        attributes = {
            "verb": permission.verb,
            "group": permission.group,
            "resource": permission.resource,
            "subresource": permission.subresource,
            "namespace": permission.namespace,
            "name": permission.name,
        }
        kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
        spec: dict[str, Any] = {"resourceAttributes": {name: value for name, value in attributes.items() if value}}
        if user:
            spec |= {"user": user, "groups": list(groups)}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        try:
            reply = self._ask("POST", f"{_REVIEWS}/{kind.lower()}s", data=json_for_go(body))
        except NotDone as error:
            return PermissionCheck(permission, None, str(error.failure))
        status = reply.body.get("status")
        if reply.status >= 300 or not isinstance(status, Mapping):
            return PermissionCheck(permission, None, reply.message)
        return PermissionCheck(permission, bool(status.get("allowed")), str(status.get("reason") or ""))

    def _path(self, target: ObjectRef, *, collection: bool = False) -> str:
        resource = self.resource(target)
        version = target.api_version.rpartition("/")[2]
        path = resource.path(version, quote(target.namespace) if resource.namespaced else "")
        if collection:
            return path
        path = f"{path}/{quote(target.name, safe=':')}"
        return f"{path}/{target.subresource}" if target.subresource else path

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        data: bytes | None = None,
        content_type: str = "application/json",
    ) -> Reply:
        """A request that changes nothing; asked again where that may help."""
        problem = ""
        for attempt in range(_ASK_AGAIN):
            if attempt:
                time.sleep(_PAUSE_SECONDS)
            try:
                reply = self._writer.send(
                    method, path, query=query, body=data, content_type=content_type, may_repeat=True
                )
            except (Unsent, Lost) as error:
                problem = str(error)
                continue
            if not (is_ambiguous(reply) or reply.status == 429) or _is_final(reply):
                return reply
            problem = reply.message
        raise NotDone(failure(FailureKind.UNREACHABLE, problem))


def _held(deleted: Mapping[str, Any]) -> Iterator[str]:
    """What keeps an object that was deleted: the server then answers with the object."""
    metadata = deleted.get("metadata")
    finalizers = metadata.get("finalizers") if isinstance(metadata, Mapping) else None
    if finalizers:
        yield visible(f"it stays until its finalizers have run: {', '.join(map(str, finalizers))}", limit=300)


def _is_final(reply: Reply) -> bool:
    """A failure of the server's that comes from what it was asked: a webhook that it cannot reach refuses it."""
    return failure_of(reply).kind is FailureKind.ADMISSION


def _query(request: Request, *, dry_run: bool) -> dict[str, str]:
    if request.action in {Action.DELETE, Action.TOKEN}:
        return {}  # a delete says it in its options
    query = {"fieldManager": request.manager, "fieldValidation": "Strict"}
    return query | ({"dryRun": "All"} if dry_run else {})
