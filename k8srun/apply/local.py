"""This machine: the kubeconfigs of whoever plans, and plans that touch nothing else."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from k8srun.apply.edit import read_view
from k8srun.apply.reducing import reduced
from k8srun.apply.refusals import failure
from k8srun.apply.target import ApiObject, NotDone, Request, Written
from k8srun.change import ClusterIdentity, FailureKind
from k8srun.hostfiles import Topic
from k8srun.kinds import Resource
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import ObjectRef
from k8srun.snapshot import Snapshot

_HERE = "this machine"


class LocalTarget:
    """What a plan is applied to that touches no cluster. A kubeconfig that leads nowhere is mended while no server can
    be asked, and commands for a host whose API server is down are confirmed all the same."""

    def identity(self) -> ClusterIdentity:
        """This machine, and the user of it."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = f"uid {os.geteuid()}"  # a container without a name for it
        return ClusterIdentity(uid=_HERE, server=_HERE, username=user)

    def resource(self, target: ObjectRef) -> Resource:
        """Raises NotDone: no kind is served here."""
        raise NotDone(failure(FailureKind.GONE, f"no cluster was named that serves {target.of_kind}"))

    def read(self, target: ObjectRef) -> ApiObject | None:
        """Raises NotDone, as `resource`."""
        self.resource(target)
        return None

    def write(self, request: Request, *, dry_run: bool) -> Written:
        """Raises NotDone, as `resource`."""
        self.resource(request.target)
        return Written(None)

    def check(self, permission: Permission, user: str = "", groups: tuple[str, ...] = ()) -> PermissionCheck:
        """Nobody authorizes here: not known."""
        return PermissionCheck(permission, None, "no cluster was named")


def kubeconfig_views(snapshot: Snapshot) -> dict[str, Mapping[str, Any]]:
    """By path, the kubeconfigs of a snapshot that lie on this machine, secrets reduced.

    One that is not here (the snapshot was taken elsewhere) or cannot be read is left out: what mends it is then shown
    as commands.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for file in snapshot.files_of(Topic.KUBECONFIG):
        if file.host or file.kubeconfig is None:
            continue
        try:
            found[file.path] = reduced(read_view(Path(file.path)))
        except NotDone:
            continue
    return found
