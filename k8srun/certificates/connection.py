"""One side's certificate before the other side's trust."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from k8srun.certificates.callers import Caller
from k8srun.certificates.inventory import Bundle
from k8srun.certificates.verification import Verification, verify
from k8srun.hostfiles import HostFile
from k8srun.kubeconfig import KubeconfigCluster, KubeconfigUser
from k8srun.tls import TlsObservation
from k8srun.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifying side believes in: a bundle of authorities, and where it stands."""

    bundle: Bundle
    configured: bool = True

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        return self.bundle.certificates

    @property
    def place(self) -> str:
        return self.bundle.place

    @property
    def readable(self) -> bool:
        """Whether it is known what is trusted: one that holds nothing but what cannot be read tells nothing."""
        return not self.bundle.error and (bool(self.certificates) or not self.bundle.blocks)


@dataclass(frozen=True, slots=True)
class Connection:
    """One side's certificate before the other side's trust.

    Attributes:
        usage: whose certificate it is: the `server`'s, or the `client`'s.
        presenter, verifier: the programs (`kube-apiserver`, `kubelet`), or `kubectl` for whoever uses a kubeconfig.
        chain: what is presented, leaf first; empty if that is not known.
        place: where the chain was read.
        trust: what the verifier believes in; None if that is not known.
        name: what a server is reached by; its certificate must be valid for it.
        port: where the server listens; 0 if unknown.
        role: the id of the leaf's role.
        observation: the handshake that showed the chain, if it was one.
        config: the kubeconfig that the client uses, if it uses one, with its entries.
        caller: what makes the apiserver call, for a webhook or an aggregated API.
    """

    usage: Literal["server", "client"]
    presenter: str
    verifier: str
    chain: tuple[Certificate, ...] = ()
    place: str = ""
    trust: Trust | None = None
    name: str = ""
    port: int = 0
    role: str = ""
    observation: TlsObservation | None = None
    config: KubeconfigUse | None = None
    caller: Caller | None = None

    @property
    def leaf(self) -> Certificate | None:
        return self.chain[0] if self.chain else None

    @property
    def address(self) -> str:
        if self.observation:
            return self.observation.address
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{host}:{self.port}" if host and self.port else host

    def verification(self, now: datetime) -> Verification | None:
        """Go's answer; without a known trust, that of a verifier that trusts nothing. None when there is no chain."""
        if not self.chain:
            return None
        roots = self.trust.certificates if self.trust else ()
        # A client is dialled by nobody: its connection's name is where the server is reached.
        name = self.name if self.usage == "server" else ""
        return verify(self.chain[0], roots=roots, intermediates=self.chain[1:], name=name, usage=self.usage, now=now)


@dataclass(frozen=True, slots=True)
class KubeconfigUse:
    """One pair of cluster and user that a kubeconfig joins in a context (name empty where no context joins them)."""

    file: HostFile
    context: str
    cluster: KubeconfigCluster
    user: KubeconfigUser | None
    current: bool = False

    @property
    def label(self) -> str:
        return f"context {self.context} of {self.file.place}" if self.context else self.file.place
