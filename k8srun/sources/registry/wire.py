"""One HTTP request to a registry or its token service, and at which step it failed if it got no answer."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import environ
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection

from k8srun import __version__
from k8srun.scrub import scrub
from k8srun.snapshot import GapReason
from k8srun.sources.connection import Connection, Server
from k8srun.sources.exchange import Request, Retry, bounded, send
from k8srun.sources.failure import ReadError
from k8srun.sources.proxy import environment_proxy
from k8srun.sources.registry.answers import PullCause, Step
from k8srun.sources.tls import observe
from k8srun.text import visible
from k8srun.tls import HandshakeOutcome
from k8srun.x509.certificate import Certificate, MalformedCertificate

MAX_BYTES = 8 * 1024 * 1024
"""The largest manifest, signature or token answer that is read."""

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})


class Unanswered(Exception):  # noqa: N818 - one outcome among others
    """No answer that can be used: at which step, for which cause, in words without a secret."""

    def __init__(self, step: Step, cause: PullCause, detail: str) -> None:
        super().__init__(detail)
        self.step = step
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `body` may hold a token."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes = field(repr=False)
    url: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """How registries are reached.

    Attributes:
        timeout: seconds that one request may take, its redirects included.
        ca: DER certificates, one after the other, that are trusted in place of the system's; empty = the system's.
        plain_http: speak HTTP to registries, as a runtime does that was told so.
    """

    timeout: float = 10.0
    ca: bytes = field(default=b"", repr=False)
    plain_http: bool = False

    def url(self, registry: str, path: str) -> str:
        """The address of a path of a registry's API."""
        return f"{'http' if self.plain_http else 'https'}://{registry}{path}"

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """The answer to a request. Redirects are followed; a credential is never sent to another host than asked.

        Raises:
            Unanswered: none came, or it is larger than `MAX_BYTES`.
        """
        until = time.monotonic() + self.timeout
        sent = {"User-Agent": f"k8srun/{__version__}", **headers}
        for _ in range(_REDIRECTS):
            answer = self._once(Request(method, url, url, tuple(sent.items()), body), until)
            target = answer.headers.get("Location", "")
            if answer.status not in _MOVED or not target or body is not None:
                return answer
            following = urljoin(url, target)
            if urlsplit(following).netloc != urlsplit(url).netloc or not following.startswith(url.partition(":")[0]):
                sent.pop("Authorization", None)
            url = following
        raise Unanswered(Step.MANIFEST, PullCause.REGISTRY_ERROR, f"more than {_REDIRECTS} redirects")

    def _once(self, request: Request, until: float) -> Answer:
        parts, server = _server(request.target)
        try:
            connection = Connection(server, self.ca).opener()()
            target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            send(connection, replace(request, target=target), until)
        except Retry as again:
            raise self._failed(again.failure, server) from None
        except ReadError as failure:
            raise self._failed(failure, server) from None
        try:
            return self._received(connection, request.where, until)
        finally:
            connection.close()

    def _received(self, connection: HTTPConnection, url: str, until: float) -> Answer:
        parts, size = [], 0
        try:
            with bounded(connection, until):
                response = connection.getresponse()
                while part := response.read1(64 * 1024):
                    parts.append(part)
                    size += len(part)
                    if size > MAX_BYTES or time.monotonic() > until:
                        break
            if size > MAX_BYTES or time.monotonic() > until:
                why = f"over {MAX_BYTES} bytes" if size > MAX_BYTES else "not whole in time"
                raise Unanswered(Step.MANIFEST, PullCause.REGISTRY_ERROR, f"the answer of {_place(url)} is {why}")
            return Answer(response.status, response.headers, b"".join(parts), url)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError) or time.monotonic() >= until:
                raise Unanswered(Step.CONNECT, PullCause.TIMEOUT, f"{_place(url)} gave no answer in time") from None
            detail = f"{_place(url)} ended the connection without a whole answer"
            raise Unanswered(Step.CONNECT, PullCause.UNREACHABLE, detail) from None

    def _failed(self, failure: ReadError, server: Server) -> Unanswered:
        """Which step a request did not get beyond. A failed handshake is looked at again, for who signed."""
        place = f"{server.host}:{server.port}"
        if failure.reason is GapReason.TLS:
            cause, seen = self._handshake(failure.detail, server)
            return Unanswered(Step.TLS, cause, f"{place}: {failure.detail}{seen}")
        if failure.detail.startswith("the name is not resolved"):
            return Unanswered(Step.DNS, PullCause.NAME_UNRESOLVED, f"{server.host}: {failure.detail}")
        cause = PullCause.TIMEOUT if failure.reason is GapReason.TIMEOUT else PullCause.UNREACHABLE
        return Unanswered(Step.CONNECT, cause, f"{place}: {failure.detail}")

    def _handshake(self, words: str, server: Server) -> tuple[PullCause, str]:
        if server.proxy:
            return PullCause.TLS_FAILED, ""
        seen = observe(server.host, server.port, timeout=self.timeout)
        if seen.outcome is HandshakeOutcome.PLAIN_HTTP:
            return PullCause.PLAIN_HTTP, "; it speaks plain HTTP"
        unknown = any(sign in words for sign in ("local issuer", "self-signed", "self signed", "unable to get issuer"))
        issuer = f"; its certificate is signed by {_issuer(seen.presented[0])}" if seen.presented else ""
        return PullCause.UNKNOWN_AUTHORITY if unknown else PullCause.TLS_FAILED, visible(issuer, limit=300)


def _server(url: str) -> tuple[urllib3.util.Url, Server]:
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        parts = urllib3.util.Url()
    if parts.scheme not in {"https", "http"} or not parts.host or parts.auth:
        detail = f"not an address that can be asked: {visible(scrub(url), limit=200)}"
        raise Unanswered(Step.CHALLENGE, PullCause.NOT_A_REGISTRY, detail)
    host = parts.host.strip("[]")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    proxy = environment_proxy(parts.scheme, host, port, environ)
    return parts, Server(f"{parts.scheme}://{parts.netloc}", host, port, proxy=proxy)


def _issuer(der: bytes) -> str:
    try:
        return str(Certificate.from_der(der).issuer)
    except MalformedCertificate:
        return "nobody that can be read"


def _place(url: str) -> str:
    return visible(urlsplit(url).netloc, limit=200)
