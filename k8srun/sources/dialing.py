"""TCP connections in bounded time, and the words for why there is none."""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import Any

from k8srun.tls import HandshakeOutcome


class Ended(Exception):  # noqa: N818 - the end of an attempt, however it ended
    """How an attempt at an endpoint ended, and the reason in words."""

    def __init__(self, outcome: HandshakeOutcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


def dial(host: str, port: int, deadline: float) -> tuple[socket.socket, float]:
    """A connection to the first address of `host` that accepts one, and the seconds that accepting took.

    Args:
        deadline: on the monotonic clock; name resolution counts.

    Raises:
        Ended: there is none; the reason is that of the last address.
    """
    addresses = _resolve(host, port, deadline)
    end = Ended(HandshakeOutcome.UNRESOLVED, "the name has no address")
    for tried, (family, address) in enumerate(addresses):
        # What is left is shared, so that an address that never answers leaves time for the next.
        share = (deadline - time.monotonic()) / (len(addresses) - tried)
        begun = time.monotonic()
        try:
            candidate = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a machine without IPv6 has no such sockets
            end = Ended(outcome_of(error), words(error))
            continue
        candidate.settimeout(max(share, 0.001))
        try:
            candidate.connect(address)
        except OSError as error:
            candidate.close()
            end = Ended(outcome_of(error), words(error))
        else:
            return candidate, time.monotonic() - begun
    raise end


def _resolve(host: str, port: int, deadline: float) -> list[tuple[int, Any]]:
    """Family and socket address of each address. `getaddrinfo` knows no timeout: a thread asks, and may be left
    behind."""
    answer: queue.SimpleQueue[list[tuple[int, Any]] | Ended] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:  # ValueError: a name that DNS cannot carry (UnicodeError, a NUL)
            reason = words(error) if isinstance(error, OSError) else "not a host name"
            answer.put(Ended(HandshakeOutcome.UNRESOLVED, reason))
        else:
            answer.put([(entry[0], entry[4]) for entry in found])

    threading.Thread(target=ask, daemon=True).start()
    try:
        addresses = answer.get(timeout=max(deadline - time.monotonic(), 0.001))
    except queue.Empty:
        raise Ended(HandshakeOutcome.UNRESOLVED, "the resolver did not answer in time") from None
    if isinstance(addresses, Ended):
        raise addresses
    return addresses


def outcome_of(error: OSError) -> HandshakeOutcome:
    """The outcome that a socket's error stands for."""
    match error:
        case ConnectionRefusedError():
            return HandshakeOutcome.REFUSED
        case ConnectionResetError() | BrokenPipeError():
            return HandshakeOutcome.RESET
        case TimeoutError():
            return HandshakeOutcome.TIMEOUT
    return HandshakeOutcome.UNREACHABLE


def words(error: OSError) -> str:
    """The system's words for an error, without its number."""
    return (error.strerror or str(error) or type(error).__name__).lower()
