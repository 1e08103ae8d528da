"""CertificateSigningRequests: who asks whom for which certificate, and what became of it.

Source: `certificates.k8s.io/v1`. Nothing is judged here, see `k8srun.certificates.request_risks`.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from enum import StrEnum

from k8srun.certificates.shapes import at, entries, text
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.pem import REQUEST_LABELS, read_pem
from k8srun.snapshot import JsonObject, Snapshot
from k8srun.x509 import CertificateRequest, MalformedRequest

API_VERSION = "certificates.k8s.io/v1"
CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING_SIGNER = "kubernetes.io/kubelet-serving"
LEGACY_SIGNER = "kubernetes.io/legacy-unknown"


class RequestState(StrEnum):
    """What became of a request. A denial outweighs an approval, as for the signers."""

    PENDING = "pending"
    APPROVED = "approved"
    ISSUED = "issued"
    DENIED = "denied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """One CertificateSigningRequest.

    Attributes:
        name, uid, created: of the object; `created` as the server writes it.
        signer: who is asked to sign.
        usages: what the object asks for; the signer goes by these and not by those in the request.
        expiration_seconds: how long it is to be valid; 0 = as the signer decides.
        username, groups: who asked, as the server saw them.
        state, reason: what became of it, and the words of who decided.
        request: what is asked for; None when it cannot be read, and `error` says why.
        certificate_pem: what was issued; empty if nothing was, or it is not base64.
        item: the object.
    """

    name: str
    uid: str
    created: str
    signer: str
    usages: tuple[str, ...]
    expiration_seconds: int
    username: str
    groups: tuple[str, ...]
    state: RequestState
    reason: str = ""
    request: CertificateRequest | None = None
    error: str = ""
    certificate_pem: bytes = b""
    item: JsonObject = field(default_factory=dict, repr=False)

    @property
    def user(self) -> str:
        """The user that the certificate would make whoever holds it; empty if it cannot be read."""
        return self.request.common_name if self.request else ""

    @property
    def for_groups(self) -> tuple[str, ...]:
        """The groups that the certificate would put its holder into."""
        return self.request.organizations if self.request else ()

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided on it yet."""
        return self.state is RequestState.PENDING

    @property
    def is_granted(self) -> bool:
        """Whether it was approved, be it issued yet or not."""
        return self.state in {RequestState.APPROVED, RequestState.ISSUED}


def signing_requests(snapshot: Snapshot) -> tuple[SigningRequest, ...]:
    """Every request of a snapshot, by name."""
    found = map(read_signing_request, snapshot.of(CERTIFICATE_SIGNING_REQUEST))
    return tuple(sorted(found, key=lambda request: request.name))


def read_signing_request(item: JsonObject) -> SigningRequest:
    """A CertificateSigningRequest of any shape: what cannot be read of it is said in `error`. Raises nothing."""
    seconds = at(item, "spec", "expirationSeconds")
    request, error = _request(at(item, "spec", "request"))
    state, reason = _state(item)
    return SigningRequest(
        name=text(at(item, "metadata", "name")),
        uid=text(at(item, "metadata", "uid")),
        created=text(at(item, "metadata", "creationTimestamp")),
        signer=text(at(item, "spec", "signerName")),
        usages=_texts(at(item, "spec", "usages")),
        expiration_seconds=seconds if isinstance(seconds, int) and not isinstance(seconds, bool) else 0,
        username=text(at(item, "spec", "username")),
        groups=_texts(at(item, "spec", "groups")),
        state=state,
        reason=reason,
        request=request,
        error=error,
        certificate_pem=_decoded(at(item, "status", "certificate")),
        item=item,
    )


def _request(value: object) -> tuple[CertificateRequest | None, str]:
    if not value:
        return None, "it holds no request"
    pem = _decoded(value)
    return read_request(pem) if pem else (None, "spec.request is not base64")


def read_request(pem: bytes) -> tuple[CertificateRequest | None, str]:
    """The one request in PEM, or why there is none."""
    blocks = read_pem(pem)
    if len(blocks) != 1 or blocks[0].label not in REQUEST_LABELS:
        # The error of something that is no PEM at all says more than that it is no request.
        said = blocks[0].error if len(blocks) == 1 else ""
        return None, said or "not one CERTIFICATE REQUEST block"
    if not blocks[0].der:
        return None, blocks[0].error
    try:
        return CertificateRequest.from_der(blocks[0].der), ""
    except MalformedRequest as error:
        return None, error.what


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(text(value), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _state(item: JsonObject) -> tuple[RequestState, str]:
    said = {
        text(condition.get("type")): text(condition.get("message")) or text(condition.get("reason"))
        for condition in entries(at(item, "status", "conditions"))
        if text(condition.get("status")) in {"True", ""}
    }
    for kind, state in (("Denied", RequestState.DENIED), ("Failed", RequestState.FAILED)):
        if kind in said:
            return state, said[kind]
    if "Approved" in said:
        issued = bool(at(item, "status", "certificate"))
        return RequestState.ISSUED if issued else RequestState.APPROVED, said["Approved"]
    return RequestState.PENDING, ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(part for part in value if isinstance(part, str)) if isinstance(value, list | tuple) else ()
