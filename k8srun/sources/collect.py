"""Every source that was asked for, read into one Snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from k8srun.kinds import SECRET
from k8srun.lab import DEFAULT_INCIDENT, Lab, build
from k8srun.permissions import Tier, needs_of
from k8srun.snapshot import Need, Snapshot, merge
from k8srun.sources.files import read_files
from k8srun.sources.host import read_host
from k8srun.sources.live import observe_server, read_live
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions
from k8srun.sources.saved import load
from k8srun.sources.tls import observe, parse_endpoint


def collect(options: SourceOptions, *, needs: Iterable[Need] | None = None, now: datetime) -> Snapshot:
    """Read the sources and let go of them.

    Args:
        needs: what the caller will ask for; a live cluster is asked for no more. None = what the base tier may read.
        now: the time that the snapshot carries.

    Raises:
        InputError: no source, contradictory ones, or a file that cannot be used.
    """
    with opened(options, needs=needs, now=now) as (snapshot, _lab):
        return snapshot


@contextmanager
def opened(
    options: SourceOptions, *, needs: Iterable[Need] | None = None, now: datetime
) -> Iterator[tuple[Snapshot, Lab | None]]:
    """As `collect`, with the lab (if it is asked for) serving until the block ends."""
    options.require()
    if not options.lab:
        yield merge(_read(options, needs, now)), None
        return
    with tempfile.TemporaryDirectory(prefix="k8srun-lab-") as folder:
        lab = build(Path(folder), options.incident or DEFAULT_INCIDENT, now=now)
        with lab.serve():
            yield read_lab(lab, now), lab


def _read(options: SourceOptions, needs: Iterable[Need] | None, now: datetime) -> Iterator[Snapshot]:
    if options.snapshot:
        yield load(Path(options.snapshot))
    if options.live:
        yield read_live(
            kubeconfig=options.kubeconfig,
            context="" if options.context == CURRENT_CONTEXT else options.context,
            allow_exec=options.allow_exec,
            namespaces=options.namespaces,
            needs=_asked(options, needs),
            now=now,
        )
    if options.from_paths:
        yield read_files(options.from_paths, now=now)
    if options.host_root:
        yield read_host(Path(options.host_root), now=now)
    if options.endpoint:
        host, port = parse_endpoint(options.endpoint)
        seen = observe(host, port, now=now, source="--endpoint")
        yield Snapshot(
            taken_at=now, origin=(f"endpoint {seen.address}",), endpoints=(seen,), observed=frozenset({Need.endpoint()})
        )


def _asked(options: SourceOptions, needs: Iterable[Need] | None) -> frozenset[Need]:
    """What a live cluster is asked for. Secrets only when the user says so: that is the base tier's promise."""
    wanted = needs_of(Tier.SECRETS) if needs is None else frozenset(needs)
    return wanted if options.secrets else wanted - {Need.objects(SECRET)}


def read_lab(lab: Lab, now: datetime) -> Snapshot:
    """The lab's cluster as a person would meet it: a dump of its objects, its node's files, the workstation's view."""
    parts = (
        observe_server(kubeconfig=str(lab.kubeconfig), context="", allow_exec=False, now=now),
        read_host(lab.node_root, now=now),
        read_files([str(lab.manifests)], now=now),
    )
    origin = f"embedded lab, incident {lab.incident.name}" if lab.incident else "embedded lab"
    return replace(merge(parts), lab=True, origin=(origin,))


def cluster_name(options: SourceOptions, snapshot: Snapshot) -> str:
    """How people call what is looked at: the name that they gave it, else where it is."""
    if options.lab:
        return f"lab: {options.incident or DEFAULT_INCIDENT}"
    if options.context and options.context != CURRENT_CONTEXT:
        return options.context
    if snapshot.server and snapshot.server.url:
        return snapshot.server.url
    return snapshot.origin[0] if snapshot.origin else "unknown"
