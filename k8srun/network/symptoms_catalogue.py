"""The messages of failed connections: what each says of how far the packets came, and so whether a policy can be it.

Spellings are those of curl, wget, Go, Java, Python, Node.js, psql, nc, nginx, Envoy, kubelet, kubectl and DNS tools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Failure(StrEnum):
    """How a connection failed; or that it did not, which is a failure where it should have been blocked."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    NO_ROUTE = "no-route"
    DNS_TIMEOUT = "dns-timeout"
    NAME_NOT_FOUND = "name-not-found"
    DNS_FAILURE = "dns-failure"
    TLS = "tls"
    HTTP_STATUS = "http-status"
    PROXY_TIMEOUT = "proxy-timeout"
    PROXY_REFUSED = "proxy-refused"
    NO_ENDPOINTS = "no-endpoints"
    ACCESS_DENIED = "access-denied"
    LOOPBACK = "loopback"
    REACHED = "reached"


class Chance(StrEnum):
    """Whether a NetworkPolicy can be behind it."""

    LIKELY = "can be a policy"
    POSSIBLE = "is rarely a policy"
    NO = "is no policy's doing"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of failure.

    Attributes:
        message: the usual spelling, shown where a text is near it but not it.
        meaning: what it says, in plain words.
        chance: whether a NetworkPolicy can be behind it.
        patterns: every spelling, as one expression over a line of normalized text, case ignored.
    """

    failure: Failure
    message: str
    meaning: str
    chance: Chance
    patterns: re.Pattern[str]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


# In order of precedence: what is more telling comes first, since one line often holds several of them.
CATALOGUE: tuple[Row, ...] = (
    Row(
        Failure.LOOPBACK,
        "error: lost connection to pod",
        "kubectl port-forward reaches a pod through its kubelet, on the pod's own loopback address. No NetworkPolicy is"
        " asked on that way, so its failure says that the process does not listen there, or that the pod has ended; its"
        " success says nothing of what other pods may reach.",
        Chance.NO,
        _any(
            r"error forwarding port \d+ to pod",
            r"an error occurred forwarding \d+",
            r"error: lost connection to pod",
            r"unable to forward port because pod is not running",
        ),
    ),
    Row(
        Failure.ACCESS_DENIED,
        "RBAC: access denied",
        "A proxy of the service mesh refused the request (Istio AuthorizationPolicy). The connection was allowed.",
        Chance.NO,
        _any(r"RBAC: access denied", r"rbac_access_denied"),
    ),
    Row(
        Failure.NO_ENDPOINTS,
        'Service "…" does not have any active Endpoint',
        "A proxy knows no backend to send the request to: the Service has no ready endpoint.",
        Chance.NO,
        _any(
            r"does not have any active endpoint",
            r"no live upstreams while connecting to upstream",
            r"no healthy upstream",
            r"no endpoints available for service",
            r"has no active endpoint",
        ),
    ),
    Row(
        Failure.DNS_TIMEOUT,
        "lookup … on …:53: read udp …: i/o timeout",
        "The name server did not answer, so that no connection was tried at all. Queries to DNS are dropped on the way"
        " (egress to port 53 not allowed), or CoreDNS is down.",
        Chance.LIKELY,
        _any(
            r"lookup \S+?(?: on \S+?)?: .{0,120}?(?:i/o timeout|operation timed out|context deadline exceeded)",
            r"temporary failure in name resolution",
            r"EAI_AGAIN",
            r"resolving timed out",
            r"no servers could be reached",
            r"communications error to \S+: timed out",
            r"Try again\b.{0,40}getaddrinfo|getaddrinfo.{0,60}Try again",
            r"read udp \S+?:53: i/o timeout",
        ),
    ),
    Row(
        Failure.DNS_FAILURE,
        "lookup … on …:53: server misbehaving",
        "The name server answered that it failed (SERVFAIL): the query came through, CoreDNS could not get the answer"
        " from its own upstream. A policy on CoreDNS's egress can be behind it, none on the asking pod.",
        Chance.POSSIBLE,
        _any(
            r"\bSERVFAIL\b",
            r"server misbehaving",
            r"non-recoverable failure in name resolution",
            r"EAI_FAIL",
            r"connection refused\b.{0,20}(?:looking up|lookup)",
            r"lookup \S+?(?: on \S+?)?: .{0,120}?connection refused",
        ),
    ),
    Row(
        Failure.NAME_NOT_FOUND,
        "lookup … on …:53: no such host",
        "There is no such name (NXDOMAIN): it is wrong, lacks its namespace, or the Service does not exist. The name"
        " server was reached then, and no policy is in the way. Some programs (curl, BusyBox) say the same where it was"
        " not reached: that is the case if the name exists.",
        Chance.NO,
        _any(
            r"\bNXDOMAIN\b",
            r"no such host",
            r"could not resolve host",
            r"name or service not known",
            r"nodename nor servname provided",
            r"no address associated with hostname",
            r"UnknownHostException",
            r"bad address '",
            r"unable to resolve (?:host|address)",
            r"host not found in upstream",
            r"ENOTFOUND",
            r"could not translate host name",
            r"name does not resolve",
            r"failed to resolve '",
        ),
    ),
    Row(
        Failure.PROXY_TIMEOUT,
        "504 Gateway Time-out",
        "A proxy (the ingress controller) took the request and got no answer from its backend in time: packets between"
        " the proxy and the backend are dropped, or the backend is slow.",
        Chance.LIKELY,
        _any(
            r"upstream timed out \(110",
            r"\b504\b.{0,40}gateway time-?out",
            r"gateway time-?out.{0,40}\b504\b",
            r"(?:HTTP/[\d.]+\"? |returned error: |status(?: ?code)?[:= ]+)504\b",
            r"upstream request timeout",
            r"reset reason: connection timeout",
        ),
    ),
    Row(
        Failure.PROXY_REFUSED,
        "502 Bad Gateway",
        "A proxy (the ingress controller) took the request, and its backend refused or cut the connection: nothing"
        " listens on the port that the Service sends to, or the pod is just starting or ending.",
        Chance.POSSIBLE,
        _any(
            r"connect\(\) failed \(111",
            r"connect\(\) failed \(113",
            r"upstream prematurely closed connection",
            r"recv\(\) failed \(104.{0,200}upstream",
            r"\b502\b.{0,40}bad gateway",
            r"(?:HTTP/[\d.]+\"? |returned error: |status(?: ?code)?[:= ]+)502\b",
            r"upstream connect error or disconnect/reset before headers",
        ),
    ),
    Row(
        Failure.TLS,
        "net/http: TLS handshake timeout",
        "The TCP connection was made, the TLS handshake on it did not end. A NetworkPolicy decides before that: look at"
        " the load of the server, the MTU of the network, and what stands between the two.",
        Chance.NO,
        _any(
            r"TLS handshake timeout", r"SSL_connect: (?:connection reset|SSL_ERROR_SYSCALL)", r"SSL connection timeout"
        ),
    ),
    Row(
        Failure.NO_ROUTE,
        "connect: no route to host",
        "A router or a firewall said that it does not take the packet there: the address belongs to no pod any more, a"
        " node's firewall rejects, or routes between nodes are missing. Few network plugins answer so for a policy.",
        Chance.POSSIBLE,
        _any(
            r"no route to host",
            r"NoRouteToHostException",
            r"EHOSTUNREACH",
            r"network is unreachable",
            r"ENETUNREACH",
            r"destination (?:host|net|port) (?:unreachable|prohibited)",
            r"packet filtered|admin(?:istratively)? prohibited",
        ),
    ),
    Row(
        Failure.RESET,
        "read: connection reset by peer",
        "The connection was made and cut afterwards, by the other side or by something between. A NetworkPolicy drops"
        " the first packet, and so prevents the connection; it can cut one only where it was added while it was open.",
        Chance.POSSIBLE,
        _any(
            r"connection reset",
            r"ECONNRESET",
            r"broken pipe",
            r"empty reply from server",
            r"\(104\b|Errno 104",
            r"server closed the connection unexpectedly",
            r"unexpected EOF",
            r"RemoteDisconnected|Remote end closed connection without response",
            r"socket hang up",
        ),
    ),
    Row(
        Failure.REFUSED,
        "connect: connection refused",
        "The packet arrived and was answered with a refusal: nothing listens on that port, the Service has no ready"
        " endpoint (kube-proxy refuses then), or the network plugin rejects instead of dropping, as kube-router does.",
        Chance.POSSIBLE,
        _any(
            r"connection refused",
            r"ECONNREFUSED",
            r"Connection to \S+ refused",
            r"connection to the server \S+ was refused",
            r"\(111\b|Errno 111|Error 111 ",
            r"curl: \(7\)",
            r"target machine actively refused",
        ),
    ),
    Row(
        Failure.TIMEOUT,
        "dial tcp …: i/o timeout",
        "Nobody answered: packets are dropped on the way. That is how most network plugins enforce a NetworkPolicy; a"
        " wrong address, a firewall, a node that is down and a process that hangs look the same.",
        Chance.LIKELY,
        _any(
            r"i/o timeout",
            r"(?:connection|connect|connecting|operation|request|download|socket|attempt)\s?(?:has )?timed out",
            r"timed out (?:connecting|after)",
            r"connect(?:ion)? timeout|ConnectTimeout|ReadTimeout|read timed out|read timeout",
            r"ETIMEDOUT|ESOCKETTIMEDOUT",
            r"timeout (?:was reached|expired|connecting)|timeout exceeded",
            r"context deadline exceeded",
            r"request canceled while waiting for connection",
            r"curl: \(28\)",
            r"\(110\b|Errno 110|Errno 60\b",
            r"TimeoutError|socket\.timeout|SocketTimeoutException",
            r"Ncat: TIMEOUT",
            r"nc: .{0,80}timed out",
            r"connection attempt failed",
        ),
    ),
    Row(
        Failure.HTTP_STATUS,
        "HTTP/1.1 503 Service Unavailable",
        "An HTTP answer came back, so somebody was reached: the connection was allowed as far as whoever answered. Look"
        " at what that server or proxy says of why.",
        Chance.NO,
        _any(
            r"HTTP/[\d.]+\"? [345]\d\d\b",
            r"(?:returned error: |status(?: ?code)?[:= ]+|server returned error: HTTP/[\d.]+ )[345]\d\d\b",
            r"\b503\b.{0,20}service (?:temporarily )?unavailable",
            r"HTTP probe failed with statuscode: \d{3}",
            r"HTTP Error [45]\d\d\b",
        ),
    ),
    Row(
        Failure.REACHED,
        "Connection to … 5432 port [tcp/*] succeeded!",
        "The connection was made. If a policy was to prevent it, either no policy that selects the pod does, or the"
        " network plugin does not enforce policies.",
        Chance.LIKELY,
        _any(
            r"connection to \S+ .{0,60}succeeded!",
            r"^\S+ \([0-9a-f.:]+:\d+\) open$",
            r"\(UNKNOWN\) \[\S+\] \d+ \([^)]*\) open$",
            r"Ncat: Connected to ",
        ),
    ),
)

ROWS = {row.failure: row for row in CATALOGUE}
