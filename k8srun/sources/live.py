"""A live cluster as a source: what the kubeconfig says, what its server presents, and the objects that are asked for.

Where the server cannot be used at all, the kubeconfig and the handshake are the evidence, and are returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from k8srun.codec import kind_from_text
from k8srun.errors import InputError
from k8srun.kinds import NAMESPACE, RESOURCES, Kind
from k8srun.permissions import IDENTITY_NAMESPACE, Tier, needs_of
from k8srun.snapshot import Area, Gap, GapReason, Need, ServerInfo, Snapshot
from k8srun.sources.collection import Collected, collect_kind
from k8srun.sources.discovery import Discovery
from k8srun.sources.failure import ReadError
from k8srun.sources.garbage import collector_paused
from k8srun.sources.target import Target, find_target, view_of
from k8srun.sources.transport import ReadOnlyClient
from k8srun.text import visible

_CONCURRENCY = 4
_TIMEOUT = 30.0
_NAMESPACE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


def read_live(
    *,
    kubeconfig: str = "",
    context: str = "",
    allow_exec: bool = False,
    namespaces: Sequence[str] = (),
    needs: Iterable[Need] | None = None,
    now: datetime,
    timeout: float = _TIMEOUT,
) -> Snapshot:
    """Read a cluster. Nothing is written to it.

    Args:
        kubeconfig: the file to use in place of those that kubectl would.
        context: which context of it; empty is the current one.
        allow_exec: let the exec plugin of a file given as `kubeconfig` run.
        namespaces: read only these; everything else of a namespaced kind is a gap.
        needs: what to ask for; None is what the base tier of permissions may read.
        now: the time that the snapshot carries.
        timeout: seconds that one request may take, its retries included.

    Raises:
        InputError: the kubeconfig or an argument cannot be used.
        RefusedError: the kubeconfig was supplied and would run a program.
    """
    for name in namespaces:
        if not _NAMESPACE_NAME.fullmatch(name):
            raise InputError(f"{visible(name, limit=80)!r} is not the name of a namespace", where="--namespace")
    kinds = _kinds(needs_of(Tier.BASE) if needs is None else needs)
    target = find_target(kubeconfig, context, allow_exec=allow_exec, timeout=timeout)
    with collector_paused(), ThreadPoolExecutor(_CONCURRENCY) as pool:
        try:
            view = pool.submit(view_of, target, now)
            objects = _objects(target, kinds, tuple(dict.fromkeys(namespaces)), pool, timeout)
            return _joined(view.result(), objects)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def observe_server(*, kubeconfig: str = "", context: str = "", allow_exec: bool = False, now: datetime) -> Snapshot:
    """What `read_live` sees before it asks for anything: the kubeconfig, and what its server presents.

    Raises:
        InputError, RefusedError: as `read_live`.
    """
    return view_of(find_target(kubeconfig, context, allow_exec=allow_exec, timeout=_TIMEOUT), now)


@dataclass(frozen=True, slots=True)
class _Objects:
    """What the server answered. `server` is None if it did not."""

    server: ServerInfo | None = None
    collected: tuple[Collected, ...] = ()
    gaps: tuple[Gap, ...] = ()


def _kinds(needs: Iterable[Need]) -> list[Kind]:
    wanted = {kind_from_text(need.what) for need in needs if need.area is Area.OBJECTS}
    known = [kind for kind in RESOURCES if kind in wanted]
    return [*known, *sorted(wanted.difference(known))]


def _objects(
    target: Target, kinds: Sequence[Kind], namespaces: tuple[str, ...], pool: ThreadPoolExecutor, timeout: float
) -> _Objects:
    try:
        if isinstance(target.connection, ReadError):
            raise target.connection
        with ReadOnlyClient(target.connection, timeout=timeout) as client:
            version, gaps = _version(client)
            caller = pool.submit(_caller, client)
            discovery = Discovery(client)
            collected = tuple(pool.map(lambda kind: collect_kind(client, discovery, kind, namespaces), kinds))
            uid, no_uid = _uid(client, collected)
            user, no_caller = caller.result()
    except ReadError as failure:
        # Nothing was read of any kind: one gap says so, in place of one a kind.
        return _Objects(gaps=(Gap(Area.OBJECTS, "*", failure.reason, failure.detail, failure.where or target.origin),))
    server = ServerInfo(
        url=target.server.url,
        version=_text(version.get("gitVersion")),
        platform=_text(version.get("platform")),
        uid=uid,
        username=_text(user.get("username")),
        groups=tuple(map(_text, user.get("groups") or ())),
    )
    return _Objects(server, collected, (*gaps, *no_uid, *no_caller))


def _version(client: ReadOnlyClient) -> tuple[dict[str, Any], tuple[Gap, ...]]:
    """The server's version. Raises ReadError where no further question makes sense."""
    path = "/version"
    try:
        version = client.get(path)
    except ReadError as failure:
        if failure.status != 403:  # a hardened server may hide its version and answer everything else
            raise
        return {}, (_server_gap("version", failure),)
    if not isinstance(version.get("gitVersion"), str):
        raise ReadError(GapReason.MALFORMED, "what answers there is no apiserver: it has no gitVersion", where=path)
    return version, ()


def _caller(client: ReadOnlyClient) -> tuple[dict[str, Any], tuple[Gap, ...]]:
    """Who the server takes us for."""
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    try:
        answer = client.review(path, _REVIEW)
    except ReadError as failure:
        return {}, (_server_gap("caller", failure),)
    status = answer.get("status")
    user = status.get("userInfo") if isinstance(status, dict) else None
    if not isinstance(user, dict) or not isinstance(user.get("groups"), list | None):
        return {}, (_server_gap("caller", ReadError(GapReason.MALFORMED, "the answer names no user", where=path)),)
    return user, ()


def _uid(client: ReadOnlyClient, collected: Iterable[Collected]) -> tuple[str, tuple[Gap, ...]]:
    """The uid of kube-system, from the namespaces that were read or else asked for by itself."""
    for part in collected:
        for item in part.objects if part.kind == NAMESPACE else ():
            if item["metadata"].get("name") == IDENTITY_NAMESPACE:
                return _text(item["metadata"].get("uid")), ()
    try:
        found = client.get(f"{RESOURCES[NAMESPACE].path('v1')}/{IDENTITY_NAMESPACE}")
    except ReadError as failure:
        return "", (_server_gap("cluster uid", failure),)
    metadata = found.get("metadata")
    return _text(metadata.get("uid")) if isinstance(metadata, dict) else "", ()


def _server_gap(what: str, failure: ReadError) -> Gap:
    return Gap(Area.SERVER, what, failure.reason, failure.detail, failure.where)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _joined(view: Snapshot, found: _Objects) -> Snapshot:
    looked = [part for part in found.collected if part.looked]
    return replace(
        view,
        server=found.server,
        objects={part.kind: part.objects for part in looked},
        observed=view.observed | {Need.objects(part.kind) for part in looked},
        gaps=(*view.gaps, *found.gaps, *(gap for part in found.collected for gap in part.gaps)),
    )
