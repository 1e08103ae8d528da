"""The client side of a TLS handshake. It runs over a memory BIO: the first bytes are seen, every wait has an end."""

from __future__ import annotations

import contextlib
import socket
import time

from OpenSSL import SSL, crypto

from k8srun.sources.alerts import ALERTS
from k8srun.sources.dialing import Ended, outcome_of, words
from k8srun.text import visible
from k8srun.tls import HandshakeOutcome

MAX_RECEIVED = 1024 * 1024
VERDICT_SECONDS = 0.3
BANNER_SECONDS = 0.5
BANNER_BYTES = 256

_POLITE = frozenset({0, 90})  # close_notify and user_canceled refuse nothing
_HANDSHAKE_FAILURE, _PROTOCOL_VERSION, _INSUFFICIENT_SECURITY = 40, 70, 71
# OpenSSL's words for finding, by itself, that there is nothing in common with an answer that is TLS.
_INCOMPATIBLE_REASONS = (
    "unsupported protocol",
    "wrong ssl version",
    "wrong version number",
    "wrong cipher returned",
    "unknown cipher returned",
    "no ciphers available",
    "too small",
    "wrong curve",
    "unsupported elliptic curve",
)


class Handshake:
    """One handshake, and what was seen of the peer so far.

    Attributes:
        certificate_requested: whether the server asked for a client certificate.
    """

    def __init__(
        self, context: SSL.Context, name: bytes, connected: socket.socket, deadline: float, round_trip: float
    ) -> None:
        """`name` is sent as SNI (empty: none); `deadline` is on the monotonic clock, `round_trip` in seconds."""
        self.certificate_requested = False
        self._done = False
        self._accepted = False
        self._alert: int | None = None
        self._socket = connected
        self._deadline = deadline
        self._round_trip = round_trip
        self._received = 0
        self._head = b""
        context.set_info_callback(self._note)
        self._tls = SSL.Connection(context, None)
        self._tls.set_connect_state()
        if name:
            self._tls.set_tlsext_host_name(name)

    def run(self) -> None:
        """Go through the handshake and hear what the server thinks of the client.

        Raises:
            Ended: it did not come to its end.
        """
        while True:
            try:
                self._tls.do_handshake()
            except SSL.WantReadError:
                self._send()
            except SSL.Error as error:
                self._send()
                raise self._failure(error) from None
            else:
                self._send()
                self._done = True
                break
            self._receive(self._deadline)
        if self.certificate_requested and self.protocol == "TLSv1.3":
            self._hear_verdict()

    def _note(self, connection: SSL.Connection, where: int, value: int) -> None:
        """OpenSSL's report of each step; alerts and the request for a certificate are told nowhere else."""
        if where == SSL.SSL_CB_READ_ALERT:
            code = value & 0xFF  # the level stands above
            self._alert = self._alert if code in _POLITE else code
            return
        state = connection.get_state_string()
        self.certificate_requested |= b"read server certificate request" in state
        self._accepted |= b"read server session ticket" in state

    def _hear_verdict(self) -> None:
        """Wait a moment for the server's judgement of the client certificate.

        In TLS 1.3 the client is done before the server has seen its certificate, so a refusal comes afterwards
        (RFC 8446, section 4.4.2.4). Nothing is sent: no request may appear in the server's log. A session ticket ends
        the waiting: a server makes one once it has accepted the client's last message (section 4.6.1).
        """
        until = min(self._deadline, time.monotonic() + max(VERDICT_SECONDS, 4 * self._round_trip))
        while self._received <= MAX_RECEIVED:
            try:
                self._tls.recv(16384)
            except SSL.WantReadError:
                pass  # all that has come so far is processed
            except SSL.ZeroReturnError:
                detail = "the peer ended the connection after the handshake, without an alert"
                raise Ended(HandshakeOutcome.CLOSED, detail) from None
            except SSL.Error as error:
                raise self._failure(error) from None
            if self._accepted:
                return
            try:
                self._receive(until)
            except Ended as end:
                if end.outcome is HandshakeOutcome.TIMEOUT:
                    return
                raise Ended(end.outcome, f"{end.detail} after the handshake, without an alert") from None

    def _send(self) -> None:
        """Send what OpenSSL has ready. Failing is not the answer: what the peer said before it hung up may still be
        there to read, and if it is not, the next read says so."""
        try:
            pending = self._tls.bio_read(1024 * 1024)  # far more than a client ever has to say
        except SSL.WantReadError:
            return  # nothing to send
        with contextlib.suppress(OSError):
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            self._socket.sendall(pending)

    def _receive(self, until: float) -> None:
        """Give OpenSSL what the peer sends next, or say how the attempt ended."""
        data = self._read(until)
        if not data:
            middle = " in the middle of the handshake" if self._received and not self._done else ""
            raise Ended(HandshakeOutcome.CLOSED, f"the peer closed the connection{middle}")
        self._received += len(data)
        if self._received > MAX_RECEIVED and not self._done:
            raise Ended(HandshakeOutcome.NOT_TLS, f"more than {MAX_RECEIVED} bytes came, and no end of the handshake")
        if len(self._head) < 2:
            self._head += data[:BANNER_BYTES]
            if not _may_be_tls(self._head):
                raise self._banner()
        self._tls.bio_write(data)

    def _read(self, until: float) -> bytes:
        answer = "the handshake did not come to its end" if self._received else "no answer to the TLS hello"
        silence = Ended(HandshakeOutcome.TIMEOUT, f"{answer} in the time given")
        left = until - time.monotonic()
        if left <= 0:
            raise silence
        try:
            self._socket.settimeout(left)
            return self._socket.recv(16384)
        except TimeoutError:
            raise silence from None
        except OSError as error:
            raise Ended(outcome_of(error), words(error)) from None

    def _banner(self) -> Ended:
        """What a peer is that answered something else than TLS, from its first line."""
        until = min(self._deadline, time.monotonic() + BANNER_SECONDS)
        with contextlib.suppress(Ended):  # whatever ends the reading, what has come is what there is
            while b"\n" not in self._head and len(self._head) < BANNER_BYTES and (more := self._read(until)):
                self._head += more
        start = self._head[:BANNER_BYTES].lstrip()
        line = visible(start.split(b"\n")[0].decode("latin-1").strip(), limit=100)
        # Some servers answer what they cannot read with the page alone, without a status line (HTTP/0.9).
        if start.startswith(b"HTTP/") or start.lower().startswith((b"<!doctype html", b"<html")):
            return Ended(HandshakeOutcome.PLAIN_HTTP, f"answered without TLS: {line}")
        return Ended(HandshakeOutcome.NOT_TLS, f"answered without TLS: {line}")

    def _failure(self, error: SSL.Error) -> Ended:
        reason = openssl_words(error)
        if self._alert is not None:
            # Before anything was negotiated, `handshake failure` means that nothing of the offer was acceptable.
            refused_offer = self._alert == _HANDSHAKE_FAILURE and not self.cipher
            if refused_offer or self._alert in {_PROTOCOL_VERSION, _INSUFFICIENT_SECURITY}:
                return Ended(HandshakeOutcome.INCOMPATIBLE, reason)
            return Ended(HandshakeOutcome.ALERT, reason)
        if any(known in reason for known in _INCOMPATIBLE_REASONS):
            return Ended(HandshakeOutcome.INCOMPATIBLE, reason)
        return Ended(HandshakeOutcome.NOT_TLS, f"the answer begins like TLS but cannot be read: {reason}")

    @property
    def alert(self) -> str:
        """The name of the alert that the peer sent, as Go spells it; empty if none."""
        return "" if self._alert is None else ALERTS.get(self._alert, f"alert({self._alert})")

    @property
    def cipher(self) -> str:
        """The cipher suite that was negotiated; empty before."""
        return self._tls.get_cipher_name() or ""

    @property
    def protocol(self) -> str:
        """The protocol version that was negotiated (`TLSv1.3`); empty before."""
        return self._tls.get_protocol_version_name() if self.cipher else ""

    @property
    def presented(self) -> tuple[bytes, ...]:
        """The certificates that the peer sent, in its order, DER."""
        chain = self._tls.get_peer_cert_chain() or []
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain)

    @property
    def client_ca_names(self) -> tuple[bytes, ...]:
        """The names of the CAs that the server accepts for client certificates, DER."""
        return tuple(name.der() for name in self._tls.get_client_ca_list())

    def close(self) -> None:
        """End the connection, politely if the peer still listens: with a close_notify its log shows no error."""
        with contextlib.suppress(SSL.Error):  # the handshake had not come far enough for politeness
            self._tls.shutdown()
            self._send()
        self._socket.close()


def openssl_words(error: SSL.Error) -> str:
    """The reasons that OpenSSL gives for an error, without its codes."""
    entries = error.args[0] if error.args else ()
    return "; ".join(dict.fromkeys(entry[2] for entry in entries if entry[2])) or type(error).__name__


def _may_be_tls(head: bytes) -> bool:
    """Whether the bytes can begin a TLS record: a content type of 20 to 23, then major version 3."""
    return 20 <= head[0] <= 23 and head[1:2] in {b"", b"\x03"}
