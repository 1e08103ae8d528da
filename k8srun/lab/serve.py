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
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL

from k8srun.codec import encode
from k8srun.lab.api import Api, User
from k8srun.lab.catalogue import Serve
from k8srun.lab.kubeconfigs import point_to
from k8srun.lab.tls import Tls, is_tls

if TYPE_CHECKING:
    from k8srun.lab.builder import Lab

_HOST = "127.0.0.1"
_PATIENCE = 10  # seconds that a silent client may keep a connection
_LONGEST_REQUEST = 64 * 1024
_BEARER = b"\r\nauthorization: bearer "
# What Go's HTTP server says to plain HTTP on its TLS port.
_NOT_HTTPS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


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
        point_to(lab.kubeconfig, f"{_HOST}:{port}")
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
        self.mode: Serve = lab.incident.serve if lab.incident else "https"
        self.tls = None if self.mode in {"http", "nothing"} else Tls(lab.node_root, lab.held, lab.now, self.mode)
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
        if self.server.mode == "nothing":
            return
        if self.server.tls and not is_tls(self.request):
            self.request.sendall(_NOT_HTTPS)
            return
        stream, user = (self.server.tls.accept(self.request)) if self.server.tls else (self.request, User())
        head = _read_head(stream)
        if not head:
            return
        if _BEARER in head.lower():
            user = None  # the lab issues no tokens that are good
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
