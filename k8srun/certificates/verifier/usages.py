"""Extended key usages along a chain: every certificate that lists usages must list the one that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from k8srun.x509 import Certificate


def usage_violator(chain: Sequence[Certificate], wanted: str) -> Certificate | None:
    """The certificate that does not allow `wanted` (`serverAuth`), searched from the root down; None if all do."""
    for certificate in reversed(chain):
        usages = certificate.extended_key_usages
        if usages and "anyExtendedKeyUsage" not in usages and wanted not in usages:
            return certificate
    return None
