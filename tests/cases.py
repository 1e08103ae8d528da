"""The pass and the fail case of every check: check id → (a snapshot that passes it, one that fails it).

A check without both is caught by `tests/assessment/test_checks.py`. A domain adds its cases here.
"""

from __future__ import annotations

from collections.abc import Callable

from k8srun.snapshot import Snapshot
from tests.authorization.check_cases import CASES as AUTHORIZATION_CASES
from tests.certificates.check_cases import CASES as CERTIFICATE_CASES
from tests.network.check_cases import CASES as NETWORK_CASES
from tests.workloads.check_cases import CASES as WORKLOAD_CASES

Case = tuple[Callable[[], Snapshot], Callable[[], Snapshot]]

CASES: dict[str, Case] = {**CERTIFICATE_CASES, **AUTHORIZATION_CASES, **NETWORK_CASES, **WORKLOAD_CASES}
