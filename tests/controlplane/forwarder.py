"""Reach a server at a second address: a TCP forwarder."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def forward(host: str, target_port: int) -> Iterator[int]:
    """Listen on a free port of `host`, a loopback address, and pass every connection on to 127.0.0.1:`target_port`.

    Yields the port. What is encrypted stays encrypted: the client sees the server's own certificate at another address.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", target_port)) as upstream:
                back = threading.Thread(target=_pump, args=(upstream, self.request))
                back.start()
                _pump(self.request, upstream)
                back.join()

    with socketserver.ThreadingTCPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    # Either side may drop the connection at any time: that ends the copy, and the other side is told.
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
