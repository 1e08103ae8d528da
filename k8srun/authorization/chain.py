"""The whole authorization of a cluster: the chain of authorizers around RBAC, and what of it is out of sight.

The first authorizer with an opinion decides. RBAC and ABAC never deny. What cannot be evaluated offline (a webhook,
the Node authorizer's graph, a provider's IAM) makes an answer UNKNOWN wherever it would matter.
Source: kubernetes `staging/src/k8s.io/apiserver/pkg/authorization/union/union.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from k8srun.apiservers import server_minor
from k8srun.authorization.apiresources import builtin_resource
from k8srun.authorization.attributes import MASTERS, Attributes, Identity
from k8srun.authorization.decision import Decision
from k8srun.authorization.eks import EksAccess
from k8srun.authorization.model import RBAC_GROUP, Binding
from k8srun.authorization.modes import Authorizer, Modes, modes
from k8srun.authorization.rbac import Rbac
from k8srun.distribution import Distribution
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from k8srun.snapshot import Need, Snapshot
from k8srun.text import visible
from k8srun.x509.gotext import quote

NEEDS = tuple(Need.objects(kind) for kind in (ROLE, CLUSTER_ROLE, ROLE_BINDING, CLUSTER_ROLE_BINDING))
"""What every answer rests on."""

_ASSUMED = "no API server's flags were seen: that RBAC alone decides is assumed"
_OUTSIDE = {
    "EKS": "EKS access entries, which were not given",
    "GKE": "Google Cloud IAM, which is not in a snapshot",
    "AKS": "Azure role assignments, which are not in a snapshot",
}


@dataclass(frozen=True)
class Authorization:
    """Everything that decides about requests, as far as a snapshot shows it. Built once, asked often.

    Attributes:
        snapshot: what it was read from.
        modes: the chain of the API server.
        rbac: its roles and bindings.
        outside: what may allow more than the chain that is seen: a provider's IAM; empty if nothing.
        eks: the access entries of an EKS cluster, where they were given.
    """

    snapshot: Snapshot
    modes: Modes
    rbac: Rbac
    outside: str = ""
    eks: EksAccess | None = None

    @staticmethod
    def of(
        snapshot: Snapshot,
        *,
        distribution: Distribution | None = None,
        eks: EksAccess | None = None,
        rbac: Rbac | None = None,
    ) -> Authorization:
        """The authorization of a snapshot.

        Args:
            distribution: which the cluster is, if that was told: a managed one authorises outside RBAC too.
            eks: the access entries of an EKS cluster.
            rbac: of this snapshot, where it is built already.
        """
        name = distribution.name if distribution else ""
        outside = "" if name == "EKS" and eks else _OUTSIDE.get(name, "")
        if not outside and distribution and distribution.managed and name not in _OUTSIDE:
            outside = f"an authorizer of {name}'s own"
        return Authorization(snapshot, modes(snapshot), rbac or Rbac.of(snapshot), outside, eks)

    @cached_property
    def gaps(self) -> tuple[str, ...]:
        """What of RBAC could not be read, a sentence each; empty when all of it was."""
        found = dict.fromkeys(gap for need in NEEDS for gap in self.snapshot.unmet(need))
        return tuple(str(gap) for gap in found)

    def incomplete(self, namespace: str | None = None) -> tuple[str, ...]:
        """Why "denied" and "nobody else" cannot be said, whoever asks; empty when they can.

        Args:
            namespace: of the request; empty = cluster scope; None = anywhere.
        """
        return tuple(self._incomplete(namespace))

    @cached_property
    def unasked(self) -> tuple[str, ...]:
        """Which authorizers of the chain cannot be evaluated and might allow more, a phrase each."""
        found = [self.modes.problem] if self.modes.problem else []
        for authorizer in self.modes.authorizers:
            if authorizer.type == "Webhook":
                found.append(f"{authorizer}: it was not asked")
            elif authorizer.type == "ABAC" and authorizer.policies is None:
                found.append(f"ABAC: {authorizer.problem}")
        return tuple(found)

    def review(self, identity: Identity, request: Attributes) -> Decision:
        """The answer to a request of exactly this identity (see `Identity.as_authenticated`)."""
        if MASTERS in identity.groups:
            return Decision(True, authorizer=MASTERS)
        # A webhook may deny what a later one allows; the others that are not evaluated can only allow more.
        unknown: list[str] = [self.modes.problem] if self.modes.problem else []
        more: list[str] = []
        reason = ""
        for authorizer in self.modes.authorizers:
            if authorizer.type == "RBAC":
                grant, dangling = self.rbac.ask(identity, request)
                if grant is not None:
                    allowed = None if unknown else True
                    return Decision(allowed, False, grant.reason, "RBAC", grant, tuple(unknown), warnings_of(request))
                reason = self._missing(dangling) if dangling else ""
            elif authorizer.type == "Webhook":
                unknown.append(f"{authorizer}: it was not asked")
            elif authorizer.type == "Node" and identity.is_node:
                more.append("Node: what a node may do depends on the pods that are bound to it")
            elif authorizer.type == "ABAC" and authorizer.policies is None:
                more.append(f"ABAC: {authorizer.problem}")
            else:
                by, why = _allowed(authorizer, identity, request)
                if by:
                    return Decision(None if unknown else True, reason=why, authorizer=by, unknown=tuple(unknown))
        return self._unless_outside(identity, request, [*unknown, *more], reason)

    def _unless_outside(self, identity: Identity, request: Attributes, unknown: list[str], reason: str) -> Decision:
        """The answer where nobody of the chain allows a request: a no, unless something out of sight may say yes."""
        if self.eks is not None:
            why = self.eks.allows(identity, request)
            if why:
                return Decision(True, reason=why, authorizer="EKS access entries")
            unknown += self.eks.unknown(identity, request)
        unknown += self._incomplete(request.namespace)
        if not (unknown or reason):
            return self._nobody
        return replace(
            self._nobody, allowed=None if unknown else False, reason=reason, unknown=tuple(dict.fromkeys(unknown))
        )

    @cached_property
    def _nobody(self) -> Decision:
        """The no of a chain in which nobody has anything to say."""
        return Decision(False, warnings=(_ASSUMED,) if self.modes.assumed else ())

    def _missing(self, dangling: Iterable[Binding]) -> str:
        """What the server says of a denial beside missing roles, since 1.37 with who says it."""
        errors = dict.fromkeys(
            f"{binding.role_kind.lower()}.{RBAC_GROUP} {quote(binding.role_name)} not found" for binding in dangling
        )
        said = f"[{', '.join(errors)}]" if len(errors) > 1 else "".join(errors)
        return f"rbac: RBAC: {said}" if self._names_authorizers else f"RBAC: {said}"

    @cached_property
    def _names_authorizers(self) -> bool:
        return (server_minor(self.snapshot) or 0) >= 37

    def _incomplete(self, namespace: str | None) -> Iterator[str]:
        yield from self.gaps
        if self.outside:
            yield self.outside
        for fault in self.rbac.faults:
            if namespace is None or fault.namespace in ("", namespace):
                yield f"{fault} (the server would refuse it)"


def _allowed(authorizer: Authorizer, identity: Identity, request: Attributes) -> tuple[str, str]:
    """Which of AlwaysAllow and ABAC allows a request, and why; empty where this one has no opinion."""
    if authorizer.type == "AlwaysAllow":
        return "AlwaysAllow", ""
    for policy in authorizer.policies or ():
        if policy.allows(identity, request):
            return "ABAC", f"ABAC: allowed by line {policy.line} of the policy file"
    return "", ""


def warnings_of(request: Attributes) -> tuple[str, ...]:
    """What makes a yes empty: the request is allowed, and there is none like it."""
    known = builtin_resource(request.group, request.resource) if request.path is None else None
    if known is None:
        return ()
    found = []
    # Namespaces themselves are asked for within the namespace of their name.
    own = (request.resource, request.namespace) == ("namespaces", request.name)
    if request.namespace and not known.namespaced and not own:
        found.append(
            f"{request.target} is cluster-scoped: no real request for it has a namespace, so that this yes is empty"
        )
    if request.subresource and request.subresource not in known.subresources:
        found.append(f"{known.name} have no subresource {visible(request.subresource, limit=80)}: is it a name?")
    return tuple(found)
