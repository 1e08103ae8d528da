"""Every check there is, domain by domain: what a report evaluates."""

from __future__ import annotations

from k8srun.authorization.checks import CHECKS as AUTHORIZATION_CHECKS
from k8srun.certificates.checks import CHECKS as CERTIFICATE_CHECKS
from k8srun.checks import Check
from k8srun.network.checks import CHECKS as NETWORK_CHECKS
from k8srun.workloads.checks import CHECKS as WORKLOAD_CHECKS

CHECKS: tuple[Check, ...] = (*CERTIFICATE_CHECKS, *AUTHORIZATION_CHECKS, *NETWORK_CHECKS, *WORKLOAD_CHECKS)
