"""The served port: as kube-apiserver treats those who come, and gone when the block ends."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from OpenSSL import SSL

from k8srun.errors import InputError
from k8srun.lab import Lab, Served, build

Get = Callable[..., tuple[int, Any]]


@pytest.fixture
def get(tmp_path: Path) -> Get:
    """Asks as the engineer does, or without a client certificate; the server's is another test's concern."""

    def ask(
        lab: Lab, served: Served, path: str, *, certificate: bool = True, method: str = "GET", token: str = ""
    ) -> tuple[int, Any]:
        context = ssl._create_unverified_context()
        if certificate:
            user = yaml.safe_load(lab.kubeconfig.read_text())["users"][0]["user"]
            pem = tmp_path / "client.pem"
            pem.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
            context.load_cert_chain(pem)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(served.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return ask


def test_the_version_is_told_to_anyone(labs: dict[str, Lab], served: dict[str, Served], get: Get) -> None:
    status, body = get(labs["healthy"], served["healthy"], "/version", certificate=False)

    assert (status, body["gitVersion"]) == (200, "v1.37.2")


def test_the_engineer_is_recognised_by_name_and_groups(
    labs: dict[str, Lab], served: dict[str, Served], get: Get
) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    status, body = get(labs["healthy"], served["healthy"], path, method="POST")

    assert status == 201
    assert body["status"]["userInfo"] == {
        "username": "mara.lindt", "groups": ["marlow:platform-admins", "system:authenticated"],
    }  # fmt: skip


def test_without_a_certificate_one_is_anonymous_and_forbidden(
    labs: dict[str, Lab], served: dict[str, Served], get: Get
) -> None:
    status, body = get(labs["healthy"], served["healthy"], "/api/v1/pods", certificate=False)

    assert (status, body["kind"], body["reason"]) == (403, "Status", "Forbidden")
    assert body["message"] == 'forbidden: User "system:anonymous" cannot get path "/api/v1/pods"'


def test_a_certificate_of_another_ca_is_unauthorized_even_for_the_version(
    labs: dict[str, Lab], served: dict[str, Served], get: Get
) -> None:
    for path in ("/version", "/api/v1/pods"):
        status, body = get(labs["wrong-client-ca"], served["wrong-client-ca"], path)
        assert (status, body["reason"], body["message"]) == (401, "Unauthorized", "Unauthorized")


@pytest.mark.parametrize(
    "expected",
    [
        ("/api/v1/namespaces/kube-system", "Namespace", "kube-system"),
        ("/api/v1/namespaces/shop/services?limit=500", "ServiceList", ["cart", "catalog", "redis", "web"]),
        ("/api/v1/nodes", "NodeList", ["cp-1", "worker-1", "worker-2"]),
        ("/apis/apps/v1/namespaces/shop/deployments/web", "Deployment", "web"),
        ("/apis/networking.k8s.io/v1/ingresses", "IngressList", ["shop"]),
        ("/api/v1/namespaces/nowhere/pods", "PodList", []),
    ],
)
def test_objects_can_be_read(labs: dict[str, Lab], served: dict[str, Served], get: Get, expected: tuple) -> None:
    path, kind, names = expected
    status, body = get(labs["healthy"], served["healthy"], path)
    found = [item["metadata"]["name"] for item in body["items"]] if "items" in body else body["metadata"]["name"]

    assert (status, body["kind"]) == (200, kind)
    assert (sorted(found) if isinstance(names, list) else found) == names


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/v1",
        "/api/v1/dragons",
        "/apis/apps/v1",
        "/api/v1/namespaces/nowhere",
        "/api/v1/pods/a/b",
        "/x/../..",
    ],
)
def test_what_is_not_there_is_not_found(labs: dict[str, Lab], served: dict[str, Served], get: Get, path: str) -> None:
    status, body = get(labs["healthy"], served["healthy"], path)

    assert (status, body["reason"]) == (404, "NotFound")


def test_nothing_is_written(labs: dict[str, Lab], served: dict[str, Served], get: Get) -> None:
    status, _ = get(labs["healthy"], served["healthy"], "/api/v1/namespaces/shop", method="DELETE")

    assert status == 405


def test_the_server_advertises_the_cas_of_its_clients(served: dict[str, Served]) -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), connect(served["healthy"]))
    connection.set_connect_state()
    connection.do_handshake()
    names = [dict(name.get_components())[b"CN"] for name in connection.get_client_ca_list()]
    connection.close()

    assert names == [b"kubernetes", b"front-proxy-ca"]


def connect(served: Served) -> socket.socket:
    connection = socket.create_connection((served.host, served.port))
    connection.settimeout(None)
    return connection


def test_plain_http_to_the_tls_port_is_answered_as_gos_server_does(served: dict[str, Served]) -> None:
    with connect(served["healthy"]) as connection:
        connection.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer == b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


def test_a_token_is_unauthorized(labs: dict[str, Lab], served: dict[str, Served], get: Get) -> None:
    status, _ = get(labs["healthy"], served["healthy"], "/version", certificate=False, token="any")

    assert status == 401


def test_a_certificate_for_servers_is_no_clients(labs: dict[str, Lab], served: dict[str, Served], get: Get) -> None:
    name = "client-certificate-usage"

    assert get(labs[name], served[name], "/api/v1/pods")[0] == 401


def test_what_the_process_holds_in_memory_is_served_until_it_is_restarted(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", "process-not-restarted")
    on_disk = (lab.node_root / "etc/kubernetes/pki/apiserver.crt").read_text()

    with lab.serve() as served:
        assert ssl.get_server_certificate((served.host, served.port)) != on_disk
    lab.held.unlink()
    with lab.serve() as served:
        assert ssl.get_server_certificate((served.host, served.port)) == on_disk


def test_a_silent_client_delays_nobody(labs: dict[str, Lab], served: dict[str, Served], get: Get) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connect(served["healthy"]))
        assert get(labs["healthy"], served["healthy"], "/version")[0] == 200


@pytest.mark.parametrize(
    "sent", [b"", b"\n", b"\x00" * 70000, b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\xff\xff", b"SSH-2.0-x\r\n"]
)
@pytest.mark.parametrize("name", ["healthy", "plain-http"])
def test_nonsense_ends_the_connection_without_a_word(
    sent: bytes, name: str, served: dict[str, Served], capfd: pytest.CaptureFixture[str]
) -> None:
    with connect(served[name]) as connection, contextlib.suppress(OSError):  # the server may hang up first
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    connect(served[name]).close()

    assert capfd.readouterr().err == ""


def test_plain_http_is_answered_as_gos_server_answers_a_handshake(served: dict[str, Served]) -> None:
    with connect(served["plain-http"]) as connection:
        connection.sendall(b"\x16\x03\x01\x00\x05hello\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_the_port_and_its_threads_are_gone_when_the_block_ends(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab")
    before = set(threading.enumerate())
    with lab.serve() as served:
        idle = [connect(served) for _ in range(3)]
        half = connect(served)
        half.sendall(b"\x16\x03\x01")

    with pytest.raises(ConnectionRefusedError):
        connect(served)
    assert set(threading.enumerate()) == before
    for connection in (*idle, half):
        connection.close()


def test_the_port_is_gone_after_an_error_too(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab")
    with pytest.raises(RuntimeError), lab.serve() as served:
        raise RuntimeError

    with pytest.raises(ConnectionRefusedError):
        connect(served)


def test_labs_are_served_side_by_side(served: dict[str, Served]) -> None:
    assert len({one.port for one in served.values()}) == len(served)


@pytest.mark.parametrize("file", ["apiserver.crt", "apiserver.key", "ca.crt"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_lab_whose_files_were_destroyed_says_so(tmp_path: Path, file: str, content: bytes | None) -> None:
    lab = build(tmp_path / "lab")
    path = lab.node_root / "etc/kubernetes/pki" / file
    path.unlink() if content is None else path.write_bytes(content)

    with pytest.raises(InputError, match=r"no API server would start(?s:.*)Build the lab anew"), lab.serve():
        pass


def test_a_key_of_another_certificate_is_found_out_before_anything_is_served(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab")
    pki = lab.node_root / "etc/kubernetes/pki"
    (pki / "apiserver.key").write_bytes((pki / "etcd/server.key").read_bytes())

    with pytest.raises(InputError, match="no API server would start"), lab.serve():
        pass
