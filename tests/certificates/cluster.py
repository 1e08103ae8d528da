"""A small cluster as a snapshot shows it, every certificate of which a test can change before it is looked at."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from k8srun.distribution import Distribution
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import (
    API_SERVICE,
    CERTIFICATE_SIGNING_REQUEST,
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    MUTATING_WEBHOOK,
    SECRET,
    VALIDATING_WEBHOOK,
    Kind,
)
from k8srun.kubeconfig import Kubeconfig, KubeconfigCluster, KubeconfigContext, KubeconfigUser
from k8srun.pem import PemBlock, public_key_sha256
from k8srun.snapshot import Gap, Need, ServerInfo, Snapshot
from k8srun.tls import HandshakeOutcome, TlsObservation
from tests.certificates import der
from tests.certificates.model import CLIENT_AUTH, NOW, SERVER_AUTH, Entry, Key, authority, key, leaf

HOST, PORT = "api.example", 6443
SERVER = f"https://{HOST}:{PORT}"
KUBECONFIG = "/home/mara/.kube/config"
PKI = "/etc/kubernetes/pki"
BOTH = (SERVER_AUTH, CLIENT_AUTH)
KUBEADM = Distribution("kubeadm", False, "v1.34.1")
WEBHOOK_HOST = "policy.platform.svc"

APISERVER_FLAGS = {
    "client-ca-file": f"{PKI}/ca.crt",
    "tls-cert-file": f"{PKI}/apiserver.crt",
    "tls-private-key-file": f"{PKI}/apiserver.key",
    "etcd-cafile": f"{PKI}/etcd/ca.crt",
    "etcd-certfile": f"{PKI}/apiserver-etcd-client.crt",
    "etcd-keyfile": f"{PKI}/apiserver-etcd-client.key",
    "etcd-servers": "https://127.0.0.1:2379",
    "advertise-address": "192.0.2.10",
    "service-cluster-ip-range": "10.96.0.0/12",
}
ETCD_FLAGS = {
    "cert-file": f"{PKI}/etcd/server.crt",
    "key-file": f"{PKI}/etcd/server.key",
    "peer-cert-file": f"{PKI}/etcd/peer.crt",
    "peer-key-file": f"{PKI}/etcd/peer.key",
    "trusted-ca-file": f"{PKI}/etcd/ca.crt",
    "peer-trusted-ca-file": f"{PKI}/etcd/ca.crt",
    "initial-advertise-peer-urls": "https://192.0.2.10:2380",
}


def certificate(*entries: Entry) -> tuple[PemBlock, ...]:
    return tuple(
        PemBlock("CERTIFICATE", der=entry.der(), public_key_sha256=public_key_sha256(entry.key.spki))
        for entry in entries
    )


def private(pair: Key) -> PemBlock:
    return PemBlock("EC PRIVATE KEY", public_key_sha256=public_key_sha256(pair.spki), key_type="EC secp256r1")


def pem(*entries: Entry) -> str:
    """The certificates as PEM text."""
    bodies = (base64.encodebytes(entry.der()).decode() for entry in entries)
    return "".join(f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n" for body in bodies)


def bundle(*entries: Entry) -> str:
    """The certificates as a `caBundle` holds them."""
    return base64.b64encode(pem(*entries).encode()).decode()


def ip(text: str) -> bytes:
    return der.ip(bytes(int(part) for part in text.split(".")))


def serving(issuer: Entry | None, pair: Key | None = None) -> Entry:
    """The API server's certificate with everything that belongs into it."""
    dns = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", HOST)
    names = (*map(der.dns, dns), ip("10.96.0.1"), ip("192.0.2.10"))
    return leaf("kube-apiserver", pair or key("P-256", 11), issuer, *names)


def user(issuer: Entry, name: str = "mara", pair: Key | None = None) -> Entry:
    return leaf(name, pair or key("P-256", 12), issuer, usages=(CLIENT_AUTH,))


def etcd(issuer: Entry, pair: Key | None = None) -> Entry:
    names = (der.dns("localhost"), ip("127.0.0.1"), ip("192.0.2.10"))
    return leaf("node-1", pair or key("P-256", 14), issuer, *names, usages=BOTH)


