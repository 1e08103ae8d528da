"""What the text around a message tells: where the connection went, who complains, which webhook was called.

Everything here is evidence, not proof: a line of a log is quoted by people, cut, and wrapped by other tools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Which side of the connection printed a message."""

    CLIENT = "client"
    SERVER = "server"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The evidence around a message. Fields are empty (port: 0) where the text does not tell.

    Attributes:
        url, host, port: where the connection went.
        service, namespace: the Service, where the host is one's name.
        webhook: the webhook that was called.
        peer: the address of the other side, in a server's log.
        side: which side printed the message.
        component: which program printed it, as far as it can be told.
    """

    url: str = ""
    host: str = ""
    port: int = 0
    service: str = ""
    namespace: str = ""
    webhook: str = ""
    peer: str = ""
    side: Side = Side.UNKNOWN
    component: str = ""

    @property
    def address(self) -> str:
        """`host:port` as far as it is known, IPv6 in brackets; empty if it is not."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if host and self.port else host


_URL = re.compile(r"https?://[^\s\"'<>()\\,;]+")
_PARTS = re.compile(
    r"(?P<scheme>https?)://(?:[^/?#@]*@)?(?P<host>\[[0-9a-f:.%]+\]|[^/?#:\[\]]+)(?::(?P<port>\d{1,5}))?", re.I
)
_ADDRESSES = (
    re.compile(r"(?:-connect|--resolve)[ =](?P<host>\[[0-9a-f:]+\]|[\w.-]+):(?P<port>\d{1,5})", re.I),
    re.compile(r"\bhost='(?P<host>[^']+)', port=(?P<port>\d{1,5})"),
    re.compile(r"\bdial tcp (?P<host>\[[0-9a-f:]+\]|[\w.-]+):(?P<port>\d{1,5})", re.I),
    re.compile(r"\bserver (?P<host>\[[0-9a-f:]+\]|[\w.-]+):(?P<port>\d{1,5}) was refused", re.I),
    re.compile(r"(?:Addr:? \"?|endpoint\"?: ?\"?|\{)(?P<host>\[[0-9a-f:]+\]|[\w.-]+):(?P<port>\d{1,5})\b", re.I),
)
_PEER = re.compile(
    r"(?:handshake error from|rejected connection from|remote-addr\"?:) ?\"?(?P<peer>\[[0-9a-f:]+\]:\d+|[\w.-]+:\d+)",
    re.I,
)
_WEBHOOK = re.compile(r"(?:failed calling webhook|conversion webhook for) \"?(?P<webhook>[\w./-]+)")
_SERVICE = re.compile(r"^(?P<service>[a-z0-9][a-z0-9-]*)\.(?P<namespace>[a-z0-9][a-z0-9-]*)\.svc(?:\.|$)")
_SERVER_WORDS = re.compile(
    r"handshake error from|rejected (?:stream )?connection|remote-addr|Unable to authenticate the request"
    r"|first record does not look like|no serving certificate available|client didn't provide",
    re.I,
)
_CLIENT_WORDS = re.compile(
    r"\b(?:Get|Post|Put|Patch|Delete|Head) \"?https?://|Unable to connect to the server|logged in to the server"
    r"|curl: \(|CERTIFICATE_VERIFY_FAILED|failed calling webhook|conversion webhook for|HTTPSConnectionPool"
    r"|failed to (?:dial|pull)|createTransport failed|verify (?:error|return code)|server gave HTTP response",
    re.I,
)
# The first that is found counts: a wrapper (who complains) stands before what it quotes.
_COMPONENTS = (
    ("kubectl", r"Unable to connect to the server|logged in to the server|^kubectl\b|memcache\.go"),
    ("kube-apiserver", r"failing or missing response from"),
    ("metrics-server", r"metrics-server|scraper\.go"),
    (
        "kube-apiserver",
        r"failed calling webhook|conversion webhook for|authentication\.go|kube-apiserver|available_controller",
    ),
    ("kube-controller-manager", r"kube-controller-manager"),
    ("kube-scheduler", r"kube-scheduler"),
    ("kube-proxy", r"kube-proxy"),
    ("kubelet", r"\bkubelet\b|kubelet_|kubelet\.go|reflector\.go[^\n]*client-go"),
    ("etcd", r"\betcd\b|\"caller\":\"(?:embed|rafthttp|etcdserver)|rafthttp|embed/"),
    ("container runtime", r"containerd|crio\b|cri-o|[Ff]ailed to pull image|ErrImagePull"),
    ("curl", r"\bcurl\b"),
    ("Python", r"_ssl\.c|ssl\.SSL|HTTPSConnectionPool|urllib3"),
    ("openssl", r"verify error:num|verify return code|at \d+ depth lookup"),
)
_COMPILED = tuple((name, re.compile(pattern, re.I)) for name, pattern in _COMPONENTS)


def unwrap(line: str, position: int) -> Wrapper:
    """The evidence in a normalized line around the message that begins at `position`."""
    url = _url(line, position)
    host, port = address_of(url) if url else _address(line)
    service = _SERVICE.match(host)
    webhook = _WEBHOOK.search(line)
    peer = _PEER.search(line)
    return Wrapper(
        url=url,
        host=host,
        port=port,
        service=service["service"] if service else "",
        namespace=service["namespace"] if service else "",
        webhook=webhook["webhook"] if webhook else "",
        peer=peer["peer"] if peer else "",
        side=_side(line),
        component=next((name for name, pattern in _COMPILED if pattern.search(line)), ""),
    )


def _url(line: str, position: int) -> str:
    """The URL that stands last before the message (the innermost of several wrappers), else the first after it."""
    found = list(_URL.finditer(line))
    before = [match for match in found if match.start() < position]
    chosen = before[-1] if before else (found[0] if found else None)
    return chosen.group().rstrip(".:]}") if chosen else ""


def address_of(url: str) -> tuple[str, int]:
    """Host (lower case, IPv6 without brackets) and port of an http(s) URL; empty and 0 when it is none."""
    match = _PARTS.match(url)
    if not match:
        return "", 0
    port = match["port"] or ("443" if match["scheme"].lower() == "https" else "80")
    return match["host"].strip("[]").lower(), int(port)


def _address(line: str) -> tuple[str, int]:
    for pattern in _ADDRESSES:
        match = pattern.search(line)
        if match:
            return match["host"].strip("[]").lower(), int(match["port"])
    return "", 0


def _side(line: str) -> Side:
    if _SERVER_WORDS.search(line):
        return Side.SERVER
    return Side.CLIENT if _CLIENT_WORDS.search(line) else Side.UNKNOWN
