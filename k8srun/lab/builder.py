"""Building labs on disk, and opening those that are there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from k8srun.codec import decode, pretty
from k8srun.errors import InputError, RefusedError
from k8srun.lab.catalogue import INCIDENTS, Incident, incident, incidents
from k8srun.lab.facts import at_address
from k8srun.lab.kubeconfigs import server_of
from k8srun.lab.node import CONTROL_PLANE
from k8srun.lab.serve import Served, serve
from k8srun.lab.writing import HELD, write_lab
from k8srun.pki.issuing import Keys

HEALTHY = "healthy"
"""The name, among the labs of one folder, of the one without an incident."""
_MARKER = "lab.json"
_SCHEMA = "k8srun.dev/lab/v1"


class _Marker(msgspec.Struct, frozen=True):
    """What a lab's `lab.json` says. Written last: a folder without it is no lab. The symptom lacks the address."""

    schema: str
    now: datetime
    incident: str = ""
    labs: tuple[str, ...] = ()
    symptom: str = ""


@dataclass(frozen=True, slots=True)
class Lab:
    """One cluster on disk.

    Attributes:
        directory: holds everything below.
        incident: what is broken; None in a healthy lab.
        now: the time that it was built for. The lab's clock stands still.
        kubeconfig: what the engineer holds. Its server is where the lab was last served.
        nodes: the root folder of every node, by the node's name.
        node_root: that of the control-plane node.
        manifests: folder with every object of the cluster, one file a namespace.
    """

    directory: Path
    incident: Incident | None
    now: datetime

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def nodes(self) -> dict[str, Path]:
        return {path.name: path for path in sorted((self.directory / "nodes").iterdir())}

    @property
    def node_root(self) -> Path:
        return self.directory / "nodes" / CONTROL_PLANE

    @property
    def manifests(self) -> Path:
        return self.directory / "manifests"

    @property
    def symptom(self) -> str:
        """What a person would paste, with the addresses, times and names of this lab; empty in a healthy one."""
        marker = _read_marker(self.directory)
        if marker is None or not marker.symptom:
            return ""
        return at_address(marker.symptom, server_of(self.kubeconfig))

    @property
    def held(self) -> Path:
        """The certificate and key that the API server's process holds in memory, where those are not the node's."""
        return self.directory / HELD

    def serve(self) -> AbstractContextManager[Served]:
        """The API server's port on loopback, for real handshakes, until the block ends."""
        return serve(self)


def build(
    directory: Path,
    incident_name: str | None = None,
    now: datetime | None = None,
    *,
    replace: bool = False,
    folder: Path = INCIDENTS,
) -> Lab:
    """Build one lab. Everything but keys, serial numbers and passwords is the same in every build of one time.

    Args:
        directory: created, with those above it; may exist if it is empty.
        incident_name: what is to be broken; None = nothing.
        now: the time that dates are counted from; the clock by default.
        replace: build anew where a lab stands; whatever was changed in it is lost.
        folder: where incidents are described.

    Raises:
        InputError: no such incident, or its description does not fit.
        RefusedError: the folder holds something else, or a lab and `replace` is not set.
    """
    broken_by = incident(incident_name, folder) if incident_name else None
    moment = _whole(now)

    def write(root: Path) -> None:
        _write(root, broken_by, moment, Keys())

    _put(directory, write, replace=replace)
    return Lab(directory, broken_by, moment)


def build_all(directory: Path, now: datetime | None = None, *, replace: bool = False) -> tuple[Lab, ...]:
    """Build a lab for each incident, in a folder of its name, and the healthy one. They share their keys and dates.

    Raises:
        As `build`.
    """
    moment, keys = _whole(now), Keys()
    wanted: dict[str, Incident | None] = {HEALTHY: None, **{item.name: item for item in incidents()}}

    def write(root: Path) -> None:
        for name, broken_by in wanted.items():
            (root / name).mkdir()
            _write(root / name, broken_by, moment, keys)
        _mark(root, _Marker(_SCHEMA, moment, labs=tuple(wanted)))

    _put(directory, write, replace=replace)
    return tuple(Lab(directory / name, broken_by, moment) for name, broken_by in wanted.items())


def load(directory: Path, *, folder: Path = INCIDENTS) -> tuple[Lab, ...]:
    """The lab in a folder, or the labs if it holds several.

    Raises:
        InputError: there is none, or it is of an unknown version or incident.
    """
    marker = _read_marker(directory)
    if marker is None:
        raise InputError("is not a lab", where=str(directory), do=f"Build one: k8srun lab build {directory}")
    if marker.labs:
        return tuple(lab for name in marker.labs for lab in load(directory / name, folder=folder))
    broken_by = incident(marker.incident, folder) if marker.incident else None
    return (Lab(directory, broken_by, marker.now),)


def reset(lab: Lab, now: datetime | None = None) -> Lab:
    """Build the lab anew in its place: whatever was changed in it is lost, and its keys are fresh."""
    folder = lab.incident.folder.parent if lab.incident else INCIDENTS
    return build(lab.directory, lab.incident.name if lab.incident else None, now, replace=True, folder=folder)


def _write(root: Path, broken_by: Incident | None, now: datetime, keys: Keys) -> None:
    symptom = write_lab(root, broken_by, now, keys)
    _mark(root, _Marker(_SCHEMA, now, broken_by.name if broken_by else "", symptom=symptom))


def _whole(now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)


def _put(directory: Path, write: Callable[[Path], None], *, replace: bool) -> None:
    """Let `write` fill a folder beside `directory` and put it in its place: there is the whole lab, or none."""
    _require_free(directory, replace=replace)
    directory.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        new, old = staging / "new", staging / "old"
        new.mkdir()
        write(new)
        if directory.exists():
            directory.rename(old)
        new.rename(directory)
    finally:
        shutil.rmtree(staging)


def _require_free(directory: Path, *, replace: bool) -> None:
    if not directory.exists():
        return
    if not directory.is_dir():
        raise RefusedError("is a file, not a folder", where=str(directory), do="Name another folder.")
    if not any(directory.iterdir()):
        return
    if _read_marker(directory) is None:
        raise RefusedError(
            "is not empty and no lab: nothing was changed", where=str(directory), do="Name a new folder."
        )
    if not replace:
        raise RefusedError(
            "holds a lab already: nothing was changed",
            where=str(directory),
            do="Build it anew with --force (what was changed in it is lost), or name another folder.",
        )


def _mark(root: Path, marker: _Marker) -> None:
    (root / _MARKER).write_text(pretty(marker) + "\n")


def _read_marker(directory: Path) -> _Marker | None:
    """What `lab.json` says; None where there is none. Raises InputError for one that cannot be read."""
    path = directory / _MARKER
    if not path.is_file():
        return None
    marker = decode(path.read_bytes(), _Marker, where=str(path))
    if marker.schema != _SCHEMA:
        raise InputError(f"is of version {marker.schema}, not {_SCHEMA}", where=str(path), do="Build the lab anew.")
    return marker
