"""The openssl commands that make the same PKI, for a POSIX shell in an empty folder."""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath

from k8srun.pki.spec import AuthoritySpec, CertificateSpec, PkiSpec, moment

_EKU = {"server": "serverAuth", "client": "clientAuth"}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SERVICE_ACCOUNTS = (
    "openssl genrsa -out sa.key 2048",
    "openssl rsa -in sa.key -pubout -out sa.pub",
    "chmod 644 sa.pub",
)


def commands(spec: PkiSpec) -> dict[str, tuple[str, ...]]:
    """The commands for each certificate by its id, authorities first: they are to be run in this order."""
    made = {name: _authority(name, authority) for name, authority in spec.authorities.items()}
    return made | {name: _leaf(name, leaf) for name, leaf in spec.certificates.items()}


def preparation(paths: Iterable[str]) -> tuple[str, ...]:
    """What comes before the commands: keys for their owner alone, and the folders of these paths."""
    folders = sorted({str(PurePosixPath(path).parent) for path in paths} - {"."})
    return ("umask 077", *([f"mkdir -p {shlex.join(folders)}"] if folders else []))


def script(spec: PkiSpec) -> str:
    """All of it as one shell script."""
    lines = ["#!/bin/sh", "set -eu", *preparation((*spec.authorities, *spec.certificates))]
    for name, made in commands(spec).items():
        lines += ["", f"# {name}", *made]
    return "\n".join([*lines, "", "# the keys of service account tokens", *SERVICE_ACCOUNTS, ""])


def _authority(name: str, spec: AuthoritySpec) -> tuple[str, ...]:
    extensions = (
        "basicConstraints = critical, CA:TRUE",
        "keyUsage = critical, digitalSignature, keyEncipherment, keyCertSign",
        "subjectKeyIdentifier = hash",
        f"subjectAltName = DNS:{spec.common_name}",
    )
    return (
        *_requested(name, f"/CN={_escaped(spec.common_name)}", extensions),
        _signed(name, f"-signkey {name}.key", spec.not_after),
        _opened(name),
    )


def _leaf(name: str, spec: CertificateSpec) -> tuple[str, ...]:
    extensions = [
        "basicConstraints = critical, CA:FALSE",
        "keyUsage = critical, digitalSignature, keyEncipherment",
        f"extendedKeyUsage = {', '.join(_EKU[usage] for usage in spec.usages)}",
        "authorityKeyIdentifier = keyid",
    ]
    if spec.sans:
        extensions.append(f"subjectAltName = {', '.join(_general_names(spec.sans))}")
    groups = "".join(f"/O={_escaped(group)}" for group in spec.organizations)
    return (
        *_requested(name, f"{groups}/CN={_escaped(spec.common_name)}", extensions),
        _signed(name, f"-CA {spec.issuer}.crt -CAkey {spec.issuer}.key -CAcreateserial", spec.not_after),
        _opened(name),
    )


def _requested(name: str, subject: str, extensions: Iterable[str]) -> tuple[str, ...]:
    return (
        f"openssl genrsa -out {name}.key 2048",
        f"openssl req -new -key {name}.key -subj {shlex.quote(subject)} -out {name}.csr",
        f"printf '%s\\n' {shlex.join(extensions)} > {name}.ext",
    )


def _signed(name: str, by: str, end: str) -> str:
    return f"openssl x509 -req -in {name}.csr {by} -sha256 -days {_days(end)} -extfile {name}.ext -out {name}.crt"


def _opened(name: str) -> str:
    """A certificate is public, and programs of other users read it."""
    return f"chmod 644 {name}.crt"


def _general_names(sans: Iterable[str]) -> Iterator[str]:
    for name in sans:
        try:
            yield f"IP:{ipaddress.ip_address(name)}"
        except ValueError:
            yield f"DNS:{name}"


def _escaped(value: str) -> str:
    """As openssl's -subj wants it, where a slash begins the next attribute and a plus joins two."""
    return "".join(f"\\{char}" if char in "\\/+" else char for char in value)


def _days(offset: str) -> int:
    return (moment(offset, _EPOCH) - _EPOCH).days
