from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.controlplane.pki import SERVER, Authority, Pair
from tests.registry.issuer import FORBIDDEN, ISSUER, SERVICE, Issuer
from tests.registry.server import HTPASSWD, Registry, running


@dataclass(frozen=True)
class Registries:
    """One storage behind three doors: open and without TLS, with passwords, with tokens."""

    open: Registry
    passwords: Registry
    tokens: Registry
    issuer: Issuer
    pair: Pair
    ca: bytes
    """DER of the CA that signed the certificates of the latter two and of the token service."""
    ca_pem: bytes
    digest: str
    """Of `team/app:1.0`."""


@pytest.fixture(scope="session")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    folder = tmp_path_factory.mktemp("registries")
    authority = Authority("private registry CA")
    pair = authority.issue("registry", usages=SERVER, sans=["127.0.0.1", "localhost"])
    certificate, key, passwords, trusted = (folder / name for name in ("tls.crt", "tls.key", "htpasswd", "issuer.crt"))
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    passwords.write_text(HTPASSWD)
    trusted.write_bytes(authority.pair.certificate)
    issuer = Issuer(pair)
    tls = {"certificate": str(certificate), "key": str(key)}
    with issuer.serving(certificate, key) as realm:
        by_password = {"htpasswd": {"realm": "tests", "path": str(passwords)}}
        by_token = {
            "token": {
                "realm": realm,
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(trusted),
            }
        }
        with (
            running(folder, "open") as anybody,
            running(folder, "passwords", tls=tls, auth=by_password) as basic,
            running(folder, "tokens", tls=tls, auth=by_token) as bearer,
        ):
            digest = anybody.push_image("team/app", "1.0")
            anybody.push_image(FORBIDDEN, "1.0")
            der = x509.load_pem_x509_certificate(authority.pair.certificate).public_bytes(Encoding.DER)
            yield Registries(anybody, basic, bearer, issuer, pair, der, authority.pair.certificate, digest)
