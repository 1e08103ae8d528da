"""A service that the API server calls over TLS, on loopback: admission, conversion, and an aggregated API.

There is no proxy for services here: an ExternalName Service `localhost` leads the API server to it, which still
verifies the certificate for the service's own name.
"""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Webhook(ThreadingHTTPServer):
    """Answers reviews with what `allow` says, and discovery with an empty group. Serves what `serve` gave it last."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.allow = True
        self.asked = 0
        self._folder = folder
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def serve(self, certificate: bytes, key: bytes) -> None:
        """Present another certificate from the next connection on, as a pod does that has read its Secret again."""
        files = self._folder / "served.crt", self._folder / "served.key"
        for path, content in zip(files, (certificate, key), strict=True):
            path.write_bytes(content)
            path.chmod(0o600)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self._context = context

    def finish_request(self, request, client_address) -> None:
        # In the connection's own thread: a peer that hangs up in the handshake holds up nobody else.
        with contextlib.suppress(OSError):
            super().finish_request(self._context.wrap_socket(request, server_side=True), client_address)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked += 1
        request = review["request"]
        answer = {"uid": request["uid"], "allowed": self.server.allow}
        if review["kind"] == "ConversionReview":
            objects = [{**item, "apiVersion": request["desiredAPIVersion"]} for item in request["objects"]]
            answer = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
        self._answer({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": answer})

    def do_GET(self) -> None:
        group, _, version = self.path.strip("/").removeprefix("apis/").partition("/")
        self._answer(
            {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}", "resources": []}
        )

    def _answer(self, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Nothing: the tests say what matters."""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Webhook]:
    server = Webhook(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
