"""Building labs on disk, and opening those that are there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

from k8srun.codec import decode, pretty
from k8srun.errors import InputError, RefusedError
from k8srun.lab.catalogue import INCIDENTS, Incident, incident, incidents, pki_spec
from k8srun.lab.cluster.identity import JsonDict
from k8srun.lab.cluster.objects import authored_static_pods, cluster_objects
from k8srun.lab.cluster.placeholders import Placeholders
from k8srun.lab.facts import Facts, facts, fill
from k8srun.lab.files import Tree, dump
from k8srun.lab.kubeconfigs import WORKSTATION_SERVER, certificate_of, server_of
from k8srun.lab.node import CONTROL_PLANE, PKI, write_control_plane, write_worker
from k8srun.lab.serve import Served, serve
from k8srun.pki.issuing import Keys, Pki
from k8srun.pki.kubeconfigs import cluster_entry, embedded, kubeconfig

HEALTHY = "healthy"
"""The name, among the labs of one folder, of the one without an incident."""
_MARKER = "lab.json"
_SCHEMA = "k8srun.dev/lab/v1"
_HOST, _PORT = "127.0.0.1", 6443


class _Marker(msgspec.Struct, frozen=True):
    """What a lab's `lab.json` says. Written last: a folder without it is no lab."""

    schema: str
    now: datetime
    incident: str = ""
    labs: tuple[str, ...] = ()


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
        if self.incident is None:
            return ""
        values = self._facts(self.incident)
        return fill(self.incident.symptom, values, where=f"symptom of {self.incident.name}").strip()

    def serve(self) -> AbstractContextManager[Served]:
        """The API server's port on loopback, for real handshakes, until the block ends."""
        return serve(self)

    def _facts(self, incident: Incident) -> Facts:
        host, _, port = server_of(self.kubeconfig).removeprefix("https://").rpartition(":")
        serving = x509.load_pem_x509_certificate((self.node_root / f"{PKI[1:]}/apiserver.crt").read_bytes())
        client = certificate_of(self.kubeconfig)
        offset = incident.clock_offset(self.now)
        return facts(serving, client, now=self.now, offset=offset, host=host, port=int(port))


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
    pki = Pki(pki_spec(broken_by), keys, now)
    tree = Tree(root)
    _write_kubeconfig(tree, pki)
    static_pods = authored_static_pods(broken_by)
    objects = cluster_objects(broken_by, static_pods, Placeholders(pki, now), now)
    _write_manifests(tree, objects)
    logs = _logs(broken_by, pki, now)
    for node in (item["metadata"]["name"] for item in objects if item["kind"] == "Node"):
        place = tree.folder(f"nodes/{node}")
        if node == CONTROL_PLANE:
            write_control_plane(place, pki, static_pods, logs, now)
        else:
            write_worker(place, pki, node)
    _ = Lab(root, broken_by, now).symptom  # so that one that cannot be told is found out here
    _mark(root, _Marker(_SCHEMA, now, broken_by.name if broken_by else ""))


def _write_kubeconfig(tree: Tree, pki: Pki) -> None:
    person = pki["workstation"]
    document = kubeconfig(
        cluster_entry(WORKSTATION_SERVER.format(port=_PORT), pki.trusted_by("workstation").certificate_pem),
        embedded(person.certificate_pem, person.key_pem),
        name="mara.lindt",
        cluster_name="marlow-lab",
        context="marlow-lab",
    )
    tree.write("kubeconfig", dump(document), mode=0o600)


def _write_manifests(tree: Tree, objects: Iterable[JsonDict]) -> None:
    """One file for what is cluster-scoped and one for each namespace, as `kubectl get -o json` writes them.

    JSON because it is written and read many times faster than YAML. They hold Secrets: nobody else may read them.
    """
    files: dict[str, list[JsonDict]] = {}
    for item in objects:
        files.setdefault(item["metadata"].get("namespace", "cluster"), []).append(item)
    tree.folder("manifests", 0o700)
    for name, items in files.items():
        document = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}
        tree.write(f"manifests/{name}.json", pretty(document), mode=0o600)


def _logs(broken_by: Incident | None, pki: Pki, now: datetime) -> dict[str, tuple[str, ...]]:
    """The log lines of the incident, filled in."""
    if broken_by is None:
        return {}
    offset = broken_by.clock_offset(now)
    serving, client = pki["apiserver"].certificate, pki["workstation"].certificate
    values = facts(serving, client, now=now, offset=offset, host=_HOST, port=_PORT)
    where = f"logs of {broken_by.name}"
    return {name: tuple(fill(line, values, where=where) for line in lines) for name, lines in broken_by.logs.items()}


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
