"""The rows of a notebook's tables: what stands in a snapshot, one line each, as DataFrames to filter and sort."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pandas as pd

from k8srun.certificates.chains import Signed
from k8srun.certificates.inventory import Held
from k8srun.lab import Incident
from k8srun.snapshot import Snapshot
from k8srun.text import visible
from k8srun.x509 import Certificate

_CERTIFICATES = ("Where", "Role", "Subject", "Issuer", "Names", "Ends", "Days left", "Key", "SHA-256")
_CHAINS = ("Certificate", "Signed by", "Where", "Ends", "Days left")
_ENDPOINTS = ("Endpoint", "Seen from", "Outcome", "Protocol", "Presented", "Alert", "Accepts client CAs", "Because of")


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
    return _frame(rows, _CERTIFICATES)


def chains(found: Iterable[Signed], now: datetime) -> pd.DataFrame:
    """One row a certificate, indented below the one that signed it."""
    rows: list[dict[str, object]] = [
        {
            "Certificate": "· " * (one.depth - 1) + "└ " * bool(one.depth) + one.certificate.subject,
            "Signed by": _signer(one),
            "Where": one.places[0] + (f" and {len(one.places) - 1} more" if len(one.places) > 1 else ""),
            "Ends": f"{one.certificate.not_after:%Y-%m-%d %H:%M}",
            "Days left": (one.certificate.not_after - now).days,
        }
        for one in found
    ]
    return _frame(rows, _CHAINS)


def _signer(one: Signed) -> str:
    if one.signer is None:
        return f"{one.certificate.issuer}, which is not among them"
    return "itself" if one.signer == one.certificate else one.signer.subject


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
    return _frame(rows, _ENDPOINTS)


def incidents(known: Iterable[Incident]) -> pd.DataFrame:
    """One row an incident of the lab."""
    return _frame([{"Incident": one.name, "What is wrong": one.title} for one in known], ("Incident", "What is wrong"))


def _subject(der: bytes) -> str:
    try:
        return Certificate.from_der(der).subject
    except ValueError:
        return "(unreadable certificate)"


def _names(certificate: Certificate) -> str:
    names = (*certificate.dns_names, *certificate.ip_addresses)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _frame(rows: list[dict[str, object]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows as a frame whose strings are inert and whose first column is the index: 0, 1, 2 would say nothing."""
    inert = [{name: _inert(row[name]) for name in columns} for row in rows]
    frame = pd.DataFrame(inert, columns=list(columns)).set_index(columns[0])
    # With the name over the columns instead of the index, the heading is one row and not two.
    return frame.rename_axis(index=None, columns=columns[0])


def _inert(value: object) -> object:
    return visible(value) if isinstance(value, str) else value
