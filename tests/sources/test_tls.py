from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import socket
import ssl
import struct
import threading
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from k8srun.errors import InputError
from k8srun.sources import handshake
from k8srun.sources.tls import observe, parse_endpoint
from k8srun.tls import HandshakeOutcome
from tests.controlplane.pki import SERVER, Authority, Pair
from tests.sources.servers import TlsServer, answering, raw_server

CA = Authority("kubernetes")
OTHER_CA = Authority("kubernetes")  # the same name on purpose: a rebuilt authority
SERVING = CA.issue("kube-apiserver", usages=SERVER, sans=("localhost", "127.0.0.1"))
ADMIN = CA.issue("kubernetes-admin", ("system:masters",))
FOREIGN = OTHER_CA.issue("kubernetes-admin", ("system:masters",))
VERSIONS = (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)


def der(pair: Pair) -> bytes:
    return x509.load_pem_x509_certificate(pair.certificate).public_bytes(Encoding.DER)


def offered(pair: Pair) -> tuple[bytes, bytes]:
    return pair.certificate, pair.key


# What is presented


@pytest.mark.parametrize("version", VERSIONS)
def test_the_chain_is_kept_in_the_order_in_which_it_was_presented_although_nothing_trusts_it(version):
    with TlsServer(SERVING, chain=(OTHER_CA.pair, CA.pair), version=version).running() as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.COMPLETED
    assert seen.presented == (der(SERVING), der(OTHER_CA.pair), der(CA.pair))
    assert seen.protocol == {SSL.TLS1_2_VERSION: "TLSv1.2", SSL.TLS1_3_VERSION: "TLSv1.3"}[version]
    assert seen.cipher
    assert (seen.detail, seen.alert, seen.client_certificate_requested) == ("", "", False)


def test_an_expired_certificate_is_presented_like_any_other():
    expired = CA.issue("old", usages=SERVER, expires=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with TlsServer(expired).running() as address:
        assert observe(*address).presented == (der(expired),)


def test_who_looked_and_when_and_why_is_recorded():
    at = dt.datetime(2026, 3, 1, 3, 0, tzinfo=dt.UTC)
    with TlsServer(SERVING).running() as address:
        seen = observe(*address, now=at, source="--endpoint", seen_from="node-1")
    assert (seen.at, seen.source, seen.seen_from) == (at, "--endpoint", "node-1")
    assert seen.seconds > 0


def test_a_server_of_tls_1_0_is_incompatible_as_for_kubernetes_but_what_it_presents_is_kept():
    with TlsServer(SERVING, version=SSL.TLS1_VERSION).running() as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.INCOMPATIBLE
    assert seen.protocol == "TLSv1"
    assert seen.presented == (der(SERVING),)


def test_a_server_without_a_common_cipher_is_incompatible_and_its_alert_is_named():
    with TlsServer(SERVING, version=SSL.TLS1_2_VERSION, ciphers=b"PSK").running() as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.INCOMPATIBLE
    assert seen.alert == "handshake failure"
    assert seen.protocol == ""


def test_a_server_that_only_knows_a_protocol_of_the_last_century_is_incompatible():
    # The fatal alert protocol_version, as the server of SSL 3.0 times sends it.
    with raw_server(answering(b"\x15\x03\x00\x00\x02\x02\x46")) as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.INCOMPATIBLE
    assert seen.alert == "protocol version not supported"


# The name that is asked for


def test_a_host_name_is_sent_as_sni_and_an_address_never():
    server = TlsServer(SERVING)
    with server.running() as (_, port):
        observe("localhost", port)
        observe("127.0.0.1", port)
        observe("127.0.0.1", port, server_name="web.shop.svc")
        observe("127.0.0.1", port, server_name="10.96.0.1")
        seen = observe("127.0.0.1", port, server_name="web.shop.svc.")
    assert server.server_names == [b"localhost", None, b"web.shop.svc", None, b"web.shop.svc"]
    assert (seen.host, seen.name) == ("127.0.0.1", "web.shop.svc.")


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "with space", "x" * 300, "a..b\N{SNOWMAN}", "bad\nname"])
def test_a_server_name_that_cannot_be_sent_is_the_callers_error(name):
    with pytest.raises(InputError, match="server name"):
        observe("127.0.0.1", 1, server_name=name)


# Client certificates


