"""A real TLS handshake that keeps what it saw, whether or not the peer can be trusted.

Nothing is verified here: the chain is kept as it came and judged by `k8srun.certificates`.
"""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL

from k8srun.errors import InputError
from k8srun.sources.dialing import Ended, dial
from k8srun.sources.handshake import Handshake, openssl_words
from k8srun.text import visible
from k8srun.tls import HandshakeOutcome, TlsObservation

LEGACY_PROTOCOLS = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
_PORTS = {"https": 443, "http": 80}
_DNS_NAME = re.compile(rb"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


def parse_endpoint(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `[IPv6]:PORT` or a URL (port 443 for https, 80 for http, unless it names one) as host and port.

    Raises:
        InputError: it is none of these.
    """
    example = "write HOST:PORT, [IPv6]:PORT or https://HOST, as in 192.0.2.10:6443"
    if "@" in text:  # never quoted: a password may stand before it
        raise InputError("an endpoint must not hold a user name or password", do=example)
    written = text.strip()
    scheme, slashes, _ = written.lower().partition("://")
    scheme = scheme if slashes else ""
    if scheme and scheme not in _PORTS:
        raise InputError("an endpoint's URL begins with https:// or http://", do=example)
    try:
        parts = urlsplit(written if scheme else f"//{written}")
        host, port = parts.hostname or "", parts.port or _PORTS.get(scheme)
    except ValueError:
        host, port = "", None
    # urlsplit drops line breaks and tabs instead of refusing them; an IPv6 address without brackets is ambiguous.
    misread = not written.isprintable() or " " in written or (":" in host and "[" not in written)
    if not host or not port or misread or (not scheme and parts.path.strip("/")):
        raise InputError(f"{visible(text, limit=200)!r} is not an endpoint", do=example)
    return host, port


def observe(
    host: str,
    port: int,
    *,
    server_name: str = "",
    client_certificate: tuple[bytes, bytes] | None = None,
    timeout: float = 5.0,
    now: datetime | None = None,
    source: str = "",
    seen_from: str = "this machine",
) -> TlsObservation:
    """Make one attempt at an endpoint and say what came of it; whatever the peer does is an outcome, not an error.

    A peer that speaks nothing newer than TLS 1.1 is INCOMPATIBLE, as it is for Kubernetes' own clients and servers,
    and what it presented is kept nevertheless.

    Args:
        server_name: sent as SNI in place of `host`; an IP address is never sent.
        client_certificate: the certificate (its chain may follow) and its unencrypted key, both PEM; sent if the
            server asks, whichever CAs it advertises (Go's clients send it only if one of these signed it).
        timeout: seconds for the whole attempt, name resolution and TCP included.
        now: the time recorded as that of the attempt; the machine's clock by default.
        source: why this endpoint is tried.
        seen_from: where the attempt is made.

    Raises:
        InputError: the client certificate, its key or the server name cannot be used.
    """
    started = time.monotonic()
    at = now or datetime.now(UTC)
    name = _sni(server_name, host)
    context, offered = _client(client_certificate)
    seen = TlsObservation(
        host=host,
        port=port,
        at=at,
        outcome=HandshakeOutcome.COMPLETED,
        server_name=server_name,
        seen_from=seen_from,
        client_certificate=offered,
        source=source,
    )
    try:
        connected, round_trip = dial(host, port, started + timeout)
        handshake = Handshake(context, name, connected, started + timeout, round_trip)
        seen = _carried_out(handshake, seen)
    except Ended as end:
        seen = replace(seen, outcome=end.outcome, detail=visible(end.detail, limit=300))
    return replace(seen, seconds=round(time.monotonic() - started, 4))


def _carried_out(handshake: Handshake, seen: TlsObservation) -> TlsObservation:
    """`seen` with everything that the handshake showed, to wherever it came."""
    outcome, detail = HandshakeOutcome.COMPLETED, ""
    try:
        handshake.run()
        if handshake.protocol in LEGACY_PROTOCOLS:
            outcome, detail = HandshakeOutcome.INCOMPATIBLE, f"nothing newer than {handshake.protocol} is offered"
    except Ended as end:
        outcome, detail = end.outcome, end.detail
    finally:
        handshake.close()
    return replace(
        seen,
        outcome=outcome,
        detail=visible(detail, limit=300),
        alert=handshake.alert,
        protocol=handshake.protocol,
        cipher=handshake.cipher,
        presented=handshake.presented,
        client_ca_names=handshake.client_ca_names,
        client_certificate_requested=handshake.certificate_requested,
    )


def _sni(server_name: str, host: str) -> bytes:
    """The name to send; empty for an IP address, and for a host that is no name at all (it will not resolve)."""
    name = (server_name or host).rstrip(".")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return b""
    try:
        encoded = name.encode("ascii") if name.isascii() else name.encode("idna")
    except UnicodeError:
        encoded = b""
    usable = len(encoded) <= 253 and _DNS_NAME.fullmatch(encoded) is not None
    if server_name and not usable:
        raise InputError(f"{visible(server_name, limit=100)!r} cannot be sent as a server name", do="give a DNS name")
    return encoded if usable else b""


def _client(pair: tuple[bytes, bytes] | None) -> tuple[SSL.Context, bytes]:
    """The client's side of the handshake, and the certificate that it offers, DER."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    # The weakest that OpenSSL still has: an endpoint that nobody should accept must still be seen.
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_alpn_protos([b"h2", b"http/1.1"])  # as Kubernetes' clients do: some servers refuse without
    return context, _use_pair(context, *pair) if pair else b""


def _use_pair(context: SSL.Context, certificate: bytes, key: bytes) -> bytes:
    do = "give an unencrypted PEM pair that belongs together"
    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        raise InputError("the client certificate is not PEM that can be read", do=do) from None
    try:
        # The library's message is dropped on purpose: it may quote bytes of the key.
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InputError("the client certificate's key cannot be read", do=do) from None
    try:
        context.use_certificate(chain[0])
        context.use_privatekey(private)  # type: ignore[arg-type]
        context.check_privatekey()
        for issuer in chain[1:]:
            context.add_extra_chain_cert(issuer)
    except (SSL.Error, TypeError) as error:
        reason = openssl_words(error) if isinstance(error, SSL.Error) else "a key of a kind that TLS does not use"
        raise InputError(f"the client certificate cannot be used: {reason}", do=do) from None
    return chain[0].public_bytes(Encoding.DER)
