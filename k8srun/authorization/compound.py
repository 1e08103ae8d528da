"""Requests for which one review is not enough: what the server asks beside them.

Sources: kubernetes `pkg/registry/core/pod/rest/subresources.go`, `pkg/registry/rbac/escalation_check.go`,
`plugin/pkg/admission/certificates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.decision import Decision
from k8srun.authorization.model import RBAC_GROUP

_STREAMS = frozenset({"exec", "attach", "portforward"})
_WRITES = frozenset({"create", "update", "patch"})
_CERTIFICATES = "certificates.k8s.io"


def review_as_client(authorization: Authorization, identity: Identity, request: Attributes) -> Decision:
    """The answer to a request, with a warning for what else the server asks of whoever makes it."""
    decision = authorization.review(identity, request)
    if decision.allowed is False:
        return decision
    return replace(decision, warnings=(*decision.warnings, *besides(authorization, identity, request)))


def besides(authorization: Authorization, identity: Identity, request: Attributes) -> Iterator[str]:
    """What else the server asks for such a request and this identity may not, a sentence each."""
    for also, why in _also_asked(request):
        if not authorization.review(identity, also).allowed:
            yield f"{also.verb} {also.target} is not allowed: {why}"


def _also_asked(request: Attributes) -> Iterator[tuple[Attributes, str]]:
    if request.resource == "pods" and request.subresource in _STREAMS:
        for verb in ("get", "create"):
            if verb != request.verb:
                why = f"since Kubernetes 1.35 {request.subresource} over WebSocket needs get and create"
                yield replace(request, verb=verb), why
    if request.verb not in _WRITES:
        return
    if request.group == RBAC_GROUP and request.resource in {"roles", "clusterroles"}:
        why = "the server lets them write only rules that they hold themselves"
        yield replace(request, verb="escalate"), why
    if request.group == RBAC_GROUP and request.resource in {"rolebindings", "clusterrolebindings"}:
        why = "the server lets them bind only roles whose rules they hold themselves, or on which they may bind by name"
        yield replace(request, verb="bind", resource="clusterroles", name=""), why
    if (request.group, request.resource, request.subresource) == (
        _CERTIFICATES,
        "certificatesigningrequests",
        "approval",
    ):
        why = "the server also asks for it, by the name of the request's signer"
        yield Attributes("approve", _CERTIFICATES, "signers"), why
