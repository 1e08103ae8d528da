"""Reading the sources for questions about the network."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from k8srun.kinds import NETWORK_POLICY
from k8srun.network.cluster import IpBlocks, taken_as_complete
from k8srun.network.needs import NEEDS
from k8srun.snapshot import Need, Snapshot
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions

F = TypeVar("F", bound=Callable[..., Any])


def ip_blocks_option(function: F) -> F:
    """Add `--ip-blocks`; the command receives `ip_blocks` as `IpBlocks`."""
    return click.option(
        "--ip-blocks",
        type=click.Choice([mode.value for mode in IpBlocks]),
        callback=lambda _context, _option, value: IpBlocks(value),
        default=IpBlocks.PODS.value,
        show_default=True,
        help="Whether ipBlocks match pods' addresses too (as upstream tests it), or what is outside alone.",
    )(function)


def read_network_sources(sources: SourceOptions, now: datetime) -> Snapshot:
    """The snapshot to ask. Manifests are taken for all there is, and it is said where that matters."""
    snapshot = collect(sources, needs=NEEDS, now=now)
    manifests_alone = sources.from_paths and not sources.snapshot and not sources.live
    if not manifests_alone:
        return snapshot
    policies = Need.objects(NETWORK_POLICY)
    if policies not in snapshot.observed and not any(gap.touches(policies) for gap in snapshot.gaps):
        click.echo("k8srun: there is no NetworkPolicy among the manifests: taken for a cluster without any", err=True)
    return taken_as_complete(snapshot)


def print_gaps(snapshot: Snapshot) -> None:
    """Name on standard error what could not be read."""
    for gap in snapshot.gaps[:10]:
        click.echo(f"k8srun: not read: {gap}", err=True)
    if len(snapshot.gaps) > 10:
        click.echo(f"k8srun: and {len(snapshot.gaps) - 10} more", err=True)
