"""Kubeconfigs of one context."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def kubeconfig(
    cluster: Mapping[str, Any],
    user: Mapping[str, Any],
    *,
    name: str,
    cluster_name: str = "kubernetes",
    context: str = "",
    namespace: str = "",
) -> dict[str, Any]:
    """A kubeconfig of one context.

    Args:
        cluster: the server and its CA, as `cluster_entry` gives them.
        user: the credentials, such as from `embedded`.
        name: the user's name in the file.
        context: `name@cluster_name` when empty.
        namespace: the context's; left out when empty.
    """
    context = context or f"{name}@{cluster_name}"
    chosen = {"cluster": cluster_name, "user": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "v1",
        "clusters": [{"cluster": dict(cluster), "name": cluster_name}],
        "contexts": [{"context": chosen, "name": context}],
        "current-context": context,
        "kind": "Config",
        "users": [{"name": name, "user": dict(user)}],
    }


def cluster_entry(server: str, ca_pem: bytes, *, server_name: str = "") -> dict[str, str]:
    """Where the server is and by which CA it is known.

    Args:
        ca_pem: empty for the authorities that the system knows.
        server_name: the name that its certificate must be valid for, where that is not the server's host.
    """
    known = {"certificate-authority-data": base64_text(ca_pem)} if ca_pem else {}
    named = {"tls-server-name": server_name} if server_name else {}
    return {**known, "server": server, **named}


def embedded(certificate_pem: bytes, key_pem: bytes) -> dict[str, str]:
    """Credentials in the kubeconfig itself."""
    return {"client-certificate-data": base64_text(certificate_pem), "client-key-data": base64_text(key_pem)}


def base64_text(content: bytes) -> str:
    """Bytes as the fields of a kubeconfig hold them."""
    return base64.b64encode(content).decode()
