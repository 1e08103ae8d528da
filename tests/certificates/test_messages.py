"""Any text in, the certificate error in it out."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from OpenSSL._util import ffi, lib

from k8srun.certificates.catalogue import CATALOGUE
from k8srun.certificates.messages import TRIGGER, normalized, read
from k8srun.certificates.verifier.hostnames import hostname_error
from k8srun.certificates.wrappers import address_of
from k8srun.x509.gotext import parse_ip
from tests.certificates import der
from tests.certificates.message_cases import CASES
from tests.certificates.model import key, leaf

UNKNOWN = "x509: certificate signed by unknown authority"
# The verify codes that the catalogue knows, and the family of each.
VERIFY_CODES = {
    9: "x509-not-yet-valid",
    10: "x509-expired",
    18: "x509-unknown-authority",
    19: "x509-unknown-authority",
    20: "x509-unknown-authority",
    21: "x509-unknown-authority",
    25: "x509-path-length",
    26: "x509-key-usage",
    34: "x509-critical-extension",
    47: "x509-name-constraint",
    62: "x509-name-mismatch",
    64: "x509-name-mismatch",
    68: "x509-weak-signature",
    79: "x509-leaf-as-ca",
    85: "x509-strict-verifier",
    89: "x509-strict-verifier",
    92: "x509-strict-verifier",
}


def field_of(symptom, path):
    for name in path.split("."):
        symptom = getattr(symptom, name)
    return symptom.isoformat() if isinstance(symptom, datetime) else symptom


@pytest.mark.parametrize(("text", "family", "told"), CASES, ids=[f"{case[1]}-{n}" for n, case in enumerate(CASES)])
def test_a_message_is_read_in_whatever_it_is_wrapped(text, family, told):
    symptom = read(text)

    assert symptom is not None
    assert symptom.family == family
    assert {path: field_of(symptom, path) for path in told} == told


@pytest.mark.parametrize(("code", "family"), VERIFY_CODES.items())
def test_openssls_verify_codes_are_known_by_number_and_by_word(code, family):
    words = ffi.string(lib.X509_verify_cert_error_string(code)).decode()

    for text in (
        f"error {code} at 0 depth lookup: {words}",
        f"verify error:num={code}:{words}",
        f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {words} (_ssl.c:1006)",
        f"Verify return code: {code} (words of another version)",
    ):
        assert read(text).family == family, text


def test_every_family_of_the_catalogue_is_among_the_cases():
    assert {entry.family for entry in CATALOGUE} == {family for _, family, _ in CASES}


def test_no_row_is_out_of_reach_of_the_first_look_at_a_line():
    assert [text for text, _, _ in CASES if not TRIGGER.search(text)] == []
    assert [entry.family for entry in CATALOGUE if not TRIGGER.search(entry.message)] == []


@pytest.mark.parametrize(
    "dressed",
    [
        f"\x1b[31mUnable to connect to the server\x1b[0m: {UNKNOWN}",
        f"“{UNKNOWN}”",
        f"> {UNKNOWN}\r\n",
        UNKNOWN.upper(),
        f"mara@laptop:~$ kubectl get nodes\nUnable to connect to the server: {UNKNOWN}\nmara@laptop:~$",
        "x509: certificate signed by\nunknown authority",
    ],
)
def test_colours_quotes_prompts_and_wrapping_do_not_hide_a_message(dressed):
    assert read(dressed).family == "x509-unknown-authority"


def test_a_message_that_a_terminal_wrapped_within_its_brackets_is_read_whole():
    text = (
        "Unable to connect to the server: x509: certificate signed by unknown authority (possibly because of\n"
        '"crypto/rsa: verification error" while trying to verify candidate authority certificate\n"kubernetes")\n'
    )

    assert read(text).family == "x509-ca-rebuilt"
    assert read(text).authority == "kubernetes"


def test_quotes_may_be_escaped_as_often_as_logs_within_logs_do():
    once = r"(possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"kubernetes\")"  # noqa: E501
    twice = once.replace("\\", "\\\\\\")

    for text in (once, twice):
        assert read(f"{UNKNOWN} {text}").hint == "crypto/rsa: verification error"


def test_of_several_messages_the_most_telling_is_taken_and_the_others_are_kept():
    text = "\n".join(
        [
            "error: You must be logged in to the server (Unauthorized)",
            'Get "https://10.0.0.1:6443/api": EOF',
            "http: TLS handshake error from 10.0.0.7:1: remote error: tls: bad certificate",
            f"Unable to connect to the server: {UNKNOWN}",
        ]
    )

    symptom = read(text)

    assert symptom.family == "x509-unknown-authority"
    assert {"kubectl-unauthorized", "tls-closed", "tls-bad-certificate-in-server"} <= set(symptom.also)


def test_of_equal_messages_the_first_is_taken():
    text = "x509: certificate is valid for a, not first.example\nx509: certificate is valid for a, not second.example"

    assert read(text).wanted == "first.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        'pods is forbidden: User "mara" cannot list resource "pods" in API group "" at the cluster scope',
        "Warning: BackOff restarting failed container",
        "dial tcp 10.0.0.1:6443: i/o timeout",
        "dial tcp 10.0.0.1:6443: connect: connection refused",
        "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
        "pull access denied, repository does not exist or may require 'docker login'",
        "kubectl get certificates",
        "the certificate of attendance was issued and the key handed over",
        'Get "ftp://x": unsupported protocol scheme "ftp"',
        "wrong version number in package.json",
        "Hostname mismatch in the config",
        "HTTP_REQUEST_TIMEOUT=30, HTTP_REQUEST received",
        'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 4',
    ],
)
def test_what_is_no_certificate_error_is_not_taken_for_one(text):
    assert read(text) is None


NAMELESS = leaf("api", key("P-256", 1), None).certificate()
NAMED = leaf("api", key("P-256", 1), None, der.dns("a.example"), der.dns("b.example")).certificate()
ANYTHING_DIALLED = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40).filter(
    lambda host: parse_ip(host.strip("[]")) is None and host.lower() not in {"a.example", "b.example", "api"}
)


@given(ANYTHING_DIALLED)
@example("")
@example("api_server")
@example("api example")
@example("münchen.example")
@example("-")
def test_gos_message_on_names_is_known_whatever_host_was_dialled(host):
    for certificate, family in ((NAMELESS, "x509-no-names"), (NAMED, "x509-name-mismatch")):
        message = hostname_error(certificate, host)
        symptom = read(f"Unable to connect to the server: tls: failed to verify certificate: {message}")
        assert symptom is not None, message
        assert family in {symptom.family, *symptom.also}


@pytest.mark.parametrize("host", ["api", "api-1.example", "*.example", "my_host", "10.0.0.1:6443", "münchen.example"])
def test_the_host_that_was_dialled_is_read_as_it_stands(host):
    for message in (f"certificate is not valid for any names, but wanted to match {host}",
                    f"certificate is valid for a.example, not {host}"):  # fmt: skip
        assert read(f"x509: {message}").wanted == host
        assert read(f'Post "https://x": tls: failed to verify certificate: x509: {message}"').wanted == host


def test_secrets_do_not_survive():
    key = "-----BEGIN RSA PRIVATE KEY-----\nTUlJRXBBSUJBQUtDQVFFQQ==\n-----END RSA PRIVATE KEY-----"
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    text = (
        f"curl -H 'Authorization: Bearer {token}' --token=hunter2hunter2 https://user:hunter3@10.0.0.1:6443/ "
        f"password=hunter4 : {UNKNOWN}\n{key}"
    )

    kept = repr(read(text)) + normalized(key)

    for secret in (token, "hunter2", "hunter3", "hunter4", "TUlJRXBB"):
        assert secret not in kept


def test_reduction_does_not_touch_what_a_message_says():
    assert read("certificate verify failed: Basic Constraints of CA cert not marked critical") is not None


def test_hostile_characters_are_shown_and_do_not_act():
    text = f'Get "https://api\u202eexample:6443/\x1b]0;title\x07": {UNKNOWN} \u200b\u2066 not'

    kept = repr(read(text))

    assert not any(character in kept for character in "\u202e\u200b\u2066\x1b\x07")


@pytest.mark.parametrize(
    "text",
    [
        "remote-addr" * 100_000,
        "https://" * 100_000,
        "certificate is valid for " + "a, " * 200_000,
        '"' * 300_000 + "x509",
        "(" * 300_000 + "tls",
        ('possibly because of "' * 50_000) + UNKNOWN,
        "-----BEGIN PRIVATE KEY-----" * 20_000,
        "\x1b]" * 200_000 + "tls",
        "x509 " * 200_000,
    ],
    ids=range(9),
)
def test_an_absurd_text_is_read_to_its_end(text):
    read(text)  # that it returns is the test: a pattern that backtracks would take hours


def test_a_message_in_the_middle_of_an_absurdly_long_line_is_found():
    assert read("a b " * 100_000 + UNKNOWN + " c d" * 100_000).family == "x509-unknown-authority"


@given(st.text(max_size=400))
def test_no_text_raises(text):
    read(text)


@given(st.sampled_from([case[0] for case in CASES]), st.text(max_size=40), st.text(max_size=40))
def test_a_message_that_is_cut_or_surrounded_by_noise_never_raises(message, before, after):
    read(before + message + after)
    read(message[len(before) :])
    read(message[: -len(after) or None])


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://10.0.0.1:6443/api", ("10.0.0.1", 6443)),
        ("https://API.example", ("api.example", 443)),
        ("http://api.example/x", ("api.example", 80)),
        ("https://[2001:db8::1]:6443", ("2001:db8::1", 6443)),
        ("https://user:pass@api.example:1", ("api.example", 1)),
        ("ftp://x", ("", 0)),
        ("", ("", 0)),
    ],
)
def test_an_address_is_read_off_a_url(url, address):
    assert address_of(url) == address
