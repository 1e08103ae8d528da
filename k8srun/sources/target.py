"""What is known of a cluster before anything is asked of it: its kubeconfig, and what its server presents."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.snapshot import Area, Gap, GapReason, Need, Snapshot
from k8srun.sources.connection import Connection, Server, connect, server_of
from k8srun.sources.contexts import SERVICE_ACCOUNT, ChosenContext, choose_context
from k8srun.sources.failure import ReadError
from k8srun.sources.kubeconfig import reduce_kubeconfig, without_userinfo
from k8srun.sources.tls import observe
from k8srun.tls import TlsObservation

_HANDSHAKE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """The server of a context, and how to speak to it or why that cannot be."""

    chosen: ChosenContext
    server: Server
    connection: Connection | ReadError

    @property
    def origin(self) -> str:
        return f"context {self.chosen.name} ({self.server.url})"


def find_target(kubeconfig: str, context: str, *, allow_exec: bool, timeout: float) -> Target:
    """The server of a context, with its credentials.

    Args:
        timeout: seconds for an exec plugin.

    Raises:
        InputError: the kubeconfig cannot be used.
        RefusedError: it was supplied and would run a program.
    """
    chosen = choose_context(kubeconfig, context, environ=os.environ)
    try:
        server = server_of(chosen, os.environ)
        try:
            return Target(chosen, server, connect(chosen, server, allow_exec=allow_exec, timeout=timeout))
        except ReadError as failure:
            return Target(chosen, server, failure)
    except InputError as error:
        raise InputError(error.what, where=error.where or chosen.path, do=error.do) from None


def view_of(target: Target, now: datetime) -> Snapshot:
    """The kubeconfig and one handshake, as evidence that needs no answer of the API."""
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


def _handshake(target: Target, now: datetime) -> TlsObservation:
    look = partial(
        observe,
        target.server.host,
        target.server.port,
        server_name=target.server.server_name,
        timeout=_HANDSHAKE_SECONDS,
        now=now,
        source=f"server of kubeconfig context {target.chosen.name}",
    )
    if isinstance(target.connection, Connection) and target.connection.credentials.certificate:
        credentials = target.connection.credentials
        # A certificate that cannot be used becomes a gap of the objects; the server is looked at all the same.
        with suppress(InputError):
            return look(client_certificate=(credentials.certificate, credentials.key))
    return look()


def _file(chosen: ChosenContext) -> HostFile:
    """The kubeconfig as a file of this workstation: of it only the context that is used, the others are not its matter.

    Where `$KUBECONFIG` lists several files, `path` is that list: what is known of one would not hold for the others.
    """
    path = Path(chosen.path or SERVICE_ACCOUNT)
    mode = size = modified = None
    if path.is_file():
        found = path.stat()
        mode, size = stat.S_IMODE(found.st_mode), found.st_size
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
    reduced = reduce_kubeconfig(chosen.document(), Path("/"))
    return HostFile(str(path), Topic.KUBECONFIG, mode=mode, size=size, modified=modified, kubeconfig=reduced)
