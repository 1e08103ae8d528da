"""The PKI of a cluster that is set up by hand: which certificates there are, for whom, from which CA.

The names are Kubernetes' own: a component's user and group are what its RBAC bindings, the node authorizer and the
aggregation layer go by. Source: Kubernetes' "PKI certificates and requirements"; kubeadm `certlist.go`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from k8srun.errors import InputError
from k8srun.pki.spec import AuthoritySpec, CertificateSpec, PkiSpec, Usage
from k8srun.text import visible

DEFAULT_CLUSTER = "kubernetes"
DEFAULT_SERVICE_IP = "10.96.0.1"
LONGEST_DAYS = 36500
_AUTHORITY_DAYS = 3650
_NOW = "-0d"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
_CLUSTER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,38}[A-Za-z0-9])?")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Node:
    """A node: the name that it registers with, and the addresses at which its kubelet is reached."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a PKI is made for.

    Attributes:
        nodes: each gets the kubelet's certificates; the first is the one that the control plane and etcd run on.
        apiserver_sans: further names and addresses by which the API server is reached: a load balancer, a public name.
        service_ip: the first address of the service range, at which pods reach the API server.
        days: how long the leaves are valid.
        cluster: goes into the names of the authorities, so that those of two clusters are told apart.
        one_ca: let one CA sign for everything, as the shortest guides do.
    """

    nodes: tuple[Node, ...] = ()
    apiserver_sans: tuple[str, ...] = ()
    service_ip: str = DEFAULT_SERVICE_IP
    days: int = 365
    cluster: str = DEFAULT_CLUSTER
    one_ca: bool = False


def parse_node(text: str) -> Node:
    """`NAME=IP`, or `NAME=IP,IP`, as a node.

    Raises:
        InputError: it is not that.
    """
    name, equals, addresses = text.partition("=")
    if not equals or name.startswith("*") or not _is_dns(name):
        raise InputError(
            f"{visible(text, limit=80)!r} is not a node",
            where="--node",
            do="Write the name that it registers with and its addresses: node01=192.0.2.11,2001:db8::11",
        )
    return Node(name, tuple(_address(part, "--node") for part in addresses.split(",")))


def layout(wanted: Wanted) -> PkiSpec:
    """The certificates of a PKI: the id of each is its path in the folder, without the suffix.

    Raises:
        InputError: a name, an address or a number of days cannot be used.
    """
    if not _CLUSTER.fullmatch(wanted.cluster):
        raise InputError(
            f"{visible(wanted.cluster, limit=80)!r} cannot be part of a CA's name",
            where="--cluster-name",
            do="Use letters, digits and dashes, at most 40.",
        )
    if not 1 <= wanted.days <= LONGEST_DAYS:
        raise InputError(f"{wanted.days} days is no validity", where="--days", do=f"Give 1 to {LONGEST_DAYS}.")
    twice = {node.name for node in wanted.nodes if sum(other.name == node.name for other in wanted.nodes) > 1}
    if twice:
        raise InputError(f"{min(twice)} is given twice", where="--node", do="Join its addresses with commas.")
    return PkiSpec(_authorities(wanted), {**_servers(wanted), **_clients(wanted), **_kubelets(wanted)})


def _authorities(wanted: Wanted) -> dict[str, AuthoritySpec]:
    name = wanted.cluster.upper()
    names = {"ca": f"{name}-CA"}
    if not wanted.one_ca:
        names |= {"etcd/ca": f"{name}-ETCD-CA", "front-proxy-ca": f"{name}-FRONT-PROXY-CA"}
    # An authority that ends before what it has signed ends it all.
    end = f"+{max(_AUTHORITY_DAYS, wanted.days)}d"
    return {path: AuthoritySpec(common_name, _NOW, end) for path, common_name in names.items()}


def _servers(wanted: Wanted) -> dict[str, CertificateSpec]:
    host = _names_of(wanted.nodes[:1])
    further = tuple(_san(name) for name in wanted.apiserver_sans)
    service = _address(wanted.service_ip, "--service-ip")
    apiserver = _unique((*_SERVICE_NAMES, service, *_LOOPBACK[:2], *host, *further))
    storage = _unique((*_LOOPBACK, *host))
    both: tuple[Usage, ...] = ("server", "client")
    etcd = "ca" if wanted.one_ca else "etcd/ca"
    return {
        "apiserver": _leaf(wanted, "ca", "kube-apiserver", usages=("server",), sans=apiserver),
        "etcd/server": _leaf(wanted, etcd, "etcd-server", usages=both, sans=storage),
        "etcd/peer": _leaf(wanted, etcd, "etcd-peer", usages=both, sans=storage),
    }


def _clients(wanted: Wanted) -> dict[str, CertificateSpec]:
    etcd, proxy = ("ca", "ca") if wanted.one_ca else ("etcd/ca", "front-proxy-ca")
    return {
        "apiserver-etcd-client": _leaf(wanted, etcd, "kube-apiserver-etcd-client"),
        "apiserver-kubelet-client": _leaf(wanted, "ca", "kube-apiserver-kubelet-client"),
        "front-proxy-client": _leaf(wanted, proxy, "front-proxy-client"),
        "admin": _leaf(wanted, "ca", "kube-admin", groups=("system:masters",)),
        "scheduler": _leaf(wanted, "ca", "system:kube-scheduler"),
        "controller-manager": _leaf(wanted, "ca", "system:kube-controller-manager"),
        "kube-proxy": _leaf(wanted, "ca", "system:kube-proxy", groups=("system:node-proxier",)),
    }


def _kubelets(wanted: Wanted) -> dict[str, CertificateSpec]:
    found = {}
    for node in wanted.nodes:
        user, groups = f"system:node:{node.name}", ("system:nodes",)
        found[f"nodes/{node.name}/kubelet-client"] = _leaf(wanted, "ca", user, groups=groups)
        found[f"nodes/{node.name}/kubelet-server"] = _leaf(
            wanted, "ca", user, groups=groups, usages=("server",), sans=_names_of((node,))
        )
    return found


def _leaf(
    wanted: Wanted,
    issuer: str,
    common_name: str,
    *,
    groups: tuple[str, ...] = (),
    usages: tuple[Usage, ...] = ("client",),
    sans: tuple[str, ...] = (),
) -> CertificateSpec:
    return CertificateSpec(issuer, common_name, groups, usages, sans, _NOW, f"+{wanted.days}d")


def _names_of(nodes: Sequence[Node]) -> tuple[str, ...]:
    return tuple(name for node in nodes for name in (node.name, *node.addresses))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _san(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if _is_dns(text):
            return text
    raise InputError(
        f"{visible(text, limit=80)!r} is neither a host name nor an address",
        where="--apiserver-san",
        do="Give the name or the address alone, without scheme and port: api.example.com",
    )


def _address(text: str, where: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise InputError(f"{visible(text, limit=80)!r} is not an IP address", where=where) from None


def _is_dns(text: str) -> bool:
    return len(text) <= 253 and _DNS.fullmatch(text) is not None
