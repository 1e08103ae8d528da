"""Endpoints on loopback for the tests of the TLS source: real TLS servers, and peers that are anything but."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

from tests.controlplane.pki import Pair

Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def raw_server(handler: Handler, *, family: int = socket.AF_INET) -> Iterator[tuple[str, int]]:
    """A peer that does what `handler` does with each connection; the handler's socket errors end its connection.

    What the handlers note of their clients is whole once the context has been left.
    """
    listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
    open_sockets: list[socket.socket] = []
    serving: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, SSL.Error):
            handler(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):  # the listener was closed: the test is over
            while True:
                connection, _ = listener.accept()
                open_sockets.append(connection)
                serving.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                serving[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[:2]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)
        for handling in serving:
            handling.join(5)


def answering(*parts: bytes) -> Handler:
    """A peer that waits for the hello, sends these bytes part by part, and lets the client read them in peace."""

    def handler(connection: socket.socket) -> None:
        connection.recv(4096)
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):  # closed with bytes unread, the connection is reset and the answer may be lost
            pass

    return handler


@dataclass
class TlsServer:
    """A TLS server's configuration, and what it noticed of its clients.

    Attributes:
        pair: what it presents; `chain` follows the leaf.
        client_ca: verifies client certificates against this CA; `advertise` are the CAs it names to the client.
        require: whether it refuses clients without a certificate.
        ask: whether it asks for a certificate without judging it.
        server_names: the SNI of each client, None for none.
        client_chains: how many certificates each client sent.
        received: the plain bytes that clients sent.
    """

    pair: Pair
    chain: tuple[Pair, ...] = ()
    client_ca: Pair | None = None
    advertise: tuple[Pair, ...] = ()
    require: bool = True
    ask: bool = False
    version: int | None = None
    ciphers: bytes = b""
    server_names: list[bytes | None] = field(default_factory=list)
    client_chains: list[int] = field(default_factory=list)
    received: bytes = b""

    def context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_cipher_list(self.ciphers or b"DEFAULT:@SECLEVEL=0")
        context.set_min_proto_version(self.version or SSL.TLS1_VERSION)
        context.set_max_proto_version(self.version or SSL.TLS1_3_VERSION)
        context.use_certificate(x509.load_pem_x509_certificate(self.pair.certificate))
        context.use_privatekey(load_pem_private_key(self.pair.key, None))
        for pair in self.chain:
            context.add_extra_chain_cert(x509.load_pem_x509_certificate(pair.certificate))
        if self.client_ca:
            store = context.get_cert_store()
            store.add_cert(SSL.X509.from_cryptography(x509.load_pem_x509_certificate(self.client_ca.certificate)))
        if self.client_ca or self.ask:
            flags = SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if self.require and not self.ask else 0)
            context.set_verify(flags, (lambda *_: True) if self.ask else None)
        for pair in self.advertise:
            context.add_client_ca(x509.load_pem_x509_certificate(pair.certificate))
        context.set_tlsext_servername_callback(lambda connection: self.server_names.append(connection.get_servername()))
        return context

    def handle(self, connection: socket.socket) -> None:
        tls = SSL.Connection(self.context(), connection)
        tls.set_accept_state()
        tls.do_handshake()
        chain = tls.get_peer_cert_chain() or []
        self.client_chains.append(len(chain) + (tls.get_peer_certificate() is not None))
        while True:
            self.received += tls.recv(1024)

    def running(self) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return raw_server(self.handle)
