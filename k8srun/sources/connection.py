"""Where a context of a kubeconfig leads, and the TLS that Kubernetes' own clients would do there."""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig

from k8srun.errors import InputError
from k8srun.pem import read_pem
from k8srun.snapshot import GapReason
from k8srun.sources.contexts import ChosenContext
from k8srun.sources.credentials import Credentials, content_of, credentials_of
from k8srun.sources.failure import ReadError
from k8srun.sources.kubeconfig import flag_of, text_of, without_userinfo
from k8srun.sources.proxy import environment_proxy


@dataclass(frozen=True, slots=True)
class Server:
    """The server of a context.

    Attributes:
        url: without a final slash; it may have a path, as behind Rancher.
        host, port: of the URL.
        server_name: asked for and expected in the certificate in place of the host; empty = the host.
        verify: whether the certificate is verified.
        proxy: URL of the proxy, which may hold a password; empty if there is none.
    """

    url: str
    host: str
    port: int
    server_name: str = ""
    verify: bool = True
    proxy: str = field(default="", repr=False)

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    @property
    def path(self) -> str:
        """What the paths of the API are appended to; mostly empty."""
        return urlsplit(self.url).path


@dataclass(frozen=True, slots=True)
class Connection:
    """A server, whom it is trusted by, and who asks. `ca` is DER, one after the other; empty = the system's."""

    server: Server
    ca: bytes = field(default=b"", repr=False)
    credentials: Credentials = field(default_factory=Credentials)

    def opener(self) -> Callable[[], HTTPConnection]:
        """What makes HTTP connections to the server; each dials with its first request.

        Raises:
            ReadError: the CA or the client certificate cannot be used.
        """
        server = self.server
        make: Callable[..., HTTPConnection] = HTTPConnection
        if server.is_tls:
            make = partial(HTTPSConnection, ssl_context=self._tls(), server_hostname=server.server_name or None)
        if not server.proxy:
            return partial(make, server.host, server.port)
        proxy = urlsplit(server.proxy)
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}" if proxy.username else None

        def through_proxy() -> HTTPConnection:
            connection = make(
                proxy.hostname,
                proxy.port or (443 if proxy.scheme == "https" else 80),
                proxy=urllib3.util.parse_url(without_userinfo(server.proxy)),
                proxy_config=ProxyConfig(None, False, None, None),
            )
            headers = urllib3.make_headers(proxy_basic_auth=login)
            connection.set_tunnel(server.host, server.port, headers, scheme=proxy.scheme)
            return connection

        return through_proxy

    def _tls(self) -> ssl.SSLContext:
        """What Go's clients accept and no more; where OpenSSL judges otherwise, Go's verdict is that of Kubernetes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # On by default since Python 3.13: it refuses CAs that kubectl accepts (no key usage, no key identifiers).
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        # Every certificate of the bundle is an anchor, also an intermediate one or the server's own.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # A common name is no host name any more.
        context.hostname_checks_common_name = False
        # Level 2 refuses RSA keys of 1024 bits, which Go accepts; SHA-1 is refused by both.
        context.set_ciphers("DEFAULT:!aNULL:!eNULL:@SECLEVEL=1")
        try:
            if not self.server.verify:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            elif self.ca:
                context.load_verify_locations(cadata=self.ca)
            else:
                context.load_default_certs()
            if self.credentials.certificate:
                _load_pair(context, self.credentials)
        except ssl.SSLError as error:
            raise ReadError(
                GapReason.TLS, f"the client certificate or the CA cannot be used: {tls_words(error)}"
            ) from None
        return context


def server_of(chosen: ChosenContext, environ: Mapping[str, str]) -> Server:
    """Where a context leads.

    Raises:
        InputError: it names no server that could be reached.
    """
    entry = chosen.cluster
    url, parts = _address(entry, chosen)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = text_of(entry, "proxy-url") or environment_proxy(parts.scheme, host, port, environ)
    if proxy and not proxy.startswith(("http://", "https://")):
        raise InputError(
            "only HTTP proxies can be used",
            where=f"proxy-url {without_userinfo(proxy)}",
            do="For a SOCKS proxy, forward a port: ssh -L 6443:SERVER:6443 HOST, and use tls-server-name.",
        )
    return Server(
        url=url,
        host=host,
        port=port,
        server_name=text_of(entry, "tls-server-name"),
        verify=not flag_of(entry, "insecure-skip-tls-verify"),
        proxy=proxy,
    )


def _address(entry: Mapping[str, Any], chosen: ChosenContext) -> tuple[str, SplitResult]:
    server = text_of(entry, "server")
    if "://" not in server:
        # As client-go: TLS where there is anything that only makes sense with it.
        tls = [*(f"certificate-authority{end}" for end in ("", "-data")), "insecure-skip-tls-verify"]
        secure = any(entry.get(name) for name in tls) or bool(chosen.user.get("client-certificate-data"))
        server = f"{'https' if secure else 'http'}://{server}"
    try:
        parts = urlsplit(server)
        usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = None
    if not usable or parts.username or parts.query or parts.fragment:
        raise InputError(
            f"the cluster {chosen.cluster_name!r} has no usable server: {without_userinfo(server)!r}",
            where=chosen.path,
            do="It must be https://HOST:PORT; credentials belong to the user's entry.",
        )
    return server.rstrip("/"), parts


def connect(chosen: ChosenContext, server: Server, *, allow_exec: bool, timeout: float) -> Connection:
    """Everything that a request needs. Nothing is sent.

    Raises:
        InputError: an entry of the kubeconfig is malformed.
        RefusedError: the kubeconfig was supplied and would run a program.
        ReadError: the CA or the credentials cannot be had.
    """
    bundle = content_of(chosen.cluster, "certificate-authority-data", "certificate-authority", GapReason.TLS)
    if bundle and not server.verify:
        raise ReadError(
            GapReason.TLS,
            "a CA and insecure-skip-tls-verify together are refused by every client of Kubernetes",
            where=chosen.path,
            do="Remove insecure-skip-tls-verify.",
        )
    ca = b"".join(block.der for block in read_pem(bundle) if block.is_certificate) if bundle else b""
    if bundle and not ca:
        raise ReadError(
            GapReason.TLS, "unable to load root certificates: the CA holds no certificate", where=chosen.path
        )
    info = {
        "server": server.url,
        "tls-server-name": server.server_name or None,
        "insecure-skip-tls-verify": not server.verify or None,
        "certificate-authority-data": base64.b64encode(bundle).decode() or None,
        "proxy-url": server.proxy or None,
    }
    cluster_info = {name: value for name, value in info.items() if value is not None}
    return Connection(server, ca, credentials_of(chosen, cluster_info, allow_exec=allow_exec, timeout=timeout))


def tls_words(error: ssl.SSLError) -> str:
    """What the TLS library said, without the line of its source."""
    return str(error.args[-1] if error.args else error).split(" (_ssl.c:", maxsplit=1)[0]


def _load_pair(context: ssl.SSLContext, credentials: Credentials) -> None:
    """The library reads key pairs from files only: it gets one that nobody else may read and that is gone at once."""
    with tempfile.NamedTemporaryFile(prefix="k8srun-") as file:
        file.write(credentials.certificate + b"\n" + credentials.key)
        file.flush()
        context.load_cert_chain(file.name, password="")  # a password, so that it never asks on the terminal
