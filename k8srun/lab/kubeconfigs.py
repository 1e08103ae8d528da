"""Kubeconfigs as kubeadm and the Certificates API leave them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from k8srun.atomic import write_atomically
from k8srun.errors import InputError
from k8srun.lab.files import dump
from k8srun.lab.pki import Pair

WORKSTATION_SERVER = "https://127.0.0.1:{port}"


def kubeconfig(
    ca: Pair, server: str, user: Mapping[str, Any], *, name: str, cluster: str = "kubernetes", context: str = ""
) -> dict[str, Any]:
    """A kubeconfig of one context.

    Args:
        ca: only its certificate goes in.
        user: the credentials, from `embedded` or `by_path`.
        name: the user's name in the file.
        context: `name@cluster` when empty.
    """
    context = context or f"{name}@{cluster}"
    return {
        "apiVersion": "v1",
        "clusters": [
            {
                "cluster": {"certificate-authority-data": base64_text(ca.certificate_pem), "server": server},
                "name": cluster,
            }
        ],
        "contexts": [{"context": {"cluster": cluster, "user": name}, "name": context}],
        "current-context": context,
        "kind": "Config",
        "users": [{"name": name, "user": dict(user)}],
    }


def embedded(pair: Pair) -> dict[str, str]:
    """Credentials in the kubeconfig itself."""
    return {
        "client-certificate-data": base64_text(pair.certificate_pem),
        "client-key-data": base64_text(pair.key_pem),
    }


def by_path(path: str) -> dict[str, str]:
    """Credentials in a file that holds certificate and key, as the kubelet's rotated one does."""
    return {"client-certificate": path, "client-key": path}


def server_of(path: Path) -> str:
    """The server that a lab's kubeconfig names. Raises InputError when it cannot be read any more."""
    return str(_entry(_read(path), "cluster", path)["server"])


def certificate_of(path: Path) -> x509.Certificate:
    """The client certificate in a lab's kubeconfig. Raises InputError when it cannot be read any more."""
    data = _entry(_read(path), "user", path)["client-certificate-data"]
    try:
        return x509.load_pem_x509_certificate(base64.b64decode(data))
    except ValueError as error:
        raise _broken(path) from error


def point_to(path: Path, server: str) -> None:
    """Change the server that a lab's kubeconfig names, and nothing else. Raises InputError as `server_of`."""
    document = _read(path)
    _entry(document, "cluster", path)["server"] = server
    write_atomically(path, dump(document).encode())


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise _broken(path) from error


def _entry(document: Any, kind: str, path: Path) -> dict[str, Any]:
    """The one cluster or user, with the fields that a lab's always has."""
    try:
        entry: dict[str, Any] = document[f"{kind}s"][0][kind]
        entry["server" if kind == "cluster" else "client-certificate-data"]
    except (KeyError, IndexError, TypeError) as error:
        raise _broken(path) from error
    return entry


def _broken(path: Path) -> InputError:
    return InputError("is not the lab's kubeconfig any more", where=str(path), do="Build the lab anew with --force.")


def base64_text(content: bytes) -> str:
    return base64.b64encode(content).decode()
