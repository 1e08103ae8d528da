"""What a client needs besides the one request that was refused, so that one round is enough.

Source: client-go's informers and leader election; kubectl's apply, delete, exec, logs, scale and rollout.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from k8srun.authorization.attributes import Attributes
from k8srun.permission import Permission, roles_for

DECLARATIVE = frozenset({"kubectl apply", "Helm", "Argo CD", "Flux", "Terraform"})
"""Clients that look whether an object is there, and then create or patch it."""

_STREAMS = frozenset({"exec", "attach", "portforward"})
# Their names are made by controllers, and will be others tomorrow.
_GENERATED = frozenset({"pods", "replicasets", "controllerrevisions", "endpointslices", "events", "jobs"})
_NAMELESS = frozenset({"create", "list", "watch", "deletecollection"})
_READ = ("get", "list", "watch")


def needed(request: Attributes, client: str = "") -> tuple[Attributes, ...]:
    """Every request that goes with a refused one, the refused one first.

    Args:
        client: what sent it, as `Denial.client` names it; empty if unknown.
    """
    if request.path is not None or request.verb.startswith("impersonate"):
        return (request,)
    named = replace(request, name="") if request.resource in _GENERATED else request
    found = [named, *_of_subresource(named), *(_on(named, verb) for verb in _verbs(named, client))]
    return tuple(dict.fromkeys(_as_granted(one) for one in found))


def rules_for(requests: Iterable[Attributes], name: str) -> tuple[dict[str, Any], ...]:
    """The least Roles (a ClusterRole for what has no namespace) that allow exactly these requests, named `name`."""
    given = list(requests)
    urls = [request for request in given if request.path is not None]
    permissions = (
        Permission(one.verb, one.group, one.resource, one.subresource, one.namespace, one.name)
        for one in given
        if one.path is None
    )
    roles = roles_for(permissions, name)
    if not urls:
        return roles
    rule = {"nonResourceURLs": sorted({one.path or "" for one in urls}), "verbs": sorted({one.verb for one in urls})}
    return (
        *roles,
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [rule],
        },
    )


def _of_subresource(request: Attributes) -> tuple[Attributes, ...]:
    parent = replace(request, verb="get", subresource="")
    if request.subresource in _STREAMS:
        # Over WebSocket the request is a GET, and since 1.35 `create` is asked for as well.
        return (_on(request, "get"), _on(request, "create"), parent)
    if request.subresource in {"log", "scale", "status", "eviction", "ephemeralcontainers", "proxy"}:
        return (parent,)
    return ()


def _verbs(request: Attributes, client: str) -> tuple[str, ...]:
    """The other verbs on the same resource."""
    if request.subresource:
        return ("get",) if request.verb in {"patch", "update"} else ()
    if request.resource == "leases" and request.verb in {"get", "create", "update"}:
        return ("get", "create", "update")
    if client in DECLARATIVE and request.verb in {"get", "create", "patch", "update"}:
        return ("get", "create", "patch")
    # Whoever may list sees everything already: to get one and to watch them adds nothing but working clients.
    return {"list": _READ, "watch": _READ, "patch": ("get",), "update": ("get",), "delete": ("get",)}.get(
        request.verb, ()
    )


def _on(request: Attributes, verb: str) -> Attributes:
    return replace(request, verb=verb)


def _as_granted(request: Attributes) -> Attributes:
    """Without the name where a rule with names would not match the request, or match it alone by accident."""
    streams = request.subresource in _STREAMS
    return request if request.verb not in _NAMELESS or streams else replace(request, name="")
