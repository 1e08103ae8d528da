"""HTTP requests that may change a cluster: each of these is sent once, on a connection of its own.

A request that may have arrived is never sent again: whether it was done has to be looked up. So what matters of a
failure is whether the request could have reached the server at all.
"""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from k8srun import __version__
from k8srun.scrub import scrub
from k8srun.sources.connection import Connection, tls_words
from k8srun.sources.exchange import bounded
from k8srun.text import visible

_CONNECT_SECONDS = 10.0
_MAX_BYTES = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_LONGEST_WORDS = 1000
# What the library lets through of its own and of the standard library's errors.
_FAILURES = (exceptions.HTTPError, http.client.HTTPException, OSError)


class Unsent(Exception):  # noqa: N818 - says what became of the request
    """The request did not reach the server: nothing was changed."""


class Lost(Exception):  # noqa: N818 - says what became of the request
    """The request was sent and no whole answer came: it may have been carried out, or may still be."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer: HTTP status, the JSON object, and the texts of its Warning headers."""

    status: int
    body: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    retry_after: float = field(default=0.0)

    @property
    def message(self) -> str:
        """The server's words about a refusal, reduced, on one line."""
        said = self.body.get("message")
        words = " ".join(scrub(said).split()) if isinstance(said, str) else ""
        return visible(words, limit=_LONGEST_WORDS) or f"HTTP {self.status}"

    @property
    def reason(self) -> str:
        """The `reason` of the Status object; empty if there is none."""
        said = self.body.get("reason")
        return said if isinstance(said, str) else ""


class Writer:
    """Sends requests to one API server.

    Args:
        timeout: seconds that one request may take.

    Raises:
        ReadError: the CA or the client certificate cannot be used.
    """

    def __init__(self, connection: Connection, *, timeout: float) -> None:
        self._open = connection.opener()
        self._prefix = connection.server.path
        self._headers = (
            *connection.credentials.headers,
            ("Accept", "application/json"),
            ("User-Agent", f"k8srun/{__version__}"),
        )
        self._timeout = timeout
        self._kept: HTTPConnection | None = None

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        may_repeat: bool = False,
    ) -> Reply:
        """Send one request, once.

        Args:
            path: with its segments quoted.
            may_repeat: it changes nothing, and so may go over a connection that was kept open: one that the server has
                just closed cannot be told from one that was lost with the request.

        Raises:
            Unsent: it did not reach the server.
            Lost: it may have.
        """
        target = path + (f"?{urlencode(query)}" if query else "")
        if may_repeat and self._kept is not None and self._kept.is_connected:
            connection, self._kept = self._kept, None
        else:
            connection = self._open()
        try:
            reply = self._exchange(connection, method, target, body, content_type)
        except BaseException:
            connection.close()
            raise
        if self._kept is None:
            self._kept = connection
        else:
            connection.close()
        return reply

    def _exchange(
        self, connection: HTTPConnection, method: str, target: str, body: bytes | None, content_type: str
    ) -> Reply:
        headers = urllib3.HTTPHeaderDict(self._headers)
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            if connection.is_closed:
                connection.timeout = min(_CONNECT_SECONDS, self._timeout)
                connection.connect()
        except _FAILURES as error:
            raise Unsent(_words(error)) from None
        try:
            # With TLS 1.3 a server refuses a client's certificate only now, once the request is on its way.
            connection.timeout = self._timeout
            until = time.monotonic() + self._timeout
            with bounded(connection, until):
                connection.request(method, self._prefix + target, body=body, headers=headers, preload_content=False)
                response = connection.getresponse()
                data = _read(response, until)
        except _FAILURES as error:
            raise Lost(_words(error)) from None
        return Reply(
            response.status,
            _object(data, response.status),
            _warnings(response.headers.getlist("Warning")),
            _seconds(response.headers.get("Retry-After", "")),
        )


def _read(response: urllib3.HTTPResponse, until: float) -> bytes:
    parts, size = [], 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > _MAX_BYTES or time.monotonic() > until:
            raise Lost("the answer is too large, or did not end in time")
    return b"".join(parts)


def _words(error: BaseException) -> str:
    """What the innermost error said: the outer ones repeat addresses."""
    while True:
        following = error.__cause__ or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if following is None:
            break
        error = following
    if isinstance(error, ssl.SSLError):
        words = tls_words(error)
    else:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return visible(scrub(words), limit=_LONGEST_WORDS) or type(error).__name__


def _object(data: bytes, status: int) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    if status < 300:
        raise Lost("the answer could not be read")
    return {"message": visible(scrub(data[:4096].decode(errors="replace").strip()), limit=200)}


def _warnings(headers: Sequence[str]) -> tuple[str, ...]:
    """The quoted text of each `299 - "…"`. Source: RFC 7234, 5.5."""
    texts = (header.split('"', 1)[1].rsplit('"', 1)[0] for header in headers if header.count('"') > 1)
    return tuple(visible(scrub(text.replace('\\"', '"')), limit=_LONGEST_WORDS) for text in texts)


def _seconds(value: str) -> float:
    return float(value) if value.isascii() and value.isdigit() else 0.0
