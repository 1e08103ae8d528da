"""One observed flow and its two ends."""

from __future__ import annotations

from dataclasses import dataclass, replace

_PROTOCOLS = {"tcp": "TCP", "6": "TCP", "udp": "UDP", "17": "UDP", "sctp": "SCTP", "132": "SCTP"}
_LONGEST_NAME = 512


class NotAFlow(Exception):  # noqa: N818 - it says what is wrong with one line, and the reading goes on
    """Raised for a line that cannot be read as a flow, with the reason."""


class PassedOver(Exception):  # noqa: N818 - not an error: a line that says nothing of who may reach whom
    """Raised for a line that can be read and is of no use, with the reason in a few words."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a flow, as far as it was written down; what was not is empty.

    Attributes:
        namespace: of the pod.
        pod: its name.
        workload: the name of its workload, where the pod's own was left out (`web` for `web-6d5f-*`).
        labels: of the pod, sorted.
        address: its IP address, or the one outside of the cluster.
        name: as a person wrote it into a CSV: `namespace/name[Kind]`, `namespace/name` or an address.
        host: it is a node.
    """

    namespace: str = ""
    pod: str = ""
    workload: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""
    name: str = ""
    host: bool = False

    def __str__(self) -> str:
        named = self.pod or self.workload
        if named:
            return f"{self.namespace}/{named}" if self.namespace else named
        return self.name or self.address or ("a node" if self.host else "an unknown end")


@dataclass(frozen=True, slots=True)
class Flow:
    """Who reached whom, or tried to.

    Attributes:
        port: the destination's, 1 to 65535.
        protocol: `TCP`, `UDP` or `SCTP`.
        dropped: it was not let through.
        count: how often it was seen.
    """

    source: End
    destination: End
    port: int
    protocol: str = "TCP"
    dropped: bool = False
    count: int = 1

    def times(self, count: int) -> Flow:
        """The same flow, seen so often."""
        return replace(self, count=count)

    def __str__(self) -> str:
        return f"{self.source} to {self.destination} on {self.port}/{self.protocol}"


def flow_of(source: End, destination: End, port: object, protocol: object, *, dropped: bool) -> Flow:
    """A flow of what was written down.

    Raises:
        NotAFlow: port or protocol cannot be.
        PassedOver: the protocol knows no ports, so that no policy can speak of it.
    """
    return Flow(source, destination, _port(port), protocol_of(protocol), dropped)


def protocol_of(said: object) -> str:
    """`tcp`, `TCP` or the number 6 → `TCP`. Raises PassedOver for a protocol without ports."""
    known = _PROTOCOLS.get(str(said).strip().lower())
    if known is None:
        raise PassedOver(f"protocol {str(said)[:20]}")
    return known


def _port(said: object) -> int:
    try:
        port = int(str(said).strip())
    except ValueError:
        raise NotAFlow(f"{str(said)[:40]!r} is no port") from None
    if not 1 <= port <= 65535:
        raise NotAFlow(f"{port} is no port: they go from 1 to 65535")
    return port


def text(value: object) -> str:
    """A name of a flow log; empty for one that stands for nothing (`-`, a pattern, what is no text)."""
    said = value if isinstance(value, str) else ""
    return "" if said in {"-", "pub", "pvt"} else said[:_LONGEST_NAME]
