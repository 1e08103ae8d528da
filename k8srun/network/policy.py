"""A network policy of any kind, read: whom it is about, and its rules in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from k8srun.kinds import Kind
from k8srun.network.addresses import Block
from k8srun.network.labels import EVERYTHING, Selector
from k8srun.network.ports import PortMatch


class Direction(StrEnum):
    """Seen from the pod that a policy is about."""

    INGRESS = "ingress"
    EGRESS = "egress"


class Tier(StrEnum):
    """In the order in which they decide."""

    ADMIN = "admin"
    NETWORK = "network"
    BASELINE = "baseline"


class Action(StrEnum):
    """What a rule does with the traffic it matches; `Pass` leaves it to the next tier."""

    ALLOW = "Allow"
    DENY = "Deny"
    PASS = "Pass"  # noqa: S105 - a verdict, not a password


@dataclass(frozen=True, slots=True)
class Pods:
    """Pods by label, of one namespace (`namespace`) or of those that `namespaces` selects."""

    pods: Selector = EVERYTHING
    namespace: str = ""
    namespaces: Selector = EVERYTHING

    def __str__(self) -> str:
        where = f"namespace {self.namespace}" if self.namespace else f"namespaces with {self.namespaces}"
        if not self.namespace and not self.namespaces.requirements:
            where = "every namespace"
        return f"{f'pods with {self.pods}' if self.pods.requirements else 'every pod'} of {where}"


@dataclass(frozen=True, slots=True)
class Addresses:
    """A block of addresses without some. `api`: whether it is of a cluster-wide kind, whose blocks match pods too."""

    block: Block
    excepted: tuple[Block, ...] = ()
    text: str = ""
    api: bool = False

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Nodes:
    """Nodes by label: their addresses."""

    nodes: Selector

    def __str__(self) -> str:
        return f"nodes with {self.nodes}"


@dataclass(frozen=True, slots=True)
class Domains:
    """Domain names: which addresses they have cannot be told from a snapshot."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class BrokenPeer:
    """An element that the server would refuse: whom it would match is unknown."""

    problem: str

    def __str__(self) -> str:
        return self.problem


Peer = Pods | Addresses | Nodes | Domains | BrokenPeer


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        path: where it stands in the policy: `spec.ingress[0]`.
        action: always ALLOW for a NetworkPolicy.
        peers: any of them; None = everyone.
        ports: any of them; None = every port of every protocol.
        name: what its author calls it.
    """

    path: str
    action: Action
    peers: tuple[Peer, ...] | None
    ports: tuple[PortMatch, ...] | None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy of any kind.

    Attributes:
        priority: the least is asked first within its tier; 0 for a NetworkPolicy, where order does not matter.
        subject: the pods it is about; None when that could not be read.
        rules: by direction; a direction that the policy says nothing about is absent.
        problems: what the server would refuse, a sentence each; what depends on it is unknown.
    """

    kind: Kind
    namespace: str
    name: str
    tier: Tier
    priority: int
    subject: Pods | None
    rules: Mapping[Direction, tuple[Rule, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def resource(self) -> str:
        """`NetworkPolicy shop/default-deny`."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.kind} {name}"
