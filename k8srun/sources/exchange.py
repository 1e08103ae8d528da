"""One HTTP request and its answer, read within a time and a size; and what each way of failing means."""

from __future__ import annotations

import email.utils
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection

from k8srun.scrub import scrub
from k8srun.snapshot import GapReason
from k8srun.sources.connection import tls_words
from k8srun.sources.failure import ReadError
from k8srun.text import visible

MAX_BYTES = 256 * 1024 * 1024
"""The largest answer that is read, decompressed."""

_CONNECT_SECONDS = 10.0
_CHUNK = 1024 * 1024
_ERROR_BYTES = 64 * 1024
_REASONS = {
    401: GapReason.UNAUTHORIZED,
    403: GapReason.FORBIDDEN,
    410: GapReason.INTERRUPTED,
    502: GapReason.UNREACHABLE,
    503: GapReason.UNREACHABLE,
    504: GapReason.TIMEOUT,
}
_PASSING = frozenset({429, 500, 502, 503, 504})
# What the library lets through of its own and of the standard library's errors.
_LOST = (exceptions.HTTPError, http.client.HTTPException, OSError)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `where` is how a failure names it; `headers` may hold secrets."""

    method: str
    target: str
    where: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class Retry(Exception):  # noqa: N818 - says what to do
    """The request failed, and asked again it may succeed.

    Attributes:
        failure: what to raise if it is not asked again.
        after: seconds that the server asked to wait; None if it did not say.
    """

    def __init__(self, failure: ReadError, after: float | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.after = after


def send(connection: HTTPConnection, request: Request, until: float) -> None:
    """Send a request, and connect first where there is no connection yet.

    Args:
        until: by when, on the monotonic clock.

    Raises:
        Retry, ReadError: it failed. The connection is closed.
    """
    try:
        with bounded(connection, until):
            if connection.is_closed:
                connection.timeout = min(_CONNECT_SECONDS, _left(until))
                connection.connect()
            connection.timeout = _left(until)
            connection.request(
                request.method,
                request.target,
                body=request.body,
                headers=urllib3.HTTPHeaderDict(request.headers),
                preload_content=False,
            )
    except _LOST as error:
        connection.close()
        raise _not_answered(error, request.where, until) from None


def receive(connection: HTTPConnection, request: Request, until: float) -> bytes:
    """The whole body of the answer to a request that was sent. The connection can serve again.

    Raises:
        Retry, ReadError: it failed, or the answer is an error. The connection is closed.
    """
    whole = False
    try:
        with bounded(connection, until):
            connection.timeout = _left(until)
            response = connection.getresponse()
            body = _read(response, request.where, until)
            whole = True
    except _LOST as error:
        raise _not_answered(error, request.where, until) from None
    else:
        return body
    finally:
        if not whole:
            connection.close()


@contextmanager
def bounded(connection: HTTPConnection, until: float) -> Iterator[None]:
    """Cut the connection when the time is over: a socket's own timeout begins anew with every byte that trickles in."""
    dialed = connection.sock  # the library forgets it once it knows that the server will close
    timer = threading.Timer(_left(until), lambda: cut(connection, dialed))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def cut(connection: HTTPConnection, dialed: Any = None) -> None:
    """End a connection that another thread waits on: what it waits for fails at once."""
    for sock in {connection.sock, dialed} - {None}:
        with suppress(OSError):
            # Below TLS, whose state belongs to the thread that reads; TLS within the TLS of a proxy wraps its socket.
            socket.socket.shutdown(getattr(sock, "socket", sock), socket.SHUT_RDWR)


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


def _read(response: urllib3.HTTPResponse, where: str, until: float) -> bytes:
    if response.status not in {200, 201}:
        raise _refused(response, where)
    parts, size = [], 0
    try:
        while part := response.read1(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise ReadError(GapReason.TOO_LARGE, f"the answer is over {MAX_BYTES // 1024 // 1024} MiB", where=where)
    except _LOST:
        if time.monotonic() < until:
            raise
    if time.monotonic() >= until:  # where it was cut may look like its end
        raise ReadError(GapReason.TIMEOUT, f"the answer did not end in time ({size} bytes came)", where=where)
    return b"".join(parts)


def _refused(response: urllib3.HTTPResponse, where: str) -> ReadError | Retry:
    """An answer that is an error: the server's own words are in its Status object."""
    body = response.read(_ERROR_BYTES)
    try:
        answer: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        answer = None
    status = response.status
    message = answer.get("message") if isinstance(answer, dict) else None
    words = visible(scrub(message), limit=1000) if isinstance(message, str) and message else excerpt(body)
    reason = _REASONS.get(status, GapReason.REFUSED)
    if reason not in {GapReason.UNAUTHORIZED, GapReason.FORBIDDEN} or not words:
        words = f"{status} {response.reason or ''}".strip() + (f": {words}" if words else "")
    failure = ReadError(reason, words, where=where, status=status, answer=answer if isinstance(answer, dict) else None)
    return Retry(failure, _retry_after(response.headers.get("Retry-After", ""))) if status in _PASSING else failure


def excerpt(body: bytes) -> str:
    """The beginning of an answer that is not what was asked for, made inert."""
    text = body[:4096].decode(errors="replace").strip()
    if text[:15].lower().startswith(("<!doctype html", "<html")):
        return "an HTML page (of a proxy or a login?)"
    return visible(scrub(text), limit=200)


def _retry_after(value: str) -> float | None:
    """Seconds to wait. Source: RFC 9110, 10.2.3: a number, or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((aware - datetime.now(UTC)).total_seconds(), 0.0)


def _not_answered(error: Exception, where: str, until: float) -> ReadError | Retry:
    """A request that got no whole answer. Its URL and headers are left out of the words: only the reason is kept."""
    if time.monotonic() >= until:
        return ReadError(GapReason.TIMEOUT, "no answer in time", where=where)
    reason, words, again = GapReason.INTERRUPTED, _words(error), True
    match error:
        case ssl.SSLError() | exceptions.SSLError():
            reason, again = GapReason.TLS, False
        case exceptions.NameResolutionError() | socket.gaierror():
            reason, words, again = GapReason.UNREACHABLE, f"the name is not resolved: {words}", False
        case exceptions.NewConnectionError():  # refused: the server may be restarting
            reason = GapReason.UNREACHABLE
        case TimeoutError() | exceptions.TimeoutError():
            reason, words, again = GapReason.TIMEOUT, "no answer in time", False
        case exceptions.DecodeError():
            reason, words, again = GapReason.MALFORMED, "the answer cannot be decompressed", False
        case OSError() if words.startswith("Tunnel connection failed"):
            reason, words, again = GapReason.UNREACHABLE, f"the proxy refused: {words}", False
        case _:
            words = f"the connection was lost: {words}"
    failure = ReadError(reason, words, where=where)
    return Retry(failure) if again else failure


def _words(error: BaseException) -> str:
    """What the innermost error said: the outer ones repeat addresses."""
    inner: BaseException = error
    while True:
        nested = [arg for arg in inner.args if isinstance(arg, BaseException)]
        following = inner.__cause__ or (nested[0] if nested else None)
        if following is None:
            break
        inner = following
    if isinstance(inner, ssl.SSLError):
        return visible(tls_words(inner), limit=500)
    words = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return visible(scrub(words), limit=500)
