"""The HTTP of the live source: it cannot write, and what an unreliable server does is a reason, never a surprise."""

from __future__ import annotations

import email.utils
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from k8srun.snapshot import GapReason
from k8srun.sources import exchange, transport
from k8srun.sources.connection import Server
from k8srun.sources.credentials import Credentials
from k8srun.sources.failure import ReadError
from tests.sources.scripted import (
    answer,
    asking,
    drop,
    error,
    failure_of,
    hang,
    leave,
    serving,
    trickle,
    trickling,
    zipped,
)

CANARY = "canary-4f1d0e-0123456789abcdef"
PODS = "/api/v1/pods"
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
OK = {"kind": "PodList", "items": []}


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch):
    monkeypatch.setattr(transport, "_FIRST_PAUSE", 0.01)


class TestItCannotWrite:
    @pytest.mark.parametrize(
        "path",
        [
            "/api/v1/namespaces/shop/pods/web/exec",
            "/api/v1/namespaces/shop/pods/web/attach",
            "/api/v1/namespaces/shop/pods/web/portforward",
            "/api/v1/namespaces/shop/pods/web/proxy/admin/delete",
            "/api/v1/namespaces/shop/services/web/proxy",
            "/api/v1/nodes/node-1/proxy/exec/shop/web/app",
            "/api/v1/nodes/node-1/proxy/run/shop/web/app",
            "/api/v1/pods/../nodes/node-1/proxy/exec",
            "/api/v1/pods?x=%0d%0aDELETE",
            "/api/v1/pods HTTP/1.1\r\nX: y",
            "//elsewhere.example/api",
            "",
        ],
    )
    def test_a_get_that_may_change_something_is_refused_before_a_byte_is_sent(self, path):
        with serving({}) as script, asking(script.server) as client:
            with pytest.raises(ValueError, match=r"reading|path"):
                client.get(path)
            assert script.seen == []

    @pytest.mark.parametrize(
        "path",
        [
            PODS,
            "/api/v1/namespaces/shop/serviceaccounts/web/token",
            "/apis/certificates.k8s.io/v1/certificatesigningrequests",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x",
            f"{REVIEW}/../../../../api/v1/pods",
        ],
    )
    def test_nothing_but_a_review_is_posted(self, path):
        with serving({path: [answer(OK)]}) as script, asking(script.server) as client:
            with pytest.raises(ValueError, match="only access and identity reviews"):
                client.review(path, {})
            assert script.seen == []

    @pytest.mark.parametrize(
        "path",
        [
            REVIEW,
            "/apis/authentication.k8s.io/v1/tokenreviews",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            "/apis/authorization.k8s.io/v1/namespaces/shop/localsubjectaccessreviews",
        ],
    )
    def test_every_review_is_posted_with_its_body(self, path):
        with serving({path: [answer({"status": {}}, 201)]}) as script, asking(script.server) as client:
            assert client.review(path, {"spec": {"a": 1}}) == {"status": {}}
            (seen,) = script.seen
            assert (seen.method, seen.body, seen.headers["content-type"]) == (
                "POST",
                b'{"spec":{"a":1}}',
                ["application/json"],
            )

    @pytest.mark.parametrize("path", ["/api/v1/nodes/node-1/proxy/configz", "/api/v1/nodes/node-1/proxy/logs/syslog"])
    def test_the_kubelets_configuration_and_logs_may_be_read(self, path):
        with serving({path: [answer(OK)]}) as script, asking(script.server) as client:
            assert client.get(path) == OK

    def test_names_that_look_like_subresources_may_be_read(self):
        path = "/api/v1/namespaces/proxy/configmaps/exec"
        with serving({path: [answer(OK)]}) as script, asking(script.server) as client:
            assert client.get(path) == OK