@pytest.mark.parametrize("version", VERSIONS)
def test_the_cas_that_the_server_accepts_are_kept_with_their_exact_bytes(version):
    advertised = (CA.pair, Authority("front-proxy-ca").pair)
    server = TlsServer(SERVING, client_ca=CA.pair, advertise=advertised, require=False, version=version)
    with server.running() as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.COMPLETED
    assert seen.client_certificate_requested
    names = [x509.load_pem_x509_certificate(pair.certificate).subject.public_bytes() for pair in advertised]
    assert list(seen.client_ca_names) == names


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_certificate_of_the_right_ca_is_accepted_and_named(version):
    with TlsServer(SERVING, client_ca=CA.pair, version=version).running() as address:
        seen = observe(*address, client_certificate=offered(ADMIN))
    assert (seen.outcome, seen.alert) == (HandshakeOutcome.COMPLETED, "")
    assert seen.client_certificate == der(ADMIN)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_certificate_of_another_ca_brings_an_alert_and_the_chain_is_still_kept(version):
    server = TlsServer(SERVING, client_ca=CA.pair, advertise=(CA.pair,), version=version)
    with server.running() as address:
        seen = observe(*address, client_certificate=offered(FOREIGN))
    assert seen.outcome is HandshakeOutcome.ALERT
    # OpenSSL's server finds the rebuilt CA by name and the signature wrong, which it calls a decrypt error or bad
    # certificate; which of them is not this test's matter, that it is told is.
    assert seen.alert in {"bad certificate", "error decrypting message", "unknown certificate authority"}
    assert seen.presented[0] == der(SERVING)
    assert len(seen.client_ca_names) == 1
    assert seen.client_certificate_requested


@pytest.mark.parametrize(
    ("pair", "alert"),
    [
        (Authority("unrelated").issue("someone"), "unknown certificate authority"),
        (CA.issue("late", expires=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)), "expired certificate"),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_alert_tells_why_a_client_certificate_is_refused(pair, alert, version):
    with TlsServer(SERVING, client_ca=CA.pair, version=version).running() as address:
        seen = observe(*address, client_certificate=offered(pair))
    assert (seen.outcome, seen.alert) == (HandshakeOutcome.ALERT, alert)


@pytest.mark.parametrize(
    ("version", "alert"),
    [(SSL.TLS1_2_VERSION, "handshake failure"), (SSL.TLS1_3_VERSION, "certificate required")],
)
def test_a_server_that_requires_a_certificate_refuses_a_client_without(version, alert):
    with TlsServer(SERVING, client_ca=CA.pair, version=version).running() as address:
        seen = observe(*address)
    assert (seen.outcome, seen.alert) == (HandshakeOutcome.ALERT, alert)
    assert seen.client_certificate == b""
    assert seen.protocol  # what was negotiated before the refusal


def test_a_server_that_hangs_up_after_the_handshake_without_an_alert_is_not_taken_for_one_that_accepts(tmp_path):
    with raw_server(lambda peer: without_tickets(tmp_path).wrap_socket(peer, server_side=True).close()) as address:
        seen = observe(*address, client_certificate=offered(ADMIN))
    assert seen.outcome in {HandshakeOutcome.CLOSED, HandshakeOutcome.RESET}
    assert "after the handshake" in seen.detail
    assert seen.protocol == "TLSv1.3"


def test_a_server_that_hangs_up_after_its_session_ticket_had_accepted(tmp_path):
    context = without_tickets(tmp_path)
    context.num_tickets = 1
    with raw_server(lambda peer: context.wrap_socket(peer, server_side=True).close()) as address:
        assert observe(*address, client_certificate=offered(ADMIN)).outcome is HandshakeOutcome.COMPLETED


def test_the_chain_of_a_client_certificate_is_sent_with_it():
    server = TlsServer(SERVING, client_ca=CA.pair)
    with server.running() as address:
        observe(*address, client_certificate=(ADMIN.certificate + CA.pair.certificate, ADMIN.key))
        observe(*address, client_certificate=(ADMIN.certificate, ADMIN.key))
    # The two are served by threads of their own: which of them notes its client first is open.
    assert max(server.client_chains) == min(server.client_chains) + 1


def test_a_server_that_says_nothing_after_the_handshake_has_accepted(tmp_path):
    with raw_server(lambda peer: without_tickets(tmp_path).wrap_socket(peer, server_side=True).recv(1)) as address:
        seen = observe(*address, client_certificate=offered(ADMIN))
    assert (seen.outcome, seen.client_certificate_requested) == (HandshakeOutcome.COMPLETED, True)


def without_tickets(folder):
    """A server that asks for a certificate and, unlike most, sends nothing once it has accepted it."""
    (folder / "pair.pem").write_bytes(SERVING.certificate + SERVING.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pair.pem")
    context.load_verify_locations(cadata=CA.pair.certificate.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    context.num_tickets = 0
    return context


def test_no_request_is_sent():
    server = TlsServer(SERVING, ask=True)
    with server.running() as address:
        observe(*address, client_certificate=offered(ADMIN))
    assert server.received == b""


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((ADMIN.certificate, FOREIGN.key), "cannot be used"),
        (
            (ADMIN.certificate, b"-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n"),
            "key cannot be read",
        ),
        ((b"no certificate", ADMIN.key), "not PEM"),
    ],
)
def test_a_client_certificate_that_cannot_be_used_is_the_callers_error_and_quotes_nothing(pair, message):
    with pytest.raises(InputError, match=message) as caught:
        observe("127.0.0.1", 1, client_certificate=pair)
    assert "U0VDUkVU" not in str(caught.value)


# Peers that are no TLS servers


def test_a_real_plain_http_server_is_recognised():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen = observe("127.0.0.1", server.server_port)
        server.shutdown()
    assert seen.outcome is HandshakeOutcome.PLAIN_HTTP


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", HandshakeOutcome.PLAIN_HTTP, "400 Bad Request"),
        (b"HTTP/1.0 400 Bad Request", HandshakeOutcome.PLAIN_HTTP, "400 Bad Request"),
        (b"<html>\r\n<head><title>400 Bad Request</title>", HandshakeOutcome.PLAIN_HTTP, "<html>"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", HandshakeOutcome.NOT_TLS, "SSH-2.0-OpenSSH_9.2p1"),
        (b"220 mail.example ESMTP\x1b[2J\r\n", HandshakeOutcome.NOT_TLS, "220 mail.example ESMTP\\u{1b}[2J"),
        (b"\xff\xfe\x00garbage" + b"A" * 5000, HandshakeOutcome.NOT_TLS, "garbage"),
        (b"\x16\x03\x03\x00\x05hello", HandshakeOutcome.NOT_TLS, "begins like TLS"),
    ],
)
def test_an_answer_that_is_not_tls_is_told_by_its_first_line_made_inert(answer, outcome, words):
    with raw_server(answering(answer)) as address:
        seen = observe(*address)
    assert seen.outcome is outcome
    assert words in seen.detail
    assert len(seen.detail) < 320
    assert "\x1b" not in seen.detail
    assert seen.presented == ()


