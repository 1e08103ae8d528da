"""PEM and DER, read block by block: one broken block does not hide the others, and a private key leaves only a hash.

Source of the format: RFC 7468. Parsing is `cryptography`'s; this module finds the blocks and says where one is broken.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from k8srun.x509.certificate import Certificate, MalformedCertificate
from k8srun.x509.frame import elements
from k8srun.x509.keys import key_type, load_private_key, public_key_sha256

MAX_BYTES = 16 * 1024 * 1024
# The error of a certificate that is whole as DER goes and that the library refuses: Go refuses less, and other things.
UNDECIDED = "a certificate that cannot be read here; Kubernetes may read it, or refuse it"

_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{1,64})-----((?:[^-]++|-)*?)(?:-----END ([A-Z0-9 ]{1,64})-----|(?=-----BEGIN )|\Z)"
)
CERTIFICATE_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
REQUEST_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
# Other blocks whose content is public by definition; of one with any other label nothing but the label is kept.
_PUBLIC_LABELS = frozenset({"PUBLIC KEY", "RSA PUBLIC KEY", "X509 CRL", "PKCS7", "EC PARAMETERS", "DH PARAMETERS"})

# What `k8srun collect-script` leaves of a private key: the label `REDUCED EC PRIVATE KEY`, and in its body the
# hash and the type of the key, or that it was encrypted, or nothing when it could not be read.
_REDUCED = "REDUCED "
_REDUCED_KEY = re.compile(
    rb"(?m)^(?:sha256 ([0-9a-f]{64}) ?([A-Za-z0-9._-]{0,20}(?: [A-Za-z0-9._-]{1,20})?)|(encrypted))\s*$"
)
# What Go, and so Kubernetes, passes over as if it were not there.
_HEADERS = re.compile(rb"(?:[ \t]*\r?\n)?((?:[^\n:]*:[^\n]*\n)*)(.*)", re.DOTALL)
_LINE_END = re.compile(rb"[ \t]*(?:\r?\n|\Z)")
PASSED_OVER = "Kubernetes passes over it"
_MISPLACED = f"BEGIN and END do not stand on lines of their own: {PASSED_OVER}"
_MARKED = f"a byte order mark stands before BEGIN: {PASSED_OVER} (save the file without the mark)"
_HEADED = f"a certificate with header lines below BEGIN: {PASSED_OVER}"
_LABELLED = f"a certificate that is not labelled CERTIFICATE: {PASSED_OVER}"
_ENCRYPTED = "encrypted with a passphrase: which certificate it belongs to cannot be told"
_SEQUENCE, _BITS = 0x30, 0x03
_JAVA_KEYSTORE = b"\xfe\xed\xfe\xed"
_UNREADABLE_KEY = "malformed or unsupported private key"


@dataclass(frozen=True, slots=True)
class PemBlock:
    """One block of a PEM file (or a whole DER file, with `line` 0).

    Attributes:
        label: `CERTIFICATE`, `PRIVATE KEY`, …
        line: where it begins, counted from 1.
        der: the bytes of what is public (certificate, request, public key, CRL); empty for a private key.
        public_key_sha256: SHA-256 of the SubjectPublicKeyInfo, hex: equal for a key and the certificate made for it.
        key_type: `RSA 2048`, `EC secp256r1`, `Ed25519`; empty when there is none or it cannot be read.
        error: why it cannot be read; empty when it can.
    """

    label: str
    line: int = 1
    der: bytes = b""
    public_key_sha256: str = ""
    key_type: str = ""
    error: str = ""

    @property
    def is_certificate(self) -> bool:
        return self.label in CERTIFICATE_LABELS

    @property
    def is_private_key(self) -> bool:
        return self.label.endswith("PRIVATE KEY")


def read_pem(data: bytes) -> tuple[PemBlock, ...]:
    """The blocks of a PEM file, in order, each read or with its error.

    Data without any block gives one block labelled `` with the error, unless it is a DER certificate. Never raises on
    bad input and never returns anything of a private key but the hash of its public half.
    """
    if len(data) > MAX_BYTES:
        return (PemBlock("", error=f"larger than {MAX_BYTES // 1024 // 1024} MiB: not a certificate or key file"),)
    blocks: list[PemBlock] = []
    line, counted = 1, 0
    for match in _BLOCK.finditer(data):
        line, counted = line + data.count(b"\n", counted, match.start()), match.start()
        blocks.append(_read_block(match, line))
    if blocks:
        return tuple(blocks)
    if data[:1] == b"\x30":
        return (_read_der("CERTIFICATE", data, 0),)
    return (PemBlock("", error=_not_pem(data)),)


def _not_pem(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if not head:
        return "empty"
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "an HTML or XML page, not PEM (an error page saved in its place?)"
    if data.startswith(_JAVA_KEYSTORE):
        return "a Java keystore: turn it into PKCS #12 (keytool -importkeystore -deststoretype pkcs12)"
    if data[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return "text in UTF-16, not PEM: save it as UTF-8"
    if _is_base64_of_pem(data):
        return "base64 of a PEM file: encoded once too often"
    return "no PEM block found"


def _is_base64_of_pem(data: bytes) -> bool:
    try:
        return b"-----BEGIN " in base64.b64decode(data[:4096].strip()[:1024], validate=False)
    except (binascii.Error, ValueError):
        return False


def _read_block(match: re.Match[bytes], line: int) -> PemBlock:
    written = match.group(1).decode()
    label = written.removeprefix(_REDUCED)
    headers, text = _HEADERS.fullmatch(match.group(2)).groups()  # type: ignore[union-attr]  # it takes every text
    if error := _flaw(match) or _passed_over(label, headers):
        return PemBlock(label, line, error=error)
    if label.endswith("PRIVATE KEY"):
        read = _read_private_key if label == written else _read_reduced_key
        return read(label, match.group(0), line)
    try:
        der = base64.b64decode(text.translate(None, b" \t\r\n"), validate=True)
    except (binascii.Error, ValueError):
        return PemBlock(label, line, error="not valid base64")
    return _read_der(label, der, line)


def _flaw(match: re.Match[bytes]) -> str:
    """Why a block is none, because of how it begins and ends; empty if it is one."""
    data, start, body, end = match.string, match.start(), match.group(2), match.group(3)
    if end is None:
        return "truncated: no END line"
    if end != match.group(1):
        return f"ends as {end.decode()}: two blocks run into each other"
    if data.endswith(codecs.BOM_UTF8, 0, start):
        return _MARKED
    begins_a_line = data[max(start - 1, 0) : start] in {b"", b"\n"} and _LINE_END.match(body)
    ends_a_line = body.endswith(b"\n") and _LINE_END.match(data, match.end())
    return "" if begins_a_line and ends_a_line else _MISPLACED


def _passed_over(label: str, headers: bytes) -> str:
    """Why Go takes a block that is one for no certificate; empty if it does, or if it is of another kind."""
    if label not in CERTIFICATE_LABELS:
        return ""
    return _LABELLED if label != "CERTIFICATE" else _HEADED if headers else ""


def _read_der(label: str, der: bytes, line: int) -> PemBlock:
    try:
        if label in CERTIFICATE_LABELS:
            return _certificate_block(label, Certificate.from_der(der), line)
        if label in REQUEST_LABELS:
            public = x509.load_der_x509_csr(der).public_key()
        elif label == "PUBLIC KEY":
            public = serialization.load_der_public_key(der)  # type: ignore[assignment]
        else:
            return PemBlock(label, line, der=der if label in _PUBLIC_LABELS else b"")
    except UnsupportedAlgorithm as error:
        # The request itself can still be read; only its key is of a kind that the library does not know.
        return PemBlock(label, line, der=der, key_type="unsupported", error=f"unsupported key algorithm: {error}")
    except (ValueError, x509.InvalidVersion, MalformedCertificate):
        if label in CERTIFICATE_LABELS and _is_whole(der):
            return PemBlock(label, line, error=UNDECIDED)
        what = {"PUBLIC KEY": "public key"}.get(label, label.lower())
        return PemBlock(label, line, error=f"malformed {what}: not valid DER (truncated or altered?)")
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PemBlock(label, line, der=der, public_key_sha256=public_key_sha256(spki), key_type=key_type(public))


def _is_whole(der: bytes) -> bool:
    """Whether it has the form of a certificate: what is signed, the algorithm, the signature."""
    try:
        ((tag, *content),) = elements(der)
        return [tag, *(inner for inner, *_ in elements(der, *content))] == [_SEQUENCE, _SEQUENCE, _SEQUENCE, _BITS]
    except ValueError:
        return False


def _certificate_block(label: str, certificate: Certificate, line: int) -> PemBlock:
    # What cannot be read of a certificate is its own to say; a key of an unknown kind leaves nothing to pair it by.
    error = "" if certificate.key_type else "its public key cannot be read"
    return PemBlock(label, line, certificate.der, certificate.public_key_sha256, certificate.key_type, error)


def _read_private_key(label: str, text: bytes, line: int) -> PemBlock:
    if label == "ENCRYPTED PRIVATE KEY" or b"ENCRYPTED" in text.split(b"\n\n", 1)[0]:
        return PemBlock(label, line, error=_ENCRYPTED)
    try:
        key = load_private_key(text)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message is dropped on purpose: it may quote bytes of the key.
        return PemBlock(label, line, error=_UNREADABLE_KEY)
    public = key.public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PemBlock(label, line, public_key_sha256=public_key_sha256(spki), key_type=key_type(public))


def _read_reduced_key(label: str, text: bytes, line: int) -> PemBlock:
    body = _REDUCED_KEY.search(text)
    if body is None:
        return PemBlock(label, line, error=_UNREADABLE_KEY)
    if body.group(3):
        return PemBlock(label, line, error=_ENCRYPTED)
    return PemBlock(label, line, public_key_sha256=body.group(1).decode(), key_type=body.group(2).decode())