class TestWhatIsSent:
    def test_credentials_impersonation_and_query_are_sent_and_the_path_of_the_server_comes_first(self):
        headers = (("Authorization", f"Bearer {CANARY}"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
        with serving({f"/k8s/clusters/c-1{PODS}": [answer(OK)]}) as script:
            server = script.server
            server = Server(f"{server.url}/k8s/clusters/c-1", server.host, server.port)
            with asking(server, credentials=Credentials(headers=headers)) as client:
                assert client.get(PODS, {"limit": "5", "continue": "a+b/c="}) == OK
            (seen,) = script.seen
        assert seen.path == f"/k8s/clusters/c-1{PODS}?limit=5&continue=a%2Bb%2Fc%3D"
        assert seen.headers["authorization"] == [f"Bearer {CANARY}"]
        assert seen.headers["impersonate-group"] == ["a", "b"]
        assert seen.headers["user-agent"][0].startswith("k8srun/")

    def test_a_request_that_was_begun_is_at_the_server_before_its_answer_is_asked_for(self):
        with serving({PODS: [answer(OK)]}) as script, asking(script.server) as client:
            ask = client.begin_get(PODS)
            assert script.arrived.wait(5)
            assert ask() == b'{"kind": "PodList", "items": []}'
            assert len(script.seen) == 1

    def test_one_connection_serves_many_requests(self):
        ports = set()

        def note_port(handler):
            ports.add(handler.client_address[1])
            answer(OK)(handler)

        with serving({PODS: [note_port]}) as script, asking(script.server) as client:
            for _ in range(3):
                client.get(PODS)
        assert len(ports) == 1

    def test_a_compressed_answer_is_read(self):
        with serving({PODS: [zipped(b'{"kind":"PodList"}')]}) as script, asking(script.server) as client:
            assert client.get(PODS) == {"kind": "PodList"}
            assert script.seen[0].headers["accept-encoding"] == ["gzip"]


class TestAnswersThatAreErrors:
    @pytest.mark.parametrize(
        ("status", "message", "reason", "detail"),
        [
            (401, "Unauthorized", GapReason.UNAUTHORIZED, "Unauthorized"),
            (
                403,
                'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
                GapReason.FORBIDDEN,
                'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
            ),
            (404, "no such thing", GapReason.REFUSED, "404 Not Found: no such thing"),
            (410, "too old", GapReason.INTERRUPTED, "410 Gone: too old"),
            (422, "no", GapReason.REFUSED, "422 Unprocessable Entity: no"),
        ],
    )
    def test_what_a_second_try_cannot_mend_is_said_at_once_in_the_servers_words(self, status, message, reason, detail):
        with serving({PODS: [error(status, message)]}) as script:
            failure = failure_of(asking(script.server))
            assert len(script.seen) == 1
        assert (failure.reason, failure.detail, failure.status, failure.where) == (reason, detail, status, PODS)

    def test_an_error_without_words_has_its_status(self):
        with serving({PODS: [answer(b"", 403)]}) as script:
            assert failure_of(asking(script.server)).detail == "403 Forbidden"

    def test_the_page_of_a_proxy_is_not_quoted(self):
        with serving({PODS: [answer(b"<html><body>Sign in</body></html>", 404)]}) as script:
            assert failure_of(asking(script.server)).detail == "404 Not Found: an HTML page (of a proxy or a login?)"

    def test_a_token_that_the_server_repeats_is_not_passed_on(self):
        with serving({PODS: [error(401, f"invalid Authorization: Bearer {CANARY}")]}) as script:
            failure = failure_of(asking(script.server))
        assert CANARY not in f"{failure} {failure!r} {failure.detail}"
        assert failure.detail.startswith("invalid ")

    def test_terminal_escapes_of_the_server_are_inert(self):
        with serving({PODS: [error(403, "no\x1b[2Jpods")]}) as script:
            assert "\x1b" not in failure_of(asking(script.server)).detail

    def test_a_redirect_is_not_followed_since_it_would_carry_the_credentials_along(self):
        with serving({PODS: [answer(b"", 302, Location="/elsewhere")], "/elsewhere": [answer(OK)]}) as script:
            failure = failure_of(asking(script.server))
            assert [seen.path for seen in script.seen] == [PODS]
        assert (failure.reason, failure.status) == (GapReason.REFUSED, 302)

    @pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'["a"]', b'{"kind":', b"", b"\xff\xfe", b"[" * 100_000])
    def test_an_answer_that_is_no_json_object_is_malformed(self, body):
        with serving({PODS: [answer(body)]}) as script:
            failure = failure_of(asking(script.server))
        assert failure.reason is GapReason.MALFORMED
        assert len(failure.detail) < 400


class TestSecondTries:
    def test_a_busy_server_is_asked_again_when_it_said(self):
        with (
            serving({PODS: [error(429, "busy", Retry_After="0"), answer(OK)]}) as script,
            asking(script.server) as client,
        ):
            assert client.get(PODS) == OK
            assert len(script.seen) == 2

    def test_a_date_to_retry_after_is_understood(self):
        past = email.utils.format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
        future = email.utils.format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
        with serving({PODS: [error(429, "busy", Retry_After=past), error(429, "busy", Retry_After=future)]}) as script:
            failure = failure_of(asking(script.server))
            assert len(script.seen) == 2
        assert failure.detail == "429 Too Many Requests: busy"

    def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for(self):
        with serving({PODS: [error(429, "busy", Retry_After="3600")]}) as script:
            failure = failure_of(asking(script.server))
            assert len(script.seen) == 1
        assert (failure.reason, failure.status) == (GapReason.REFUSED, 429)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_in_trouble_is_asked_again(self, status):
        with serving({PODS: [error(status, "later"), error(status, "later"), answer(OK)]}) as script:
            with asking(script.server) as client:
                assert client.get(PODS) == OK
            assert len(script.seen) == 3

    def test_a_server_that_stays_in_trouble_is_given_up(self):
        with serving({PODS: [error(503, "apiserver is shutting down")]}) as script:
            failure = failure_of(asking(script.server))
            assert len(script.seen) == 4
        assert failure.detail == "503 Service Unavailable: apiserver is shutting down"
        assert failure.reason is GapReason.UNREACHABLE

    def test_a_connection_dropped_halfway_is_made_anew(self):
        with serving({PODS: [drop, answer(OK)]}) as script, asking(script.server) as client:
            assert client.get(PODS) == OK
            assert len(script.seen) == 2

    def test_a_connection_that_is_always_dropped_is_an_interruption(self):
        with serving({PODS: [drop]}) as script:
            failure = failure_of(asking(script.server))
            assert len(script.seen) == 4
        assert failure.reason is GapReason.INTERRUPTED
        assert failure.detail.startswith("the connection was lost")

    def test_a_connection_that_the_server_closed_meanwhile_is_replaced(self):
        with serving({PODS: [leave(OK)]}) as script, asking(script.server) as client:
            assert client.get(PODS) == client.get(PODS) == OK

    def test_a_review_is_asked_again_too_since_it_changes_nothing(self):
        with serving({REVIEW: [drop, answer(OK, 201)]}) as script, asking(script.server) as client:
            assert client.review(REVIEW, {}) == OK


