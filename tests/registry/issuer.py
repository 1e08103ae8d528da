"""A token service as registries delegate to: small, on loopback, and as unreliable as its users ask it to be."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from tests.controlplane.pki import Pair
from tests.registry.server import PASSWORD, USER

SERVICE, ISSUER = "registry.test", "token.test"
REFRESH = "a refresh token"
FORBIDDEN = "team/secret"
"""A repository that is there and that `ci` may not pull."""
LATE = "late"
"""A user whose tokens have expired when they are issued."""


class Issuer:
    """Signs tokens with `pair`. Notes in `asked` who asked for what."""

    def __init__(self, pair: Pair) -> None:
        self._key: Any = load_pem_private_key(pair.key, None)
        leaf = x509.load_pem_x509_certificate(pair.certificate)
        self._leaf = base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()
        self.asked: list[tuple[str, str]] = []

    def token(self, user: str, scope: str, *, seconds: int = 300) -> str:
        """A token for what `user` may of `scope`."""
        now = int(time.time())
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        may = user in {USER, LATE} and name != FORBIDDEN
        access = [{"type": kind, "name": name, "actions": actions.split(",")}] if may and name else []
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "exp": now + seconds, "nbf": now - 600, "iat": now - 600}
        header = _encoded({"typ": "JWT", "alg": "ES256", "x5c": [self._leaf]})
        signed = f"{header}.{_encoded({**claims, 'jti': str(now), 'access': access})}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def answer(self, user: str, password: str, scope: str, refresh: str) -> tuple[int, dict[str, Any]]:
        """Status and body for a request."""
        self.asked.append((user, scope))
        if refresh and refresh != REFRESH:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "the refresh token is not known"}]}
        if user and password != PASSWORD:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]}
        who = USER if refresh else user
        return 200, {"token": self.token(who, scope, seconds=-120 if who == LATE else 300)}

    @contextmanager
    def serving(self, certificate: Path, key: Path) -> Iterator[str]:
        """Serve over TLS; the URL of the token endpoint."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                header = self.headers.get("Authorization", "")
                user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
                self._send(*issuer.answer(user, password, query.get("scope", [""])[0], ""))

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._send(*issuer.answer("", "", form.get("scope", [""])[0], form.get("refresh_token", [""])[0]))

            def _send(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}/token"
        finally:
            server.shutdown()
            server.server_close()
            thread.join(5)


def _encoded(document: dict[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
