"""The answer of an authorization chain."""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.authorization.model import Grant


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is allowed, by whom, and the proof.

    Attributes:
        allowed: None where it cannot be told: `unknown` says why.
        denied: an authorizer said no, rather than that nobody said yes.
        reason: in the words of the server; empty where it gives none.
        authorizer: who decided: `system:masters`, `RBAC`, `ABAC`, `AlwaysAllow`, `EKS access entries`; empty = nobody.
        proof: of a yes by RBAC.
        unknown: what could not be evaluated and might decide otherwise.
        warnings: what a reader must know although the answer stands.
    """

    allowed: bool | None
    denied: bool = False
    reason: str = ""
    authorizer: str = ""
    proof: Grant | None = None
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """`yes`, `no` or `unknown`."""
        return "unknown" if self.allowed is None else "yes" if self.allowed else "no"
