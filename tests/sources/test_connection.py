"""The connection to an apiserver: it trusts what Kubernetes' own clients trust, and leaks no key."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import socket
import socketserver
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from k8srun.snapshot import GapReason
from k8srun.sources.connection import Connection, Server
from k8srun.sources.credentials import Credentials
from k8srun.sources.failure import ReadError
from k8srun.sources.proxy import environment_proxy
from tests.controlplane.pki import SERVER, Authority, Pair
from tests.sources.scripted import answer, asking, failure_of, serving

CANARY = "canary-4f1d0e-0123456789abcdef"
PODS = "/api/v1/pods"
OK = {"kind": "PodList", "items": []}


def certificate(
    name: str, key, *, issuer: str = "", signed_by=None, ca: bool = False, sans: tuple[str, ...] = ("127.0.0.1",)
) -> Pair:
    """A certificate as old tools made them: no key usage, no key identifiers, basic constraints not critical."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer or name)]
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    elif sans:
        alternative = [x509.IPAddress(ipaddress.ip_address(san)) for san in sans]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    made = builder.sign(signed_by or key, hashes.SHA256())
    return Pair(
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


@contextlib.contextmanager
def serving_tls(pair: Pair, tmp_path: Path, *, client_ca: bytes = b"", answers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    (tmp_path / "serving.pem").write_bytes(pair.certificate + pair.key)
    context.load_cert_chain(tmp_path / "serving.pem")
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca.decode())
    with serving(answers or {PODS: [answer(OK)]}, context) as script:
        yield script


def der(*pems: bytes) -> bytes:
    return b"".join(ssl.PEM_cert_to_DER_cert(pem.decode()) for pem in pems)


class TestTls:
    authority = Authority("kubernetes")

    def serving_pair(self, *sans: str) -> Pair:
        return self.authority.issue("kube-apiserver", usages=SERVER, sans=sans or ("127.0.0.1",))

    def test_a_server_of_the_right_authority_is_trusted(self, tmp_path):
        with (
            serving_tls(self.serving_pair(), tmp_path) as script,
            asking(script.server, ca=der(self.authority.pair.certificate)) as client,
        ):
            assert client.get(PODS) == OK

    def test_a_server_of_another_authority_is_a_tls_failure_in_the_librarys_words(self, tmp_path):
        with serving_tls(self.serving_pair(), tmp_path) as script:
            failure = failure_of(asking(script.server, ca=der(Authority("kubernetes").pair.certificate)))
            assert script.seen == []
        assert failure.reason is GapReason.TLS
        assert failure.detail.startswith("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: ")
        assert "_ssl.c" not in failure.detail

    def test_without_a_ca_the_systems_are_trusted_and_no_others(self, tmp_path):
        with serving_tls(self.serving_pair(), tmp_path) as script:
            assert failure_of(asking(script.server)).reason is GapReason.TLS

    def test_an_authority_without_key_usage_and_identifiers_is_trusted_as_kubectl_does(self, tmp_path):
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca = certificate("old-ca", ca_key, ca=True)
        with (
            serving_tls(certificate("api", key, issuer="old-ca", signed_by=ca_key), tmp_path) as script,
            asking(script.server, ca=der(ca.certificate)) as client,
        ):
            assert client.get(PODS) == OK

    def test_the_servers_own_certificate_may_be_the_anchor(self, tmp_path):
        pair = self.serving_pair()
        with serving_tls(pair, tmp_path) as script, asking(script.server, ca=der(pair.certificate)) as client:
            assert client.get(PODS) == OK

    def test_an_intermediate_authority_may_be_the_anchor(self, tmp_path):
        root, middle, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        anchor = certificate("middle", middle, issuer="root", signed_by=root, ca=True)
        with (
            serving_tls(certificate("api", key, issuer="middle", signed_by=middle), tmp_path) as script,
            asking(script.server, ca=der(anchor.certificate)) as client,
        ):
            assert client.get(PODS) == OK

    def test_an_rsa_key_of_1024_bits_is_trusted_as_kubectl_does(self, tmp_path):
        ca_key, key = (rsa.generate_private_key(65537, 1024) for _ in range(2))
        ca = certificate("old-ca", ca_key, ca=True)
        with (
            serving_tls(certificate("api", key, issuer="old-ca", signed_by=ca_key), tmp_path) as script,
            asking(script.server, ca=der(ca.certificate)) as client,
        ):
            assert client.get(PODS) == OK

    def test_a_common_name_alone_is_not_trusted(self, tmp_path):
        pair = certificate("api.example", ec.generate_private_key(ec.SECP256R1()), sans=())
        with serving_tls(pair, tmp_path) as script:
            server = script.server
            named = Server(server.url, server.host, server.port, server_name="api.example")
            failure = failure_of(asking(named, ca=der(pair.certificate)))
        assert failure.reason is GapReason.TLS
        assert "api.example" in failure.detail

    def test_an_address_that_the_certificate_lacks_is_a_tls_failure_that_names_it(self, tmp_path):
        with serving_tls(self.serving_pair("10.0.0.1", "kubernetes"), tmp_path) as script:
            server = script.server
            ca = der(self.authority.pair.certificate)
            assert "127.0.0.1" in failure_of(asking(server, ca=ca)).detail
            named = Server(server.url, server.host, server.port, server_name="kubernetes")
            with asking(named, ca=ca) as client:
                assert client.get(PODS) == OK

    def test_where_the_kubeconfig_says_so_the_certificate_is_not_verified(self, tmp_path, recwarn):
        with serving_tls(self.serving_pair("kubernetes"), tmp_path) as script:
            server = script.server
            with asking(Server(server.url, server.host, server.port, verify=False)) as client:
                assert client.get(PODS) == OK
        assert [str(warning.message) for warning in recwarn.list] == []

    def test_plain_http_on_the_port_is_a_tls_failure(self):
        with serving({PODS: [answer(OK)]}) as script:
            server = script.server
            secure = Server(server.url.replace("http:", "https:"), server.host, server.port)
            failure = failure_of(asking(secure))
        assert failure.reason is GapReason.TLS

    def test_a_client_certificate_is_presented(self, tmp_path):
        names = []

        def note_name(handler):
            names.append(dict(part for (part,) in handler.connection.getpeercert()["subject"]))
            answer(OK)(handler)

        pair = self.authority.issue("jane", ["dev"])
        ca = self.authority.pair.certificate
        with (
            serving_tls(self.serving_pair(), tmp_path, client_ca=ca, answers={PODS: [note_name]}) as script,
            asking(script.server, ca=der(ca), credentials=Credentials(pair.certificate, pair.key)) as client,
        ):
            client.get(PODS)
        assert names == [{"organizationName": "dev", "commonName": "jane"}]

    def test_a_server_that_wants_a_client_certificate_and_gets_none_is_a_failure(self, tmp_path):
        ca = self.authority.pair.certificate
        with serving_tls(self.serving_pair(), tmp_path, client_ca=ca) as script:
            failure = failure_of(asking(script.server, ca=der(ca)))
            assert script.seen == []
        # The alert may arrive as such or be overtaken by the end of the connection.
        assert failure.reason in {GapReason.TLS, GapReason.INTERRUPTED}

    def test_a_key_of_another_certificate_is_a_tls_failure_before_anything_is_sent(self):
        pair = Pair(self.authority.issue("jane").certificate, self.authority.issue("jane").key)
        with pytest.raises(ReadError) as failed:
            asking(Server("https://127.0.0.1:1", "127.0.0.1", 1), credentials=Credentials(pair.certificate, pair.key))
        assert failed.value.reason is GapReason.TLS
        assert "key values mismatch" in failed.value.detail.lower()

    def test_a_key_with_a_passphrase_fails_and_nobody_is_asked_for_it(self):
        key = ec.generate_private_key(ec.SECP256R1())
        encrypted = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(CANARY.encode()),
        )
        with pytest.raises(ReadError) as failed:
            asking(
                Server("https://127.0.0.1:1", "127.0.0.1", 1),
                credentials=Credentials(certificate("jane", key).certificate, encrypted),
            )
        assert failed.value.reason is GapReason.TLS

    def test_no_key_is_left_in_a_file_and_none_is_shown(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        pair = self.authority.issue("jane")
        credentials = Credentials(pair.certificate, pair.key, (("Authorization", f"Bearer {CANARY}"),))
        connection = Connection(Server("https://127.0.0.1:1", "127.0.0.1", 1), credentials=credentials)
        connection.opener()
        assert list(tmp_path.iterdir()) == []
        assert "PRIVATE KEY" not in repr(connection)
        assert CANARY not in repr(connection)


@contextlib.contextmanager
def proxy(status: bytes = b"200 OK"):
    """A proxy that does CONNECT, or refuses with `status`; yields its address and the requests that it saw."""
    seen: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            request = b""
            while b"\r\n\r\n" not in request:
                request += self.request.recv(4096)
            seen.append(request)
            self.request.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
            if not status.startswith(b"200"):
                return
            host, _, port = request.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                back = threading.Thread(target=self.pump, args=(upstream, self.request), daemon=True)
                back.start()
                self.pump(self.request, upstream)
                back.join()

        def pump(self, source: socket.socket, sink: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()


class TestProxies:
    authority = Authority("kubernetes")

    def test_a_server_is_reached_through_a_proxy_which_sees_nothing_but_its_address(self, tmp_path):
        pair = self.authority.issue("api", usages=SERVER, sans=["127.0.0.1"])
        with serving_tls(pair, tmp_path) as script, proxy() as (address, seen):
            server = script.server
            through = Server(server.url, server.host, server.port, proxy=f"http://jane:p%40ss@{address}")
            headers = (("Authorization", f"Bearer {CANARY}"),)
            with asking(
                through, ca=der(self.authority.pair.certificate), credentials=Credentials(headers=headers)
            ) as client:
                assert client.get(PODS) == client.get(PODS) == OK
            (request,) = seen
        assert request.startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
        assert base64.b64encode(b"jane:p@ss") in request
        assert CANARY.encode() not in request

    def test_a_proxy_that_refuses_is_named_without_its_password(self):
        with proxy(b"407 Proxy Authentication Required") as (address, _):
            failure = failure_of(
                asking(Server("https://127.0.0.1:6443", "127.0.0.1", 6443, proxy=f"http://jane:{CANARY}@{address}"))
            )
        assert failure.reason is GapReason.UNREACHABLE
        assert failure.detail == "the proxy refused: Tunnel connection failed: 407 Proxy Authentication Required"

    @pytest.mark.parametrize(
        ("host", "no_proxy", "used"),
        [
            ("api.example.com", "", True),
            ("api.example.com", "example.com", False),
            ("api.example.com", ".example.com", False),
            ("example.com", ".example.com", True),
            ("api.example.com", "*.example.com", False),
            ("api.example.com", "ple.com", True),
            ("api.example.com", "other.org, API.example.com ", False),
            ("api.example.com", "api.example.com:6443", False),
            ("api.example.com", "api.example.com:443", True),
            ("api.example.com", "*", False),
            ("10.1.2.3", "10.0.0.0/8", False),
            ("10.1.2.3", "192.168.0.0/16,10.1.2.4", True),
            ("10.1.2.3", "10.1.2.3", False),
            ("10.1.2.3", "10.0.0.0/99", True),
            ("fd00::1", "fd00::/8", False),
            ("fd00::1", "[fd00::1]:6443", False),
            ("127.0.0.1", "", False),
            ("::1", "", False),
            ("localhost", "", False),
        ],
    )
    def test_the_environments_exceptions_are_read_as_go_reads_them(self, host, no_proxy, used):
        environ = {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": no_proxy}
        assert environment_proxy("https", host, 6443, environ) == ("http://proxy.example:3128" if used else "")

    def test_without_a_proxy_in_the_environment_there_is_none(self):
        assert environment_proxy("https", "api.example.com", 6443, {"HTTP_PROXY": "proxy.example"}) == ""