def test_a_banner_is_recognised_byte_by_byte_too():
    banner = [bytes([byte]) for byte in b"SSH-2.0-tarpit\r\n"]
    with raw_server(answering(*banner)) as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.NOT_TLS
    assert "SSH-2.0-tarpit" in seen.detail


def test_a_server_that_speaks_before_it_listens_is_recognised():
    def greet(peer):
        peer.sendall(b"220 mail.example ESMTP\r\n")
        while peer.recv(4096):
            pass

    with raw_server(greet) as address:
        seen = observe(*address)
    assert (seen.outcome, seen.detail) == (HandshakeOutcome.NOT_TLS, "answered without TLS: 220 mail.example ESMTP")


def test_a_peer_that_accepts_and_closes_is_told_from_one_that_resets():
    def reset(peer):
        peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with raw_server(lambda peer: (peer.recv(65536), peer.shutdown(socket.SHUT_RDWR))) as address:
        assert observe(*address).outcome is HandshakeOutcome.CLOSED
    with raw_server(reset) as address:
        assert observe(*address).outcome is HandshakeOutcome.RESET


def test_a_peer_that_never_answers_is_a_timeout():
    with raw_server(lambda peer: (peer.recv(4096), peer.recv(4096))) as address:
        seen = observe(*address, timeout=0.2)
    assert seen.outcome is HandshakeOutcome.TIMEOUT
    assert "no answer" in seen.detail


def test_a_peer_that_trickles_byte_by_byte_does_not_prolong_the_attempt():
    release = threading.Event()

    def trickle(peer):
        peer.sendall(b"\x16\x03\x03\x40\x00\x02")  # a record of 16 KiB, a ServerHello, that never comes to its end
        while not release.wait(0.02):
            peer.sendall(b"\x00")

    with raw_server(trickle) as address:
        seen = observe(*address, timeout=0.3)
        release.set()
    assert seen.outcome is HandshakeOutcome.TIMEOUT
    assert "did not come to its end" in seen.detail


def test_a_handshake_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(handshake, "MAX_RECEIVED", 8)
    with TlsServer(SERVING).running() as address:
        seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.NOT_TLS
    assert "more than 8 bytes" in seen.detail


def test_a_flood_after_the_handshake_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(handshake, "VERDICT_SECONDS", 3.0)
    sent = []

    def flood(peer):
        tls = without_tickets(tmp_path).wrap_socket(peer, server_side=True)
        while True:
            sent.append(tls.send(b"x" * 16384))

    with raw_server(flood) as address:
        seen = observe(*address, timeout=60)
    assert seen.outcome is HandshakeOutcome.COMPLETED
    assert sum(sent) < 32 * 1024 * 1024  # what the kernel holds between them, and no more


