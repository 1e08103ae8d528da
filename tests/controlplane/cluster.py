"""A real control plane for tests: etcd, kube-apiserver and kube-controller-manager, as kubeadm would set them up.

RBAC and Node authorization, NodeRestriction and Pod Security admission are on, certificate requests are signed, service
accounts get their tokens. There is no kubelet, scheduler or network plugin: pods are admitted and stay Pending.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import urllib3
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.controlplane import arguments
from tests.controlplane.binaries import find_binaries
from tests.controlplane.forwarder import forward
from tests.controlplane.pki import Authority, ClusterPki, Pair, write_private
from tests.controlplane.processes import ControlPlaneError, Server, free_ports, wait_until

ADMIN_USER = "kubernetes-super-admin"  # what kubeadm's super-admin.conf says: beyond RBAC
ADMIN_GROUPS = ("system:masters",)

T = TypeVar("T")


class ControlPlane:
    """One control plane; a context manager that starts and stops it.

    `workdir` (it must not hold one already) keeps the PKI, kubeconfigs and logs. `extra_sans` are host names and
    addresses that the API server's certificate is valid for, beside kubeadm's and 127.0.0.1. `apiserver_args` are added
    to the API server's command line.
    """

    def __init__(
        self,
        workdir: Path,
        *,
        extra_sans: Sequence[str] = (),
        apiserver_args: Sequence[str] = (),
    ) -> None:
        self.binaries = find_binaries()
        self._kubernetes = workdir / "etc/kubernetes"
        self._pki = ClusterPki.create(self._kubernetes / "pki", serving_sans=("127.0.0.1", *extra_sans))
        self._etcd_data = workdir / "etcd"
        self._logs = workdir / "logs"
        self._clients = workdir / "clients"
        for folder in (self._logs, self._clients):
            folder.mkdir()
        self._etcd_port, self._etcd_peer_port, self.port, self._controller_manager_port = free_ports(4)
        self._numbers = itertools.count()
        self._admin = self._credential(ADMIN_USER, ADMIN_GROUPS)
        self._apiserver_args = tuple(apiserver_args)
        self._servers: list[Server] = []
        self._pools: dict[tuple[str, tuple[str, ...]], urllib3.PoolManager] = {}

    @property
    def server(self) -> str:
        """The URL that kubeconfigs name."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """Every loopback port that something listens on while this runs."""
        return (self._etcd_port, self._etcd_peer_port, self.port, self._controller_manager_port)

    @property
    def authority(self) -> Authority:
        """The cluster's own CA, which signs its serving and client certificates."""
        return self._pki.cluster

    @property
    def pki_dir(self) -> Path:
        """The folder with ca.crt, apiserver.crt, etcd/ and the others, with their keys."""
        return self._pki.folder

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the cluster's authority."""
        return self._pki.ca_pem

    @property
    def apiserver_log(self) -> Path:
        """What the API server wrote so far."""
        return self._logs / "kube-apiserver.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the servers and wait until they are ready. Raises ControlPlaneError, and nothing runs on."""
        try:
            self._run("etcd", arguments.etcd(self.pki_dir, self._etcd_data, self._etcd_port, self._etcd_peer_port))
            self._run("kube-apiserver", self._apiserver(self.port, self.pki_dir / "apiserver"))
            self.wait_until("the API server to be ready", lambda: self._is_ready(self.port, self.pki_dir / "apiserver"))
            identity = self._kubernetes / "controller-manager.conf"
            self.kubeconfig(user="system:kube-controller-manager", path=identity)
            port = self._controller_manager_port
            self._run("kube-controller-manager", arguments.controller_manager(self.pki_dir, identity, port))
            self._wait_for_service_account("default")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process and throw away what etcd stored; the logs stay."""
        for server in reversed(self._servers):
            server.kill()
        for pool in self._pools.values():
            pool.clear()
        self._servers, self._pools = [], {}
        shutil.rmtree(self._etcd_data, ignore_errors=True)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = None,
        groups: Sequence[str] = (),
        content_type: str = "application/json",
    ) -> tuple[int, Any]:
        """Send one request as any identity, by default the one that may do everything.

        `path` may carry a query. Returns the status and the parsed JSON (or the text, where the answer is none), and
        never retries. Raises ControlPlaneError when a server has ended.
        """
        try:
            response = self._pool(user, groups).request(
                method,
                self.server + path,
                body=None if body is None else json.dumps(body),
                headers={"Content-Type": content_type} if body is not None else None,
            )
        except urllib3.exceptions.HTTPError:
            for server in self._servers:
                server.require_running()
            raise
        if response.headers.get("Content-Type", "").startswith("application/json"):
            return response.status, response.json()
        return response.status, response.data.decode()

    def create(self, path: str, body: object) -> Any:
        """POST `body` as the administrator and return what was created; ControlPlaneError when it was refused."""
        status, answer = self.request("POST", path, body)
        if status != 201:
            raise ControlPlaneError(f"POST {path} was answered with {status}: {answer}")
        return answer

    def create_namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Make a namespace of a fresh name in which pods can be created, and return the name."""
        metadata = {"generateName": "test-", "labels": dict(labels or {})}
        name: str = self.create("/api/v1/namespaces", {"metadata": metadata})["metadata"]["name"]
        self._wait_for_service_account(name)
        return name

    def kubeconfig(
        self,
        *,
        user: str | None = None,
        groups: Sequence[str] = (),
        expires: dt.datetime | None = None,
        ca: bytes | None = None,
        client_ca: Authority | None = None,
        server: str | None = None,
        tls_server_name: str | None = None,
        path: Path | None = None,
    ) -> Path:
        """Write a kubeconfig with a client certificate and return its path.

        user, groups: the identity, by default the one that may do everything.
        expires: the end of the client certificate's validity, which may be in the past; by default in a year.
        ca: the PEM that the client trusts in place of the cluster's authority.
        client_ca: the authority that signs the client certificate in place of the cluster's.
        server: the URL in place of `self.server`; see `at_address`. The certificate is valid for neither "localhost"
            nor 127.0.0.2.
        tls_server_name: the name that the client asks for and verifies in place of the URL's host.
        """
        path = path or self._clients / f"{next(self._numbers)}.conf"
        user, groups = (user, groups) if user else (ADMIN_USER, ADMIN_GROUPS)
        pair = (client_ca or self._pki.cluster).issue(user, groups, expires=expires)
        cluster = {"server": server or self.server, "certificate-authority-data": _base64(ca or self.ca_pem)}
        if tls_server_name:
            cluster["tls-server-name"] = tls_server_name
        context = f"{user}@kubernetes"
        credentials = {
            "client-certificate-data": _base64(pair.certificate),
            "client-key-data": _base64(pair.key),
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kubernetes", "cluster": cluster}],
            "contexts": [{"name": context, "context": {"cluster": "kubernetes", "user": user}}],
            "current-context": context,
            "users": [{"name": user, "user": credentials}],
        }
        write_private(path, yaml.safe_dump(document, sort_keys=False).encode())
        return path

    @contextlib.contextmanager
    def at_address(self, host: str) -> Iterator[str]:
        """The URL of the same API server at another loopback address, such as 127.0.0.2."""
        with forward(host, self.port) as port:
            yield f"https://{host}:{port}"

    @contextlib.contextmanager
    def second_apiserver(self, serving: Pair) -> Iterator[str]:
        """The URL of one more API server on the same etcd that presents another certificate."""
        (port,) = free_ports(1)
        files = self._clients / f"apiserver-{port}"
        files.with_suffix(".crt").write_bytes(serving.certificate)
        write_private(files.with_suffix(".key"), serving.key)
        log = self._logs / f"kube-apiserver-{port}.log"
        second = Server(self.binaries / "kube-apiserver", self._apiserver(port, files), log)
        try:
            wait_until("the second API server to be ready", lambda: self._is_ready(port, files), [second])
            yield f"https://127.0.0.1:{port}"
        finally:
            second.kill()

    def wait_until(self, what: str, probe: Callable[[], T | None]) -> T:
        """Call `probe` until it returns something true, and return that; ControlPlaneError after a minute."""
        return wait_until(what, probe, self._servers)

    def _run(self, name: str, args: Sequence[str]) -> None:
        self._servers.append(Server(self.binaries / name, args, self._logs / f"{name}.log"))

    def _apiserver(self, port: int, serving: Path) -> list[str]:
        return [*arguments.apiserver(self.pki_dir, serving, port, self._etcd_port), *self._apiserver_args]

    def _is_ready(self, port: int, serving: Path) -> bool:
        # The certificate may be any, an expired one included, but it has to be the one that this server was given.
        certificate = x509.load_pem_x509_certificate(serving.with_suffix(".crt").read_bytes())
        with urllib3.PoolManager(
            cert_file=str(self._admin),
            cert_reqs="CERT_NONE",
            assert_fingerprint=certificate.fingerprint(SHA256()).hex(),
        ) as pool:
            try:
                return pool.request("GET", f"https://127.0.0.1:{port}/readyz", retries=False, timeout=5).status == 200
            except urllib3.exceptions.HTTPError:
                return False

    def _wait_for_service_account(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        self.wait_until(f"the default service account of {namespace}", lambda: self.request("GET", path)[0] == 200)

    def _pool(self, user: str | None, groups: Sequence[str]) -> urllib3.PoolManager:
        user, groups = (user, groups) if user else (ADMIN_USER, ADMIN_GROUPS)
        identity = (user, tuple(groups))
        if identity not in self._pools:
            self._pools[identity] = urllib3.PoolManager(
                cert_file=str(self._credential(*identity)), ca_cert_data=self.ca_pem.decode(), retries=False, timeout=30
            )
        return self._pools[identity]

    def _credential(self, user: str, groups: Sequence[str]) -> Path:
        pair = self._pki.cluster.issue(user, groups)
        file = self._clients / f"{next(self._numbers)}.pem"
        write_private(file, pair.certificate + pair.key)
        return file


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
