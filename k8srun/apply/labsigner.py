"""What the controllers and the API server of a lab would issue: certificates and service account tokens."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from k8srun.codec import encode

_ISSUER = "https://kubernetes.default.svc.cluster.local"
_A_YEAR = 365 * 24 * 3600
_SIGNERS = {
    "kubernetes.io/kube-apiserver-client": ExtendedKeyUsageOID.CLIENT_AUTH,
    "kubernetes.io/kube-apiserver-client-kubelet": ExtendedKeyUsageOID.CLIENT_AUTH,
    "kubernetes.io/kubelet-serving": ExtendedKeyUsageOID.SERVER_AUTH,
}


def signs(signer: str) -> bool:
    """Whether the controller manager of a cluster signs for this signer."""
    return signer in _SIGNERS


def sign_request(spec: Mapping[str, Any], pki: Path, now: datetime) -> str:
    """The certificate for the spec of an approved CertificateSigningRequest, PEM in base64.

    Args:
        pki: folder with ca.crt and ca.key.

    Raises:
        ValueError: the request or the CA cannot be read, or the request does not prove its key.
    """
    request = x509.load_pem_x509_csr(base64.b64decode(spec["request"]))
    if not request.is_signature_valid:
        raise ValueError("the request is not signed with its own key")
    authority = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
    key = _private_key(pki / "ca.key")
    lasts = timedelta(seconds=min(int(spec.get("expirationSeconds") or _A_YEAR), _A_YEAR))
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(min(now + lasts, authority.not_valid_after_utc))
        .add_extension(x509.ExtendedKeyUsage([_SIGNERS[spec["signerName"]]]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for extension in request.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    certificate = builder.sign(key, SHA256())
    return base64.b64encode(certificate.public_bytes(Encoding.PEM)).decode()


def issue_token(account: Mapping[str, Any], spec: Mapping[str, Any], pki: Path, now: datetime) -> dict[str, str]:
    """The status of a TokenRequest: a JWT signed with the lab's service account key, and when it ends.

    Args:
        account: the ServiceAccount.
        spec: of the TokenRequest, with the uid of the bound object.
        pki: folder with sa.key.
    """
    metadata, bound = account["metadata"], spec["boundObjectRef"]
    ends = now + timedelta(seconds=int(spec["expirationSeconds"]))
    claims = {
        "iss": _ISSUER,
        "sub": f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}",
        "aud": spec.get("audiences") or [_ISSUER],
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int(ends.timestamp()),
        "kubernetes.io": {
            "namespace": metadata["namespace"],
            "serviceaccount": {"name": metadata["name"], "uid": metadata["uid"]},
            bound["kind"].lower(): {"name": bound["name"], "uid": bound["uid"]},
        },
    }
    key = _private_key(pki / "sa.key")
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the service account key is no RSA key")
    signed = b".".join(_base64url(encode(part)) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = key.sign(signed, padding.PKCS1v15(), SHA256())
    token = b".".join((signed, _base64url(signature))).decode()
    return {"token": token, "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _private_key(path: Path) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path.name} holds no key that signs certificates")
    return key


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