def test_handshake_messages_that_nobody_asked_for_are_not_tls():
    hello_requests = b"\x16\x03\x03\x40\x00" + b"\x00\x00\x00\x00" * 4096
    with raw_server(answering(*[hello_requests] * 100)) as address:
        assert observe(*address).outcome is HandshakeOutcome.NOT_TLS


def test_a_closed_port_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    seen = observe(*address)
    assert seen.outcome is HandshakeOutcome.REFUSED
    assert seen.detail == "connection refused"


def test_a_server_that_does_not_accept_is_a_timeout():
    with full_backlog() as address:
        assert observe(*address, timeout=0.3).outcome is HandshakeOutcome.TIMEOUT


@contextlib.contextmanager
def full_backlog():
    """An address at which the kernel drops what comes, as a firewall would."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()


def test_an_address_that_the_system_refuses_to_route_to_is_unreachable():
    # The limited broadcast address: the kernel itself refuses a TCP connection to it, nothing is sent.
    assert observe("255.255.255.255", 443).outcome is HandshakeOutcome.UNREACHABLE


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "nul\0byte", "..", ""])
def test_what_is_no_host_name_is_unresolved(host):
    seen = observe(host, 443, timeout=2)
    assert seen.outcome in {HandshakeOutcome.UNRESOLVED, HandshakeOutcome.REFUSED}
    assert seen.presented == ()


def test_a_name_without_an_address_is_unresolved(monkeypatch):
    # No real resolver is asked in the tests: its answer is the only part that is stood in for.
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    seen = observe("no-such-host.invalid", 443)
    assert (seen.outcome, seen.detail) == (HandshakeOutcome.UNRESOLVED, "name or service not known")


def test_a_resolver_that_hangs_is_left_behind(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: release.wait() and [])
    seen = observe("slow.invalid", 443, timeout=0.1)
    release.set()
    assert seen.outcome is HandshakeOutcome.UNRESOLVED
    assert "did not answer in time" in seen.detail


def test_the_second_address_of_a_name_is_tried_when_the_first_refuses(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = closed.getsockname()
    with TlsServer(SERVING).running() as address:
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in (refused, address)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: both)
        assert observe("two.invalid", 443).outcome is HandshakeOutcome.COMPLETED


def test_an_address_that_never_answers_leaves_time_for_the_next(monkeypatch):
    with full_backlog() as silent, TlsServer(SERVING).running() as address:
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in (silent, address)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: both)
        assert observe("two.invalid", 443, timeout=2).outcome is HandshakeOutcome.COMPLETED


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 on this machine")
def test_ipv6_is_spoken():
    try:
        with raw_server(TlsServer(SERVING).handle, family=socket.AF_INET6) as address:
            seen = observe(*address)
    except OSError as error:
        pytest.skip(f"no IPv6 loopback: {error}")
    assert seen.outcome is HandshakeOutcome.COMPLETED
    assert seen.address == f"[::1]:{address[1]}"


def test_two_attempts_at_one_endpoint_see_the_same():
    with TlsServer(SERVING, version=SSL.TLS1_3_VERSION).running() as address:
        first, second = observe(*address), observe(*address)
    assert replace(first, at=second.at, seconds=0) == replace(second, seconds=0)


# Endpoints as people write them


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("192.0.2.10:6443", ("192.0.2.10", 6443)),
        ("[2001:db8::1]:6443", ("2001:db8::1", 6443)),
        ("https://api.example", ("api.example", 443)),
        ("https://api.example/", ("api.example", 443)),
        ("https://api.example:6443/k8s/clusters/c-1", ("api.example", 6443)),
        ("HTTPS://[::1]", ("::1", 443)),
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
        (" web.shop.svc:443 ", ("web.shop.svc", 443)),
    ],
)
def test_an_endpoint_is_read_in_every_common_spelling(text, endpoint):
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize(
    "text",
    ["", ":6443", "host", "host:", "host:port", "host:0", "host:65536", "::1:6443", "2001:db8::1", "host:1/x",
     "ftp://host:1", "https://", "[::1", "a b:1", "host:-1", "host\x1b[2J:1", "ho\nst:1"],
)  # fmt: skip
def test_a_malformed_endpoint_is_an_error_that_shows_how_to_write_one(text):
    with pytest.raises(InputError, match=r"192\.0\.2\.10:6443"):
        parse_endpoint(text)


def test_a_password_in_an_endpoint_is_refused_and_not_repeated():
    with pytest.raises(InputError) as caught:
        parse_endpoint("https://admin:hunter2@api.example:6443")
    assert "hunter2" not in str(caught.value)
