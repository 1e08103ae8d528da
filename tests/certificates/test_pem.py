"""PEM as files hold it: what Kubernetes finds in a bundle is what is found here, the rest is named."""

from __future__ import annotations

import codecs
import functools
import random
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from k8srun.pem import read_pem
from k8srun.x509 import certificates_of
from tests.certificates.goverify import GoVerify
from tests.certificates.model import authority, key


@functools.cache
def pem(number: int) -> str:
    made = authority(f"ca-{number}", key("P-256")).der()
    return x509.load_der_x509_certificate(made).public_bytes(Encoding.PEM).decode()


PASSED_OVER: dict[str, tuple[Callable[[str], str], str]] = {
    "indented": (lambda text: "".join(f"  {line}" for line in text.splitlines(True)), "lines of their own"),
    "on one line": (lambda text: text.replace("\n", " "), "lines of their own"),
    "without line ends": (lambda text: text.replace("\n", ""), "lines of their own"),
    "behind other text": (lambda text: f"ca: {text}", "lines of their own"),
    "with lines that end in CR": (lambda text: text.replace("\n", "\r"), "lines of their own"),
    "END behind base64": (lambda text: text.replace("\n-----END", "-----END"), "lines of their own"),
    "text behind END": (lambda text: text.rstrip() + " # the old one\n", "lines of their own"),
    "a byte order mark": (lambda text: codecs.BOM_UTF8.decode() + text, "byte order mark"),
    "another label": (lambda text: text.replace("CERTIFICATE", "X509 CERTIFICATE"), "not labelled CERTIFICATE"),
    "headers": (lambda text: text.replace("-----\n", "-----\nComment: old\n\n", 1), "with header lines"),
    "a colon in the base64": (lambda text: text[:200] + ":" + text[200:], "not valid base64"),
    "cut off": (lambda text: text[: len(text) // 2], "no END line"),
}
TAKEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "with CRLF": lambda text: text.replace("\n", "\r\n"),
    "with blanks at the ends of lines": lambda text: text.replace("\n", " \t\n"),
    "with blanks in the base64": lambda text: text.replace("M", " M"),
    "below a comment": lambda text: f"# the old one\nsubject=CN = x\n{text}",
    "without the last line end": lambda text: text.rstrip("\n"),
    "behind a BEGIN without END": lambda text: f"-----BEGIN CERTIFICATE-----\n{text}",
}


@pytest.mark.parametrize("form", PASSED_OVER)
def test_a_block_that_kubernetes_passes_over_is_no_certificate_and_says_why(go: GoVerify, form: str) -> None:
    change, reason = PASSED_OVER[form]
    bundle = f"{change(pem(1))}\n{pem(2)}".encode()
    blocks = read_pem(bundle)
    assert reason in blocks[0].error
    assert blocks[0].der == b""
    assert [found.sha256 for found in certificates_of(blocks)] == go.certificates_in(bundle)


@pytest.mark.parametrize("form", TAKEN)
def test_a_block_that_kubernetes_takes_is_taken(go: GoVerify, form: str) -> None:
    bundle = TAKEN[form](pem(1)).encode()
    found = [found.sha256 for found in certificates_of(read_pem(bundle))]
    assert len(found) == 1
    assert found == go.certificates_in(bundle)


def test_the_certificates_of_a_bundle_are_those_that_go_takes_from_it(go: GoVerify) -> None:
    changes = [*TAKEN.values(), *(change for change, _ in PASSED_OVER.values())]
    taken = 0
    for seed in range(400):
        rng = random.Random(seed)
        parts = []
        for number in range(rng.randint(1, 4)):
            text = pem(number)
            for change in rng.choices(changes, k=rng.choice((1, 1, 2))):
                text = change(text)
            parts.append(text)
        bundle = rng.choice(("", "\n")).join(parts).encode()
        found = [found.sha256 for found in certificates_of(read_pem(bundle))]
        assert found == go.certificates_in(bundle), bundle
        taken += len(found)
    assert taken > 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_pem_in_utf_16_is_named(encoding: str) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    (block,) = read_pem(mark + pem(1).encode(encoding))
    assert block.error == "text in UTF-16, not PEM: save it as UTF-8"