@dataclass
class Cluster:
    """A healthy cluster. Change a field, then take the snapshot.

    `presented` is what the endpoint sends (the serving certificate alone where None), `trusted` what the kubeconfig
    believes in (the CA where None); `on_disk` is what apiserver.crt holds (the serving certificate where None).
    """

    ca: Entry = field(default_factory=lambda: authority("kubernetes", key("P-256", 10)))
    etcd_ca: Entry = field(default_factory=lambda: authority("etcd-ca", key("P-256", 13)))
    apiserver: Entry = field(init=False)
    admin: Entry = field(init=False)
    etcd_client: Entry = field(init=False)
    etcd_server: Entry = field(init=False)
    etcd_peer: Entry = field(init=False)
    webhook: Entry = field(init=False)
    presented: tuple[Entry, ...] | None = None
    trusted: tuple[Entry, ...] | None = None
    on_disk: Entry | None = None
    outcome: HandshakeOutcome = HandshakeOutcome.COMPLETED
    alert: str = ""
    detail: str = ""
    protocol: str = "TLSv1.3"
    server: str = SERVER
    proxy: str = ""
    ca_blocks: tuple[PemBlock, ...] | None = None
    credential: KubeconfigUser | None = None
    more_files: list[HostFile] = field(default_factory=list)
    without: set[str] = field(default_factory=set)
    modes: dict[str, int] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    ca_bundle: tuple[Entry, ...] | None = None
    objects: dict[Kind, tuple[Any, ...]] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    observed: bool = True
    host: bool = True

    def __post_init__(self) -> None:
        self.apiserver = serving(self.ca)
        self.admin = user(self.ca)
        self.etcd_client = leaf("kube-apiserver-etcd-client", key("P-256", 15), self.etcd_ca, usages=(CLIENT_AUTH,))
        self.etcd_server = etcd(self.etcd_ca)
        self.etcd_peer = etcd(self.etcd_ca, key("P-256", 16))
        self.webhook = leaf("policy", key("P-256", 17), self.ca, der.dns(WEBHOOK_HOST))

    def snapshot(self, at: datetime = NOW) -> Snapshot:
        made = [self._kubeconfig(), *(self._host_files() if self.host else ())]
        files = [*(file for file in made if file.path not in self.without), *self.more_files]
        topics = (Topic.KUBECONFIG, Topic.PKI, Topic.MANIFEST, Topic.KUBELET) if self.host else (Topic.KUBECONFIG,)
        objects = {**self._objects(), **self.objects}
        kinds = {*objects, CERTIFICATE_SIGNING_REQUEST, MUTATING_WEBHOOK, CUSTOM_RESOURCE_DEFINITION, API_SERVICE}
        return Snapshot(
            taken_at=at,
            origin=("test",),
            server=ServerInfo(url=self.server, version="v1.34.1"),
            objects=objects,
            files=tuple(files),
            endpoints=(self._endpoint(at),) if self.observed else (),
            observed=frozenset(
                {*map(Need.host, topics), Need.endpoint(), *map(Need.objects, kinds), Need.objects(SECRET)}
            ),
            gaps=self.gaps,
        )

    def _endpoint(self, at: datetime) -> TlsObservation:
        completed = self.outcome in {HandshakeOutcome.COMPLETED, HandshakeOutcome.ALERT}
        presented = self.presented if self.presented is not None else (self.apiserver,)
        return TlsObservation(
            HOST, PORT, at, self.outcome,
            detail=self.detail,
            alert=self.alert,
            protocol=self.protocol if completed else "",
            presented=tuple(entry.der() for entry in presented) if completed else (),
            source="server of kubeconfig context prod",
        )  # fmt: skip

    def _kubeconfig(self) -> HostFile:
        ca = certificate(*(self.trusted if self.trusted is not None else (self.ca,)))
        cluster = KubeconfigCluster(
            "prod", self.server, proxy_url=self.proxy, ca=ca if self.ca_blocks is None else self.ca_blocks
        )
        person = self.credential or KubeconfigUser(
            "mara", "client certificate", certificate(self.admin), key=private(self.keys.get("mara", self.admin.key))
        )
        config = Kubeconfig("prod", (cluster,), (person,), (KubeconfigContext("prod", "prod", person.name),))
        return HostFile(KUBECONFIG, Topic.KUBECONFIG, kubeconfig=config, mode=0o600)

    def _host_files(self) -> Iterable[HostFile]:
        pairs = {
            "ca": self.ca,
            "apiserver": self.on_disk or self.apiserver,
            "apiserver-etcd-client": self.etcd_client,
            "etcd/ca": self.etcd_ca,
            "etcd/server": self.etcd_server,
            "etcd/peer": self.etcd_peer,
        }
        for name, entry in pairs.items():
            yield self._file(f"{PKI}/{name}.crt", Topic.PKI, pem=certificate(entry))
            yield self._file(f"{PKI}/{name}.key", Topic.PKI, pem=(private(self.keys.get(name, entry.key)),), mode=0o600)
        yield self._file("/etc/kubernetes/manifests/kube-apiserver.yaml", Topic.MANIFEST,
                         document=static_pod("kube-apiserver", APISERVER_FLAGS))  # fmt: skip
        yield self._file("/etc/kubernetes/manifests/etcd.yaml", Topic.MANIFEST, document=static_pod("etcd", ETCD_FLAGS))

    def _file(self, path: str, topic: Topic, mode: int = 0o644, **content: Any) -> HostFile:
        return HostFile(path, topic, host="node-1", mode=self.modes.get(path, mode), **content)

    def _objects(self) -> dict[Kind, tuple[Any, ...]]:
        trusted = self.ca_bundle if self.ca_bundle is not None else (self.ca,)
        config = {
            "metadata": {"name": "policy"},
            "webhooks": [
                {
                    "name": "check.policy.example",
                    "failurePolicy": "Fail",
                    "clientConfig": {
                        "service": {"name": "policy", "namespace": "platform"},
                        "caBundle": bundle(*trusted),
                    },
                }
            ],
        }
        return {
            VALIDATING_WEBHOOK: (config,),
            SECRET: (tls_secret("platform", "policy-tls", self.webhook, self.keys.get("webhook")),),
            CONFIG_MAP: ({"metadata": {"name": "kubeadm-config", "namespace": "kube-system"}, "data": {}},),
        }


def static_pod(program: str, flags: dict[str, str]) -> dict[str, Any]:
    command = [program, *(f"--{name}={value}" for name, value in flags.items())]
    return {
        "kind": "Pod",
        "metadata": {"name": program},
        "spec": {"containers": [{"name": program, "command": command}]},
    }


def tls_secret(namespace: str, name: str, entry: Entry, pair: Key | None = None) -> dict[str, Any]:
    """A Secret of type TLS as a snapshot holds it."""

    def reduced(block: PemBlock) -> dict[str, Any]:
        return {
            "type": "pem",
            "bytes": 1,
            "blocks": [
                {
                    "label": block.label,
                    "line": 1,
                    "der": base64.b64encode(block.der).decode(),
                    "public_key_sha256": block.public_key_sha256,
                    "key_type": block.key_type,
                    "error": block.error,
                }
            ],
        }

    return {
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {"tls.crt": reduced(certificate(entry)[0]), "tls.key": reduced(private(pair or entry.key))},
    }
