"""Find the binaries of the control plane."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")


class MissingBinariesError(Exception):
    """The control plane is not built; the message says what is missing, where, and what to do."""


def find_binaries() -> Path:
    """The folder of etcd, kube-apiserver, kube-controller-manager and kubectl.

    KUBEBUILDER_ASSETS names it, as for envtest; without that it is where build.sh puts them.
    Raises MissingBinariesError.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(assets) if assets else _built()
    missing = [name for name in _NAMES if not os.access(folder / name, os.X_OK)]
    if not missing:
        return folder.resolve()
    reason = f"no real control plane: {', '.join(missing)} not in {folder}"
    if assets:
        raise MissingBinariesError(f"{reason}, which KUBEBUILDER_ASSETS names; unset it and run `make controlplane`")
    raise MissingBinariesError(f"{reason}; run `make controlplane`")


def pinned_kubernetes() -> str:
    """The Kubernetes release that build.sh builds, such as "v1.37.2"."""
    go_mod = _HERE / "kubernetes/go.mod"
    found = re.search(r"^\s*(?:require )?k8s\.io/kubernetes (v\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise MissingBinariesError(f"{go_mod} does not require k8s.io/kubernetes")
    return found[1]


def _built() -> Path:
    where = subprocess.run([_HERE / "build.sh", "--where"], check=True, capture_output=True, text=True)
    return Path(where.stdout.strip())
