"""Who tried to reach whom, as far as a text names them: addresses, names, ports, pods."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?)"
_PORT = r"\d{1,5}"
_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_TYPES = {
    short: kind
    for kind, shorts in (
        ("Pod", ("po", "pod", "pods")),
        ("Deployment", ("deploy", "deployment", "deployments", "deployment.apps")),
        ("StatefulSet", ("sts", "statefulset", "statefulsets", "statefulset.apps")),
        ("DaemonSet", ("ds", "daemonset", "daemonsets", "daemonset.apps")),
        ("Job", ("job", "jobs", "job.batch")),
        ("Service", ("svc", "service", "services")),
    )
    for short in shorts
}
_SCHEME_PORTS = {"http": "80", "https": "443", "postgres": "5432", "postgresql": "5432", "redis": "6379"}


@dataclass(frozen=True, slots=True)
class Places:
    """What a text tells of a connection's ends. Every field is empty (a port: 0) where it does not tell.

    Attributes:
        source: address of who connects.
        source_pod: `namespace/name` of the pod or workload (`Kind/name`) that connects, without the namespace where
            that is not said: `cart-6d5f-x2x4q`, `shop/Deployment/cart`.
        host: name or address of whom it connects to.
        address: the address that the host's name stands for.
        port: the destination's, from 1 to 65535.
        protocol: `TCP` or `UDP`.
        resolver: address of the name server that was asked.
        unresolved: the name that was asked for where resolving failed.
        backend: `namespace/service` of an ingress controller's upstream.
        status: HTTP status code.
        probe: whether a kubelet's probe connected, from the pod's own node.
        webhook: whether the API server connected, to an admission webhook.
        api_server: whether a client such as kubectl tried to reach the API server itself.
    """

    source: str = ""
    source_pod: str = ""
    host: str = ""
    address: str = ""
    port: int = 0
    protocol: str = "TCP"
    resolver: str = ""
    unresolved: str = ""
    backend: str = ""
    status: int = 0
    probe: bool = False
    webhook: bool = False
    api_server: bool = False


_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Go, with both ends: `read tcp 10.244.1.5:41234->10.97.2.3:8080`
        rf"(?:read|write) (?P<protocol>tcp|udp)\d? (?P<source>{_HOST}):{_PORT}->(?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"dial (?P<protocol>tcp|udp)\d? (?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"lookup (?P<unresolved>{_HOST})(?: on (?P<resolver>{_HOST}):53)?",
        # nginx: who asked it does not matter, whom it asked does
        rf"upstream: \"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>{_PORT}))?",
        # ingress-nginx's access log: `[shop-web-http] [] 10.244.1.5:8080 0 5.000 504`
        rf"\[(?P<upstream>{_NAME})\] \[[^\]]*\] (?P<host>{_HOST}):(?P<port>{_PORT})\b",
        rf"Service \"(?P<backend>{_NAME}/{_NAME})\" does not have",
        rf"endpoints? (?:available )?for service:? \"(?P<backend>{_NAME}/{_NAME})\"",
        # psql and libpq, old and new
        rf"server at \"(?P<host>{_HOST})\"(?: \((?P<address>[0-9a-f.:]+)\))?, port (?P<port>{_PORT})",
        rf"host \"(?P<host>{_HOST})\"(?: \((?P<address>[0-9a-f.:]+)\))? and accepting.{{1,40}}port (?P<port>{_PORT})",
        rf"translate host name \"(?P<unresolved>{_HOST})\"",
        # curl, nc, ssh
        rf"(?:connect to|connecting to) (?:host )?(?P<host>{_HOST}) port (?P<port>{_PORT})",
        rf"Trying (?P<address>[0-9a-f.:]+|\[[0-9a-f:]+\]):(?P<port>{_PORT})\.\.\.",
        # wget: GNU's and BusyBox's
        rf"Connecting to (?P<host>{_HOST}) \([^)]*\)\|(?P<address>[0-9a-f.:]+)\|:(?P<port>{_PORT})",
        rf"Connecting to (?P<host>{_HOST})(?::{_PORT})? \((?P<address>[0-9a-f.]+):(?P<port>{_PORT})\)",
        rf"nc: (?P<host>{_HOST}) \((?P<address>[0-9a-f.]+):(?P<port>{_PORT})\)",
        rf"^(?P<host>{_HOST}) \((?P<address>[0-9a-f.:]+):(?P<port>{_PORT})\) open$",
        rf"Connection to (?P<host>{_HOST}) (?:\([0-9a-f.:]+\) )?(?P<port>{_PORT}) port ",
        rf"Ncat: Connected to (?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"\(UNKNOWN\) \[(?P<host>[0-9a-f.:]+)\] (?P<port>{_PORT})\b",
        r"remote host \((?P<host>[0-9a-f.:]+)\)",
        rf"getaddrinfo (?:EAI_AGAIN|ENOTFOUND) (?P<unresolved>{_HOST})",
        rf"getaddrinfo for host \"(?P<unresolved>{_HOST})\" port (?P<port>{_PORT})",
        rf"connect E[A-Z]+ (?P<host>{_HOST}):(?P<port>{_PORT})",
        # gRPC, Redis
        rf"\bipv[46]:(?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"Redis at (?P<host>{_HOST}):(?P<port>{_PORT})",
        # Python, Java, MySQL
        rf"host='(?P<host>{_HOST})', port='?(?P<port>{_PORT})",
        rf"Connect call failed \('(?P<address>[0-9a-f.:]+)', (?P<port>{_PORT})",
        rf"connect to host (?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"connecting to (?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"Connect(?:ion)? to (?P<host>{_HOST}):(?P<port>{_PORT})",
        rf"(?:timed out|refused): (?:[a-z ]+: )?(?P<host>{_HOST})/(?P<address>[0-9a-f.]+):(?P<port>{_PORT})",
        rf"server on '(?P<host>{_HOST})(?::(?P<port>{_PORT}))?'",
        rf"connection to the server (?P<host>{_HOST})(?::(?P<port>{_PORT}))? was refused",
        rf"(?:resolve host(?: address)?:?|bad address|can't find|Failed to resolve) ['\"‘]?(?P<unresolved>{_HOST})",
        rf"(?:UnknownHostException:|found in upstream) \"?(?P<unresolved>{_HOST})",
        rf"communications error to (?P<resolver>{_HOST})#53",
        rf"error forwarding port (?P<port>{_PORT}) to pod",
        rf"(?P<scheme>https?|postgres(?:ql)?|redis)://(?:[^@/\s\"']{{1,200}}@)?(?P<host>{_HOST})(?::(?P<port>{_PORT}))?",
        r"(?:HTTP/[\d.]+\"? |returned error: |status(?: ?code)?[:= ]+|HTTP Error )(?P<status>[345]\d\d)\b",
        r"\b(?P<status>50[234])\b (?:Bad Gateway|Service|Gateway)",
    )
)
_MARKS = {
    "probe": re.compile(r"(?:Readiness|Liveness|Startup) probe (?:failed|errored)", re.IGNORECASE),
    "webhook": re.compile(r"failed calling webhook", re.IGNORECASE),
    "api_server": re.compile(r"unable to connect to the server|connection to the server \S+ was", re.IGNORECASE),
}
_EVENT_POD = re.compile(
    rf"(?:^|\s)(?:(?P<namespace>{_NAME})\s+\S+\s+(?:Warning|Normal)\s+\S+\s+)?pod/(?P<pod>{_NAME})", re.IGNORECASE
)
_EXEC = re.compile(r"\bkubectl\b(?P<before>[^\n|;]{0,200}?)\bexec\b(?P<after>[^\n|;]{0,300})", re.IGNORECASE)
_NAMESPACE_FLAG = re.compile(rf"(?:^|\s)(?:-n|--namespace)[ =]?(?P<namespace>{_NAME})")
_VALUE_FLAGS = frozenset({"-n", "--namespace", "-c", "--container", "--context", "--kubeconfig", "-s", "--server"})


def places(lines: Iterable[str]) -> Places:
    """What the lines tell, the first first: a later line only fills what those before left open about the same end."""
    found: dict[str, str] = {}
    marks: set[str] = set()
    for line in lines:
        marks |= {name for name, mark in _MARKS.items() if mark.search(line)}
        for pattern in _PATTERNS:
            match = pattern.search(line)
            if match:
                _take(found, {name: value for name, value in match.groupdict().items() if value})
        _executed(found, line)
        _event(found, line)
    return _places(found, marks)


def _take(found: dict[str, str], told: dict[str, str]) -> None:
    """Fill in what one pattern tells. A port goes with the host that it was read with, never with another one."""
    scheme = told.pop("scheme", "").lower()
    if "host" in told and scheme and "port" not in told:
        told["port"] = _SCHEME_PORTS.get(scheme, "")
    told = {name: value.strip("[]'\"").rstrip(".:") for name, value in told.items()}
    if told.get("port") == "53" and is_address(told.get("host", "")):
        # Not whom the connection was meant for, but who was to say where that is.
        told = {"resolver": told["host"], "source": told.get("source", "")}
    if "host" in told and "host" in found and told["host"] != found["host"]:
        _resolved(found, told["host"])
        for name in ("host", "address", "port", "protocol", "source"):
            told.pop(name, None)
    for name, value in told.items():
        if value:
            found.setdefault(name, value)


def _resolved(found: dict[str, str], host: str) -> None:
    """One end by its name, one by its address: `Get "http://api:80": dial tcp 10.0.0.1:80` is one connection."""
    if is_address(found["host"]) and not is_address(host):
        found.setdefault("address", found["host"])
        found["host"] = host
    elif is_address(host) and not is_address(found["host"]):
        found.setdefault("address", host)


def _executed(found: dict[str, str], line: str) -> None:
    """`kubectl exec -n shop deploy/cart -- curl …`: the pod that the command ran in."""
    match = _EXEC.search(line)
    if not match:
        return
    given, _, _command = match["after"].partition(" -- ")
    said = _NAMESPACE_FLAG.search(f"{match['before']} {given}")
    skip, target = False, ""
    for word in given.split():
        if skip or word.startswith("-"):
            skip = not skip and word in _VALUE_FLAGS
            continue
        target = word
        break
    if target:
        kind, slash, name = target.rpartition("/")
        known = _TYPES.get(kind.lower(), kind)
        named = f"{known}/{name}" if slash and known != "Pod" else name
        found.setdefault("source_pod", f"{said['namespace']}/{named}" if said else named)


def _event(found: dict[str, str], line: str) -> None:
    """`kubectl get events`: the pod that the event is about is the one that a probe tries to reach."""
    match = _EVENT_POD.search(line)
    if match and _MARKS["probe"].search(line):
        found.setdefault("pod", f"{match['namespace']}/{match['pod']}" if match["namespace"] else match["pod"])


def _places(found: dict[str, str], marks: set[str]) -> Places:
    port = int(found.get("port") or 0)
    host = found.get("host") or found.get("address") or found.get("pod", "")
    address = found.get("address", "") if found.get("address") != host else ""
    return Places(
        source=found.get("source", ""),
        source_pod=found.get("source_pod", ""),
        host=host,
        address=address,
        port=port if port <= 65535 else 0,
        protocol=found.get("protocol", "tcp").upper() if host else "TCP",
        resolver=found.get("resolver", ""),
        unresolved=found.get("unresolved", ""),
        backend=found.get("backend", ""),
        status=int(found.get("status") or 0),
        **{name: name in marks for name in _MARKS},
    )


def is_address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
