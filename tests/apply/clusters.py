"""Real API servers as targets, and the objects that plans are made for."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from k8srun.apply import Options, ServerTarget, apply, preview, undo
from k8srun.apply.audit import audit
from k8srun.plan import Plan
from k8srun.sources.connection import connect, server_of
from k8srun.sources.contexts import choose_context
from k8srun.sources.reduce import reduce_object
from tests.controlplane.cluster import ControlPlane

RBAC = "rbac.authorization.k8s.io"
QUICK = Options(patience=1.0)


def target_of(kubeconfig, *, timeout: float = 30.0) -> ServerTarget:
    chosen = choose_context(str(kubeconfig), "", environ={})
    return ServerTarget(connect(chosen, server_of(chosen, {}), allow_exec=False, timeout=10), timeout=timeout)


def target(control_plane: ControlPlane, *, user: str | None = None, groups: Sequence[str] = (), **kubeconfig: Any):
    return target_of(control_plane.kubeconfig(user=user, groups=groups, **kubeconfig))


def read(control_plane: ControlPlane, path: str) -> Any:
    """The object at a path; None if there is none."""
    status, item = control_plane.request("GET", path)
    return item if status == 200 else None


def observed(control_plane: ControlPlane, path: str) -> dict[str, Any]:
    """The object at a path as a snapshot holds it."""
    return reduce_object(read(control_plane, path))


def plan_of(target: ServerTarget, *steps: Any, **fields: Any) -> Plan:
    """A plan for the cluster of a target."""
    return Plan(fields.pop("title", "Mend it"), target.identity().uid, steps, **fields)


def named(kind: str, name: str, namespace: str = "", version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


def config_map(control_plane: ControlPlane, namespace: str, name: str = "settings", **data: str) -> str:
    """Create a ConfigMap and return its path."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    control_plane.create(path, named("ConfigMap", name, namespace, data=data))
    return f"{path}/{name}"


def role(namespace: str, name: str = "reader", verbs: Sequence[str] = ("get",)) -> dict[str, Any]:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]
    return named("Role", name, namespace, f"{RBAC}/v1", rules=rules)


def binding(namespace: str, name: str = "reader", user: str = "jane", role_name: str = "reader") -> dict[str, Any]:
    return named(
        "RoleBinding",
        name,
        namespace,
        f"{RBAC}/v1",
        roleRef={"apiGroup": RBAC, "kind": "Role", "name": role_name},
        subjects=[{"apiGroup": RBAC, "kind": "User", "name": user}],
    )


def deployment(namespace: str, name: str = "web") -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "app", "image": "registry.example/app:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return named("Deployment", name, namespace, "apps/v1", spec=spec)


def pod(namespace: str, name: str = "app", *, privileged: bool = False) -> dict[str, Any]:
    container = {"name": "app", "image": "registry.example/app:1", "securityContext": {"privileged": privileged}}
    return named("Pod", name, namespace, spec={"containers": [container]})


def signing_request(name: str, user: str, signer: str = "kubernetes.io/kube-apiserver-client") -> dict[str, Any]:
    """A CertificateSigningRequest for a client certificate."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user)])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    encoded = base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()
    spec = {"request": encoded, "signerName": signer, "usages": ["client auth"], "expirationSeconds": 3600}
    return named("CertificateSigningRequest", name, version="certificates.k8s.io/v1", spec=spec)


def carried_out(plan, target, journal, options=QUICK):
    """Preview a plan, confirm what is shown, and apply it."""
    shown = preview(plan, target, journal=journal, options=options)
    assert not shown.blockers, shown.blockers
    outcome = apply(plan, target, shown.confirm, journal=journal, options=options)
    assert audit(journal.path).problems == ()
    return outcome


def taken_back(run, target, journal, options=QUICK):
    shown = undo(run, target, "", journal=journal, options=options).preview
    assert not shown.blockers, shown.blockers
    return undo(run, target, shown.confirm, journal=journal, options=options)


def after_first_write(target, act):
    """Do something once the first request that changes something has been answered."""
    write, done = target.write, []

    def written(request, *, dry_run):
        answer = write(request, dry_run=dry_run)
        if not dry_run and not done:
            done.append(request)
            act()
        return answer

    target.write = written
