"""The cluster that a plan is applied to, opened by the same options by which it was looked at."""

from __future__ import annotations

import os
from typing import Any

from k8srun.apply.lab import LabTarget
from k8srun.apply.server import ServerTarget
from k8srun.apply.target import Target
from k8srun.errors import InputError
from k8srun.lab import Lab
from k8srun.pki.kubeconfigs import cluster_entry
from k8srun.snapshot import GapReason
from k8srun.sources.connection import connect, server_of
from k8srun.sources.contexts import ChosenContext, choose_context
from k8srun.sources.credentials import content_of
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions

_TIMEOUT_SECONDS = 30.0


def target_of(sources: SourceOptions, lab: Lab | None) -> Target:
    """The lab that serves, or else the live cluster of the source options.

    Raises:
        InputError, SourceError: as `live_target`.
    """
    return LabTarget(lab) if lab else live_target(sources)


def chosen_context(sources: SourceOptions) -> ChosenContext:
    """The context of the live cluster that the source options name.

    Raises:
        InputError: they name none, or the kubeconfig cannot be used.
    """
    if not sources.live:
        raise InputError(
            "this needs a live cluster",
            do="Name it: --context [NAME], or --kubeconfig FILE. The embedded lab cannot be changed from here.",
        )
    context = "" if sources.context == CURRENT_CONTEXT else sources.context
    return choose_context(sources.kubeconfig, context, environ=os.environ)


def own_cluster(sources: SourceOptions) -> tuple[str, dict[str, Any]]:
    """Name and entry (server and CA) of the cluster of the context, for a kubeconfig that is made for somebody else.

    Raises:
        InputError: as `chosen_context`; or the context does not verify its server.
        SourceError: its CA cannot be had.
    """
    chosen = chosen_context(sources)
    server = server_of(chosen, os.environ)
    if not server.verify:
        raise InputError(
            "the context does not verify its server (insecure-skip-tls-verify)",
            where=chosen.path,
            do="Take server and CA from a context that does: nobody else should begin with a hole.",
        )
    ca = content_of(chosen.cluster, "certificate-authority-data", "certificate-authority", GapReason.TLS)
    return chosen.cluster_name, cluster_entry(server.url, ca, server_name=server.server_name)


def live_target(sources: SourceOptions) -> ServerTarget:
    """The server that the source options name, to be changed.

    Raises:
        InputError: as `chosen_context`.
        SourceError: its CA or the credentials cannot be had.
    """
    chosen = chosen_context(sources)
    server = server_of(chosen, os.environ)
    connection = connect(chosen, server, allow_exec=sources.allow_exec, timeout=_TIMEOUT_SECONDS)
    return ServerTarget(connection, timeout=_TIMEOUT_SECONDS)
