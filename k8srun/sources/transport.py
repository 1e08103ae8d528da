"""HTTP that cannot change a cluster: GET, and POST to nothing but the access and identity reviews.

What an unreliable server may do is met here: it hangs, drops the connection halfway, is busy, restarts. What a second
try can mend gets one, within the time that a request has; the rest becomes a `ReadError` with the reason.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import msgspec
from urllib3.connection import HTTPConnection

from k8srun import __version__
from k8srun.codec import encode
from k8srun.snapshot import GapReason
from k8srun.sources.connection import Connection
from k8srun.sources.exchange import Request, Retry, cut, excerpt, receive, send
from k8srun.sources.failure import ReadError
from k8srun.text import visible

T = TypeVar("T")

_JSON = "application/json"
_REVIEWS = re.compile(
    r"/apis/authentication\.k8s\.io/v\w+/(selfsubjectreviews|tokenreviews)"
    r"|/apis/authorization\.k8s\.io/v\w+/((self)?subjectaccessreviews|selfsubjectrulesreviews)"
    r"|/apis/authorization\.k8s\.io/v\w+/namespaces/[a-z0-9.-]+/localsubjectaccessreviews"
)
_PATH = re.compile(r"(/[A-Za-z0-9:~_.-]+)+")
# A GET of these opens a session in a container or reaches whatever listens there: that may change things.
_CONNECTS = re.compile(r"/api/v1/(namespaces/[^/]+/(pods|services)|nodes)/[^/]+/(exec|attach|portforward|proxy)(/.*)?")
_KUBELET_READS = re.compile(r"/api/v1/nodes/[^/]+/proxy/(configz|logs(/.*)?)")

_ATTEMPTS = 4
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0
_GIVE_UP_AFTER = 3


class ReadOnlyClient:
    """Asks one apiserver. A context manager; safe to use from several threads.

    After three requests in a row that the server left without an answer it is not asked again: a snapshot of thirty
    kinds must not take thirty timeouts.

    Args:
        timeout: seconds that one request may take, its retries included.

    Raises:
        ReadError: the CA or the client certificate cannot be used.
    """

    def __init__(self, connection: Connection, *, timeout: float) -> None:
        self._open = connection.opener()
        self._prefix = connection.server.path
        self._headers = (
            *connection.credentials.headers,
            ("User-Agent", f"k8srun/{__version__}"),
            ("Accept-Encoding", "gzip"),  # a list of pods is a tenth of its size, which even on loopback is faster
        )
        self._timeout = timeout
        self._lock = threading.Lock()
        self._idle: list[HTTPConnection] = []
        self._busy: set[HTTPConnection] = set()
        self._ended = threading.Event()
        self._unanswered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with self._lock:
            # Whoever interrupts must not wait for a server that hangs.
            for connection in self._busy:
                cut(connection)
        while self._idle:
            self._idle.pop().close()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, accept: str = _JSON) -> dict[str, Any]:
        """The JSON object at a path.

        Raises:
            ReadError: there is no answer, or it is an error, or no JSON object.
            ValueError: the path is one that may change something.
        """
        return parse_answer(self.begin_get(path, query, accept=accept)(), dict[str, Any], where=path)

    def begin_get(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str = _JSON
    ) -> Callable[[], bytes]:
        """Send a GET now; calling what is returned gives the body. Between the two the server does its part.

        Raises:
            ReadError: when called: there is no answer, or it is an error.
            ValueError: the path is one that may change something.
        """
        if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise ValueError(f"not a path of the Kubernetes API: {visible(path, limit=200)}")
        if _CONNECTS.fullmatch(path) and not _KUBELET_READS.fullmatch(path):
            raise ValueError(f"a GET of {path} reaches into a workload: that is no reading")
        target = f"{self._prefix}{path}?{urlencode(query)}" if query else self._prefix + path
        request = Request("GET", target, path, (*self._headers, ("Accept", accept)))
        return partial(self._answer, request, self._send_ahead(request))

    def review(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to an access or identity review, which changes nothing.

        Raises:
            ReadError: there is no answer, or it is an error, or no JSON object.
            ValueError: the path is not that of a review.
        """
        if not _REVIEWS.fullmatch(path):
            raise ValueError(f"only access and identity reviews are posted, not {visible(path, limit=200)}")
        headers = (*self._headers, ("Accept", _JSON), ("Content-Type", _JSON))
        request = Request("POST", self._prefix + path, path, headers, encode(body))
        return parse_answer(self._answer(request), dict[str, Any], where=path)

    def _send_ahead(self, request: Request) -> HTTPConnection | None:
        """The connection that a request was sent on; None if it could not be, which the next attempt will explain."""
        if self._unanswered >= _GIVE_UP_AFTER:
            return None
        try:
            return self._send(request, time.monotonic() + self._timeout)
        except (Retry, ReadError):
            return None

    def _send(self, request: Request, until: float) -> HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is not None and not connection.is_connected:  # the server has closed it meanwhile
            connection.close()
            connection = None
        connection = connection or self._open()
        send(connection, request, until)
        return connection

    def _answer(self, request: Request, sent: HTTPConnection | None = None) -> bytes:
        """The answer, asked for again where that may help: soon, or when the server said, while there is time."""
        if self._unanswered >= _GIVE_UP_AFTER:
            raise ReadError(GapReason.UNREACHABLE, "not asked: the server had stopped answering", where=request.where)
        until = time.monotonic() + self._timeout
        attempt = 1
        while True:
            if self._ended.is_set():
                raise ReadError(GapReason.INTERRUPTED, "not asked: the reading was broken off", where=request.where)
            try:
                return self._attempt(request, sent, until)
            except Retry as again:
                pause = again.after if again.after is not None else _FIRST_PAUSE * 2 ** (attempt - 1)
                if attempt == _ATTEMPTS or pause > min(until - time.monotonic(), _LONGEST_PAUSE):
                    self._count(again.failure)
                    raise again.failure from None
            except ReadError as failure:
                self._count(failure)
                raise
            self._ended.wait(pause)
            attempt, sent = attempt + 1, None

    def _attempt(self, request: Request, sent: HTTPConnection | None, until: float) -> bytes:
        connection = sent or self._send(request, until)
        with self._lock:
            self._busy.add(connection)
        try:
            body = receive(connection, request, until)
        finally:
            with self._lock:
                self._busy.discard(connection)
        with self._lock:
            self._idle.append(connection)
            self._unanswered = 0
        return body

    def _count(self, failure: ReadError) -> None:
        silent = not failure.status and failure.reason in {GapReason.TIMEOUT, GapReason.UNREACHABLE}
        with self._lock:
            self._unanswered = self._unanswered + 1 if silent else 0


def parse_answer(body: bytes, kind: type[T], *, where: str) -> T:
    """An answer's JSON as `kind`.

    Raises:
        ReadError: it is not that; MALFORMED.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        raise ReadError(GapReason.MALFORMED, f"not the JSON that was asked for: {excerpt(body)}", where=where) from None
