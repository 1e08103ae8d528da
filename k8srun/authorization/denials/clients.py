"""Who printed a refusal: what a client needs besides the refused request follows from what it is."""

from __future__ import annotations

import re

_CLIENTS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("leader election", r"leaderelection\.go|error (?:retrieving|initially creating) (?:resource|leader election)"),
        ("reflector", r"reflector\.go|[Ff]ailed to (?:list|watch) \*|Failed to watch|pkg/cache/reflector"),
        ("Helm", r"INSTALLATION FAILED|UPGRADE FAILED|query: failed to query with labels|sh\.helm\.release|^helm\b"),
        ("Argo CD", r"argocd|rpc error: code = \w+ desc|ComparisonError|one or more objects failed to apply"),
        ("Flux", r"kustomize-controller|helm-controller|source-controller|flux-system"),
        ("Terraform", r"[│╷╵]|with kubernetes_|kubernetes_manifest\.|hashicorp/kubernetes"),
        ("kubectl apply", r"error when (?:applying patch|retrieving current configuration)|kubectl apply"),
        ("kubectl create", r"error when creating|failed to create \w+:|kubectl create"),
        ("kubectl exec", r"kubectl exec|unable to upgrade connection|kubectl cp"),
        ("kubectl logs", r"kubectl logs|stern\b"),
        (
            "kubectl",
            r"Error from server|error: You must be logged in|couldn't get current server API group list|^\$ kubectl",
        ),
        ("controller-runtime", r"controller-runtime|Reconciler error|sigs\.k8s\.io/controller-runtime"),
        ("Python client", r"kubernetes\.client\.exceptions\.ApiException|HTTP response body:"),
        ("Java client", r"io\.fabric8|io\.kubernetes\.client|Failure executing: "),
        ("kube-apiserver", r"authentication\.go:\d+\]|kube-apiserver"),
        ("event", r"Error creating: |FailedCreate"),
    )
)


def client_of(text: str) -> str:
    """The client or program that a text shows; empty if nothing tells."""
    head = text[: 64 * 1024]
    return next((name for name, pattern in _CLIENTS if pattern.search(head)), "")
