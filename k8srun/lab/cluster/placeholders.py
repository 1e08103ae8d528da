"""What stands in the company's manifests for what must be fresh in every lab.

${ago 3d}               a time before the lab's, RFC 3339
${cert NAME}            a certificate of the PKI, PEM
${cert-base64 NAME}     the same, base64: a caBundle, a Secret's data
${cert-twice NAME}      the same, base64 once too often
${token 2d}             a service account's token that ended so long ago
${token-in 1h}          one that begins in so long
${token-for AUDIENCE}   one that is valid, for that audience
${token-from ISSUER}    one that is valid, of that issuer
${token-of NS:NAME}     one that is valid, of that service account
${key-base64 NAME}      its private key, base64
${csr-base64 NAME}      the request that it would be issued for, base64
${random-base64 NAME}   a password, base64; the same wherever the name is the same
${docker-base64 HOST}   a dockerconfigjson with credentials for a registry, base64
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.lab.cluster.identity import timestamp, uid
from k8srun.pki.issuing import Pair, Pki
from k8srun.pki.kubeconfigs import base64_text
from k8srun.pki.spec import moment

_PLACEHOLDER = re.compile(r"\$\{([a-z0-9-]+) ([^}]+)\}")


class Placeholders:
    """Fills them in for one lab."""

    def __init__(self, pki: Pki, now: datetime) -> None:
        self._random: dict[str, str] = {}
        tomorrow = now + timedelta(days=1)
        self._words: dict[str, Callable[[str], str]] = {
            "ago": lambda offset: timestamp(moment(f"-{offset}", now)),
            "cert": lambda name: pki[name].certificate_pem.decode(),
            "cert-base64": lambda name: base64_text(pki[name].certificate_pem),
            "cert-twice": lambda name: base64_text(base64_text(pki[name].certificate_pem).encode()),
            "token": lambda offset: _token(pki, exp=moment(f"-{offset}", now)),
            "token-in": lambda offset: _token(pki, nbf=moment(f"+{offset}", now), exp=moment(f"+{offset}", tomorrow)),
            "token-for": lambda audience: _token(pki, exp=tomorrow, aud=[audience]),
            "token-from": lambda issuer: _token(pki, exp=tomorrow, iss=issuer),
            "token-of": lambda account: _token(pki, exp=tomorrow, sub=f"system:serviceaccount:{account}"),
            "key-base64": lambda name: base64_text(pki[name].key_pem),
            "csr-base64": lambda name: base64_text(_request(pki[name])),
            "random-base64": lambda name: base64_text(self._password(name).encode()),
            "docker-base64": self._docker,
        }

    def fill(self, value: Any) -> Any:
        """`value` with every placeholder in its strings filled in, as a new value.

        Raises:
            InputError: a placeholder, or what it names, does not exist.
        """
        if isinstance(value, str):
            return _PLACEHOLDER.sub(self._word, value) if "${" in value else value
        if isinstance(value, dict):
            return {name: self.fill(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.fill(entry) for entry in value]
        return value

    def _password(self, name: str) -> str:
        return self._random.setdefault(name, secrets.token_urlsafe(24))

    def _docker(self, host: str) -> str:
        password = self._password(host)
        auth = base64_text(f"pull:{password}".encode())
        return base64_text(encode({"auths": {host: {"username": "pull", "password": password, "auth": auth}}}))

    def _word(self, match: re.Match[str]) -> str:
        word, argument = match.groups()
        if word not in self._words:
            raise InputError(f"unknown placeholder {match[0]}", do=f"There are: {', '.join(self._words)}.")
        return self._words[word](argument)


def _request(pair: Pair) -> bytes:
    """A request (PKCS #10) for a certificate's subject and names, signed with its key."""
    names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    builder = x509.CertificateSigningRequestBuilder(pair.certificate.subject).add_extension(names.value, critical=False)
    return builder.sign(pair.key, SHA256()).public_bytes(Encoding.PEM)


_ISSUER = "https://kubernetes.default.svc.cluster.local"


def _token(pki: Pki, **claims: Any) -> str:
    """A service account's token as kube-apiserver signs it for `kubectl create token`."""
    subject = claims.get("sub", "system:serviceaccount:platform:deployer")
    namespace, name = subject.split(":")[2:]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
    begins = claims.get("nbf", claims["exp"] - timedelta(days=1))
    said = {
        "aud": [_ISSUER],
        "iat": begins,
        "iss": _ISSUER,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid(account)}},
        "nbf": begins,
        "sub": subject,
        **claims,
    }
    claims = {name: int(value.timestamp()) if isinstance(value, datetime) else value for name, value in said.items()}
    signed = ".".join(_base64_url(encode(part)) for part in ({"alg": "RS256"}, claims))
    signature = pki.service_account_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{_base64_url(signature)}"


def _base64_url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
