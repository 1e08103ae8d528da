"""The kubeconfigs of whoever plans, so that a plan for one says exactly what it expects to find there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from k8srun.apply.edit import read_view
from k8srun.apply.reducing import reduced
from k8srun.apply.target import NotDone
from k8srun.hostfiles import Topic
from k8srun.snapshot import Snapshot


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
