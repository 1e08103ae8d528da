"""Plans for CertificateSigningRequests: submit, approve, deny, and all that it takes to issue one certificate.

A plan is deterministic: the key and the request are made before, once, at a named path. What is critical about a
request is refused here unless it is allowed by its name.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from k8srun import steps
from k8srun.certificates.request_risks import Risk, risks
from k8srun.certificates.requests import (
    API_VERSION,
    CLIENT_SIGNER,
    KUBELET_CLIENT_SIGNER,
    KUBELET_SERVING_SIGNER,
    SigningRequest,
    read_signing_request,
)
from k8srun.errors import InputError, RefusedError
from k8srun.findings import Severity
from k8srun.plan import Plan, Question
from k8srun.text import plural, visible
from k8srun.x509 import Certificate

KIND = "CertificateSigningRequest"
SHORTEST_SECONDS = 600
"""The API server takes no shorter expirationSeconds."""
_SIGNS_BY_ITSELF = frozenset({CLIENT_SIGNER, KUBELET_CLIENT_SIGNER, KUBELET_SERVING_SIGNER})
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def request_object(
    name: str,
    pem: bytes,
    *,
    expiration_seconds: int,
    signer: str = CLIENT_SIGNER,
    usages: Sequence[str] = ("client auth",),
) -> dict[str, Any]:
    """The CertificateSigningRequest to create.

    Args:
        name: of the object.
        pem: the request.
        expiration_seconds: how long the certificate is to be valid, at least 600.

    Raises:
        InputError: one of them cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{visible(name, limit=80)!r} cannot be an object's name",
            do="Use lower case letters, digits, dots and dashes: --name jane",
        )
    if expiration_seconds < SHORTEST_SECONDS:
        raise InputError(
            f"{expiration_seconds} seconds are too short", do=f"The API server wants at least {SHORTEST_SECONDS}."
        )
    spec = {
        "request": base64.b64encode(pem).decode(),
        "signerName": signer,
        "usages": list(usages),
        "expirationSeconds": expiration_seconds,
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": spec}


def submit_plan(
    body: dict[str, Any], *, cluster: str, allow: Collection[str] = (), username: str = "", groups: Sequence[str] = ()
) -> Plan:
    """Submit a request.

    Args:
        body: from `request_object`.
        cluster: uid of the cluster.
        allow: names of what is critical and wanted all the same: a group, a user.
        username, groups: who submits it, as far as that is known.

    Raises:
        RefusedError: it asks for something critical that is not allowed.
        InputError: the request cannot be read.
    """
    request, found = _reviewed(body, username, groups, (), ())
    _require_allowed(request, found, allow, "submitted")
    create = steps.create(body, f"{_whom(request)} needs a certificate")
    return Plan(
        title=f"Request a certificate of {_whom(request)}",
        cluster=cluster,
        steps=(create,),
        impact=_impact(request, found, granted=False),
        verify=(Question("object-exists", {"object": _named(request.name)}),),
        planned_by=username,
    )


def decision_plan(
    request: SigningRequest,
    found: Sequence[Risk],
    *,
    cluster: str,
    deny: bool = False,
    reason: str = "",
    allow: Collection[str] = (),
    planned_by: str = "",
) -> Plan:
    """Approve a request, or deny it.

    Args:
        found: its risks.
        cluster: uid of the cluster.
        reason: stands in the request's condition for everybody to read.
        allow: names of what is critical and wanted all the same: a group, a user. A denial needs none.

    Raises:
        RefusedError: it asks for something critical that is not allowed.
        InputError: somebody has decided on it already.
    """
    if not request.is_open:
        said = f": {visible(request.reason, limit=200)}" if request.reason else ""
        raise InputError(
            f"it is {request.state} already{said}",
            where=f"{KIND} {visible(request.name, limit=80)}",
            do="A decision stands. Delete the request and submit it anew if it was wrong.",
        )
    whom = _whom(request)
    if deny:
        step = steps.approve(request.item, reason or f"the request for {whom} is not wanted", deny=True)
        question = Question(
            "field-equals", {"object": _named(request.name), "path": "/status/conditions/0/type", "value": "Denied"}
        )
        title, impact = f"Deny a certificate of {whom}", ("No certificate is issued for this request, now or later.",)
        return Plan(title, cluster, (step,), impact, (question,), planned_by)
    _require_allowed(request, found, allow, "approved")
    step = steps.approve(request.item, reason or f"the request for {whom} was checked")
    return Plan(
        title=f"Approve a certificate of {whom}",
        cluster=cluster,
        steps=(step,),
        impact=_impact(request, found, granted=True),
        verify=_issued(request),
        planned_by=planned_by,
    )


def issue_plan(
    body: dict[str, Any],
    certificate_path: str,
    *,
    cluster: str,
    reason: str,
    allow: Collection[str] = (),
    username: str = "",
    groups: Sequence[str] = (),
    others: Iterable[SigningRequest] = (),
    certificates: Iterable[Certificate] = (),
) -> Plan:
    """Submit a request, approve it and fetch its certificate: what an administrator does who issues one.

    Args:
        body: from `request_object`.
        certificate_path: the file that the certificate is written to; it must not exist.
        reason: why it is approved.
        username, groups: who does it, as far as that is known.
        others, certificates: to recognise a key that is used twice.

    Raises:
        RefusedError: it asks for something critical that is not allowed.
        InputError: the request cannot be read.
    """
    request, found = _reviewed(body, username, groups, others, certificates)
    _require_allowed(request, found, allow, "issued")
    whom = _whom(request)
    return Plan(
        title=f"Issue a certificate to {whom}",
        cluster=cluster,
        steps=(
            steps.create(body, f"{whom} needs a certificate"),
            steps.approve(body, reason),
            steps.fetch_certificate(body, certificate_path, f"{whom} needs it beside the key"),
        ),
        impact=_impact(request, found, granted=True),
        verify=_issued(request),
        planned_by=username,
    )


def _reviewed(
    body: dict[str, Any],
    username: str,
    groups: Sequence[str],
    others: Iterable[SigningRequest],
    certificates: Iterable[Certificate],
) -> tuple[SigningRequest, tuple[Risk, ...]]:
    """What is about to be submitted, as it will be, and its risks."""
    request = replace(read_signing_request(body), username=username, groups=tuple(groups))
    if request.request is None:
        raise InputError(f"the request cannot be read: {request.error}", do="Make one: k8srun csr make USER")
    if not request.request.is_signed:
        raise InputError("the request is not signed with its own key: no signer takes it")
    return request, risks(request, others, certificates)


def _require_allowed(request: SigningRequest, found: Iterable[Risk], allow: Collection[str], what: str) -> None:
    if request.request is None:
        raise RefusedError(
            f"it is not {what}: what it asks for cannot be read: {request.error}",
            where=f"{KIND} {visible(request.name, limit=80)}",
            do=f"Deny it: k8srun csr deny {visible(request.name, limit=80)}",
        )
    refused = [risk for risk in found if risk.severity is Severity.CRITICAL and risk.subject not in allow]
    if refused:
        flags = " ".join(f"--allow {visible(risk.subject, limit=120)}" for risk in refused)
        raise RefusedError(
            f"it is not {what}: {'; '.join(risk.message for risk in refused)}",
            where=f"{KIND} {visible(request.name, limit=80)}",
            do=f"Grant rights by RBAC to a user or group of your own. If it has to be this: {flags}",
        )


def _impact(request: SigningRequest, found: Iterable[Risk], *, granted: bool) -> tuple[str, ...]:
    groups = [visible(group, limit=120) for group in request.for_groups]
    member = f" in {'group' if len(groups) == 1 else 'groups'} {', '.join(groups)}" if groups else ""
    lasts = (
        f"for at most {_span(request.expiration_seconds)}" if request.expiration_seconds else "as its signer decides"
    )
    becomes = f"Whoever holds the key {'becomes' if granted else 'would become'} the user {_whom(request)}{member}"
    return (
        f"{becomes}, {lasts}{'; it cannot be called back' if granted else ', once it is approved'}.",
        *(f"{risk.severity.value}: {risk.message}." for risk in found),
    )


def _span(seconds: int) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            return plural(seconds // length, unit)
    return plural(seconds, "second")


def _issued(request: SigningRequest) -> tuple[Question, ...]:
    """Only Kubernetes' own signers are known to sign by themselves."""
    if request.signer not in _SIGNS_BY_ITSELF:
        return ()
    return (Question("certificate-issued", {"name": request.name}),)


def _whom(request: SigningRequest) -> str:
    return visible(request.user, limit=120) or "no name"


def _named(name: str) -> dict[str, str]:
    return {"apiVersion": API_VERSION, "kind": KIND, "namespace": "", "name": name}
