"""Certificate policies along a chain (RFC 5280, 6.1, as RFC 9618 amends it), with any policy acceptable at the end."""

from __future__ import annotations

from collections.abc import Sequence

from k8srun.checks import Undecided
from k8srun.x509 import Certificate

_ANY = "2.5.29.32.0"


def policies_valid(chain: Sequence[Certificate]) -> bool:
    """Whether a chain, leaf first, has the policies that its CAs demand. Without such a demand it has.

    Raises:
        Undecided: a CA maps policies onto others, which is not read here.
    """
    below_anchor = chain[:-1]
    if all(certificate.require_explicit_policy is None for certificate in below_anchor) and not any(
        certificate.has_policy_mappings for certificate in below_anchor[1:]
    ):
        return True
    unlimited = len(below_anchor) + 1
    explicit_in = any_forbidden_in = unlimited
    # The policies that are valid at this depth. None: a certificate above has no policies at all.
    valid: set[str] | None = {_ANY}
    for depth in range(len(below_anchor) - 1, -1, -1):
        certificate = below_anchor[depth]
        if depth and certificate.has_policy_mappings:
            raise Undecided(f"{certificate.subject} maps certificate policies, which is not evaluated here")
        any_counts = any_forbidden_in > 0 or (depth > 0 and certificate.self_issued)
        valid = _next_policies(valid, certificate, any_counts=any_counts)
        if explicit_in == 0 and valid is None:
            return False
        if depth:
            step = 0 if certificate.self_issued else 1
            explicit_in = _limited(max(explicit_in - step, 0), certificate.require_explicit_policy)
            any_forbidden_in = _limited(max(any_forbidden_in - step, 0), certificate.inhibit_any_policy)
    explicit_in = max(explicit_in - 1, 0)
    if below_anchor[0].require_explicit_policy == 0:
        explicit_in = 0
    return explicit_in > 0 or bool(valid)


def _next_policies(above: set[str] | None, certificate: Certificate, *, any_counts: bool) -> set[str] | None:
    if above is None or not certificate.policies:
        return None
    own = {policy for policy in certificate.policies if policy != _ANY}
    valid = own if _ANY in above else own & above
    return valid | above if _ANY in certificate.policies and any_counts else valid


def _limited(remaining: int, limit: int | None) -> int:
    return remaining if limit is None else min(remaining, limit)
