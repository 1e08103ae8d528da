"""A live cluster as a source: what the kubeconfig says, what its server presents, and the objects that are asked for.

Where the server cannot be used at all, the kubeconfig and the handshake are the evidence, and are returned all the same.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from k8srun.codec import kind_from_text
from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import NAMESPACE, RESOURCES, Kind
from k8srun.permissions import IDENTITY_NAMESPACE, Tier, needs_of
from k8srun.snapshot import Area, Gap, GapReason, Need, ServerInfo, Snapshot
from k8srun.sources.collection import Collected, collect_kind
from k8srun.sources.connection import Connection, Server, connect, server_of
from k8srun.sources.contexts import SERVICE_ACCOUNT, ChosenContext, choose_context
from k8srun.sources.discovery import Discovery
from k8srun.sources.failure import ReadError
from k8srun.sources.garbage import collector_paused
from k8srun.sources.kubeconfig import reduce_kubeconfig, without_userinfo
from k8srun.sources.tls import observe
from k8srun.sources.transport import ReadOnlyClient
from k8srun.text import visible
from k8srun.tls import TlsObservation

_CONCURRENCY = 4
_HANDSHAKE_SECONDS = 5.0
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
    timeout: float = 30.0,
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
    target = _target(kubeconfig, context, allow_exec, timeout)
    with collector_paused(), ThreadPoolExecutor(_CONCURRENCY) as pool:
        try:
            view = pool.submit(_view, target, now)
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
    return _view(_target(kubeconfig, context, allow_exec, 30.0), now)


@dataclass(frozen=True, slots=True)
class _Target:
    """The server of a context, and how to speak to it or why that cannot be."""

    chosen: ChosenContext
    server: Server
    connection: Connection | None
    failure: ReadError | None = None

    @property
    def origin(self) -> str:
        return f"context {self.chosen.name} ({self.server.url})"


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


def _target(kubeconfig: str, context: str, allow_exec: bool, timeout: float) -> _Target:
    chosen = choose_context(kubeconfig, context, environ=os.environ)
    server = server_of(chosen, os.environ)
    try:
        return _Target(chosen, server, connect(chosen, server, allow_exec=allow_exec, timeout=timeout))
    except ReadError as failure:
        return _Target(chosen, server, None, failure)


def _view(target: _Target, now: datetime) -> Snapshot:
    """The kubeconfig and the handshake."""
    observed = {Need.host(Topic.KUBECONFIG)}
    endpoints: tuple[TlsObservation, ...] = ()
    gaps: tuple[Gap, ...] = ()
    if target.server.proxy:
        detail = f"reached through the proxy {without_userinfo(target.server.proxy)}: no handshake of its own was made"
        gaps = (Gap(Area.ENDPOINT, "", GapReason.NOT_SUPPLIED, detail, target.server.url),)
    else:
        endpoints = (_handshake(target, now),)
        observed.add(Need.endpoint())
    return Snapshot(
        taken_at=now,
        origin=(target.origin,),
        files=(_file(target.chosen),),
        endpoints=endpoints,
        observed=frozenset(observed),
        gaps=gaps,
    )


def _handshake(target: _Target, now: datetime) -> TlsObservation:
    server, source = target.server, f"server of kubeconfig context {target.chosen.name}"
    credentials = target.connection.credentials if target.connection else None
    pair = (credentials.certificate, credentials.key) if credentials and credentials.certificate else None
    for offered in (pair, None):
        try:
            return observe(
                server.host,
                server.port,
                server_name=server.server_name,
                client_certificate=offered,
                timeout=_HANDSHAKE_SECONDS,
                now=now,
                source=source,
            )
        except InputError:
            if offered is None:
                raise
            # A certificate that cannot be used is a gap of the objects; the server is looked at all the same.
    raise AssertionError("unreachable: the last attempt returns or raises")


def _file(chosen: ChosenContext) -> HostFile:
    """The kubeconfig as a file of this workstation: of it only the context that is used."""
    path = chosen.path or str(SERVICE_ACCOUNT)
    mode = size = modified = None
    try:
        found = Path(path).stat()
    except OSError:
        pass  # several files that $KUBECONFIG lists: what is known of one would not hold for the others
    else:
        mode, size = stat.S_IMODE(found.st_mode), found.st_size
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
    reduced = reduce_kubeconfig(chosen.document(), Path("/"))
    return HostFile(path, Topic.KUBECONFIG, mode=mode, size=size, modified=modified, kubeconfig=reduced)


def _objects(
    target: _Target, kinds: Sequence[Kind], namespaces: tuple[str, ...], pool: ThreadPoolExecutor, timeout: float
) -> _Objects:
    try:
        if target.connection is None:
            raise target.failure or AssertionError("a target has a connection or a failure")
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
    return (user, ()) if isinstance(user, dict) else ({}, ())


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
