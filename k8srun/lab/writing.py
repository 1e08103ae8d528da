"""Writing one lab into a folder."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from k8srun.codec import pretty
from k8srun.lab.catalogue import Incident, KubeconfigChange, pki_spec
from k8srun.lab.cluster.identity import JsonDict
from k8srun.lab.cluster.objects import authored_static_pods, cluster_objects
from k8srun.lab.cluster.placeholders import Placeholders
from k8srun.lab.damage import change_file
from k8srun.lab.facts import Facts, facts, fill
from k8srun.lab.files import Tree, dump
from k8srun.lab.kubeconfigs import WORKSTATION_SERVER
from k8srun.lab.merging import merge_patch
from k8srun.lab.node import CONTROL_PLANE, write_control_plane, write_worker
from k8srun.pki.issuing import Keys, Pki
from k8srun.pki.kubeconfigs import cluster_entry, embedded, kubeconfig

HELD = "memory/kube-apiserver.pem"
"""What the API server's process holds in memory, in a lab's folder. Remove it and the process is as if restarted."""


def write_lab(root: Path, broken_by: Incident | None, now: datetime, keys: Keys) -> str:
    """Write all of a lab but its marker.

    Returns:
        The symptom, but for where the API server answers.

    Raises:
        InputError: the incident's description does not fit.
    """
    pki = Pki(pki_spec(broken_by), keys, now)
    placeholders = Placeholders(pki, now)
    tree = Tree(root)
    _write_kubeconfig(tree, pki, placeholders, broken_by.kubeconfig if broken_by else KubeconfigChange())
    static_pods = authored_static_pods(broken_by)
    objects = cluster_objects(broken_by, static_pods, placeholders, now)
    _write_manifests(tree, objects)
    values = facts(pki, now, broken_by.clock_offset(now)) if broken_by else {}
    logs = _logs(broken_by, values) if broken_by else {}
    for node in (item["metadata"]["name"] for item in objects if item["kind"] == "Node"):
        place = tree.folder(f"nodes/{node}")
        if node == CONTROL_PLANE:
            write_control_plane(place, pki, static_pods, logs, now)
        else:
            write_worker(place, pki, node)
    if broken_by is None:
        return ""
    if broken_by.served:
        held = pki[broken_by.served]
        tree.write(HELD, held.certificate_pem + held.key_pem, mode=0o600)
    for path, change in broken_by.files.items():
        change_file(root / "nodes" / CONTROL_PLANE, path, change, pki)
    return fill(broken_by.symptom, values, where=f"symptom of {broken_by.name}").strip()


def _logs(broken_by: Incident, values: Facts) -> dict[str, tuple[str, ...]]:
    where = f"logs of {broken_by.name}"
    return {name: tuple(fill(line, values, where=where) for line in lines) for name, lines in broken_by.logs.items()}


def _write_kubeconfig(tree: Tree, pki: Pki, placeholders: Placeholders, change: KubeconfigChange) -> None:
    person = pki["workstation"]
    cluster = cluster_entry(WORKSTATION_SERVER, pki.trusted_by("workstation").certificate_pem)
    document = kubeconfig(
        merge_patch(cluster, placeholders.fill(dict(change.cluster))),
        merge_patch(embedded(person.certificate_pem, person.key_pem), placeholders.fill(dict(change.user))),
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
