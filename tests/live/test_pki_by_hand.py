"""A real etcd, kube-apiserver and kube-controller-manager run on a PKI that was made by hand, and by openssl."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import urllib3
import yaml

from k8srun.pki.folder import make_pki
from k8srun.pki.kubeconfigs import cluster_entry, embedded, kubeconfig
from k8srun.pki.layout import Node, Wanted, layout
from k8srun.pki.openssl import script
from tests.controlplane import arguments
from tests.controlplane.processes import Server, free_ports, wait_until

WANTED = Wanted((Node("node01", ("192.0.2.10",)),))


def by_k8srun(folder: Path, wanted: Wanted) -> None:
    make_pki(folder, wanted, datetime.now(UTC))


def by_openssl(folder: Path, wanted: Wanted) -> None:
    folder.mkdir()
    subprocess.run(["sh", "-c", script(layout(wanted))], cwd=folder, check=True, capture_output=True)


class Cluster:
    """etcd and the API server on the PKI in a folder."""

    def __init__(self, binaries: Path, pki: Path, workdir: Path) -> None:
        self.pki, self.workdir, self.servers = pki, workdir, []
        self._binaries = binaries
        etcd, peer, self.port, self.controller_port = free_ports(4)
        self.url = f"https://127.0.0.1:{self.port}"
        self._start("etcd", arguments.etcd(pki, workdir / "etcd", etcd, peer))
        self._start("kube-apiserver", arguments.apiserver(pki, pki / "apiserver", self.port, etcd))

    def _start(self, name: str, args: list[str]) -> None:
        self.servers.append(Server(self._binaries / name, args, self.workdir / f"{name}.log"))

    def start_controller_manager(self) -> None:
        identity = self.workdir / "controller-manager.conf"
        files = [(self.pki / f"controller-manager.{suffix}").read_bytes() for suffix in ("crt", "key")]
        cluster = cluster_entry(self.url, (self.pki / "ca.crt").read_bytes())
        identity.write_text(yaml.safe_dump(kubeconfig(cluster, embedded(*files), name="controller-manager")))
        self._start("kube-controller-manager", arguments.controller_manager(self.pki, identity, self.controller_port))

    def request(self, who: str, method: str, path: str, body: object = None):
        """Status and answer of a request with a client certificate of the PKI."""
        with urllib3.PoolManager(
            cert_file=str(self.pki / f"{who}.crt"),
            key_file=str(self.pki / f"{who}.key"),
            ca_certs=str(self.pki / "ca.crt"),
        ) as pool:
            data = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"}
            response = pool.request(method, self.url + path, body=data, headers=headers, retries=False, timeout=10)
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return response.status, response.json() if is_json else response.data.decode()

    def is_ready(self) -> bool:
        try:
            return self.request("admin", "GET", "/readyz")[0] == 200
        except urllib3.exceptions.HTTPError:
            return False

    def who_am_i(self, who: str) -> dict:
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        status, answer = self.request(who, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        assert status == 201, answer
        return answer["status"]["userInfo"]

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.kill()


@pytest.fixture(scope="module", params=[by_k8srun, by_openssl], ids=["k8srun", "openssl"])
def cluster(request, control_plane_binaries, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("by-hand")
    request.param(workdir / "pki", WANTED)
    running = Cluster(control_plane_binaries, workdir / "pki", workdir)
    try:
        wait_until("the API server to be ready", running.is_ready, running.servers)
        yield running
    finally:
        running.stop()


def test_the_servers_start_and_the_administrator_may_do_everything(cluster):
    status, answer = cluster.request("admin", "GET", "/api/v1/namespaces/kube-system/secrets")
    assert status == 200, answer
    user = cluster.who_am_i("admin")
    assert (user["username"], user["groups"]) == ("kube-admin", ["system:masters", "system:authenticated"])


@pytest.mark.parametrize(
    ("who", "username", "group"),
    [
        ("scheduler", "system:kube-scheduler", ""),
        ("controller-manager", "system:kube-controller-manager", ""),
        ("kube-proxy", "system:kube-proxy", "system:node-proxier"),
        ("nodes/node01/kubelet-client", "system:node:node01", "system:nodes"),
        ("apiserver-kubelet-client", "kube-apiserver-kubelet-client", ""),
    ],
)
def test_the_server_takes_every_client_for_whom_it_should(cluster, who, username, group):
    user = cluster.who_am_i(who)
    assert user["username"] == username
    assert set(user["groups"]) == {"system:authenticated", group} - {""}


def test_the_components_may_do_what_kubernetes_own_bindings_allow_them_and_no_more(cluster):
    assert cluster.request("scheduler", "GET", "/api/v1/pods")[0] == 200
    assert cluster.request("scheduler", "GET", "/api/v1/secrets")[0] == 403
    assert cluster.request("kube-proxy", "GET", "/api/v1/services")[0] == 200
    assert cluster.request("kube-proxy", "GET", "/api/v1/secrets")[0] == 403
    assert cluster.request("nodes/node01/kubelet-client", "GET", "/api/v1/services")[0] == 200


def test_a_serving_certificate_is_nobody_to_the_server(cluster):
    # It has no clientAuth: the handshake succeeds (a client certificate is optional) and the request is refused.
    assert cluster.request("apiserver", "GET", "/api/v1/namespaces")[0] == 401


def test_a_client_of_another_ca_is_not_let_in(cluster):
    assert cluster.request("front-proxy-client", "GET", "/api/v1/namespaces")[0] == 401


def test_the_kubelet_client_reaches_kubelets_once_the_printed_binding_is_made(cluster):
    review = {
        "spec": {
            "user": "kube-apiserver-kubelet-client",
            "resourceAttributes": {"verb": "create", "resource": "nodes", "subresource": "proxy"},
        }
    }
    reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    assert not cluster.request("admin", "POST", reviews, review)[1]["status"]["allowed"]
    rbac = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": "kube-apiserver-kubelet-client"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "system:kubelet-api-admin"},
        "subjects": [{"apiGroup": rbac, "kind": "User", "name": "kube-apiserver-kubelet-client"}],
    }
    assert cluster.request("admin", "POST", f"/apis/{rbac}/v1/clusterrolebindings", binding)[0] == 201
    wait_until(
        "the binding to be seen",
        lambda: cluster.request("admin", "POST", reviews, review)[1]["status"]["allowed"],
        cluster.servers,
    )


def test_the_controller_manager_signs_with_the_ca_and_issues_service_accounts(cluster):
    cluster.start_controller_manager()
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    wait_until(
        "the default service account",
        lambda: cluster.request("admin", "GET", f"{accounts}/default")[0] == 200,
        cluster.servers,
    )
    token = cluster.request("admin", "POST", f"{accounts}/default/token", {"spec": {"expirationSeconds": 600}})
    assert token[0] == 201  # signed with sa.key
    request = {"spec": {"token": token[1]["status"]["token"]}}
    review = cluster.request("admin", "POST", "/apis/authentication.k8s.io/v1/tokenreviews", request)[1]
    assert review["status"]["authenticated"]  # verified with sa.pub
    root = cluster.request("admin", "GET", "/api/v1/namespaces/default/configmaps/kube-root-ca.crt")
    assert root[0] == 200
    assert root[1]["data"]["ca.crt"].strip() == (cluster.pki / "ca.crt").read_text().strip()


@pytest.mark.parametrize(("one_ca", "opens"), [(True, True), (False, False)], ids=["one-ca", "three-cas"])
def test_with_one_ca_for_everything_any_client_of_the_api_server_reads_etcd(
    control_plane_binaries, tmp_path, one_ca, opens
):
    pki = tmp_path / "pki"
    make_pki(pki, Wanted(one_ca=one_ca), datetime.now(UTC))
    if one_ca:
        (pki / "etcd/ca.crt").symlink_to("../ca.crt")
    port, peer = free_ports(2)
    etcd = Server(control_plane_binaries / "etcd", arguments.etcd(pki, tmp_path / "data", port, peer), tmp_path / "log")
    try:
        wait_until("etcd", lambda: reads_etcd(pki, "apiserver-etcd-client", port), [etcd])
        assert reads_etcd(pki, "scheduler", port) == opens
    finally:
        etcd.kill()


def reads_etcd(pki: Path, who: str, port: int) -> bool:
    with urllib3.PoolManager(
        cert_file=str(pki / f"{who}.crt"), key_file=str(pki / f"{who}.key"), ca_certs=str(pki / "etcd/ca.crt")
    ) as pool:
        try:
            body = json.dumps({"key": "Lw=="})
            return pool.request("POST", f"https://127.0.0.1:{port}/v3/kv/range", body=body, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False
