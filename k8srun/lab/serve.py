"""A lab's API server port on loopback: real handshakes, with the certificates that lie on the lab's node."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.lab.api import Api, User
from k8srun.lab.kubeconfigs import point_to
from k8srun.lab.node import PKI

if TYPE_CHECKING:
    from k8srun.lab.builder import Lab

_HOST = "127.0.0.1"
_PATIENCE = 10  # seconds that a silent client may keep a connection
_LONGEST_REQUEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """Where a lab answers."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.address}"


@contextlib.contextmanager
def serve(lab: Lab) -> Iterator[Served]:
    """Answer on a free loopback port until the block ends, and point the lab's kubeconfig there.

    Raises:
        InputError: the lab's files have been changed so that no server would start with them.
    """
    front = _Front(lab)
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        port = front.server_address[1]
        point_to(lab.kubeconfig, f"https://{_HOST}:{port}")
        yield Served(_HOST, port)
    finally:
        front.shutdown()
        front.hang_up()
        front.server_close()
        thread.join()


class _Front(socketserver.ThreadingTCPServer):
    """Accepts connections; each is served in a thread of its own, so that a silent one delays no other."""

    request_queue_size = 64

    def __init__(self, lab: Lab) -> None:
        plain = lab.incident is not None and lab.incident.serve == "http"
        self.tls = None if plain else _Tls(lab.node_root, lab.now)
        self.api = Api(lab.manifests)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((_HOST, 0), _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, peer = super().get_request()
        # The kernel's timeouts, since pyOpenSSL cannot work with a socket that Python made non-blocking.
        limit = struct.pack("ll", _PATIENCE, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        with self._lock:
            self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that are still open, so that their threads end."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the peer may have gone in this moment
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle of a handshake is what a lab is for: no traceback for that."""
        if not isinstance(sys.exception(), SSL.Error | OSError):
            super().handle_error(request, client_address)


class _Connection(socketserver.BaseRequestHandler):
    """One request and its answer."""

    server: _Front

    def handle(self) -> None:
        stream, user = (self.server.tls.accept(self.request)) if self.server.tls else (self.request, User())
        head = _read_head(stream)
        if not head:
            return
        words = head.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/"):
            # What Go's HTTP server says to anything else, a TLS handshake on its plain port included.
            stream.sendall(
                b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"
            )
            return
        status, body = self.server.api.answer(words[0].decode("latin-1"), words[1].decode("latin-1"), user)
        stream.sendall(_response(status, body))
        if isinstance(stream, SSL.Connection):
            stream.shutdown()


class _Tls:
    """The TLS of kube-apiserver: it asks for a client certificate, takes any, and judges it after the handshake."""

    def __init__(self, node_root: Path, now: datetime) -> None:
        pki = node_root / PKI.lstrip("/")
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET)
        self._now = now
        try:
            context.use_certificate_chain_file(str(pki / "apiserver.crt"))
            context.use_privatekey_file(str(pki / "apiserver.key"))
            context.check_privatekey()
            self._client_ca = _load(pki / "ca.crt")
            context.add_client_ca(self._client_ca)
            context.add_client_ca(_load(pki / "front-proxy-ca.crt"))
        except (SSL.Error, OSError, ValueError) as error:
            raise InputError(
                f"no API server would start with these files: {error}", where=str(pki), do="Build the lab anew."
            ) from error
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        self._context = context

    def accept(self, connection: socket.socket) -> tuple[SSL.Connection, User | None]:
        """The handshake, and who came: None when the client's certificate is not to be believed."""
        stream = SSL.Connection(self._context, connection)
        stream.set_accept_state()
        stream.do_handshake()
        certificate = stream.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return stream, User()
        return stream, _user(certificate) if self._believes(certificate) else None

    def _believes(self, certificate: x509.Certificate) -> bool:
        if not certificate.not_valid_before_utc <= self._now <= certificate.not_valid_after_utc:
            return False
        try:
            certificate.verify_directly_issued_by(self._client_ca)
        except (ValueError, TypeError, InvalidSignature):
            return False
        return True


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _user(certificate: x509.Certificate) -> User:
    """CN is the name, O are the groups."""

    def values(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]

    groups = (*values(NameOID.ORGANIZATION_NAME), "system:authenticated")
    return User("".join(values(NameOID.COMMON_NAME)), groups)


def _read_head(stream: Any) -> bytes:
    """The request up to its empty line, or up to the first line where that is no HTTP; empty when nothing came."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _LONGEST_REQUEST:
        if b"\n" in data and b" HTTP/" not in data.split(b"\n", 1)[0]:
            break
        chunk = stream.recv(4096)
        if not chunk:
            break
        data += chunk
    return data


def _response(status: HTTPStatus, body: Any) -> bytes:
    text = isinstance(body, str)
    content = body.encode() if text else encode(body)
    kind = "text/plain; charset=utf-8" if text else "application/json"
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content
