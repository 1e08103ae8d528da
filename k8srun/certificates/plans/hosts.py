"""What a person does on hosts: exact commands, the backup first, and then one control-plane node after the other.

A step is done when a person says so (`--done N`): nothing goes on to the next node before that.
"""

from __future__ import annotations

from collections.abc import Iterator

from k8srun import steps
from k8srun.certificates.case import Case, World
from k8srun.certificates.fixes.commands import BACKUP, CONTROL_PLANE, COPY, renewal
from k8srun.certificates.plans.proofs import PROOFS
from k8srun.certificates.plans.remedy import Remedy, check_passes
from k8srun.certificates.shapes import at, mapping
from k8srun.diagnosis import Fix
from k8srun.distribution import Distribution
from k8srun.kinds import NODE
from k8srun.plan import Step
from k8srun.snapshot import object_key
from k8srun.text import visible

_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_EACH = "each control-plane node, one after the other"
_RESTORE = "The backup of the first step holds what this replaces: copy that back, and restart the same program."
_BY_HAND = "Nothing is run by k8srun: who runs the commands takes them back."
_ETCDCTL = (
    "etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/kubernetes/pki/etcd/ca.crt"
    " --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key"
)
_IN_ETCD = f"sudo crictl exec $(sudo crictl ps --name etcd -q | head -1) {_ETCDCTL}"
_READY = "kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw '/readyz?verbose' | tail -1"
_KUBESPRAY = "/etc/kubernetes/ssl/"
_KUBESPRAY_ETCD = "/etc/ssl/etcd/ssl/"
_ON_HOST = (
    f"sudo /usr/local/bin/etcdctl --endpoints https://127.0.0.1:2379 --cacert {_KUBESPRAY_ETCD}ca.pem"
    f" --cert {_KUBESPRAY_ETCD}admin-$(hostname).pem --key {_KUBESPRAY_ETCD}admin-$(hostname)-key.pem"
)


def fix_remedy(case: Case, cause: str, fix: Fix) -> Remedy:
    """A fix's commands as steps for a person."""
    called = case.server is not None and case.server.connection.caller is not None
    proof = (check_passes("WEBHOOK-CA" if called else PROOFS[cause]),)
    distribution = case.world.distribution
    commands = fix.commands or (f"# {fix.summary}",)
    if fix.where == CONTROL_PLANE or BACKUP in commands:
        if distribution.managed is True:
            return Remedy((by_provider(distribution, cause),), (), proof)
        made = tuple(on_control_plane(case.world, commands, fix.summary, cause))
        return Remedy(made, (_restarts(case.world),), proof)
    where = visible(fix.where.removeprefix("on "), limit=400) or "a workstation with the right to change it"
    return Remedy((steps.on_host(where, commands, fix.summary, answers=cause, irreversible=_BY_HAND),), (), proof)


def on_control_plane(world: World, commands: tuple[str, ...], reason: str, cause: str) -> Iterator[Step]:
    """The commands on every control-plane node, each a step of its own, behind a backup of all of them."""
    nodes = control_plane_nodes(world)
    everywhere = ", ".join(nodes) or _EACH
    yield steps.on_host(
        everywhere,
        backup(world),
        "a backup of what the next steps change, and of etcd while it still answers",
        answers=cause,
        irreversible="It changes nothing; remove the copies once all is well: they hold private keys.",
    )
    own = tuple(command for command in commands if command != BACKUP)
    if is_kubespray(world) and any("kubeadm certs renew" in command for command in own):
        own = ("sudo /usr/local/bin/k8s-certs-renew.sh  # kubespray's own: renews, and restarts what has to read it",)
    for node in nodes or (_EACH,):
        yield steps.on_host(node, (*own, *healthy(world)), reason, answers=cause, irreversible=_RESTORE)


def control_plane_nodes(world: World) -> tuple[str, ...]:
    """The names of the control-plane nodes, by their labels, or else by whose files were read; sorted."""
    labelled = {
        object_key(node)[1]
        for node in world.snapshot.of(NODE)
        if any(label in mapping(at(node, "metadata", "labels")) for label in _LABELS)
    }
    seen = {program.host for program in world.inventory.program("kube-apiserver") if program.host}
    return tuple(sorted(visible(name, limit=120) for name in labelled or seen))


def is_kubespray(world: World) -> bool:
    """Whether kubespray made the cluster: kubeadm with the files in a folder of its own, and etcd as a service."""
    flags = (value for program in world.inventory.components for value in program.flags.values())
    return any(value.startswith((_KUBESPRAY, _KUBESPRAY_ETCD)) for value in flags)


def backup(world: World) -> tuple[str, ...]:
    """What keeps the files and etcd's content of a node, to be put back."""
    distribution = world.distribution
    if distribution.name in {"k3s", "RKE2"}:
        tool = distribution.name.lower()
        return (
            f"{COPY} /var/lib/rancher/{tool}/server/tls /var/backups/{tool}-tls-$(date +%F)",
            f"sudo {tool} etcd-snapshot save  # not with an external database",
        )
    if distribution.name == "hand-made":
        return (f"{COPY} /etc/kubernetes /etc/etcd /var/lib/kubernetes /var/backups/ 2>/dev/null || true", BACKUP)
    if is_kubespray(world):
        files = f"{COPY} {_KUBESPRAY_ETCD.rstrip('/')} /var/backups/etcd-ssl-$(date +%F)"
        return (BACKUP, files, f"{_ON_HOST} snapshot save /var/backups/etcd-$(date +%F).db")
    return (BACKUP, f"{_IN_ETCD} snapshot save /var/lib/etcd/before-$(date +%F).db")


def healthy(world: World) -> tuple[str, ...]:
    """What must answer well before the next node's turn comes: with another member down, etcd may lose its quorum."""
    distribution = world.distribution
    if distribution.name in {"k3s", "RKE2"}:
        return (f"sudo {distribution.name.lower()} kubectl get --raw '/readyz?verbose' | tail -1",)
    if distribution.name == "hand-made":
        return (_READY,)
    etcdctl = _ON_HOST if is_kubespray(world) else _IN_ETCD
    return (f"{etcdctl} endpoint health --cluster  # every member, before the next node", _READY)


def by_provider(distribution: Distribution, cause: str) -> Step:
    """What the users of a managed control plane can do in place of touching its hosts."""
    summary, commands = renewal("apiserver", distribution)
    where = f"a workstation with {distribution.name}'s command line and the right to change the cluster"
    return steps.on_host(where, commands, summary, answers=cause, irreversible=_BY_HAND)


def _restarts(world: World) -> str:
    nodes = control_plane_nodes(world)
    if len(nodes) == 1:
        return f"The only control-plane node, {nodes[0]}, is interrupted: the API does not answer for a minute."
    many = len(nodes) or "several"
    return f"The control plane restarts node by node: with {many} of them, the others answer meanwhile."
