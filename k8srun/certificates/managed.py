"""cert-manager's Certificates: what it is asked to keep issued, into which Secret, and how that goes.

Source: `cert-manager.io/v1`, conditions and status of Certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from k8srun.certificates.shapes import at, entries, text
from k8srun.clock import parse_time
from k8srun.errors import InputError
from k8srun.kinds import CERT_MANAGER_CERTIFICATE
from k8srun.snapshot import JsonObject, Snapshot, object_key, resource_name

_SUCCESSES = frozenset({"Ready", "Issued"})
_NAMES = ("dnsNames", "ipAddresses", "uris", "emailAddresses")


@dataclass(frozen=True, slots=True)
class Managed:
    """One Certificate of cert-manager. What it does not say is empty (times and `ready`: None).

    Attributes:
        place: as findings name it.
        namespace, secret: of the Secret that it is written to.
        issuer: who issues it: `ClusterIssuer letsencrypt`.
        names: what it is to be valid for; the common name first, if it asks for one.
        not_before, not_after: of what was issued last.
        renewal: when cert-manager means to issue it again.
        ready: whether it says that the Secret holds what is asked for.
        said: the messages of its conditions that are not as they should be, the one of `Ready` first.
        failures: how many attempts in a row have failed.
    """

    place: str
    namespace: str
    secret: str
    issuer: str
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    renewal: datetime | None = None
    ready: bool | None = None
    said: tuple[str, ...] = ()
    failures: int = 0

    @property
    def secret_place(self) -> str:
        """Where its certificate lives, as the inventory names it."""
        return f"Secret {self.namespace}/{self.secret}, tls.crt"


def managed_certificates(snapshot: Snapshot) -> tuple[Managed, ...]:
    """Every Certificate of a snapshot, in its order. One of any shape is read as far as that goes. Raises nothing."""
    return tuple(map(_managed, snapshot.of(CERT_MANAGER_CERTIFICATE)))


def _managed(item: JsonObject) -> Managed:
    spec, status = at(item, "spec"), at(item, "status")
    conditions = {text(one.get("type")): one for one in entries(at(status, "conditions"))}
    ready = text(at(conditions, "Ready", "status"))
    failures = at(status, "failedIssuanceAttempts")
    common_name = text(at(spec, "commonName"))
    listed = (name for field in _NAMES for name in _list(at(spec, field)) if isinstance(name, str))
    return Managed(
        place=resource_name(CERT_MANAGER_CERTIFICATE, item),
        namespace=object_key(item)[0],
        secret=text(at(spec, "secretName")),
        issuer=f"{text(at(spec, 'issuerRef', 'kind')) or 'Issuer'} {text(at(spec, 'issuerRef', 'name'))}".strip(),
        names=tuple(dict.fromkeys((*((common_name,) if common_name else ()), *listed))),
        not_before=_time(at(status, "notBefore")),
        not_after=_time(at(status, "notAfter")),
        renewal=_time(at(status, "renewalTime")),
        ready=None if ready not in {"True", "False"} else ready == "True",
        said=tuple(filter(None, (_said(conditions.get(kind)) for kind in ("Ready", "Issuing")))),
        failures=failures if isinstance(failures, int) and not isinstance(failures, bool) else 0,
    )


def _said(condition: object) -> str:
    """Why a condition is not as it should be; of a success nothing needs to be said."""
    reason, message = text(at(condition, "reason")), text(at(condition, "message"))
    if reason in _SUCCESSES:
        return ""
    return f"{message} ({reason})" if message and reason else message or reason


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _time(value: object) -> datetime | None:
    try:
        return parse_time(text(value), where="status") if value else None
    except InputError:
        return None
