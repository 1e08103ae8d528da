"""The one gate: a confirmation is bound to exactly what was shown, and to a time.

A confirmation is `TIME-CLUSTER-PLAN-OBJECTS-IMPACT-DIGEST`: when it was issued, four tags of four hexadecimal digits,
and half of a SHA-256 over the time and everything that the tags stand for. The digest alone decides; the tags only say
which part is another. Nothing is stored: the time is part of what is digested, so it cannot be moved without the
preview being made again. That is a guard against mistakes, against a stale or a wrong plan and against haste; it is
none against who holds the credentials, since they could write to the cluster anyway.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from k8srun.codec import canonical
from k8srun.errors import RefusedError

VALID_FOR = timedelta(minutes=30)
_STAMP = "%Y%m%dT%H%M%SZ"
_FORM = re.compile(r"(\d{8}T\d{6}Z)-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{32})")
_CLOCKS_DIFFER = timedelta(minutes=1)
_AGAIN = "Preview it again, read what is new, and confirm that."


@dataclass(frozen=True, slots=True)
class Basis:
    """What a confirmation is given for. Every part is anything that has a canonical form.

    Attributes:
        cluster: uid of the cluster.
        plan: the plan's digest, and the choices that change what applying it does.
        objects: the state of every object that a step is about, and of every step.
        impact: what else it brings about.
    """

    cluster: object
    plan: object
    objects: object
    impact: object

    def tags(self) -> tuple[str, ...]:
        """The four tags."""
        return tuple(_hash(part)[:4] for part in (self.cluster, self.plan, self.objects, self.impact))

    def confirmation(self, issued: datetime) -> str:
        """The confirmation that applies exactly this, issued at a time with time zone."""
        stamp = issued.astimezone(UTC).strftime(_STAMP)
        digest = _hash((stamp, self.cluster, self.plan, self.objects, self.impact))[:32]
        return "-".join((stamp, *self.tags(), digest))


def issued_at(confirm: str) -> datetime:
    """When a confirmation was issued.

    Raises:
        RefusedError: it is no confirmation.
    """
    match = _FORM.fullmatch(confirm.strip())
    try:
        if match is None:
            raise ValueError
        return datetime.strptime(match[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError(
            "this is no confirmation: nothing was changed",
            do="Preview the plan and give the confirmation that is printed at its end, whole.",
        ) from None


def require(confirm: str, basis: Basis, now: datetime, *, valid_for: timedelta, changes: Sequence[str] = ()) -> None:
    """Let through the confirmation of exactly this basis, while it is valid.

    Args:
        changes: what is known to have changed since it was issued, a clause each.

    Raises:
        RefusedError: it is another one, or too old; the message says what differs.
    """
    issued = issued_at(confirm)
    if confirm.strip() == basis.confirmation(issued):
        _require_fresh(issued, now, valid_for)
        return
    given = confirm.strip().split("-")[1:5]
    cluster, plan, objects, impact = (one == other for one, other in zip(given, basis.tags(), strict=True))
    if not cluster:
        what, do = "it was given for another cluster", "Check the context; a plan is for the cluster it was made for."
    elif not plan:
        what, do = "it was given for another plan, or with other options", _AGAIN
    elif not objects:
        said = "; ".join(changes[:3])
        what, do = f"what the plan changes is not as it was shown{': ' + said if said else ''}", _AGAIN
    elif not impact:
        what, do = "its impact is not what was shown", _AGAIN
    else:
        what, do = "it is not the one that was printed", "Copy it whole."
    raise RefusedError(f"the confirmation does not fit: {what}; nothing was changed", do=do)


def _require_fresh(issued: datetime, now: datetime, valid_for: timedelta) -> None:
    if now - issued > valid_for:
        minutes = int((now - issued - valid_for).total_seconds() // 60)
        raise RefusedError(
            f"the confirmation expired {f'{minutes} minutes' if minutes else 'less than a minute'} ago;"
            " nothing was changed",
            do=_AGAIN,
        )
    if issued - now > _CLOCKS_DIFFER:
        raise RefusedError("the confirmation is from the future; nothing was changed", do="Check this machine's clock.")


def _hash(value: object) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()
