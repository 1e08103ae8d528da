"""What the causes of a refusal are judged by: the refusal, and whatever the snapshot shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import NEEDS, Authorization
from k8srun.authorization.decision import Decision
from k8srun.authorization.denials.denial import Denial
from k8srun.authorization.matching import covers
from k8srun.authorization.model import ALL, Rule
from k8srun.authorization.nearmisses import Miss, NearMiss, near_misses
from k8srun.authorization.whocan import Finder
from k8srun.diagnosis import CauseStatus, Fix
from k8srun.distribution import Distribution
from k8srun.findings import Evidence
from k8srun.hostfiles import HostFile, Topic
from k8srun.kubeconfig import KubeconfigUser
from k8srun.snapshot import Snapshot
from k8srun.x509 import Certificate

MESSAGE = "the message"
_EVERYTHING = Rule((ALL,), (ALL,), (ALL,))


@dataclass(frozen=True)
class World:
    """A snapshot seen with the eyes of whoever investigates a refusal; what several refusals share is built once."""

    snapshot: Snapshot
    now: datetime
    distribution: Distribution | None = None

    @cached_property
    def authorization(self) -> Authorization:
        return Authorization.of(self.snapshot, distribution=self.distribution)

    @cached_property
    def finder(self) -> Finder:
        return Finder(self.authorization.rbac)

    @cached_property
    def sees_rbac(self) -> bool:
        """Whether all of RBAC was read: without that nothing can be ruled out."""
        return not any(self.snapshot.unmet(need) for need in NEEDS)

    @cached_property
    def client(self) -> tuple[HostFile, KubeconfigUser] | None:
        """The kubeconfig of whoever investigates and the user of its current context; None where none was read."""
        for file in self.snapshot.files_of(Topic.KUBECONFIG):
            user = file.kubeconfig.resolve()[1] if file.kubeconfig else None
            if user and not file.path.startswith("/etc/kubernetes/"):
                return file, user
        return None

    def groups_of(self, user: str) -> tuple[tuple[str, ...], str] | None:
        """The groups of a user and where that is written; None where nothing tells."""
        server = self.snapshot.server
        if server and server.username == user:
            return server.groups, "the server's answer to who asks"
        if self.client:
            file, known = self.client
            for block in known.certificate:
                subject = _subject(block.der)
                if subject and subject[0] == user:
                    return subject[1], f"the client certificate in {file.place}"
        return None


@dataclass(frozen=True)
class Case:
    """One refusal and the world in which it happened."""

    denial: Denial
    world: World

    @property
    def request(self) -> Attributes:
        """What was refused. Only for refusals whose text says it whole."""
        if self.denial.request is None:
            raise AssertionError("asked of a refusal that does not say what was refused")
        return self.denial.request

    @cached_property
    def known_groups(self) -> tuple[tuple[str, ...], str] | None:
        """The groups of who was refused and where that is known from; None where nothing tells."""
        identity = self.denial.identity
        if identity.service_account or identity.user.startswith("system:"):
            return identity.as_authenticated().groups, "the user name"
        if identity.groups:
            return identity.groups, self.denial.client or MESSAGE
        return self.world.groups_of(identity.user)

    @cached_property
    def identity(self) -> Identity:
        """Who was refused, with the groups that are known and those that the server adds."""
        groups = self.known_groups[0] if self.known_groups else ()
        return Identity(self.denial.identity.user, groups).as_authenticated()

    @cached_property
    def decision(self) -> Decision:
        """What the snapshot says of the same request."""
        return self.world.authorization.review(self.identity, self.request)

    @cached_property
    def misses(self) -> tuple[NearMiss, ...]:
        return near_misses(self.world.authorization, self.identity, self.request, finder=self.world.finder)

    @cached_property
    def groups_that_may(self) -> tuple[NearMiss, ...]:
        """Groups of people that may do it. Administrators may do everything, and explain nothing."""
        if self.identity.service_account or self.identity.user.startswith("system:"):
            return ()
        return tuple(
            miss
            for miss in self.misses
            if miss.kind is Miss.MISSING_GROUP
            and miss.grant is not None
            and not miss.grant.subject.name.startswith("system:")
            and not any(covers(rule, _EVERYTHING) for rule in miss.grant.role.rules)
        )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the evidence says of one cause."""

    status: CauseStatus
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause that is tried.

    Attributes:
        judge: what the evidence says.
        fix: how to mend it.
        look_at: what closes it while it is open.
    """

    id: str
    title: str
    judge: Callable[[Case], Judgement]
    fix: Callable[[Case], Fix]
    look_at: Callable[[Case], tuple[str, ...]] = lambda case: ()


def confirmed(*evidence: Evidence) -> Judgement:
    return Judgement(CauseStatus.CONFIRMED, evidence)


def undecided(*evidence: Evidence) -> Judgement:
    return Judgement(CauseStatus.OPEN, evidence)


def ruled_out(fact: str, where: str = "") -> Judgement:
    return Judgement(CauseStatus.RULED_OUT, (Evidence(fact, where),))


def _subject(der: bytes) -> tuple[str, tuple[str, ...]] | None:
    """Common name and organizations of a certificate: user and groups. None for what cannot be read."""
    try:
        certificate = Certificate.from_der(der)
    except ValueError:
        return None
    return certificate.common_name, certificate.organizations
