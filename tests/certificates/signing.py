"""CertificateSigningRequests as the server writes them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"


@cache
def key(number: object) -> ec.EllipticCurvePrivateKey:
    """The same key for the same number."""
    return ec.generate_private_key(ec.SECP256R1())


def request_pem(
    user: str, groups: Sequence[str] = (), *, pair: Any = None, sans: Sequence[x509.GeneralName] = (), **extension: Any
) -> bytes:
    """A PKCS #10 request; `extension` may hold `basic_constraints`."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    if user:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    for value in extension.values():
        builder = builder.add_extension(value, critical=True)
    return builder.sign(pair or key(user), hashes.SHA256()).public_bytes(Encoding.PEM)


def signing_request(
    user: str,
    groups: Sequence[str] = (),
    *,
    name: str = "",
    by: str = "",
    by_groups: Sequence[str] = ("system:authenticated",),
    signer: str = CLIENT_SIGNER,
    usages: Sequence[str] = ("client auth",),
    seconds: int | None = 3600,
    approved: bool = False,
    pem: bytes = b"",
    **request: Any,
) -> dict[str, Any]:
    """One that `by` (the user itself, if empty) has submitted."""
    spec: dict[str, Any] = {
        "request": base64.b64encode(pem or request_pem(user, groups, **request)).decode(),
        "signerName": signer,
        "usages": list(usages),
        "username": by or user,
        "groups": list(by_groups),
    }
    if seconds is not None:
        spec["expirationSeconds"] = seconds
    conditions = [{"type": "Approved", "status": "True", "reason": "Checked", "message": "in person"}]
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name or f"csr-{user}".replace(":", "-"), "uid": f"uid-{name or user}"},
        "spec": spec,
        "status": {"conditions": conditions} if approved else {},
    }
