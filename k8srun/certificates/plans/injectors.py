"""caBundles and Secrets that a controller keeps: a direct change would be taken back, so its source is mended.

Sources: cert-manager "CA Injector" and "Certificate resource"; OpenShift "Service serving certificate secrets".
"""

from __future__ import annotations

from dataclasses import dataclass

from k8srun import steps
from k8srun.certificates.callers import Caller
from k8srun.certificates.fixes.commands import quote
from k8srun.certificates.plans.remedy import Remedy, check_passes
from k8srun.certificates.shapes import at, mapping, text
from k8srun.snapshot import JsonObject, object_key

_INJECT = "cert-manager.io/inject-"
_OPENSHIFT = "service.beta.openshift.io/inject-cabundle"
_BY_HAND = "Nothing is overwritten: what is made anew is what the controller would make."


@dataclass(frozen=True, slots=True)
class Injector:
    """Who keeps a caBundle: the annotation that says so, and what it names."""

    annotation: str
    source: str


def injector_of(item: JsonObject) -> Injector | None:
    """Who writes the object's caBundles; None if nobody says so."""
    annotations = mapping(at(item, "metadata", "annotations"))
    for name, value in sorted(annotations.items()):
        if name.startswith(_INJECT) or name == _OPENSHIFT:
            return Injector(name, text(value))
    return None


def mend_injector(caller: Caller, cause: str) -> Remedy:
    """Commands that show why the controller has not written the right CA, and let it write it."""
    found = injector_of(caller.item)
    if found is None:
        raise ValueError(f"nobody keeps the caBundle of {caller.place}")
    kind, name = caller.kind.kind.lower(), quote(object_key(caller.item)[1])
    commands = [f"kubectl get {kind} {name} -o jsonpath='{{.metadata.annotations}}'"]
    if found.annotation == _OPENSHIFT:
        commands.append("oc get clusteroperator service-ca")
    else:
        commands += [
            "kubectl -n cert-manager get pods -l app.kubernetes.io/component=cainjector",
            "kubectl -n cert-manager logs deploy/cert-manager-cainjector --tail 50",
        ]
    namespace, _, certificate = found.source.partition("/")
    if found.annotation == f"{_INJECT}ca-from" and certificate:
        commands.append(f"kubectl -n {quote(namespace)} describe certificate {quote(certificate)}")
    if found.annotation != _OPENSHIFT:
        commands.append("kubectl -n cert-manager rollout restart deployment cert-manager-cainjector")
    step = steps.on_host(
        "a workstation with the right to change it",
        commands,
        f"the annotation {found.annotation} makes a controller write the caBundle of {caller.place}: let it do so",
        answers=cause,
        irreversible=_BY_HAND,
    )
    return Remedy((step,), (), (check_passes("WEBHOOK-CA"),))


def issuer_of(secret: JsonObject) -> str:
    """The name of the cert-manager Certificate that keeps a Secret; empty if none does."""
    return text(at(secret, "metadata", "annotations", "cert-manager.io/certificate-name"))
