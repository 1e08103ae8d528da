"""What the checks look at that hold certificates against their role: kubeadm's table, one key each, system:masters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from k8srun.certificates.case import issued_by, who
from k8srun.certificates.inspections import by_certificate
from k8srun.certificates.inventory import Held, Holder, Inventory, inventory
from k8srun.certificates.request_risks import MASTERS
from k8srun.certificates.roles import BY_ID, CERTIFICATE_FLAGS, CLIENT, PATHS, ROLES, Role
from k8srun.checks import Check, Undecided
from k8srun.findings import Evidence, Finding, Severity
from k8srun.snapshot import Snapshot
from k8srun.text import visible
from k8srun.x509 import Certificate

# Where kubeadm before 1.29 wrote system:masters itself. Source: kubeadm `certlist.go`, `kubeconfig.go`.
_ONCE_MASTERS = frozenset(
    {"apiserver-kubelet-client", "apiserver-etcd-client", "etcd-healthcheck-client", "admin.conf"}
)
# Self-signed unless it is asked for otherwise: that has a check of its own.
_JUDGED_ELSEWHERE = frozenset({"kubelet-server"})


def role_profile(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Certificates that are not what their place in the cluster asks for."""
    found = inventory(snapshot)
    leaves = [
        held
        for held in found.held
        if held.role and not held.position and held.role not in _JUDGED_ELSEWHERE and not BY_ID[held.role].is_authority
    ]
    if not leaves:
        raise Undecided("no certificate was read whose role is known")
    authorities = _authorities(found)
    for held in leaves:
        role = BY_ID[held.role]
        for aspect, message in _deviations(held, role, authorities):
            subject = Evidence(f"{who(held.certificate)}, issued by {visible(held.certificate.issuer)}", held.place)
            yield check.finding(
                held.place, message, subject, Evidence(f"{role.title}; without it: {role.affected}"), key=aspect
            )


def masters(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Client certificates that make whoever holds their key an administrator whom nothing limits."""
    found = inventory(snapshot)
    authorities = _authorities(found)
    held = (item for item in found.held if item.bundle.holder is not Holder.REQUEST and MASTERS in _groups(item))
    for places in by_certificate(held):
        certificate = places[0].certificate
        signers = _signers(certificate, authorities)
        # The group means something to the API server alone: what another CA signed is no client of it.
        if any(item.role == "super-admin.conf" for item in places) or (signers and "ca" not in signers):
            continue
        # Nobody but the API server itself works with this one.
        own = all(item.role == "apiserver-kubelet-client" for item in places)
        once = any(item.role in _ONCE_MASTERS for item in places)
        yield check.finding(
            places[0].place,
            f"{who(certificate)} is in {MASTERS}, past RBAC, for as long as the certificate lasts",
            *(Evidence(f"serial number {item.certificate.serial_hex}", item.place) for item in places[:5]),
            *((Evidence("kubeadm before 1.29 issued it so"),) if once else ()),
            key=certificate.subject,
            severity=Severity.MEDIUM if own else None,
        )


def key_reused(check: Check, snapshot: Snapshot, _now: datetime) -> Iterator[Finding]:
    """Keys of several certificates that are not one certificate renewed."""
    groups: dict[str, list[Held]] = defaultdict(list)
    for item in inventory(snapshot).held:
        if item.bundle.holder is not Holder.REQUEST and item.certificate.public_key_sha256:
            groups[item.certificate.public_key_sha256].append(item)
    if not groups:
        raise Undecided("no certificate was read")
    for held in groups.values():
        subjects = {who(item.certificate) for item in held}
        roles = {item.role for item in held if item.role and not item.position}
        certificates = by_certificate(held)
        # A certificate may stand at the places of two roles: that is no second one with its key.
        if len(certificates) > 1 and (len(subjects) > 1 or len(roles) > 1):
            shown = [places[0] for places in certificates]
            yield check.finding(
                shown[0].place,
                f"its key is that of {len(shown)} certificates: {', '.join(sorted(subjects)[:5])}",
                *(Evidence(who(item.certificate), item.place) for item in shown[:5]),
                key=", ".join(sorted(subjects)),
                severity=Severity.HIGH if any(item.certificate.is_ca for item in shown) else None,
            )


def _deviations(held: Held, role: Role, authorities: dict[str, set[Certificate]]) -> Iterator[tuple[str, str]]:
    """What of a certificate differs from its row of the table: the aspect, and a sentence."""
    certificate, usages = held.certificate, set(held.certificate.extended_key_usages)
    lacking = [f"{usage}Auth" for usage in role.usages if f"{usage}Auth" not in usages]
    if usages and not usages & {"any", "anyExtendedKeyUsage"} and lacking:
        yield "usage", f"it is for {', '.join(sorted(usages))}, and {role.title} needs {' and '.join(lacking)}"
    signers = _signers(certificate, authorities)
    if signers and role.issuer not in signers:
        wrong = ", ".join(BY_ID[signer].title for signer in sorted(signers))
        yield "issuer", f"it was issued by {wrong}, where {BY_ID[role.issuer].title} belongs"
    # A hand-made cluster has names of its own at places of its own; and nobody reads a server's common name.
    if held.bundle.path not in PATHS or role.usages != (CLIENT,):
        return
    if not _fits(certificate.common_name, role.common_name):
        shown = visible(certificate.common_name, limit=120) or "nobody"
        yield "name", f"it makes its holder {shown}, and {role.title} is {role.common_name}"
    accepted = [set(role.organizations), *([{MASTERS}] if role.id in _ONCE_MASTERS else [])]
    if set(certificate.organizations) not in accepted:
        shown = visible(", ".join(certificate.organizations), limit=200) or "no group"
        yield "groups", f"it puts its holder into {shown}, and {role.title} is in {_said(role.organizations)}"


def _said(organizations: tuple[str, ...]) -> str:
    return ", ".join(organizations) or "none"


def _fits(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) and name != pattern[:-1] if pattern.endswith("*") else name == pattern


def _groups(held: Held) -> tuple[str, ...]:
    """The groups that a certificate puts a client into; none if it is not good for a client."""
    usages = set(held.certificate.extended_key_usages)
    client = not usages or bool(usages & {"clientAuth", "any", "anyExtendedKeyUsage"})
    return held.certificate.organizations if client and not held.certificate.is_ca else ()


def _authorities(found: Inventory) -> dict[str, set[Certificate]]:
    """Role of a CA → its certificates, by kubeadm's paths and by every flag: one file may serve several roles."""
    authorities = {
        role.id: {item.certificate for item in found.held if item.role == role.id}
        for role in ROLES
        if role.is_authority
    }
    for program in found.components:
        for (name, flag), role in CERTIFICATE_FLAGS.items():
            bundle = found.file(program.flags.get(flag, ""), program.host) if name == program.program else None
            if bundle and role in authorities:
                authorities[role] |= set(bundle.certificates)
    return authorities


def _signers(certificate: Certificate, authorities: dict[str, set[Certificate]]) -> set[str]:
    """The roles of the CAs that signed a certificate; empty if none of them did, as with an intermediate between."""
    return {role for role, known in authorities.items() if any(issued_by(certificate, item) for item in known)}
