"""The rows of a notebook's tables: what stands in a snapshot, one line each, as DataFrames to filter and sort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pandas as pd

from k8srun.certificates.chains import Signed
from k8srun.certificates.connection import Connection
from k8srun.certificates.inventory import Held, Inventory
from k8srun.certificates.listing import Listed
from k8srun.certificates.reviews import Review
from k8srun.certificates.roles import CERTIFICATE_FLAGS, KEY_FLAGS, ROLES
from k8srun.certificates.verification import Verification
from k8srun.lab import Incident
from k8srun.snapshot import Snapshot
from k8srun.text import visible
from k8srun.x509 import Certificate

_CERTIFICATES = ("Where", "Role", "Subject", "Issuer", "Names", "Ends", "Days left", "Key", "SHA-256")
_CHAINS = ("Certificate", "Signed by", "Where", "Ends", "Days left")
_KEYS = ("Private key", "Type", "SHA-256 of its public key", "Belongs to")
_MANAGED = ("Certificate", "State", "Ends", "Renewed", "Written to", "Issued by", "What it says")
_PAIRS = ("", "Value")
_ROLES = ("Role", "What it is", "Signed by", "Good for", "kubeadm writes", "Found", "Where")
_CONNECTIONS = ("Presents", "To", "As", "Certificate", "Where it lives", "Trusted by", "Go says")
_FLAGS = ("Program", "Flag", "File", "What it is")
_REQUESTS = ("Request", "State", "For user", "In groups", "Asked by", "Signer", "Usages", "Risk", "What to know")
_ENDPOINTS = ("Endpoint", "Seen from", "Outcome", "Protocol", "Presented", "Alert", "Accepts client CAs", "Because of")


def show_in_full() -> None:
    """Let pandas cut no cell (places are long) and none of the first thousand rows; once, at a notebook's start."""
    pd.set_option("display.max_colwidth", None, "display.max_rows", 1000, "display.min_rows", 1000)


def certificates(held: Iterable[Held], now: datetime, within_days: int | None = None) -> pd.DataFrame:
    """One row a certificate and place, the first to end first; of those alone that end in time, if days are given."""
    rows: list[dict[str, object]] = [
        {
            "Where": item.place,
            "Role": item.role,
            "Subject": item.certificate.subject,
            "Issuer": item.certificate.issuer,
            "Names": _names(item.certificate),
            "Ends": f"{item.certificate.not_after:%Y-%m-%d %H:%M}",
            "Days left": (item.certificate.not_after - now).days,
            "Key": item.certificate.key_type,
            "SHA-256": item.certificate.sha256[:16],
        }
        for item in sorted(held, key=lambda item: item.certificate.not_after)
        if within_days is None or item.certificate.not_after < now + timedelta(days=within_days)
    ]
    return frame(rows, _CERTIFICATES)


def chains(found: Iterable[Signed], now: datetime) -> pd.DataFrame:
    """One row a certificate, indented below the one that signed it."""
    rows: list[dict[str, object]] = [
        {
            "Certificate": "· " * (one.depth - 1) + "└ " * bool(one.depth) + one.certificate.subject,
            "Signed by": _signer(one),
            "Where": _joined(one.places, 1),
            "Ends": f"{one.certificate.not_after:%Y-%m-%d %H:%M}",
            "Days left": (one.certificate.not_after - now).days,
        }
        for one in found
    ]
    return frame(rows, _CHAINS)


def _signer(one: Signed) -> str:
    if one.signer is None:
        return f"{one.certificate.issuer}, which is not among them"
    return "itself" if one.signer == one.certificate else one.signer.subject


def keys(rows: Iterable[Listed]) -> pd.DataFrame:
    """One row a private key, of which nothing but its public half is known."""
    found: list[dict[str, object]] = [
        {
            "Private key": row.where,
            "Type": row.key_type,
            "SHA-256 of its public key": row.public_key_sha256[:16],
            "Belongs to": _joined(row.pair, 2) or row.error,
        }
        for row in rows
        if row.kind == "key"
    ]
    return frame(found, _KEYS)


def managed(rows: Iterable[Listed]) -> pd.DataFrame:
    """One row for each Certificate that cert-manager keeps issued."""
    found: list[dict[str, object]] = [
        {
            "Certificate": row.where,
            "State": row.state,
            "Ends": f"{row.not_after:%Y-%m-%d %H:%M}" if row.not_after else "",
            "Renewed": f"{row.renewal:%Y-%m-%d %H:%M}" if row.renewal else "",
            "Written to": _joined(row.pair, 1),
            "Issued by": row.issuer,
            "What it says": row.error,
        }
        for row in rows
        if row.kind == "managed"
    ]
    return frame(found, _MANAGED)


