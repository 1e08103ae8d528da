"""One file of certificates in any form: PEM, DER, PKCS #12, or a kubeconfig. Of a key the hash alone is kept."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12

from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.pem import MAX_BYTES, UNDECIDED, PemBlock, read_pem
from k8srun.sources.derivation import MOST_ITERATIONS, most_iterations
from k8srun.sources.garbage import collector_paused
from k8srun.sources.kubeconfig import reduce_kubeconfig
from k8srun.sources.yamlreader import read_documents
from k8srun.text import visible
from k8srun.x509.keys import key_type, public_key_sha256

STDIN = "standard input"
_MAX_PASSWORD = 4096
# One of its fields, at the beginning of a line or within JSON.
_KUBECONFIG = re.compile(
    rb"""(?:^|[{,])[ \t]*["']?(?:clusters|users|contexts|current-context)["']?[ \t]*:""", re.MULTILINE
)
# PFX ::= SEQUENCE { version INTEGER (3), … }; the length of the sequence takes any of its forms.
_PFX = re.compile(rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x02\x01\x03", re.DOTALL)
_FORMS = "Give PEM, DER, PKCS #12 or a kubeconfig; of manifests: k8srun certs list --from FILE"


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """What was read, reduced, and the form that it had: `PEM`, `DER`, `PKCS #12` or `kubeconfig`."""

    file: HostFile
    form: str


def read_password(path: Path) -> bytes:
    """The password in a file: its content without the line's end.

    Raises:
        InputError: it cannot be read, or is too long to be one. The message holds nothing of it.
    """
    data = _read(str(path), None, _MAX_PASSWORD)
    return data.rstrip(b"\r\n")


def read_certificates(path: str, *, password: bytes | None = None, stdin: BinaryIO | None = None) -> CertificateFile:
    """The certificates and keys in a file. A block that cannot be read is kept with its error, as long as one can be.

    Args:
        path: the file; `-` is standard input.
        password: of a PKCS #12 file.
        stdin: in place of the process's own.

    Raises:
        InputError: the file cannot be read, or holds nothing of the kind; the message says what it holds instead.
    """
    with collector_paused():  # a bundle may hold thousands
        return _read_certificates(path, password, stdin or sys.stdin.buffer)


def _read_certificates(path: str, password: bytes | None, stdin: BinaryIO) -> CertificateFile:
    # A file's name may be any bytes; as a place it has to be text.
    where = STDIN if path == "-" else os.fsencode(path).decode(errors="replace")
    data = _read(path, stdin, MAX_BYTES)
    if b"-----BEGIN " not in data:
        if _PFX.match(data):
            return CertificateFile(_pem_file(where, _pkcs12(data, password, where)), "PKCS #12")
        if data[:512].lstrip()[:1] != b"<" and _KUBECONFIG.search(data):
            base = None if path == "-" else Path(path).parent
            return CertificateFile(_kubeconfig_file(data, where, base), "kubeconfig")
        if data[:1] == b"\x30":
            return CertificateFile(_pem_file(where, _der(data)), "DER")
    return CertificateFile(_pem_file(where, read_pem(data)), "PEM")


def _read(path: str, stdin: BinaryIO | None, most: int) -> bytes:
    where = STDIN if path == "-" and stdin else path
    try:
        if path == "-" and stdin:
            data = stdin.read(most + 1)
        else:
            with Path(path).open("rb") as opened:
                data = opened.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise InputError(str(reason), where=visible(where, limit=400)) from None
    if len(data) > most:
        size = f"{most // 1024 // 1024} MiB" if most >= 1024 * 1024 else f"{most} bytes"
        raise InputError(f"larger than {size}", where=where, do="Is it the right file?")
    return data


def _pem_file(where: str, blocks: tuple[PemBlock, ...]) -> HostFile:
    if not any(_is_of_use(block) for block in blocks):
        first = blocks[0]
        line = f", line {first.line}" if first.label and first.line else ""
        more = f" (and {len(blocks) - 1} more that cannot be read)" if len(blocks) > 1 else ""
        raise InputError(
            f"{first.error or f'a block {first.label}, of no use here'}{more}", where=where + line, do=_FORMS
        )
    return HostFile(where, Topic.PKI, pem=blocks)


def _is_of_use(block: PemBlock) -> bool:
    if block.error == UNDECIDED or block.error.startswith("encrypted"):
        return True
    return bool(block.der or block.public_key_sha256)


def _kubeconfig_file(data: bytes, where: str, base: Path | None) -> HostFile:
    document: Mapping[str, Any] | None = None
    for found in read_documents(data, where):
        if found.error:
            raise InputError(found.error, do=_FORMS)
        document = found.value
        break
    if not isinstance(document, Mapping):
        raise InputError("holds no mapping, so no kubeconfig", where=where, do=_FORMS)
    try:
        return HostFile(where, Topic.KUBECONFIG, kubeconfig=reduce_kubeconfig(document, base))
    except InputError as error:
        raise InputError(error.what, where=where, do=error.do) from None


def _der(data: bytes) -> tuple[PemBlock, ...]:
    """A certificate, or a private key that is not encrypted."""
    blocks = read_pem(data)
    if blocks[0].error in {"", UNDECIDED}:
        return blocks
    try:
        key = serialization.load_der_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message is dropped on purpose: it may quote bytes of the key.
        missing = _missing(data)
        error = "binary, and no certificate or key in DER that is not encrypted"
        if missing:
            error = (
                f"truncated: {missing} bytes are missing" if missing > 0 else f"{-missing} bytes follow the DER in it"
            )
        return blocks if blocks[0].der else (PemBlock("", error=error),)
    return (_key_block(key),)


def _key_block(key: Any) -> PemBlock:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PemBlock("PRIVATE KEY", 0, public_key_sha256=public_key_sha256(spki), key_type=key_type(key))


def _pkcs12(data: bytes, password: bytes | None, where: str) -> tuple[PemBlock, ...]:
    missing = _missing(data)
    if missing > 0:
        raise InputError(f"a truncated PKCS #12 file: {missing} bytes are missing", where=where, do="Copy it again.")
    iterations = most_iterations(data)
    if iterations > MOST_ITERATIONS:
        raise InputError(
            f"a PKCS #12 file that demands {_said(iterations)} rounds of key derivation, more than {MOST_ITERATIONS:,}:"
            " it was not opened",
            where=where,
            do="If it is yours, write it again: openssl pkcs12 -export -iter 100000",
        )
    try:
        held = pkcs12.load_pkcs12(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unopened(error, password, where) from None
    own = [held.cert.certificate] if held.cert else []
    certificates = (*own, *(item.certificate for item in held.additional_certs))
    blocks = [replace(read_pem(item.public_bytes(Encoding.DER))[0], line=0) for item in certificates]
    if held.key is not None:
        blocks.append(_key_block(held.key))
    if not blocks:
        raise InputError("a PKCS #12 file without certificate and key", where=where)
    return tuple(blocks)


def _said(number: int) -> str:
    return f"{number:,}" if number < 10**15 else "an absurd number of"


def _unopened(error: Exception, password: bytes | None, where: str) -> InputError:
    if isinstance(error, UnsupportedAlgorithm):
        return InputError(
            "a PKCS #12 file with an encryption that is not supported",
            where=where,
            do="Turn it into PEM: openssl pkcs12 -legacy -nokeys -in FILE",
        )
    if password is None:
        what, do = "a PKCS #12 file that needs a password, or is damaged", "Give the password with --password-file FILE"
    else:
        what, do = "the password does not open this PKCS #12 file, or it is damaged", "Look at the password's file."
    return InputError(what, where=where, do=do)


def _missing(data: bytes) -> int:
    """How many bytes the outermost DER element is short of; 0 or less when it is whole, or says no length."""
    if len(data) < 2 or data[1] == 0x80:
        return 0
    count = data[1] & 0x7F if data[1] & 0x80 else 0
    size = int.from_bytes(data[2 : 2 + count], "big") if count else data[1]
    return 2 + count + size - len(data)