class TestBounds:
    def test_a_server_that_hangs_is_a_timeout(self):
        with serving({PODS: [hang]}) as script:
            failure = failure_of(asking(script.server, timeout=0.2))
            assert len(script.seen) == 1
        assert (failure.reason, failure.detail) == (GapReason.TIMEOUT, "no answer in time")

    def test_a_server_that_sends_a_byte_now_and_then_is_a_timeout(self):
        with serving({PODS: [trickle]}) as script:
            failure = failure_of(asking(script.server, timeout=0.3))
        assert failure.reason is GapReason.TIMEOUT
        assert failure.detail.startswith("the answer did not end in time")

    @pytest.mark.parametrize(("beginning", "again"), [
        (b"HTTP/1.1 200 OK\r\n", b"A"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 60000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9999\r\n\r\n\x1f\x8b\x08\x08" + bytes(6), b"x"),
    ], ids=["header", "100 Continue", "chunk size", "error", "gzip"])  # fmt: skip
    def test_whatever_a_server_trickles_the_time_of_a_request_ends(self, beginning, again):
        with serving({PODS: [trickling(beginning, again)]}) as script:
            failure = failure_of(asking(script.server, timeout=0.3))
        assert (failure.reason, "in time" in failure.detail) == (GapReason.TIMEOUT, True)

    def test_who_breaks_off_does_not_wait_for_a_server_that_hangs(self):
        failures = []

        def ask(client):
            with pytest.raises(ReadError) as failed:
                client.get(PODS)
            failures.append(failed.value.reason)

        with serving({PODS: [hang]}) as script:
            with asking(script.server, timeout=3600) as client:
                thread = threading.Thread(target=ask, args=(client,))
                thread.start()
                script.arrived.wait()
            thread.join(timeout=60)
        assert failures == [GapReason.INTERRUPTED]

    def test_retries_end_with_the_time_of_the_request(self):
        with serving({PODS: [error(503, "later", Retry_After="1")]}) as script:
            failure = failure_of(asking(script.server, timeout=0.5))
            assert len(script.seen) == 1
        assert failure.status == 503

    def test_an_answer_that_is_too_large_is_not_read_to_its_end(self, monkeypatch):
        monkeypatch.setattr(exchange, "MAX_BYTES", 1024 * 1024)
        with serving({PODS: [answer(b" " * 3_000_000)]}) as script:
            failure = failure_of(asking(script.server))
        assert (failure.reason, failure.detail) == (GapReason.TOO_LARGE, "the answer is over 1 MiB")

    def test_a_compressed_bomb_is_bounded_by_what_comes_out(self, monkeypatch):
        monkeypatch.setattr(exchange, "MAX_BYTES", 1024 * 1024)
        with serving({PODS: [zipped(b" " * 50_000_000)]}) as script:
            assert failure_of(asking(script.server)).reason is GapReason.TOO_LARGE

    def test_after_three_silences_the_server_is_not_asked_again(self):
        with serving({PODS: [hang]}) as script, asking(script.server, timeout=0.1) as client:
            reasons = []
            for _ in range(5):
                with pytest.raises(ReadError) as failed:
                    client.get(PODS)
                reasons.append(failed.value.detail)
            assert len(script.seen) == 3
        assert reasons[2:] == ["no answer in time", *["not asked: the server had stopped answering"] * 2]

    def test_an_answer_in_between_shows_that_the_server_lives(self):
        with (
            serving({PODS: [hang, hang, answer(OK), hang, hang, answer(OK)]}) as script,
            asking(script.server, timeout=0.1) as client,
        ):
            for _ in range(2):
                for _ in range(2):
                    with pytest.raises(ReadError):
                        client.get(PODS)
                assert client.get(PODS) == OK


class TestNoServer:
    def test_a_port_that_nobody_listens_on_is_unreachable(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound but not listening
            port = taken.getsockname()[1]
            failure = failure_of(asking(Server(f"http://127.0.0.1:{port}", "127.0.0.1", port)))
        assert (failure.reason, failure.detail) == (GapReason.UNREACHABLE, "Connection refused")

    def test_a_name_that_is_not_resolved_is_unreachable(self, monkeypatch):
        def unknown(*_: object) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        failure = failure_of(asking(Server("http://api.example:80", "api.example", 80)))
        assert (failure.reason, failure.detail) == (
            GapReason.UNREACHABLE,
            "the name is not resolved: Name or service not known",
        )