def pairs(rows: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Label and value, line by line."""
    return frame([{"": label, "Value": value} for label, value in rows], _PAIRS)


def verification(answer: Verification) -> pd.DataFrame:
    """Go's verdict and words, the chains that verify, and everything that is wrong."""
    rows = [("Verdict", answer.verdict.value), ("Go says", answer.message or "nothing: it is accepted")]
    rows += [("Chain", " ← ".join(certificate.subject for certificate in chain)) for chain in answer.chains]
    rows += [
        (f"Wrong: {problem.kind.replace('_', ' ')}", "; ".join(fact.fact for fact in problem.evidence))
        for problem in answer.problems
    ]
    return pairs(rows)


def roles(found: Inventory) -> pd.DataFrame:
    """One row for each certificate that kubeadm makes and each of that role that was found."""
    rows: list[dict[str, object]] = []
    for role in ROLES:
        groups = "".join(f",O={group}" for group in role.organizations)
        common: dict[str, object] = {
            "Role": role.id,
            "What it is": role.title,
            "Signed by": "itself" if role.is_authority else role.issuer,
            "Good for": ", ".join(role.usages) or "signing",
            "kubeadm writes": f"CN={role.common_name}{groups}" if role.common_name != "*" else "CN=(any)",
        }
        held = found.of_role(role.id)
        rows += [{**common, "Found": one.certificate.subject, "Where": one.place} for one in held]
        if not held:
            rows.append({**common, "Found": "not found", "Where": role.path})
    return frame(rows, _ROLES)


def connections(found: Iterable[Connection], now: datetime) -> pd.DataFrame:
    """One row for each certificate and each side that it is shown to, with what Go says of it there."""
    rows: list[dict[str, object]] = []
    for one in found:
        answer = one.verification(now)
        rows.append(
            {
                "Presents": one.presenter or "a server",
                "To": one.verifier or "whoever connects",
                "As": one.usage,
                "Certificate": one.leaf.subject if one.leaf else "not known",
                "Where it lives": one.place,
                "Trusted by": one.trust.place if one.trust else "not known",
                "Go says": (answer.message or answer.verdict.value) if answer and one.trust else "cannot be told",
            }
        )
    return frame(rows, _CONNECTIONS)


def flags(found: Inventory) -> pd.DataFrame:
    """One row for each flag of a program that names a certificate or its key."""
    titles = {role.id: role.title for role in ROLES}
    named = {place: titles[role] for place, role in CERTIFICATE_FLAGS.items()}
    named |= {(program, flag): f"the key of --{of}" for (program, of), flag in KEY_FLAGS.items()}
    rows: list[dict[str, object]] = [
        {
            "Program": f"{program.program} on {program.host}" if program.host else program.program,
            "Flag": f"--{flag}",
            "File": program.flags[flag],
            "What it is": title,
        }
        for program in found.components
        for (name, flag), title in named.items()
        if name == program.program and flag in program.flags
    ]
    return frame(rows, _FLAGS)


def requests(found: Iterable[Review]) -> pd.DataFrame:
    """One row a certificate request, with what approving it would risk."""
    rows: list[dict[str, object]] = [
        {
            "Request": review.request.name,
            "State": review.request.state.value,
            "For user": review.request.user or "(unreadable)",
            "In groups": ", ".join(review.request.for_groups),
            "Asked by": review.request.username,
            "Signer": review.request.signer,
            "Usages": ", ".join(review.request.usages),
            "Risk": review.severity.value if review.severity else "none",
            "What to know": "; ".join(risk.message for risk in review.risks),
        }
        for review in found
    ]
    return frame(rows, _REQUESTS)


def endpoints(snapshot: Snapshot) -> pd.DataFrame:
    """One row a handshake: how it ended and what the peer presented, leaf first."""
    rows: list[dict[str, object]] = [
        {
            "Endpoint": seen.address if seen.name == seen.host else f"{seen.address} as {seen.name}",
            "Seen from": seen.seen_from,
            "Outcome": f"{seen.outcome}: {seen.detail}" if seen.detail else seen.outcome.value,
            "Protocol": seen.protocol,
            "Presented": " ← ".join(_subject(der) for der in seen.presented),
            "Alert": seen.alert,
            "Accepts client CAs": len(seen.client_ca_names) if seen.client_certificate_requested else "not asked for",
            "Because of": seen.source,
        }
        for seen in snapshot.endpoints
    ]
    return frame(rows, _ENDPOINTS)


def incidents(known: Iterable[Incident]) -> pd.DataFrame:
    """One row an incident of the lab."""
    return frame([{"Incident": one.name, "What is wrong": one.title} for one in known], ("Incident", "What is wrong"))


def _subject(der: bytes) -> str:
    try:
        return Certificate.from_der(der).subject
    except ValueError:
        return "(unreadable certificate)"


def _names(certificate: Certificate) -> str:
    return _joined((*certificate.dns_names, *certificate.ip_addresses), 6)


def _joined(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def frame(rows: list[dict[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows as a frame whose strings are inert and whose first column is the index: 0, 1, 2 would say nothing."""
    inert = [{name: _inert(row[name]) for name in columns} for row in rows]
    frame = pd.DataFrame(inert, columns=list(columns)).set_index(columns[0])
    # With the name over the columns instead of the index, the heading is one row and not two.
    return frame.rename_axis(index=None, columns=columns[0])


def _inert(value: object) -> object:
    return visible(value) if isinstance(value, str) else value
