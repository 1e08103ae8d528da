"""A real HTTP server on loopback that behaves as a test says: it answers, refuses, hangs, drops, trickles."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from k8srun.sources.connection import Connection, Server
from k8srun.sources.failure import ReadError
from k8srun.sources.transport import ReadOnlyClient

Answer = Callable[["Handler"], None]


@dataclass
class Seen:
    """A request that came. `headers` are lower-case names with all of their values."""

    method: str
    path: str
    headers: dict[str, list[str]]
    body: bytes


@dataclass
class Script:
    """What the server does: the answers of a path (without its query) one after another, the last again and again.

    A path that is not in it is answered with a 404, as an apiserver does.
    """

    answers: dict[str, list[Answer]]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, path: str) -> Answer:
        with self.lock:
            answers = self.answers.get(path) or [error(404, "the server could not find the requested resource")]
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def requests(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path.partition("?")[0] == path]

    @property
    def server(self) -> Server:
        scheme, _, address = self.url.partition("://")
        return Server(f"{scheme}://{address}", "127.0.0.1", int(address.rpartition(":")[2]))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def do_GET(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): self.headers.get_all(name) for name in self.headers}
        self.script.seen.append(Seen(self.command, self.path, headers, self.rfile.read(size)))
        self.script.arrived.set()
        self.script.next(self.path.partition("?")[0])(self)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        return


def asking(server: Server, *, timeout: float = 5, **connection: object) -> ReadOnlyClient:
    """A client of a server."""
    return ReadOnlyClient(Connection(server, **connection), timeout=timeout)


def failure_of(client: ReadOnlyClient, path: str = "/api/v1/pods") -> ReadError:
    """How a GET fails; the client is closed."""
    with client, pytest.raises(ReadError) as failed:
        client.get(path)
    return failed.value


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    """A whole answer: JSON, or bytes as they are. Names of headers are given with _ in place of -."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def write(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return write


def zipped(body: bytes) -> Answer:
    return answer(gzip.compress(body), Content_Encoding="gzip")


def error(status: int, message: str, *, details: dict | None = None, **headers: str) -> Answer:
    """A Status object, as an apiserver writes it."""
    status_object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "message": message, "code": status}
    return answer(status_object | (details or {}), status, **headers)


def hang(handler: Handler) -> None:
    """Nothing, until the test ends."""
    handler.script.ended.wait()
    handler.close_connection = True


def drop(handler: Handler) -> None:
    """Half of a body that was announced whole, and the connection is gone."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"kind":')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def leave(body: object) -> Answer:
    """A whole answer, and then the connection is closed without a word."""

    def write(handler: Handler) -> None:
        answer(body)(handler)
        handler.close_connection = True

    return write


def trickling(beginning: bytes, again: bytes) -> Answer:
    """A beginning, then a few bytes now and then, for ever: every wait is short, the whole never ends."""

    def write(handler: Handler) -> None:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.write(beginning)
            while not handler.script.ended.wait(0.02):
                handler.wfile.write(again)
                handler.wfile.flush()

    return write


trickle = trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" ")


@contextlib.contextmanager
def serving(answers: dict[str, list[Answer]], tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """A server on a free loopback port; `tls` makes it speak TLS."""
    script = Script(answers)
    handler = type("ScriptedHandler", (Handler,), {"script": script})
    with _Server(("127.0.0.1", 0), handler) as server:
        script.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        if tls:
            server.tls = tls
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield script
        finally:
            script.ended.set()
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    tls: ssl.SSLContext | None = None
    daemon_threads = True

    def finish_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        # The handshake belongs to the connection's own thread: a client that breaks it off must not stop the server.
        if not self.tls:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, *_: object) -> None:
        """A client that leaves or refuses the handshake is what some of the tests are about."""
