"""The access entries of an EKS cluster, from a file that a person names."""

from __future__ import annotations

from pathlib import Path

from k8srun.authorization.eks import EksAccess, read_eks_access
from k8srun.codec import parse_json
from k8srun.errors import InputError


def read_eks_file(path: Path) -> EksAccess:
    """What `aws eks describe-access-entry` printed for each principal, in one JSON array (see `read_eks_access`).

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return read_eks_access(parse_json(data, where=str(path)), where=str(path))
