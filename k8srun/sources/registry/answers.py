"""What a registry answered when it was asked for an image: the steps of a pull, and the one that failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """The steps of a pull, in their order."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CHALLENGE = "challenge"
    TOKEN = "token"  # noqa: S105 - a step, not a token
    MANIFEST = "manifest"


class PullCause(StrEnum):
    """Why a registry does not hand out an image."""

    NAME_UNRESOLVED = "name-unresolved"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNKNOWN_AUTHORITY = "unknown-authority"
    TLS_FAILED = "tls-failed"
    PLAIN_HTTP = "plain-http"
    NOT_A_REGISTRY = "not-a-registry"
    SECRET_MALFORMED = "secret-malformed"  # noqa: S105
    SECRET_UNREAD = "secret-unread"  # noqa: S105
    NO_CREDENTIAL = "no-credential"
    WRONG_CREDENTIAL = "wrong-credential"
    TOKEN_EXPIRED = "token-expired"  # noqa: S105
    TOKEN_SERVICE = "token-service"  # noqa: S105
    UNSUPPORTED_CHALLENGE = "unsupported-challenge"
    DENIED = "denied"
    DENIED_OR_MISSING = "denied-or-missing"
    REPOSITORY_MISSING = "repository-missing"
    TAG_MISSING = "tag-missing"
    RATE_LIMITED = "rate-limited"
    REGISTRY_ERROR = "registry-error"


UNANSWERED = frozenset(
    {
        PullCause.NAME_UNRESOLVED,
        PullCause.UNREACHABLE,
        PullCause.TIMEOUT,
        PullCause.UNKNOWN_AUTHORITY,
        PullCause.TLS_FAILED,
        PullCause.PLAIN_HTTP,
        PullCause.SECRET_UNREAD,
        PullCause.TOKEN_SERVICE,
        PullCause.UNSUPPORTED_CHALLENGE,
        PullCause.RATE_LIMITED,
        PullCause.REGISTRY_ERROR,
    }
)
"""After these nobody knows whether the registry would grant the pull: a node may reach it where this machine cannot."""

ADVICE: dict[PullCause, str] = {
    PullCause.NAME_UNRESOLVED: "Check the registry's name in the image, and DNS where you ask and on the node.",
    PullCause.UNREACHABLE: "Check host and port of the registry, and the firewall or egress policy in between.",
    PullCause.TIMEOUT: "Something drops the packets: check egress rules and proxies between here and the registry.",
    PullCause.UNKNOWN_AUTHORITY: "Give the registry's CA with --ca here, and put it on every node for the runtime"
    " (containerd: /etc/containerd/certs.d/HOST/ca.crt).",
    PullCause.TLS_FAILED: "Look at the registry's certificate: k8srun diagnose --endpoint HOST:PORT",
    PullCause.PLAIN_HTTP: "The registry speaks plain HTTP: give it TLS, or allow it on every node by name"
    " (containerd: hosts.toml with an http:// server); ask again with --plain-http.",
    PullCause.NOT_A_REGISTRY: "Something else answers there: check the registry's host and port in the image.",
    PullCause.SECRET_MALFORMED: "Make the pull secret again, or take it from the pod: while it cannot be parsed, the"
    " kubelet pulls none of the pod's images.",
    PullCause.SECRET_UNREAD: "Ask again with --secrets, of a live cluster, as somebody who may read the pull secrets:"
    " the pod has credentials that were not tried.",
    PullCause.NO_CREDENTIAL: "Attach a pull secret for this registry to the pod or its ServiceAccount.",
    PullCause.WRONG_CREDENTIAL: "Renew the pull secret: user or password are not (or no longer) accepted.",
    PullCause.TOKEN_EXPIRED: "Renew the credential: the token in it has expired (or the clocks differ).",
    PullCause.TOKEN_SERVICE: "Ask whoever runs the registry: its token service does not give a usable token.",
    PullCause.UNSUPPORTED_CHALLENGE: "The registry wants an authentication that no container runtime offers.",
    PullCause.DENIED: "The credential is accepted, but has no right to pull this repository: grant it there.",
    PullCause.DENIED_OR_MISSING: "The registry does not tell a missing repository from a missing right: check the"
    " spelling, then the rights of the credential.",
    PullCause.REPOSITORY_MISSING: "Correct the repository in the image's name: the registry has none of that name.",
    PullCause.TAG_MISSING: "Correct the tag or digest, or push it: the repository is there, this manifest is not.",
    PullCause.RATE_LIMITED: "Wait, or pull with an account or through a mirror that has a higher limit.",
    PullCause.REGISTRY_ERROR: "The registry itself fails: look at its log, and try again later.",
}
"""What to do about each cause."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step went, in words that hold no secret."""

    step: Step
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class PullAnswer:
    """Whether a registry grants the pull of an image with one credential.

    Attributes:
        image: the reference in full.
        registry: host (and port) that was asked.
        credential: where the credential is from (`Secret shop/pull, entry registry.example.com, user ci`), or `none`.
        steps: what was done, to the step that failed.
        granted: None where the answer is not known; see `UNANSWERED`.
        cause: why it is not granted; None when it is.
        digest: of the manifest, as the registry names it.
        media_type: of the manifest.
    """

    image: str
    registry: str
    credential: str
    steps: tuple[StepResult, ...]
    granted: bool | None
    cause: PullCause | None = None
    digest: str = ""
    media_type: str = ""

    @property
    def failed_at(self) -> Step | None:
        return next((result.step for result in self.steps if not result.passed), None)

    @property
    def advice(self) -> str:
        """What to do next; empty when the pull is granted."""
        return ADVICE[self.cause] if self.cause else ""
