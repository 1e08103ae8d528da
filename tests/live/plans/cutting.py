"""A TCP proxy that can be cut: before a request passes, in its midst, or after the server has answered."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from enum import Enum, auto


class Cut(Enum):
    """Where a request is cut off."""

    BEFORE = auto()
    DURING = auto()
    AFTER = auto()


class CuttingProxy:
    """Passes connections on to a port of 127.0.0.1. `cut` ends the request that is sent next."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._stays_down = False
        self._down = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def cut(self, where: Cut, *, stays_down: bool) -> None:
        """Cut the next request; with `stays_down` every connection is refused from then on."""
        self._cut, self._stays_down = where, stays_down
        if where is Cut.BEFORE:
            self._hang_up()

    def restore(self) -> None:
        self._down, self._cut = False, None

    def close(self) -> None:
        self._listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        self._down, self._cut = self._stays_down, None
        with self._lock:
            for pair in self._pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            if self._down:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target_port))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((client, server))
            for act in (self._up, self._back):
                threading.Thread(target=act, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._cut is Cut.DURING:
                    server.sendall(data[: len(data) // 2])
                    self._hang_up()
                    return
                server.sendall(data)
        self._end(client, server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self._cut is Cut.AFTER:
                    self._hang_up()
                    return
                client.sendall(data)
        self._end(client, server)

    def _end(self, client: socket.socket, server: socket.socket) -> None:
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cutting_proxy(target_port: int) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(target_port)
    try:
        yield proxy
    finally:
        proxy.close()
