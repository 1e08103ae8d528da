"""Whether a real registry grants a pull, and which step fails for which cause when it does not."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from k8srun.sources.registry.answers import ADVICE, PullCause, Step
from k8srun.sources.registry.login import Login
from k8srun.sources.registry.pull import Credential, Target, ask_for_pull
from k8srun.sources.registry.wire import Wire
from tests.controlplane.processes import free_ports
from tests.registry.issuer import FORBIDDEN, LATE, REFRESH
from tests.registry.server import PASSWORD, USER
from tests.sources.servers import TlsServer, raw_server

pytestmark = pytest.mark.live
RIGHT = Credential("Secret team/pull", Login(USER, PASSWORD))
WRONG = Credential("Secret team/old", Login(USER, "wrong-canary-password"))


@pytest.fixture
def wire(registries):
    return Wire(ca=registries.ca)


def ask(registry, wire, *credentials, repository="team/app", reference="1.0"):
    return ask_for_pull(Target(registry.host, repository, reference), credentials, wire)[-1]


@pytest.mark.parametrize("door", ["passwords", "tokens"])
def test_the_right_password_is_granted_with_the_digest_of_the_image(registries, wire, door):
    answer = ask(getattr(registries, door), wire, RIGHT)
    assert (answer.granted, answer.cause, answer.failed_at) == (True, None, None)
    assert answer.digest == registries.digest
    assert [step.step for step in answer.steps][:3] == [Step.DNS, Step.CONNECT, Step.TLS]


def test_a_pull_by_digest_is_granted(registries, wire):
    assert ask(registries.passwords, wire, RIGHT, reference=registries.digest).granted is True


@pytest.mark.parametrize(("door", "step"), [("passwords", Step.CHALLENGE), ("tokens", Step.TOKEN)])
def test_a_wrong_password_is_named_and_never_shown(registries, wire, door, step):
    answer = ask(getattr(registries, door), wire, WRONG)
    assert (answer.granted, answer.cause, answer.failed_at) == (False, PullCause.WRONG_CREDENTIAL, step)
    assert "canary" not in repr(answer)
    assert "no words" not in answer.steps[-1].detail, "the registry says why"


@pytest.mark.parametrize("door", ["passwords", "tokens"])
def test_without_a_credential_the_registry_wants_one(registries, wire, door):
    answer = ask(getattr(registries, door), wire)
    assert (answer.granted, answer.cause) == (False, PullCause.NO_CREDENTIAL)


def test_the_next_credential_is_tried_when_one_is_refused(registries, wire):
    target = Target(registries.passwords.host, "team/app", "1.0")
    answers = ask_for_pull(target, (WRONG, RIGHT), wire)
    assert [answer.granted for answer in answers] == [False, True]
    assert [answer.credential for answer in answers] == ["Secret team/old", "Secret team/pull"]


def test_a_missing_repository_and_a_missing_tag_are_told_apart_where_the_registry_does(registries, wire):
    assert ask(registries.passwords, wire, RIGHT, repository="team/nothing").cause is PullCause.REPOSITORY_MISSING
    assert ask(registries.passwords, wire, RIGHT, reference="9.9").cause is PullCause.TAG_MISSING


def test_a_repository_without_the_right_to_pull_is_ambiguous_and_said_so(registries, wire):
    answer = ask(registries.tokens, wire, RIGHT, repository=FORBIDDEN)
    assert (answer.granted, answer.cause, answer.failed_at) == (False, PullCause.DENIED_OR_MISSING, Step.MANIFEST)
    assert "does not tell" in answer.advice


def test_a_token_that_has_expired_is_named(registries, wire):
    late = Credential("Secret team/late", Login(LATE, PASSWORD))
    answer = ask(registries.tokens, wire, late)
    assert (answer.granted, answer.cause) == (False, PullCause.TOKEN_EXPIRED)


def test_a_registry_token_of_the_configuration_is_used_and_named_once_it_has_expired(registries, wire):
    scope = "repository:team/app:pull"
    fresh, old = (registries.issuer.token(USER, scope, seconds=seconds) for seconds in (300, -120))
    assert ask(registries.tokens, wire, Credential("a", Login(registry_token=fresh))).granted is True
    answer = ask(registries.tokens, wire, Credential("b", Login(registry_token=old)))
    assert answer.cause is PullCause.TOKEN_EXPIRED
    assert old not in repr(answer)


def test_an_identity_token_is_exchanged_for_a_token(registries, wire):
    assert ask(registries.tokens, wire, Credential("a", Login(identity_token=REFRESH))).granted is True
    refused = ask(registries.tokens, wire, Credential("a", Login(identity_token="other")))
    assert (refused.cause, refused.failed_at) == (PullCause.WRONG_CREDENTIAL, Step.TOKEN)


def test_a_private_ca_that_is_not_known_is_named_with_who_signed(registries):
    answer = ask(registries.passwords, Wire(), RIGHT)
    assert (answer.granted, answer.cause, answer.failed_at) == (None, PullCause.UNKNOWN_AUTHORITY, Step.TLS)
    assert "private registry CA" in answer.steps[-1].detail


def test_a_wrong_host_is_named_by_the_step_that_fails(registries, wire):
    closed = Target(f"127.0.0.1:{free_ports(1)[0]}", "team/app", "1.0")
    answer = ask_for_pull(closed, (RIGHT,), wire)[-1]
    assert (answer.granted, answer.cause, answer.failed_at) == (None, PullCause.UNREACHABLE, Step.CONNECT)
    nowhere = ask_for_pull(Target("registry.invalid", "team/app", "1.0"), (RIGHT,), wire)[-1]
    assert (nowhere.granted, nowhere.cause, nowhere.failed_at) == (None, PullCause.NAME_UNRESOLVED, Step.DNS)


def test_a_registry_without_tls_is_named_and_can_be_asked_as_such(registries):
    assert ask(registries.open, Wire()).cause is PullCause.PLAIN_HTTP
    assert ask(registries.open, Wire(plain_http=True)).granted is True


def test_a_server_that_says_nothing_ends_with_a_timeout():
    with raw_server(lambda connection: connection.recv(1 << 20) and connection.recv(1)) as (host, port):
        answer = ask_for_pull(Target(f"{host}:{port}", "team/app", "1.0"), (), Wire(timeout=0.5, plain_http=True))[-1]
    assert (answer.granted, answer.cause) == (None, PullCause.TIMEOUT)


def http(status: str, *headers: str, body: str = "") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def answered_by(answer: bytes, *credentials):
    def handler(connection):
        head = connection.recv(65536)
        # HEAD has no body.
        connection.sendall(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if head.startswith(b"HEAD") else answer)

    with raw_server(handler) as (host, port):
        target = Target(f"{host}:{port}", "team/app", "1.0")
        return ask_for_pull(target, credentials, Wire(timeout=3, plain_http=True))[-1]


def test_a_rate_limit_leaves_the_answer_open():
    body = '{"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit"}]}'
    answer = answered_by(http("429 Too Many Requests", body=body))
    assert (answer.granted, answer.cause) == (None, PullCause.RATE_LIMITED)
    assert "pull rate limit" in answer.steps[-1].detail


def test_a_refused_right_is_told_from_a_missing_credential():
    body = '{"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}'
    assert answered_by(http("403 Forbidden", body=body), RIGHT).cause is PullCause.DENIED
    assert answered_by(http("403 Forbidden", body=body)).cause is PullCause.DENIED_OR_MISSING


def test_something_that_is_no_registry_is_named():
    answer = answered_by(http("404 Not Found", body="<html><body>hello</body></html>"))
    assert (answer.granted, answer.cause) == (False, PullCause.NOT_A_REGISTRY)


def test_a_registry_that_fails_leaves_the_answer_open():
    assert answered_by(http("500 Internal Server Error")).cause is PullCause.REGISTRY_ERROR


def test_a_challenge_that_nobody_can_meet_is_named():
    answer = answered_by(http("401 Unauthorized", "WWW-Authenticate: Negotiate"), RIGHT)
    assert (answer.granted, answer.cause) == (None, PullCause.UNSUPPORTED_CHALLENGE)


def test_a_credential_is_never_sent_to_a_token_service_without_tls(registries):
    received = []

    def service(connection):
        received.append(connection.recv(65536))
        connection.sendall(http("200 OK", body='{"token": "x"}'))

    with raw_server(service) as (host, port):
        header = f'WWW-Authenticate: Bearer realm="http://{host}:{port}/token",service="x"'
        with_tls = raw_tls(registries, http("401 Unauthorized", header))
        with with_tls as (tls_host, tls_port):
            target = Target(f"{tls_host}:{tls_port}", "team/app", "1.0")
            answer = ask_for_pull(target, (RIGHT,), Wire(ca=registries.ca, timeout=3))[-1]
    assert answer.cause is PullCause.TOKEN_SERVICE
    assert received == []


def test_a_redirect_to_another_host_does_not_carry_the_credential():
    received = []

    def other(connection):
        received.append(connection.recv(65536))
        connection.sendall(http("200 OK"))

    with raw_server(other) as (host, port):
        answer = answered_by_after_login(f"Location: http://{host}:{port}/elsewhere")
    assert answer.granted is True
    assert [b"authorization" in request.lower() for request in received] == [False]


def answered_by_after_login(location):
    def handler(connection):
        head = connection.recv(65536)
        if b"Authorization: Basic" in head:
            connection.sendall(http("307 Temporary Redirect", location))
        else:
            connection.sendall(http("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"'))

    with raw_server(handler) as (host, port):
        target = Target(f"{host}:{port}", "team/app", "1.0")
        return ask_for_pull(target, (RIGHT,), Wire(timeout=3, plain_http=True))[-1]


def raw_tls(registries, answer):
    context = TlsServer(registries.pair).context()

    def handler(connection):
        tls = SSL.Connection(context, connection)
        tls.set_accept_state()
        tls.do_handshake()
        tls.recv(65536)
        tls.sendall(answer)
        tls.shutdown()

    return raw_server(handler)


def test_every_cause_has_advice():
    assert set(ADVICE) == set(PullCause)
