"""What a TLS handshake with an endpoint showed, whether or not it verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HandshakeOutcome(StrEnum):
    """How the attempt ended. Verification is not part of it: the chain is kept and judged by `certificates`."""

    COMPLETED = "completed"
    ALERT = "alert"
    PLAIN_HTTP = "plain HTTP"
    NOT_TLS = "not TLS"
    REFUSED = "connection refused"
    RESET = "connection reset"
    CLOSED = "closed without an answer"
    TIMEOUT = "timeout"
    UNRESOLVED = "name not resolved"
    UNREACHABLE = "unreachable"
    INCOMPATIBLE = "no common protocol or cipher"


@dataclass(frozen=True, slots=True)
class TlsObservation:
    """One attempt at one endpoint.

    Attributes:
        host, port: where the connection went; `host` is what the certificate must be valid for unless `server_name`.
        server_name: the name sent as SNI and expected in the certificate; empty = `host`.
        seen_from: where the attempt was made (`this machine`, a node's name): what a laptop sees the apiserver may not.
        at: when it was made; the clock of the observing side.
        outcome: how it ended.
        detail: the error in the library's words, reduced; empty when completed.
        alert: the name of the TLS alert that came back (`bad certificate`), if one did.
        protocol, cipher: what was negotiated, if anything.
        presented: the certificates that the peer sent, in its order, each DER.
        client_ca_names: the distinguished names of the CAs that the server accepts for client certificates, each DER.
        client_certificate_requested: whether the server asked for a client certificate.
        client_certificate: the certificate that was offered, DER; empty if none.
        seconds: time until the end of the attempt.
        source: why this endpoint was tried (`--endpoint`, `server of kubeconfig context prod`).
    """

    host: str
    port: int
    at: datetime
    outcome: HandshakeOutcome
    server_name: str = ""
    seen_from: str = "this machine"
    detail: str = ""
    alert: str = ""
    protocol: str = ""
    cipher: str = ""
    presented: tuple[bytes, ...] = ()
    client_ca_names: tuple[bytes, ...] = ()
    client_certificate_requested: bool = False
    client_certificate: bytes = b""
    seconds: float = 0.0
    source: str = ""

    @property
    def name(self) -> str:
        """What the peer's certificate must be valid for."""
        return self.server_name or self.host

    @property
    def address(self) -> str:
        """`host:port`, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
