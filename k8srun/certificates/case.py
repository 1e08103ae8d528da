"""What a cause is judged by: the message, if there is one, and the connections that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from k8srun.certificates.connection import Connection, Trust
from k8srun.certificates.connections import connections
from k8srun.certificates.entry import Party
from k8srun.certificates.inventory import Inventory, inventory
from k8srun.certificates.messages import Symptom
from k8srun.certificates.verification import (
    ErrorKind,
    Problem,
    Verification,
    VerificationVerdict,
    find_issuers,
    signed_by,
)
from k8srun.certificates.wrappers import Side
from k8srun.diagnosis import CauseStatus
from k8srun.distribution import Distribution
from k8srun.findings import Evidence
from k8srun.snapshot import Snapshot
from k8srun.text import visible
from k8srun.x509 import Certificate

_UNTRUSTED = frozenset({ErrorKind.UNKNOWN_AUTHORITY, ErrorKind.INSECURE_SIGNATURE, ErrorKind.CA_NOT_AUTHORIZED_TO_SIGN})


@dataclass(frozen=True)
class World:
    """A snapshot seen with a certificate investigator's eyes.

    Attributes:
        now: the clock that dates are judged by.
        kubeconfigs: by path, those of whoever plans as `k8srun.kubeconfigview` shows them, secrets reduced: a plan for
            one says exactly what it expects there.
    """

    snapshot: Snapshot
    now: datetime
    distribution: Distribution
    kubeconfigs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def inventory(self) -> Inventory:
        return inventory(self.snapshot)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Every connection with Go's answer to it."""
        return tuple(view_of(item, self.now) for item in connections(self.snapshot, self.inventory))


@dataclass(frozen=True, slots=True)
class View:
    """A connection and what Go says of it. `problems` leaves out what follows from not knowing the trusted bundle."""

    connection: Connection
    verification: Verification | None
    problems: tuple[Problem, ...]

    @property
    def leaf(self) -> Certificate | None:
        return self.connection.leaf

    @property
    def trust(self) -> Trust | None:
        return self.connection.trust

    @property
    def trusted(self) -> bool | None:
        """Whether the trusted bundle signed the chain; None if the chain, the bundle or the answer is not known."""
        unknown = self.verification is None or self.verification.verdict is VerificationVerdict.UNKNOWN
        if unknown or self.trust is None or not self.trust.readable:
            return None
        return not self.problem(*_UNTRUSTED)

    @property
    def fails(self) -> bool:
        return bool(self.problems)

    def presents(self, fact: str) -> Evidence:
        """A fact that was read where the chain was."""
        return Evidence(fact, self.connection.place)

    def trusts(self, fact: str) -> Evidence:
        """A fact that was read where the trusted bundle is."""
        return Evidence(fact, self.trust.place if self.trust else "")

    def problem(self, *kinds: ErrorKind) -> Problem | None:
        """The first problem of these kinds."""
        return next((problem for problem in self.problems if problem.kind in kinds), None)

    @property
    def top(self) -> Certificate | None:
        """The end of what is presented: the certificate whose issuer is not presented with it."""
        chain = self.connection.chain
        if not chain:
            return None
        current, rest = chain[0], list(chain[1:])
        while not current.self_issued:
            above = next((item for item in rest if issued_by(current, item)), None)
            if above is None:
                break
            rest.remove(above)
            current = above
        return current

    @property
    def chain_roots(self) -> tuple[Certificate, ...]:
        """The trusted certificates that the chain ends at, whatever their dates."""
        if self.top is None or self.trust is None:
            return ()
        roots = self.trust.certificates
        return (self.top,) if self.top in roots else find_issuers(self.top, roots)


def view_of(connection: Connection, now: datetime) -> View:
    """A connection, verified as of `now`."""
    verification = connection.verification(now)
    problems = verification.problems if verification else ()
    if connection.trust is None or not connection.trust.readable:
        problems = tuple(problem for problem in problems if problem.kind not in _UNTRUSTED)
    return View(connection, verification, problems)


@dataclass(frozen=True, slots=True)
class Case:
    """One symptom with the connection of either side that it may be about; None where the evidence shows none."""

    world: World
    symptom: Symptom
    server: View | None = None
    client: View | None = None

    @property
    def party(self) -> Party:
        """Whose certificate the message is about, as far as the text tells."""
        return party_of(self.symptom)

    @property
    def now(self) -> datetime:
        return self.world.now

    @property
    def inventory(self) -> Inventory:
        return self.world.inventory


def party_of(symptom: Symptom) -> Party:
    """Whose certificate a message is about: the catalogue says, or else which side printed it.

    A side complains of the other's certificate; an alert comes back from the other side, about one's own.
    """
    party, side = symptom.entry.party, symptom.wrapper.side
    if party is not Party.EITHER or side is Side.UNKNOWN:
        return party
    own = symptom.family.endswith("-alert")
    return Party.SERVER if (side is Side.SERVER) == own else Party.CLIENT


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the evidence says of one cause."""

    status: CauseStatus
    evidence: tuple[Evidence, ...] = ()


def confirmed(*evidence: Evidence) -> Judgement:
    return Judgement(CauseStatus.CONFIRMED, evidence)


def ruled_out(fact: str, where: str = "") -> Judgement:
    return Judgement(CauseStatus.RULED_OUT, (Evidence(fact, where),))


def undecided(*evidence: Evidence) -> Judgement:
    return Judgement(CauseStatus.OPEN, evidence)


def issued_by(certificate: Certificate, authority: Certificate) -> bool:
    """Whether `authority` has the issuer's name, byte for byte, and signed the certificate."""
    return certificate.issuer_der == authority.subject_der and signed_by(certificate, authority)


def when(moment: datetime) -> str:
    """A time as evidence writes it: `2025-01-20 12:34:28 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def names(certificate: Certificate, *, limit: int = 12) -> str:
    """The names that a certificate is valid for, shortened; `no names` if there are none."""
    found = [*certificate.dns_names, *certificate.ip_addresses]
    more = f" and {len(found) - limit} more" if len(found) > limit else ""
    return visible(", ".join(found[:limit]), limit=600) + more if found else "no names"


def who(certificate: Certificate) -> str:
    """A certificate's subject, inert and short."""
    return visible(certificate.subject, limit=200) or "(no subject)"


def issuer(certificate: Certificate) -> str:
    """A certificate's issuer, inert and short."""
    return visible(certificate.issuer, limit=200) or "(no issuer)"
