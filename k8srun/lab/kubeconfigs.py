"""Kubeconfigs as kubeadm and the Certificates API leave them."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from k8srun.atomic import write_atomically
from k8srun.errors import InputError
from k8srun.lab.files import dump

WORKSTATION_SERVER = "https://127.0.0.1:6443"


def by_path(path: str) -> dict[str, str]:
    """Credentials in a file that holds certificate and key, as the kubelet's rotated one does."""
    return {"client-certificate": path, "client-key": path}


def server_of(path: Path) -> str:
    """The server that a lab's kubeconfig names. Raises InputError when it cannot be read any more."""
    return str(_cluster(_read(path), path)["server"])


def certificate_of(path: Path) -> x509.Certificate:
    """The client certificate in a lab's kubeconfig. Raises InputError when it cannot be read (any more)."""
    try:
        return x509.load_pem_x509_certificate(
            base64.b64decode(_read(path)["users"][0]["user"]["client-certificate-data"])
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _broken(path) from error


def point_to(path: Path, address: str) -> None:
    """Change the `host:port` that a lab's kubeconfig leads to, and nothing else. Raises InputError as `server_of`."""
    document = _read(path)
    cluster = _cluster(document, path)
    cluster["server"] = f"{cluster['server'].partition('://')[0]}://{address}"
    write_atomically(path, dump(document).encode())


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise _broken(path) from error


def _cluster(document: Any, path: Path) -> dict[str, Any]:
    """The one cluster, with its server."""
    try:
        cluster: dict[str, Any] = document["clusters"][0]["cluster"]
        cluster["server"].partition("://")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _broken(path) from error
    return cluster


def _broken(path: Path) -> InputError:
    return InputError("is not the lab's kubeconfig any more", where=str(path), do="Build the lab anew with --force.")
