"""One refusal, as far as its text tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from k8srun.authorization.attributes import Attributes, Identity


class DenialKind(StrEnum):
    """Who refused, and for what."""

    ACCESS = "access"
    """An authorizer: RBAC has no rule for it, or a webhook, the Node authorizer or a cloud said no."""
    CREATE_CHECK = "create check"
    """exec, attach or portforward over WebSocket: the request carries `get`, and `create` is asked for as well."""
    ESCALATION = "escalation"
    """RBAC itself, of who writes a role or a binding that holds more than they do."""
    AGGREGATION = "aggregation"
    MASTERS = "impersonation of system:masters"
    SIGNER = "signer"
    OWNER_REFERENCE = "owner reference"
    NODE_RESTRICTION = "node restriction"
    KUBELET = "kubelet"
    CLOUD = "cloud IAM"
    ARGO_CD = "Argo CD"
    POD_SECURITY = "Pod Security"
    WEBHOOK = "admission webhook"
    POLICY = "ValidatingAdmissionPolicy"
    QUOTA = "quota"
    TERMINATING = "terminating namespace"
    CUT = "cut off"
    """An authorizer's, whose text is not whole: it does not say where, or what."""
    BARE = "bare"
    """A 403 of which the client prints nothing but that it is one."""
    OTHER = "other"
    """A 403 that an admission plugin unknown here wrote, or of which an audit event tells nothing more."""
    UNAUTHENTICATED = "unauthenticated"
    """A 401: the server does not know who asks."""


_NOBODY = Identity("")


@dataclass(frozen=True, slots=True)
class Denial:
    """One refusal. Fields are empty where the text does not tell.

    Attributes:
        message: the core message, without the wrappers of clients and logs; for display, not for matching.
        identity: who was refused; groups only where the text lists them, never guessed.
        request: what was asked for; None where the text does not say it whole.
        target: the object as the message names it before `is forbidden` (`pods "web"`).
        reason: what the authorizer or the admission plugin added, its lines joined by newlines.
        about: the webhook, policy, quota, signer, node or namespace that the message names.
        rules: of an escalation, the rules that are not held, as the server prints them.
        client: what printed it or sent the request (`kubectl`, `reflector`, `Helm`, …).
        at: when, as far as a log line or an audit event says it; as written.
    """

    kind: DenialKind
    message: str
    identity: Identity = _NOBODY
    request: Attributes | None = None
    target: str = ""
    reason: str = ""
    about: str = ""
    rules: tuple[str, ...] = ()
    client: str = ""
    at: str = ""

    @property
    def is_about_rbac(self) -> bool:
        """Whether a grant can end it."""
        return self.kind in {DenialKind.ACCESS, DenialKind.CREATE_CHECK, DenialKind.ESCALATION, DenialKind.CUT}
