"""Certificates renewed before they end: the CA before what it signs, what kubeadm makes, Secrets, kubelets, users."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import timedelta

from k8srun import steps
from k8srun.certificates.case import World, who
from k8srun.certificates.fixes.commands import (
    embed_authority,
    is_hand_made,
    renew_same_key,
    renewal,
    restart,
    rotate_default_authority,
)
from k8srun.certificates.inventory import Held, Holder
from k8srun.certificates.plans.hosts import by_provider, on_control_plane
from k8srun.certificates.plans.injectors import issuer_of
from k8srun.certificates.plans.kubelets import approval_remedy
from k8srun.certificates.plans.remedy import Remedy, check_passes, joined
from k8srun.certificates.roles import BY_ID
from k8srun.errors import InputError
from k8srun.kinds import SECRET
from k8srun.plan import Step
from k8srun.text import visible

# The order in which they are restarted: etcd first, since the API server waits for it.
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
_READERS = {
    "ca": ("kube-apiserver", "kube-controller-manager", "kubelet"),
    "etcd-ca": ("etcd", "kube-apiserver"),
    "front-proxy-ca": ("kube-apiserver",),
}
_OF_KUBELETS = frozenset({"kubelet.conf", "kubelet-server"})
_BY_HAND = "The former certificate stays valid until it ends; keep its file until the new one is in use."


def renewal_remedy(world: World, within: timedelta, roles: Sequence[str] = ()) -> Remedy:
    """What renews everything that ends within a time, in a safe order; without anything that does, no steps.

    Args:
        within: counted from the world's clock; what has ended already is always included.
        roles: only the certificates of these roles of kubeadm's table, whenever they end.

    Raises:
        InputError: there is no such role.
    """
    unknown = [role for role in roles if role not in BY_ID]
    if unknown:
        raise InputError(
            f"there is no certificate {visible(unknown[0], limit=80)!r}", do=f"One of: {', '.join(BY_ID)}."
        )
    ending = tuple(
        held
        for held in world.inventory.held
        if (held.role in roles if roles else held.certificate.not_after <= world.now + within)
    )
    parts = [*_of_control_plane(world, ending)]
    if not roles:
        parts += [*_of_secrets(world, ending), *_of_users(ending)]
        approvals = approval_remedy(world.snapshot, "")
        parts += [approvals] if approvals else []
    return joined(parts)


def _of_control_plane(world: World, ending: Sequence[Held]) -> Iterator[Remedy]:
    found = [role for role in BY_ID if role not in _OF_KUBELETS and any(held.role == role for held in ending)]
    if not found:
        return
    proof = (check_passes("CERT-EXPIRED"), check_passes("CERT-EXPIRES-SOON"))
    if world.distribution.managed is True:
        yield Remedy((by_provider(world.distribution, ""),), (), proof)
        return
    authorities = [role for role in found if BY_ID[role].is_authority]
    for role in authorities:
        made = on_control_plane(world, _authority(world, role, ending), f"{BY_ID[role].title} ends", "")
        yield Remedy(tuple(made), ("A CA is made again with its key: what it signed stays valid.",), proof)
    leaves = [role for role in found if role not in authorities]
    if leaves:
        names = ", ".join(leaves)
        made = on_control_plane(world, tuple(_leaves(world, leaves, ending)), f"renews {names}", "")
        yield Remedy(tuple(made), (), proof)


def _authority(world: World, role: str, ending: Sequence[Held]) -> tuple[str, ...]:
    if world.distribution.name in {"k3s", "RKE2"}:
        return rotate_default_authority(world.distribution)
    place = _path(role, ending)
    restarted = (command for program in _READERS[role] for command in restart(program, world.distribution))
    return (*renew_same_key(place), *restarted, *(embed_authority(place) if role == "ca" else ()))


def _leaves(world: World, roles: Sequence[str], ending: Sequence[Held]) -> Iterator[str]:
    """The renewal of each, and then one restart of each program that reads one of them."""
    programs = {BY_ID[role].program for role in roles}
    restarts = [command for name in _PROGRAMS if name in programs for command in restart(name, world.distribution)]
    made: dict[str, None] = {}
    for role in roles:
        path = _path(role, ending)
        commands = renewal(role, world.distribution, path)[1]
        own = restart(BY_ID[role].program, world.distribution)
        by_hand = is_hand_made(world.distribution, path)
        made |= dict.fromkeys(command for command in commands if by_hand or command not in own)
    yield from made
    yield from (command for command in restarts if command not in made)


def _path(role: str, ending: Sequence[Held]) -> str:
    files = (held.bundle.path for held in ending if held.role == role and held.bundle.holder is Holder.FILE)
    return next(files, BY_ID[role].path)


def _of_secrets(world: World, ending: Sequence[Held]) -> Iterator[Remedy]:
    """TLS Secrets: by cert-manager where it keeps them; the others need a certificate from whoever issues them."""
    for secret in world.snapshot.of(SECRET):
        namespace, name = secret["metadata"].get("namespace") or "", secret["metadata"]["name"]
        place = f"Secret {namespace}/{name}, tls.crt"
        held = next((item for item in ending if item.bundle.place == place and not item.position), None)
        if held is None:
            continue
        keeper = issuer_of(secret)
        if keeper:
            command = f"cmctl renew -n {shlex.quote(namespace)} {shlex.quote(keeper)}"
            reason = f"{who(held.certificate)} ends {held.certificate.not_after:%Y-%m-%d}, and cert-manager keeps it"
        else:
            secret_name = shlex.quote(f"secret={namespace}/{name}")
            command = (
                f"k8srun run renew-certificates -p {secret_name} -p certificate_file=NEW.crt -p key_file=NEW.key"
                " -p ca_file=CA.crt --context"
            )
            reason = (
                f"{who(held.certificate)} ends {held.certificate.not_after:%Y-%m-%d}: have it issued again by"
                f" {visible(held.certificate.issuer, limit=120)}"
            )
        yield Remedy((_step(command, reason),), (), (check_passes("CERT-IN-CLUSTER-EXPIRED"),))


def _of_users(ending: Sequence[Held]) -> Iterator[Remedy]:
    """Client certificates in kubeconfigs that belong to people."""
    for held in ending:
        if held.bundle.holder is not Holder.KUBECONFIG_USER or held.role or held.position:
            continue
        leaf = held.certificate
        groups = "[" + ", ".join(f'"{visible(group, limit=64)}"' for group in leaf.organizations) + "]"
        words = [f"user={visible(leaf.common_name, limit=64)}", *([f"groups={groups}"] if leaf.organizations else [])]
        command = " ".join(["k8srun run issue-user-certificate", *(f"-p {shlex.quote(word)}" for word in words)])
        reason = f"{who(leaf)} in {held.place} ends {leaf.not_after:%Y-%m-%d}"
        yield Remedy((_step(f"{command} -p folder=. --context", reason),), (), (check_passes("CERT-EXPIRED"),))


def _step(command: str, reason: str) -> Step:
    return steps.on_host("a workstation with the right to change it", (command,), reason, irreversible=_BY_HAND)
